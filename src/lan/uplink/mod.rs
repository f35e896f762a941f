//! Uplinks: LANs at endpoints that this LAN joins, over WebTransport. The protocol is the crate `uplink`'s; `docs/uplinks.md` describes all of it.
//!
//! ```text
//!  switch ── port (outside) ── Session ── Transport ── endpoint
//!                                 ▲
//!  network page ── Uplinks ── Uplink: what the user said, join, wait, join again
//! ```
//!
//! An endpoint and whoever is behind it is not believed: its port is one of the outside world (`crates/vlan`), it reaches those machines that the user has
//! named, and nothing of the gateway.

mod one;
mod session;
mod transport;
mod view;
mod words;

pub use one::Stored;

use super::{Hub, kept};
use crate::bridge::log;
use one::Uplink;
use protocol::{
    UPLINK_TOKEN_MAX, UPLINKS_MAX, UplinkAsk, UplinkError, UplinkId, UplinkSettings, UplinkState, UplinkView,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;
use uplink::{Member, Name};
use vlan::Mac;
use vlan::gateway::{LanNames, label};
use vlan::plan::Plan;

/// All uplinks.
#[derive(Default)]
pub struct Uplinks(RefCell<BTreeMap<UplinkId, Rc<Uplink>>>);

impl Uplinks {
    /// Takes what was kept, and joins those that are to be joined by themselves.
    pub fn begin(&self, hub: &Rc<Hub>) {
        for stored in hub.kept.uplinks() {
            let (id, again) = (stored.id, stored.settings.again);
            let uplink = Uplink::new(stored);
            self.0.borrow_mut().insert(id, uplink.clone());
            if again {
                uplink.join(hub);
            }
        }
    }

    fn all(&self) -> Vec<Rc<Uplink>> {
        self.0.borrow().values().cloned().collect()
    }

    /// Keeps them as they are.
    pub fn keep(&self, hub: &Hub) {
        hub.kept.keep_uplinks(self.all().iter().map(|uplink| uplink.stored.borrow().clone()).collect());
    }

    /// Does what a page asks.
    pub fn carry_out(&self, hub: &Rc<Hub>, ask: UplinkAsk) {
        if let Err(error) = self.try_to(hub, ask) {
            // The page has asked the same before it sent this.
            log(&format!("an uplink can’t be so: {error}"));
        }
        self.keep(hub);
        hub.turn();
    }

    fn try_to(&self, hub: &Rc<Hub>, ask: UplinkAsk) -> Result<(), UplinkError> {
        let find = |id| self.0.borrow().get(&id).cloned();
        match ask {
            UplinkAsk::Add(settings, token) => self.add(hub, settings, token)?,
            UplinkAsk::Change(id, settings, token) => {
                check(&settings, token.as_deref())?;
                if let Some(uplink) = find(id) {
                    self.change(hub, &uplink, settings, token);
                }
            }
            UplinkAsk::Join(id) => find(id).into_iter().for_each(|uplink| uplink.join(hub)),
            UplinkAsk::Leave(id) => find(id).into_iter().for_each(|uplink| uplink.leave(hub)),
            UplinkAsk::Mute(id, muted) => {
                if let Some(uplink) = find(id) {
                    uplink.stored.borrow_mut().muted = muted;
                    uplink.confine(hub);
                }
            }
            UplinkAsk::Forget(id) => {
                let uplink = self.0.borrow_mut().remove(&id);
                uplink.into_iter().for_each(|uplink| uplink.leave(hub));
            }
        }
        Ok(())
    }

    fn add(&self, hub: &Rc<Hub>, settings: UplinkSettings, token: String) -> Result<(), UplinkError> {
        check(&settings, Some(&token))?;
        if self.0.borrow().len() >= UPLINKS_MAX {
            log("there are as many uplinks as are kept");
            return Ok(());
        }
        let key = secret();
        let id = UplinkId((kept::random() >> 20) as u32);
        let uplink = Uplink::new(Stored { id, settings, token, key, learned: vec![], muted: false });
        self.0.borrow_mut().insert(id, uplink.clone());
        uplink.join(hub);
        Ok(())
    }

    fn change(&self, hub: &Rc<Hub>, uplink: &Rc<Uplink>, settings: UplinkSettings, token: Option<String>) {
        let mut stored = uplink.stored.borrow_mut();
        let before = stored.settings.clone();
        let elsewhere = (&before.address, &before.room, &before.name, &before.hashes)
            != (&settings.address, &settings.room, &settings.name, &settings.hashes);
        if before.address != settings.address || before.hashes != settings.hashes {
            stored.learned.clear();
        }
        stored.settings = settings;
        let anew = elsewhere || token.is_some();
        if let Some(token) = token {
            stored.token = token;
        }
        drop(stored);
        if anew {
            uplink.join(hub);
        } else {
            uplink.confine(hub);
            self.admit(hub);
        }
    }

    /// Sends what waits for endpoints.
    pub fn pump(&self, hub: &Rc<Hub>) {
        for session in self.all().iter().filter_map(|uplink| uplink.session()) {
            session.pump(hub);
        }
    }

    /// Comes once a second.
    pub fn look(&self, hub: &Rc<Hub>) {
        for uplink in self.all() {
            if let Some(session) = uplink.session() {
                session.tell_names(own_names(hub, &uplink));
                session.look();
            }
        }
    }

    /// Machines have come or gone, or the user has said who is reached: lets each uplink reach those that it may.
    pub fn admit(&self, hub: &Hub) {
        let lines = hub.lines.borrow();
        for uplink in self.all() {
            if let Some(port) = uplink.port() {
                let machines = &uplink.stored.borrow().settings.machines;
                let ports = lines.iter().filter(|(_, line)| machines.has(&line.id)).map(|(at, _)| *at);
                hub.lan.borrow_mut().switch().set_reach(port, Some(ports.collect()));
            }
        }
    }

    /// The LANs in the rooms.
    pub fn plans(&self) -> impl Iterator<Item = Plan> {
        self.all().into_iter().flat_map(|uplink| uplink.members.borrow().iter().map(plan).collect::<Vec<_>>())
    }

    /// This LAN has other addresses, which endpoints have to know.
    pub fn introduce(&self, hub: &Rc<Hub>) {
        let wanted = |uplink: &&Rc<Uplink>| !matches!(uplink.state(), UplinkState::Away(_));
        self.all().iter().filter(wanted).for_each(|uplink| uplink.join(hub));
    }

    /// Says what the LANs in the rooms are called.
    pub fn want(&self, names: &mut LanNames) {
        for uplink in self.all() {
            uplink.members.borrow().iter().for_each(|member| names.want(&member.name, plan(member)));
        }
    }

    /// What the name service calls the machines of others.
    pub fn names(&self, hub: &Hub) -> Vec<(String, Ipv4Addr)> {
        let (own, lans) = (hub.kept.plan(), hub.lan_names());
        let mut lan = hub.lan.borrow_mut();
        let switch = lan.switch();
        let mut names = Vec::new();
        for uplink in self.all() {
            // Nobody else has our addresses, nor those of a LAN that is joined another way.
            let here = |member: &&Member| plan(member) != own && switch.port_of(plan(member)) == uplink.port();
            for member in uplink.members.borrow().iter().filter(here) {
                let label = lans.label(&member.name, plan(member));
                let machines = member.machines.iter().filter(|machine| usable(machine));
                names.extend(machines.map(|machine| (format!("{}.{label}", machine.name), address(member, machine))));
            }
        }
        names
    }

    /// All of them as pages see them.
    pub fn view(&self, hub: &Hub) -> Vec<UplinkView> {
        let names = hub.lan_names();
        self.all().iter().map(|uplink| view::view(hub, uplink, &names)).collect()
    }
}

fn check(settings: &UplinkSettings, token: Option<&str>) -> Result<(), UplinkError> {
    settings.check()?;
    match token {
        Some(token) if token.len() > UPLINK_TOKEN_MAX || token.chars().any(char::is_control) => Err(UplinkError::Token),
        _ => Ok(()),
    }
}

/// A number that nobody guesses. Without it anybody in the room could take this LAN's place.
fn secret() -> [u8; 16] {
    let mut bytes = [0; 16];
    let crypto = super::scope().crypto();
    if crypto.and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes)).is_err() {
        log("the browser gives no random numbers");
    }
    bytes
}

/// A name that the name service can have, of a machine with an address that a machine can have.
fn usable(machine: &Name) -> bool {
    label(&machine.name) == machine.name && !machine.name.is_empty() && (2..=254).contains(&machine.host)
}

fn plan(member: &Member) -> Plan {
    Plan { a: member.a, b: member.b }
}

fn address(member: &Member, machine: &Name) -> Ipv4Addr {
    plan(member).host(machine.host)
}

/// The machines that others may know by name.
fn own_names(hub: &Hub, uplink: &Uplink) -> Vec<Name> {
    let machines = &uplink.stored.borrow().settings.machines;
    let lines = hub.lines.borrow();
    let macs: Vec<Mac> =
        lines.values().filter(|line| machines.has(&line.id)).map(|line| Mac::of_name(line.id.as_str())).collect();
    let leases = hub.kept.leases();
    let leased = leases.into_iter().filter(|lease| macs.contains(&lease.mac));
    leased.map(|lease| Name { host: lease.address.octets()[3], name: lease.name }).collect()
}
