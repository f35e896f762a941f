//! The switch: frames of one port go to the port behind which their receiver is. It learns where stations are, lets nobody speak for
//! another (`guard`), and keeps a fair queue for each port (`queue`).
//!
//! Frames go in by [`Switch::input`] and wait until [`Switch::take`] or [`Switch::pop`] fetches them. Whatever comes in, the work for a
//! frame and the memory that is held are bounded.

mod config;
mod guard;
mod lans;
mod port;
mod queue;
mod table;
#[cfg(test)]
mod tests;

pub use config::SwitchConfig;
pub use lans::LANS_MAX;
pub use port::{ADDRESSES_MAX, Addresses, Confinement, Kind, PortId};

use crate::batch;
use crate::counters::{Counters, DropReason};
use crate::error::AttachError;
use crate::frame::{self, Body, Frame, View};
use crate::limit::Rate;
use crate::mac::Mac;
use crate::plan::Plan;
use guard::Scope;
use lans::Lans;
use port::Port;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;
use table::{Learned, Table};

/// The most ports: what one browser can run and talk to, with much room. Each costs queues in every other.
pub const PORTS_MAX: usize = 256;

/// The switch; see the module.
#[derive(Debug)]
pub struct Switch {
    config: SwitchConfig,
    plan: Plan,
    ports: BTreeMap<PortId, Port>,
    lans: Lans,
    next: u32,
    table: Table,
    aged: Duration,
}

impl Switch {
    /// A switch without ports.
    pub fn new(plan: Plan, config: SwitchConfig) -> Switch {
        let config = SwitchConfig { max_frame: config.max_frame.min(frame::LONGEST), ..config };
        Switch {
            config,
            plan,
            ports: BTreeMap::new(),
            lans: Lans::default(),
            next: 0,
            table: Table::default(),
            aged: Duration::ZERO,
        }
    }

    /// Gives the LAN other addresses, and its gateway the hardware address that goes with them. Nothing is changed if a machine has that one.
    pub(crate) fn renumber(&mut self, gateway: PortId, plan: Plan) -> Result<(), AttachError> {
        self.table.forget(gateway);
        if !self.table.fix(plan.gateway_mac(), gateway) {
            self.table.fix(self.plan.gateway_mac(), gateway);
            return Err(AttachError::MacTaken(plan.gateway_mac()));
        }
        self.plan = plan;
        Ok(())
    }

    /// Adds a port.
    pub fn attach(&mut self, kind: Kind) -> Result<PortId, AttachError> {
        if self.ports.len() >= PORTS_MAX {
            return Err(AttachError::Full(PORTS_MAX));
        }
        let (mac, floods) = match kind {
            Kind::Gateway => (Some(self.plan.gateway_mac()), Rate { per_second: 10_000, burst: 10_000 }),
            Kind::Machine { mac, .. } => (mac, self.config.floods_machine),
            Kind::Outside | Kind::Lan(_) => (None, self.config.floods_outside),
        };
        let id = PortId(self.next);
        if let Some(mac) = mac {
            if !mac.is_unicast() {
                return Err(AttachError::MacUnusable(mac));
            }
            if !self.table.fix(mac, id) {
                return Err(AttachError::MacTaken(mac));
            }
        }
        self.next += 1;
        self.ports.insert(id, Port::new(kind, floods));
        Ok(id)
    }

    /// Removes a port, with what waits for it and what it has sent.
    pub fn detach(&mut self, port: PortId) {
        self.ports.remove(&port);
        self.table.forget(port);
        self.lans.forget(port);
        for other in self.ports.values_mut() {
            other.queue.forget(port);
        }
    }

    /// A frame from a port. The error says why it went nowhere; it is counted already.
    pub fn input(&mut self, from: PortId, bytes: &[u8], now: Duration) -> Result<(), DropReason> {
        self.age(now);
        let outcome = self.forward(from, bytes, now);
        if let Some(port) = self.ports.get_mut(&from) {
            port.counters.frames_in += 1;
            port.counters.bytes_in += bytes.len() as u64;
            if let Err(why) = outcome {
                port.counters.drop(why);
            }
        }
        outcome
    }

