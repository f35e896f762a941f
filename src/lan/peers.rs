//! Peers on the LAN: a port of the switch for each, guarded as what comes from outside, a line to the host page, which has the connections, and
//! their channels, where the browser can hand them over. What comes by any of them passes the peer's [`Conduct`] first.

use super::direct::Direct;
use super::kept::random;
use super::line::{Heard, Line, PEER_BATCH};
use super::{Hub, now, tell};
use crate::bridge::log;
use crate::rtc::RtcDataChannel;
use peering::conduct::{Conduct, Verdict};
use protocol::{LanMachine, LanNotice, LanTraffic, PeerId, PeerMachine, PeerRule};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;
use vlan::gateway::dhcp::Lease;
use vlan::gateway::{LanNames, label};
use vlan::order::{Numbering, Order};
use vlan::plan::Plan;
use vlan::repeats::Repeats;
use vlan::switch::{Confinement, PortId};

/// The connections to one peer.
const CONNECTIONS: usize = 2;

/// A peer that is joined.
struct Peer {
    line: Line<PeerId>,
    /// The channels of its connections, as far as they are this worker's.
    directs: [Option<Direct>; CONNECTIONS],
    /// `None` once it has to be cut off: nothing more comes from it.
    conduct: Option<Conduct>,
    numbering: Numbering,
    order: Order,
    repeats: Repeats<CONNECTIONS>,
    /// Batches that have gone to it, and come from it.
    batches: [u64; 2],
    plan: Plan,
    rule: PeerRule,
    /// The name of its LAN, and its machines.
    names: (String, Vec<(String, Ipv4Addr)>),
}

impl Peer {
    /// Its channels that are open, and which they are.
    fn open(&self) -> impl Iterator<Item = (usize, &Direct)> {
        let all = self.directs.iter().enumerate();
        all.filter_map(|(at, direct)| direct.as_ref().filter(|direct| direct.is_open()).map(|direct| (at, direct)))
    }

    /// Which way the next batch goes, and how many bytes there is room for: into the channel in which the least waits, so that the faster one is given
    /// more; by the line if none is open.
    fn next(&self) -> (Option<usize>, usize) {
        match self.open().min_by_key(|(_, direct)| direct.waiting()) {
            Some((at, direct)) => (Some(at), direct.room()),
            None => (None, self.line.room()),
        }
    }

    /// Looks how it is with what was sent.
    fn look(&mut self) {
        for at in 0..CONNECTIONS {
            if self.directs[at].as_ref().is_some_and(Direct::is_over) {
                self.lose(at);
            }
        }
        let waiting: Vec<_> = self.open().map(|(at, direct)| (at, direct.waiting())).collect();
        if waiting.is_empty() {
            // The line counts as the first channel.
            return self.repeats.look(0, self.line.ahead(), now());
        }
        for (at, bytes) in waiting {
            self.repeats.look(at, bytes, now());
        }
    }

    /// One of its channels is there no more; what waited in it is lost.
    fn lose(&mut self, at: usize) {
        self.directs[at] = None;
        self.repeats.forget(at);
    }

    /// Sends a batch this way, without what is under way already.
    fn send(&mut self, batch: Vec<u8>, way: Option<usize>) {
        let batch = self.repeats.without(batch, way.unwrap_or(0));
        if batch.is_empty() {
            return;
        }
        self.batches[0] += 1;
        let message = self.numbering.number(&batch);
        match way.and_then(|at| self.directs[at].as_ref()) {
            Some(direct) => direct.send(&message),
            None => self.line.send(&message),
        }
    }

    /// What its conduct says of this; the rest is thrown away.
    fn judge(&mut self, judge: impl FnOnce(&mut Conduct) -> Verdict) -> bool {
        match self.conduct.as_mut().map(judge) {
            Some(Verdict::Pass) => true,
            Some(Verdict::Cut(why)) => {
                self.conduct = None;
                tell(&LanNotice::Misconduct(self.line.id.clone(), why.to_string()));
                false
            }
            Some(Verdict::Drop) | None => false,
        }
    }
}

/// How much a peer may send by its rule, in bytes a second.
fn limit(rule: &PeerRule) -> Option<u64> {
    rule.limit_kib.map(|kib| u64::from(kib) * 1024)
}

