//! Peers on the LAN: a port of the switch for each, guarded as what comes from outside, and a line to the host page, which has the connection.

use super::line::{Heard, Line, PEER_BATCH};
use super::{Hub, now, tell};
use crate::bridge::log;
use protocol::{LanMachine, LanNotice, LanTraffic, PeerId, PeerMachine, PeerRule};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::rc::Rc;
use vlan::gateway::dhcp::Lease;
use vlan::gateway::{LanNames, label};
use vlan::plan::Plan;
use vlan::switch::{Confinement, PortId};
use web_sys::MessagePort;

/// A peer that is joined.
struct Peer {
    line: Line<PeerId>,
    plan: Plan,
    rule: PeerRule,
    /// The name of its LAN, and its machines.
    names: (String, Vec<(String, Ipv4Addr)>),
}

/// All peers.
#[derive(Default)]
pub struct Peers(RefCell<BTreeMap<PortId, Peer>>);

impl Peers {
    fn place(&self, id: &PeerId) -> Option<PortId> {
        self.0.borrow().iter().find(|(_, peer)| peer.line.id == *id).map(|(at, _)| *at)
    }

    /// The peers' LANs.
    pub(super) fn plans(&self) -> impl Iterator<Item = Plan> {
        self.0.borrow().values().map(|peer| peer.plan).collect::<Vec<_>>().into_iter()
    }

    /// Says what the peers' LANs are called.
    pub(super) fn want(&self, names: &mut LanNames) {
        for peer in self.0.borrow().values().filter(|peer| !peer.names.0.is_empty()) {
            names.want(&peer.names.0, peer.plan);
        }
    }

    /// What the name service calls the peers' machines. The host page has seen to it that no two peers have one name, and shows it to the user: so it stays as it is.
    pub(super) fn names(&self) -> Vec<(String, Ipv4Addr)> {
        let of = |peer: &Peer| {
            let (lan, machines) = peer.names.clone();
            machines.into_iter().map(move |(name, address)| (format!("{name}.{lan}"), address))
        };
        self.0.borrow().values().flat_map(of).collect()
    }
}

impl Hub {
    pub(super) fn attach_peer(self: &Rc<Self>, id: PeerId, numbers: (u8, u8), rule: PeerRule, port: MessagePort) {
        self.detach_peer(&id);
        let attached = self.lan.borrow_mut().attach_outside();
        match attached {
            Err(error) => log(&format!("a peer can’t be on the LAN: {error}")),
            Ok(at) => {
                let (a, b) = numbers;
                let plan = Plan { a, b };
                self.lan.borrow_mut().switch().set_network(at, plan);
                let own = self.clone();
                let line = Line::new(id.clone(), PEER_BATCH, port, move |event| own.hear_peer(at, event));
                // Nothing goes to it or comes from it before its rule is known to the switch.
                let peer = Peer { line, plan, rule: PeerRule::default(), names: Default::default() };
                self.peers.0.borrow_mut().insert(at, peer);
                self.rule_peer(&id, rule);
            }
        }
    }

    pub(super) fn detach_peer(self: &Rc<Self>, id: &PeerId) {
        if let Some(at) = self.peers.place(id) {
            self.peers.0.borrow_mut().remove(&at);
            self.lan.borrow_mut().detach(at);
            self.name_others();
            self.turn();
        }
    }

    pub(super) fn rule_peer(self: &Rc<Self>, id: &PeerId, rule: PeerRule) {
        if let Some(at) = self.peers.place(id) {
            if let Some(peer) = self.peers.0.borrow_mut().get_mut(&at) {
                peer.rule = rule;
            }
            self.enforce();
            self.turn();
        }
    }

    pub(super) fn name_peer(self: &Rc<Self>, id: &PeerId, name: &str, machines: &[PeerMachine]) {
        let Some(at) = self.peers.place(id) else { return };
        let parsed = |machine: &PeerMachine| Some((machine.name.clone(), machine.address.parse().ok()?));
        let machines: Vec<(String, Ipv4Addr)> = machines.iter().filter_map(parsed).collect();
        if let Some(peer) = self.peers.0.borrow_mut().get_mut(&at) {
            peer.names = (name.to_owned(), machines);
        }
        self.name_others();
    }

    /// Has the switch keep to the rules. A machine that is attached anew has another port.
    fn enforce(&self) {
        let lines = self.lines.borrow();
        let mut lan = self.lan.borrow_mut();
        for (at, peer) in &*self.peers.0.borrow() {
            let allowed = |id| peer.rule.machines.contains(id);
            let reach: BTreeSet<PortId> =
                lines.iter().filter(|(_, line)| allowed(&line.id)).map(|(at, _)| *at).collect();
            lan.switch().set_reach(*at, Some(reach));
            lan.switch().confine(*at, Confinement { blocked: peer.rule.muted, isolated: false });
        }
    }

    /// Machines have come, gone, or got addresses.
    pub(super) fn machines_changed(&self) {
        self.enforce();
        self.uplinks.admit(self);
        let plan = self.kept.plan();
        let mut lan = self.lan.borrow_mut();
        let leases: Vec<Lease> = lan.gateway().leases().collect();
        let machine = |(at, line): (&PortId, &Line<protocol::InstanceId>)| {
            let address = lan.switch().addresses(*at).first().copied()?;
            let lease = leases.iter().find(|lease| lease.address == address)?;
            Some(LanMachine { id: line.id.clone(), name: label(&lease.name), address: address.to_string() })
        };
        let machines = self.lines.borrow().iter().filter_map(machine).collect();
        tell(&LanNotice::Machines(plan.a, plan.b, machines));
    }

    fn hear_peer(self: &Rc<Self>, at: PortId, event: Heard) {
        match event {
            Heard::Frames(batch) => {
                let taken = self.lan.borrow_mut().input_batch(at, &batch, now());
                if taken.is_err()
                    && let Some(peer) = self.peers.0.borrow().get(&at)
                {
                    tell(&LanNotice::Malformed(peer.line.id.clone()));
                }
            }
            Heard::DealtWith(bytes) => {
                if let Some(peer) = self.peers.0.borrow_mut().get_mut(&at) {
                    peer.line.dealt_with(bytes);
                }
            }
        }
        self.turn();
    }

    /// Lets what waits for peers go; says whether it was anything.
    pub(super) fn serve_peers(&self) -> bool {
        let mut some = false;
        for (at, peer) in &mut *self.peers.0.borrow_mut() {
            let room = peer.line.room();
            let batch = if room > 0 { self.lan.borrow_mut().take(*at, room, now()) } else { vec![] };
            if !batch.is_empty() {
                some = true;
                peer.line.send(&batch);
            }
        }
        some
    }

    /// Tells what went over the peers' lines.
    pub(super) fn tell_traffic(&self) {
        let peers = self.peers.0.borrow();
        if peers.is_empty() {
            return;
        }
        let mut lan = self.lan.borrow_mut();
        let traffic = |(at, peer): (&PortId, &Peer)| {
            let counters = lan.switch().counters(*at).cloned().unwrap_or_default();
            let traffic = LanTraffic {
                sent: (counters.frames_out, counters.bytes_out),
                received: (counters.frames_in, counters.bytes_in),
                dropped: counters.drops().map(|(why, count)| (super::view::reason(why), count)).collect(),
            };
            (peer.line.id.clone(), traffic)
        };
        tell(&LanNotice::Traffic(peers.iter().map(traffic).collect()));
    }
}
