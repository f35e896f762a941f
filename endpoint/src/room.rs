//! A room: the switch between its LANs, and who they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use uplink::{End, Hello, Member, Name, Reason};
use vlan::plan::Plan;
use vlan::switch::{Kind, PortId, Switch, SwitchConfig};
use vlan::{AttachError, Counters, DropReason};

/// What a member's frames are dropped for if it tries what it must not: its own switch lets none of this out.
const MISDEEDS: [DropReason; 6] = [
    DropReason::TooLong,
    DropReason::Malformed,
    DropReason::SourceMac,
    DropReason::ArpSpoof,
    DropReason::Ipv4Spoof,
    DropReason::Crossing,
];

/// A LAN in the room.
#[derive(Debug)]
struct Resident {
    key: [u8; 16],
    plan: Plan,
    name: String,
    machines: Vec<Name>,
    /// There is something for it to take.
    work: Arc<Notify>,
    end: watch::Sender<Option<End>>,
    others: watch::Sender<Vec<Member>>,
}

/// What a new member is given.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) port: PortId,
    pub(crate) work: Arc<Notify>,
    /// Why it has to go, once it has to.
    pub(crate) end: watch::Receiver<Option<End>>,
    /// Who else is there.
    pub(crate) others: watch::Receiver<Vec<Member>>,
}

/// The room; who calls it holds its lock.
#[derive(Debug)]
pub(crate) struct Room {
    switch: Switch,
    residents: BTreeMap<PortId, Resident>,
    /// The members have not been told yet who is there now.
    changed: bool,
}

impl Room {
    pub(crate) fn new() -> Room {
        // Numbers that no browser draws: nobody here is this switch's own.
        let plan = Plan { a: 0, b: 0 };
        Room { switch: Switch::new(plan, SwitchConfig::default()), residents: BTreeMap::new(), changed: false }
    }

    /// Lets a LAN in. One with the same key goes; its counters are the second answer.
    pub(crate) fn join(&mut self, hello: &Hello, most: usize) -> Result<(Place, Option<Counters>), End> {
        let plan = Plan { a: hello.a, b: hello.b };
        let earlier = self.residents.iter().find(|(_, other)| other.key == hello.key).map(|(port, _)| *port);
        let clash = |(port, other): (&PortId, &Resident)| other.plan == plan && Some(*port) != earlier;
        if self.residents.iter().any(clash) {
            let text = format!("Another LAN in this room has the addresses 10.{}.{}.0/24 as well.", plan.a, plan.b);
            return Err(End::new(Reason::Collision, text));
        }
        if earlier.is_none() && self.residents.len() >= most {
            return Err(End::new(Reason::Full, "The room is full."));
        }
        let replaced = earlier.and_then(|port| {
            self.dismiss(port, End::new(Reason::Replaced, "This LAN has joined the room again from elsewhere."));
            self.leave(port)
        });
        let full = |error: AttachError| End::new(Reason::Full, error.to_string());
        let port = self.switch.attach(Kind::Lan(plan)).map_err(full)?;
        let (work, (end, ended), (others, seen)) = (Arc::default(), watch::channel(None), watch::channel(vec![]));
        let place = Place { port, work: Arc::clone(&work), end: ended, others: seen };
        let resident = Resident { key: hello.key, plan, name: hello.name.clone(), machines: vec![], work, end, others };
        self.residents.insert(port, resident);
        self.changed = true;
        Ok((place, replaced))
    }

    /// A LAN has gone. Answers what it counted, unless it had gone before.
    pub(crate) fn leave(&mut self, port: PortId) -> Option<Counters> {
        self.residents.remove(&port)?;
        let counters = self.switch.counters(port).cloned();
        self.switch.detach(port);
        self.changed = true;
        counters
    }

    /// Tells a LAN that it has to go.
    pub(crate) fn dismiss(&self, port: PortId, end: End) {
        if let Some(resident) = self.residents.get(&port) {
            resident.end.send_replace(Some(end));
        }
    }

    /// Tells all.
    pub(crate) fn dismiss_all(&self, end: &End) {
        for port in self.residents.keys() {
            self.dismiss(*port, end.clone());
        }
    }

    /// Lets frames into the switch, and wakes those for whom there is something.
    pub(crate) fn input<'a>(&mut self, port: PortId, frames: impl Iterator<Item = &'a [u8]>, now: Duration) {
        for frame in frames {
            // Why one went nowhere is counted.
            let _ = self.switch.input(port, frame, now);
        }
        for (port, resident) in &self.residents {
            if self.switch.waiting(*port) > 0 {
                resident.work.notify_one();
            }
        }
    }

    pub(crate) fn take(&mut self, port: PortId, max_bytes: usize) -> Vec<u8> {
        self.switch.take(port, max_bytes)
    }

    pub(crate) fn set_names(&mut self, port: PortId, names: Vec<Name>) {
        if let Some(resident) = self.residents.get_mut(&port)
            && resident.machines != names
        {
            resident.machines = names;
            self.changed = true;
        }
    }

    /// Tells all who is there, if that has changed since they were told.
    pub(crate) fn tell(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        for (port, resident) in &self.residents {
            let others = self.residents.iter().filter(|(other, _)| *other != port);
            let others = others.map(|(_, other)| {
                let Plan { a, b } = other.plan;
                Member { a, b, name: other.name.clone(), machines: other.machines.clone() }
            });
            resident.others.send_replace(others.collect());
        }
    }

    /// How many frames a LAN has sent that nobody sends by mistake, and how many broadcasts beyond what it may.
    pub(crate) fn misdeeds(&self, port: PortId) -> (u64, u64) {
        self.switch.counters(port).map_or((0, 0), |counters| {
            (MISDEEDS.iter().map(|why| counters.dropped(*why)).sum(), counters.dropped(DropReason::Rate))
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.residents.is_empty()
    }

    /// What those who are there have counted.
    pub(crate) fn counters(&self) -> impl Iterator<Item = Counters> + '_ {
        self.residents.keys().filter_map(|port| self.switch.counters(*port).cloned())
    }
}