/// All peers.
#[derive(Default)]
pub struct Peers {
    joined: RefCell<BTreeMap<PortId, Peer>>,
    /// The channels of those that are not joined yet.
    channels: RefCell<BTreeMap<PeerId, Direct>>,
}

impl Peers {
    fn place(&self, id: &PeerId) -> Option<PortId> {
        self.joined.borrow().iter().find(|(_, peer)| peer.line.id == *id).map(|(at, _)| *at)
    }

    /// The peers' LANs.
    pub(super) fn plans(&self) -> impl Iterator<Item = Plan> {
        self.joined.borrow().values().map(|peer| peer.plan).collect::<Vec<_>>().into_iter()
    }

    /// Says what the peers' LANs are called.
    pub(super) fn want(&self, names: &mut LanNames) {
        for peer in self.joined.borrow().values().filter(|peer| !peer.names.0.is_empty()) {
            names.want(&peer.names.0, peer.plan);
        }
    }

    /// What the name service calls the peers' machines. The host page has seen to it that no two peers have one name, and shows it to the user: so it stays as it is.
    pub(super) fn names(&self) -> Vec<(String, Ipv4Addr)> {
        let of = |peer: &Peer| {
            let (lan, machines) = peer.names.clone();
            machines.into_iter().map(move |(name, address)| (format!("{name}.{lan}"), address))
        };
        self.joined.borrow().values().flat_map(of).collect()
    }
}

impl Hub {
    pub(super) fn attach_peer(self: &Rc<Self>, id: PeerId, numbers: (u8, u8), rule: PeerRule, line: u32) {
        let mut direct = self.peers.channels.borrow_mut().remove(&id);
        self.detach_peer(&id);
        let attached = self.lan.borrow_mut().attach_outside();
        match attached {
            Err(error) => log(&format!("a peer can’t be on the LAN: {error}")),
            Ok(at) => {
                let (a, b) = numbers;
                let plan = Plan { a, b };
                self.lan.borrow_mut().switch().set_network(at, plan);
                let line = Line::new(id.clone(), line, PEER_BATCH);
                if let Some(direct) = &mut direct {
                    self.hear_channel(at, direct);
                }
                let conduct = Some(Conduct::new(limit(&rule), now()));
                // Nothing goes to it or comes from it before its rule is known to the switch.
                let (none, names) = (PeerRule::default(), Default::default());
                let peer = Peer {
                    line,
                    directs: [direct, None],
                    conduct,
                    numbering: Numbering::new(random() as u32),
                    order: Order::default(),
                    repeats: Repeats::default(),
                    batches: [0; 2],
                    plan,
                    rule: none,
                    names,
                };
                self.peers.joined.borrow_mut().insert(at, peer);
                self.rule_peer(&id, rule);
            }
        }
    }

    /// Takes a channel: of a pairing, to keep until that is joined or over, or of a second connection to a peer that is joined.
    pub(super) fn take_channel(self: &Rc<Self>, id: PeerId, channel: RtcDataChannel) {
        let mut direct = Direct::new(channel);
        let Some(at) = self.peers.place(&id) else {
            self.peers.channels.borrow_mut().insert(id, direct);
            return;
        };
        self.hear_channel(at, &mut direct);
        if let Some(peer) = self.peers.joined.borrow_mut().get_mut(&at) {
            peer.lose(1);
            peer.directs[1] = Some(direct);
        }
    }

    fn hear_channel(self: &Rc<Self>, at: PortId, direct: &mut Direct) {
        let (own, again) = (self.clone(), self.clone());
        direct.begin(move |event| own.hear_peer(at, event), move || again.turn());
    }

    /// Has frames to a peer go by its line from now on.
    pub(super) fn drop_channels(self: &Rc<Self>, id: &PeerId) {
        self.peers.channels.borrow_mut().remove(id);
        if let Some(at) = self.peers.place(id)
            && let Some(peer) = self.peers.joined.borrow_mut().get_mut(&at)
        {
            (0..CONNECTIONS).for_each(|at| peer.lose(at));
        }
        self.turn();
    }

    /// Says how many batches have gone to a peer and come from it.
    pub(super) fn count_peer(&self, id: PeerId, ping: Option<u32>) {
        let at = self.peers.place(&id);
        let counts = at.and_then(|at| self.peers.joined.borrow().get(&at).map(|peer| peer.batches));
        tell(&LanNotice::PeerCount(id, ping, counts.unwrap_or_default()));
    }