    fn forward(&mut self, from: PortId, bytes: &[u8], now: Duration) -> Result<(), DropReason> {
        if self.ports.get(&from).is_none_or(|port| port.confinement.blocked) {
            return Err(DropReason::Blocked);
        }
        let view = frame::check(bytes, self.config.max_frame)?;
        if matches!(view.body, Body::Other(_)) && !self.config.other_protocols {
            return Err(DropReason::Protocol);
        }
        let scope = guard::may_send(&self.ports, &self.lans, from, &view, self.plan)?;
        self.learn(from, view.source, now)?;
        let receivers = self.receivers(from, &view, scope, now)?;
        let frame: Frame = bytes.into();
        let mut full = false;
        let many = receivers.len() > 1;
        for to in receivers {
            let delivered = self.enqueue(from, to, frame.clone());
            if many && !delivered {
                self.count(from, DropReason::QueueFull);
            }
            full |= !delivered;
        }
        if full && !many { Err(DropReason::QueueFull) } else { Ok(()) }
    }

    fn learn(&mut self, from: PortId, source: Mac, now: Duration) -> Result<(), DropReason> {
        let Some(port) = self.ports.get_mut(&from) else { return Ok(()) };
        let bounds = table::Bounds {
            port: if port.is_wide() { self.config.stations_outside } else { self.config.stations_machine },
            total: self.config.stations,
        };
        match self.table.learn(source, from, now, bounds) {
            Learned::Yes => Ok(()),
            Learned::NotHere => Err(DropReason::SourceMac),
            Learned::Full => {
                port.counters.not_learned += 1;
                Ok(())
            }
        }
    }

    /// To which ports a frame goes; the error says why to none.
    fn receivers(
        &mut self,
        from: PortId,
        view: &View<'_>,
        scope: Scope,
        now: Duration,
    ) -> Result<Vec<PortId>, DropReason> {
        let known = if view.destination.is_multicast() {
            None
        } else {
            self.table.find(view.destination, now, self.config.ageing)
        };
        if let Some(to) = known {
            return self.may_pass(from, to, scope).map(|()| vec![to]);
        }
        if self.ports.get_mut(&from).is_some_and(|port| !port.floods.take(now)) {
            return Err(DropReason::Rate);
        }
        // Who has an assigned address need not see what is for a stranger.
        let unicast = !view.destination.is_multicast();
        let wanted = |id: PortId, port: &Port| id != from && !(unicast && (port.mac().is_some() || port.is_gateway()));
        let near: Vec<PortId> = self.ports.iter().filter(|(id, port)| wanted(**id, port)).map(|(id, _)| *id).collect();
        let receivers: Vec<PortId> =
            near.iter().copied().filter(|to| self.may_pass(from, *to, scope).is_ok()).collect();
        if receivers.is_empty() && unicast { Err(DropReason::Unknown) } else { Ok(receivers) }
    }

    fn may_pass(&self, from: PortId, to: PortId, scope: Scope) -> Result<(), DropReason> {
        let (Some(sender), Some(receiver)) = (self.ports.get(&from), self.ports.get(&to)) else {
            return Err(DropReason::Unknown);
        };
        if from == to {
            return Err(DropReason::Unknown);
        }
        if receiver.confinement.blocked {
            return Err(DropReason::Blocked);
        }
        if (sender.confinement.isolated && !receiver.is_gateway())
            || (receiver.confinement.isolated && !sender.is_gateway())
        {
            return Err(DropReason::Isolated);
        }
        if !sender.reaches(to) || !receiver.reaches(from) {
            return Err(DropReason::NotAllowed);
        }
        let crossing = (sender.is_outside() && (receiver.is_outside() || receiver.is_gateway()))
            || (sender.is_gateway() && receiver.is_outside())
            || (scope == Scope::Gateway && !receiver.is_gateway());
        if crossing { Err(DropReason::Crossing) } else { Ok(()) }
    }

    fn enqueue(&mut self, from: PortId, to: PortId, frame: Frame) -> bool {
        let gateway = self.ports.get(&from).is_some_and(Port::is_gateway);
        let Some(port) = self.ports.get_mut(&to) else { return false };
        let flow = match (gateway, port.is_outside()) {
            (true, _) => self.config.queue_gateway,
            (false, true) => self.config.queue_outside,
            (false, false) => self.config.queue_flow,
        };
        let losers = port.queue.push(from, frame, queue::Bounds { flow, total: self.config.queue_total });
        port.counters.missed += losers.len() as u64;
        let mut delivered = true;
        for loser in losers {
            if loser == from {
                delivered = false;
            } else {
                self.count(loser, DropReason::QueueFull);
            }
        }
        delivered
    }

    fn count(&mut self, port: PortId, why: DropReason) {
        if let Some(port) = self.ports.get_mut(&port) {
            port.counters.drop(why);
        }
    }

    fn age(&mut self, now: Duration) {
        if now.saturating_sub(self.aged) >= self.config.ageing / 4 {
            self.aged = now;
            self.table.age(now, self.config.ageing);
        }
    }

