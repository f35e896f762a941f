use crate::batch;
use crate::error::{AttachError, BatchError};
use crate::frame::{self, Frame};
use crate::gateway::dhcp::Lease;
use crate::gateway::tcp::LOW_WATER;
use crate::gateway::{Event, Gateway, GatewayConfig};
use crate::mac::Mac;
use crate::moderation::Moderation;
use crate::plan::Plan;
use crate::stage::faults::{FaultConfig, Faults};
use crate::stage::pcap::{Capture, CaptureConfig};
use crate::stage::trace::Tracer;
use crate::stage::{Moment, Stages};
use crate::switch::{Addresses, Kind, PortId, Switch, SwitchConfig};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many frames the gateway takes in before others get their turn.
const GATEWAY_TURN: usize = 256;

/// The LAN of one browser: the switch, the gateway at one of its ports, and what is put between ports and switch.
///
/// Bytes go in by [`Lan::input`], out by [`Lan::take`]; [`Lan::poll`] does what is due, [`Lan::wake_at`] says when that is. `now` is the time
/// since any moment that stays the same, and never goes back.
pub struct Lan {
    switch: Switch,
    gateway: Gateway,
    gateway_port: PortId,
    stages: BTreeMap<PortId, Stages>,
    /// Of machines' cards, and of links.
    moderations: BTreeMap<PortId, Moderation>,
    unix_zero: Duration,
}

impl Lan {
    /// A LAN with a gateway and nothing else, that remembers these leases.
    pub fn new(switch: SwitchConfig, gateway: GatewayConfig, leases: Vec<Lease>) -> Result<Lan, AttachError> {
        let mut switch = Switch::new(gateway.plan, switch);
        let gateway_port = switch.attach(Kind::Gateway)?;
        let gateway = Gateway::new(gateway, leases);
        let (stages, moderations) = (BTreeMap::new(), BTreeMap::new());
        Ok(Lan { switch, gateway, gateway_port, stages, moderations, unix_zero: Duration::ZERO })
    }

    /// Attaches a machine. `mac` is the hardware address that it was given; without one it may use any, and several.
    pub fn attach_machine(
        &mut self,
        mac: Option<Mac>,
        name: &str,
        addresses: Addresses,
        now: Duration,
    ) -> Result<PortId, AttachError> {
        let port = self.switch.attach(Kind::Machine { mac, addresses })?;
        self.gateway.attach(port, mac, name, now);
        self.moderations.insert(port, Moderation::default());
        self.learn_addresses();
        Ok(port)
    }

    /// Attaches a peer or an uplink.
    pub fn attach_outside(&mut self) -> Result<PortId, AttachError> {
        let port = self.switch.attach(Kind::Outside)?;
        self.moderations.insert(port, Moderation::of_link());
        Ok(port)
    }

    /// Removes what is attached at a port.
    pub fn detach(&mut self, port: PortId) {
        if port != self.gateway_port {
            self.gateway.detach(port);
            self.switch.detach(port);
            self.stages.remove(&port);
            self.moderations.remove(&port);
        }
    }

    /// Gives the LAN other addresses, because a LAN that is to be joined has the same. Whoever is attached stays so, but no machine has an address until
    /// it asks for one: all leases are forgotten, and connections with the gateway aborted. The error is a machine's hardware address that the gateway
    /// would have; nothing is changed then.
    pub fn renumber(&mut self, plan: Plan, now: Duration) -> Result<(), AttachError> {
        self.switch.renumber(self.gateway_port, plan)?;
        self.gateway.renumber(plan, now);
        self.learn_addresses();
        Ok(())
    }

    /// A frame from a port. What the switch makes of it is in the port's counters.
    pub fn input(&mut self, port: PortId, frame: &[u8], now: Duration) {
        let moment = self.moment(now);
        let switch = &mut self.switch;
        let mut forward = |frame: &[u8]| {
            // Why a frame went nowhere is counted.
            let _ = switch.input(port, frame, now);
        };
        match self.stages.get_mut(&port) {
            None => forward(frame),
            Some(stages) => stages.input(port, frame, moment, forward),
        }
    }

    /// A [`batch`] of frames from a port. It is refused as a whole if it is none; the port is not to be believed anything further then.
    pub fn input_batch(&mut self, port: PortId, bytes: &[u8], now: Duration) -> Result<(), BatchError> {
        // A frame that is too long for this LAN is the switch's to count, as when it comes alone.
        for frame in batch::frames(bytes, frame::LONGEST)? {
            self.input(port, frame, now);
        }
        if let Some(moderation) = self.moderations.get_mut(&port) {
            moderation.sent(bytes.len(), now);
        }
        Ok(())
    }

    /// How long what waits for a port is to be left there, if it is: see [`moderation`](crate::moderation). What the gateway sends is not: its
    /// streams have so little on their way that they would stand still meanwhile.
    pub fn hold(&self, port: PortId, now: Duration) -> Option<Duration> {
        if self.switch.waiting_from(port, self.gateway_port) > 0 {
            return None;
        }
        match self.switch.waiting(port) {
            0 => None,
            waiting => self.moderations.get(&port)?.hold(waiting, now),
        }
    }