    pub(super) fn detach_peer(self: &Rc<Self>, id: &PeerId) {
        self.peers.channels.borrow_mut().remove(id);
        if let Some(at) = self.peers.place(id) {
            self.peers.joined.borrow_mut().remove(&at);
            self.lan.borrow_mut().detach(at);
            self.name_others();
            self.turn();
        }
    }

    pub(super) fn rule_peer(self: &Rc<Self>, id: &PeerId, rule: PeerRule) {
        if let Some(at) = self.peers.place(id) {
            if let Some(peer) = self.peers.joined.borrow_mut().get_mut(&at) {
                if let Some(conduct) = &mut peer.conduct {
                    conduct.set_limit(limit(&rule), now());
                }
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
        if let Some(peer) = self.peers.joined.borrow_mut().get_mut(&at) {
            peer.names = (name.to_owned(), machines);
        }
        self.name_others();
    }

    /// Has the switch keep to the rules. A machine that is attached anew has another port.
    fn enforce(&self) {
        let lines = self.lines.borrow();
        let mut lan = self.lan.borrow_mut();
        for (at, peer) in &*self.peers.joined.borrow() {
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

    /// Whose line this number is.
    pub(super) fn peer_at_line(&self, number: u32) -> Option<PortId> {
        self.peers.joined.borrow().iter().find(|(_, peer)| peer.line.number == number).map(|(at, _)| *at)
    }

    /// Something has come from a peer.
    pub(super) fn hear_peer(self: &Rc<Self>, at: PortId, event: Heard) {
        let mut peers = self.peers.joined.borrow_mut();
        let Some(peer) = peers.get_mut(&at) else { return };
        match event {
            Heard::Frames(batch) => {
                peer.batches[1] += 1;
                if peer.judge(|conduct| conduct.admit(batch.len(), now())) {
                    match peer.order.input(&batch, now()) {
                        Ok(batches) => self.hear_in_order(at, &batches),
                        Err(_) => {
                            peer.judge(|conduct| conduct.malformed(now()));
                        }
                    }
                }
            }
            Heard::Nonsense => {
                peer.judge(|conduct| conduct.malformed(now()));
            }
            Heard::DealtWith(bytes) => peer.line.dealt_with(bytes),
        }
        drop(peers);
        self.turn();
    }

    fn hear_in_order(&self, at: PortId, batches: &[Vec<u8>]) {
        for batch in batches {
            // They were checked when they came.
            if let Err(error) = self.lan.borrow_mut().input_batch(at, batch, now()) {
                log(&format!("a peer’s frames were lost: {error}"));
            }
        }
    }

    /// Lets in what waited for other frames of its peer in vain; says when more of it will have.
    pub(super) fn hear_overdue(&self) -> Option<Duration> {
        let mut joined = self.peers.joined.borrow_mut();
        let wake_at = |(at, peer): (&PortId, &mut Peer)| {
            if peer.conduct.is_some() {
                self.hear_in_order(*at, &peer.order.overdue(now()));
            }
            peer.order.wake_at().filter(|_| peer.conduct.is_some())
        };
        joined.iter_mut().filter_map(wake_at).min()
    }

    /// Lets what waits for peers go; says whether it was anything, and for how long something is held back.
    pub(super) fn serve_peers(&self) -> (bool, Option<Duration>) {
        let (mut some, mut held) = (false, None);
        for (at, peer) in &mut *self.peers.joined.borrow_mut() {
            peer.look();
            if let Some(left) = self.lan.borrow().hold(*at, now()) {
                held = [held, Some(left)].into_iter().flatten().min();
                continue;
            }
            let (way, room) = peer.next();
            let batch = if room > 0 { self.lan.borrow_mut().take(*at, room, now()) } else { vec![] };
            if !batch.is_empty() {
                some = true;
                peer.send(batch, way);
            }
        }
        (some, held)
    }

    /// Tells what went over the peers' lines.
    pub(super) fn tell_traffic(&self) {
        let peers = self.peers.joined.borrow();
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
                direct: peer.open().next().is_some(),
            };
            (peer.line.id.clone(), traffic)
        };
        tell(&LanNotice::Traffic(peers.iter().map(traffic).collect()));
    }
}