    /// The next frame for a port, and who sent it.
    pub fn pop(&mut self, port: PortId) -> Option<(PortId, Frame)> {
        let port = self.ports.get_mut(&port)?;
        let (from, frame) = port.queue.pop()?;
        port.counters.frames_out += 1;
        port.counters.bytes_out += frame.len() as u64;
        Some((from, frame))
    }

    /// How long the next frame for a port is, in bytes.
    pub fn next_length(&mut self, port: PortId) -> Option<usize> {
        Some(self.ports.get_mut(&port)?.queue.peek()?.1)
    }

    /// The next frames for a port as a [`batch`] of at most `max_bytes`, but at least one frame if there is any. Empty when nothing waits.
    pub fn take(&mut self, port: PortId, max_bytes: usize) -> Vec<u8> {
        batch::fill(max_bytes, |room| {
            self.next_length(port).filter(|length| *length <= room)?;
            self.pop(port).map(|(_, frame)| frame)
        })
    }

    /// How much waits for a port, in bytes. An embedding that slows a sender down when much waits for its receivers saves it retransmissions.
    pub fn waiting(&self, port: PortId) -> usize {
        self.ports.get(&port).map_or(0, |port| port.queue.waiting())
    }

    /// How much of one sender waits for a port, in bytes.
    pub fn waiting_from(&self, port: PortId, from: PortId) -> usize {
        self.ports.get(&port).map_or(0, |port| port.queue.waiting_from(from))
    }

    /// Says which IPv4 addresses a port has: what its machine may send from, and nobody else may claim. At most [`ADDRESSES_MAX`].
    pub fn set_addresses(&mut self, port: PortId, addresses: &[Ipv4Addr]) {
        if let Some(port) = self.ports.get_mut(&port) {
            port.addresses = addresses.iter().copied().take(ADDRESSES_MAX).collect();
        }
    }

    /// The IPv4 addresses of a port.
    pub fn addresses(&self, port: PortId) -> &[Ipv4Addr] {
        self.ports.get(&port).map_or(&[], |port| &port.addresses)
    }

    /// Blocks or isolates a port. What waits for it when it is blocked is thrown away.
    pub fn confine(&mut self, port: PortId, confinement: Confinement) {
        if let Some(port) = self.ports.get_mut(&port) {
            port.confinement = confinement;
            if confinement.blocked {
                port.queue = queue::Queue::default();
            }
        }
    }

    /// Says which machines a peer's port reaches, and which reach it; `None` is all of them, as at first.
    pub fn set_reach(&mut self, port: PortId, reach: Option<BTreeSet<PortId>>) {
        if let Some(port) = self.ports.get_mut(&port) {
            port.reach = reach;
        }
    }

    /// Says which LAN a peer's port has: it speaks for that one only, and nobody else does, whatever was announced.
    pub fn set_network(&mut self, id: PortId, network: Plan) {
        if let Some(port) = self.ports.get_mut(&id) {
            port.network = Some(network);
            self.lans.assign(network, id);
        }
    }

    /// Says which LANs an uplink's endpoint announces, at most [`LANS_MAX`]. Those that no peer has and no other endpoint has announced before are
    /// its own: nobody else speaks for them. For what is nobody's it may speak as before.
    pub fn announce(&mut self, port: PortId, lans: &BTreeSet<Plan>) {
        if self.ports.contains_key(&port) {
            self.lans.announce(port, lans);
        }
    }

    /// The port behind which another LAN is, if that is known.
    pub fn port_of(&self, lan: Plan) -> Option<PortId> {
        self.lans.port(lan)
    }

    /// Whether a port is blocked or isolated.
    pub fn confinement(&self, port: PortId) -> Confinement {
        self.ports.get(&port).map_or_else(Confinement::default, |port| port.confinement)
    }

    /// What went through a port.
    pub fn counters(&self, port: PortId) -> Option<&Counters> {
        self.ports.get(&port).map(|port| &port.counters)
    }

    /// The ports, and what is behind them.
    pub fn ports(&self) -> impl Iterator<Item = (PortId, Kind)> + '_ {
        self.ports.iter().map(|(id, port)| (*id, port.kind))
    }

    /// The stations that the switch knows, and where they are.
    pub fn stations(&self) -> impl Iterator<Item = (Mac, PortId)> + '_ {
        self.table.stations()
    }

    /// How many stations the switch knows.
    pub fn station_count(&self) -> usize {
        self.table.len()
    }

    /// The longest frame, in bytes.
    pub fn max_frame(&self) -> usize {
        self.config.max_frame
    }
}