    /// The next frames for a port as a [`batch`] of at most `max_bytes`, but at least one frame if there is any. Empty when nothing waits.
    pub fn take(&mut self, port: PortId, max_bytes: usize, now: Duration) -> Vec<u8> {
        let moment = self.moment(now);
        let switch = &mut self.switch;
        let batch = match self.stages.get_mut(&port) {
            None => switch.take(port, max_bytes),
            Some(stages) => {
                batch::fill(max_bytes, |room| stages.output(switch, port, room, moment).map(|(_, frame)| frame))
            }
        };
        if let Some(moderation) = self.moderations.get_mut(&port) {
            moderation.received(batch.len(), now);
        }
        let queued = self.switch.waiting_from(port, self.gateway_port);
        if !batch.is_empty() && queued < LOW_WATER {
            // There is room for the gateway's next packets to this machine.
            self.gateway.poll_machine(port, queued, now);
            self.deliver(now);
        }
        batch
    }

    /// Does what is due: the gateway's work, and frames that were delayed.
    pub fn poll(&mut self, now: Duration) {
        let ports: Vec<PortId> = self.stages.keys().copied().collect();
        for port in ports {
            let switch = &mut self.switch;
            if let Some(stages) = self.stages.get_mut(&port) {
                stages.due(now, |frame| {
                    let _ = switch.input(port, frame, now);
                });
            }
        }
        for _ in 0..GATEWAY_TURN {
            let Some((from, frame)) = self.next_for_gateway(now) else { break };
            self.gateway.input(from, &frame, now);
            self.deliver(now);
        }
        self.poll_gateway(now);
    }

    fn next_for_gateway(&mut self, now: Duration) -> Option<(PortId, Frame)> {
        let (moment, port) = (self.moment(now), self.gateway_port);
        match self.stages.get_mut(&port) {
            None => self.switch.pop(port),
            Some(stages) => stages.output(&mut self.switch, port, usize::MAX, moment),
        }
    }

    fn poll_gateway(&mut self, now: Duration) {
        let (switch, gateway_port) = (&self.switch, self.gateway_port);
        self.gateway.poll(now, |port| switch.waiting_from(port, gateway_port));
        self.deliver(now);
    }

    /// Hands what the gateway sends to the switch, which knows of new addresses before the machine does.
    fn deliver(&mut self, now: Duration) {
        self.learn_addresses();
        while let Some(frame) = self.gateway.output() {
            self.input(self.gateway_port, &frame, now);
        }
    }

    fn learn_addresses(&mut self) {
        while let Some((port, addresses)) = self.gateway.changed_addresses() {
            self.switch.set_addresses(port, &addresses);
        }
    }

    /// When [`Lan::poll`] has something to do, and ports may have something to take; `None` if only when something comes in.
    pub fn wake_at(&mut self, now: Duration) -> Option<Duration> {
        if self.switch.waiting(self.gateway_port) > 0 {
            return Some(now);
        }
        let (switch, gateway_port) = (&self.switch, self.gateway_port);
        let gateway = self.gateway.wake_at(now, |port| switch.waiting_from(port, gateway_port));
        let stages = self.stages.values().filter_map(Stages::wake_at).min();
        [gateway, stages].into_iter().flatten().min()
    }

    /// The next thing to know.
    pub fn event(&mut self) -> Option<Event> {
        self.gateway.event()
    }

    /// What time it is: `unix` is the time since 1970. For NTP and for captures.
    pub fn set_clock(&mut self, unix: Duration, now: Duration) {
        self.unix_zero = unix.saturating_sub(now);
        self.gateway.set_clock(unix, now);
    }

    fn moment(&self, now: Duration) -> Moment {
        Moment { now, unix: self.unix_zero + now }
    }

    /// Begins a capture at a port, or ends it.
    pub fn set_capture(&mut self, port: PortId, config: Option<CaptureConfig>) {
        self.change(port, |stages| stages.capture = config.map(Capture::new));
    }

    /// The capture at a port.
    pub fn capture(&mut self, port: PortId) -> Option<&mut Capture> {
        self.stages.get_mut(&port)?.capture.as_mut()
    }

    /// Begins to keep the newest so many lines about a port's frames, or stops it.
    pub fn set_trace(&mut self, port: PortId, lines: Option<usize>) {
        self.change(port, |stages| stages.tracer = lines.map(Tracer::new));
    }

    /// The lines about a port's frames.
    pub fn trace(&self, port: PortId) -> Option<&Tracer> {
        self.stages.get(&port)?.tracer.as_ref()
    }

    /// Makes a port's line bad, or good again. Frames that are on a bad line then are lost.
    pub fn set_faults(&mut self, port: PortId, config: Option<FaultConfig>) {
        self.change(port, |stages| stages.faults = config.map(Faults::new));
    }

    fn change(&mut self, port: PortId, change: impl FnOnce(&mut Stages)) {
        if self.switch.counters(port).is_some() {
            change(self.stages.entry(port).or_default());
        }
    }

    /// The switch: its counters, stations and confinements.
    pub fn switch(&mut self) -> &mut Switch {
        &mut self.switch
    }

    /// The gateway: its streams, names and leases.
    pub fn gateway(&mut self) -> &mut Gateway {
        &mut self.gateway
    }

    /// The gateway's port.
    pub fn gateway_port(&self) -> PortId {
        self.gateway_port
    }
}
