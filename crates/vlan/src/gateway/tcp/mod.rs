//! TCP between one machine and the gateway: a stack of smoltcp for each machine, so that what one does with its connections is no other's
//! trouble. Sockets are made when a SYN comes that somebody wants, for whichever address it is: the machine may believe to speak with
//! any host of the internet.

mod conn;
mod device;
mod loss;
mod streams;

pub(super) use conn::Purpose;
pub use conn::{ConnId, TcpEvent};

use crate::error::ConnectError;
use crate::frame::Ipv4;
use crate::plan::{PREFIX, Plan};
use crate::switch::PortId;
use conn::{Conn, Ends};
use device::Device;
use smoltcp::iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint, Ipv4Packet, TcpControl, TcpPacket, TcpRepr};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::time::Duration;

/// The bounds of one machine's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// How many connections a machine may have. Those that have ended and only wait for stray packets make room for new ones.
    pub connections: usize,
    /// How many of them may be half open.
    pub half_open: usize,
    /// What a connection's buffer for received bytes holds, in bytes.
    pub receive: usize,
    /// What a connection's buffer for bytes to be sent holds.
    pub send: usize,
}

impl Default for TcpLimits {
    fn default() -> TcpLimits {
        // With frames of 16 000 bytes, eight are on their way at a time: enough for machines that need a millisecond to answer.
        TcpLimits { connections: 96, half_open: 64, receive: 128 * 1024, send: 128 * 1024 }
    }
}

/// As much may wait in the switch for a machine before the gateway sends more.
pub(crate) const LOW_WATER: usize = 256 * 1024;
/// How long a half-open connection is kept.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// When there are too many half-open ones, the oldest makes room for a new one if it is this old.
const HANDSHAKE_CROWDED: Duration = Duration::from_secs(2);
/// How long a machine may take to end its side after we have ended ours.
const LINGER: Duration = Duration::from_secs(60);
/// How long a machine may stay connected with the name server.
const NAMES: Duration = Duration::from_secs(30);
/// Where the numbers of the gateway's own ports begin (RFC 6335, section 6).
const EPHEMERAL: u16 = 49_152;

pub(super) struct Stack {
    port: PortId,
    plan: Plan,
    limits: TcpLimits,
    iface: Interface,
    sockets: SocketSet<'static>,
    device: Device,
    conns: BTreeMap<u32, Conn>,
    ends: BTreeMap<Ends, u32>,
    next: u32,
    next_port: u16,
}

fn instant(now: Duration) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

impl Stack {
    pub(super) fn new(port: PortId, plan: Plan, mtu: usize, limits: TcpLimits, seed: u64, now: Duration) -> Stack {
        let mut device = Device::new(mtu);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut iface = Interface::new(config, &mut device, instant(now));
        iface.set_any_ip(true);
        iface.update_ip_addrs(|addresses| {
            let gateway = plan.gateway();
            // The list is empty and has room for eight.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(gateway), PREFIX));
        });
        let sockets = SocketSet::new(Vec::new());
        let (conns, ends) = (BTreeMap::new(), BTreeMap::new());
        Stack { port, plan, limits, iface, sockets, device, conns, ends, next: 0, next_port: EPHEMERAL }
    }

    /// Takes the place of another one, whose numbers it does not use again.
    pub(super) fn after(self, before: &Stack) -> Stack {
        Stack { next: before.next, ..self }
    }

    /// A TCP packet of the machine. `wanted` says whom a connection to that place would be for; with nobody it is refused.
    pub(super) fn input(&mut self, packet: &Ipv4<'_>, wanted: impl Fn(SocketAddrV4) -> Option<Purpose>, now: Duration) {
        let Some((ends, syn)) = ends(packet) else { return };
        if syn && !self.prepare(ends, wanted(ends.local), now) {
            return;
        }
        self.deliver(packet, now);
        // It is told as often as it takes: to what is the same, smoltcp answers nothing else.
        if self.shows_loss(ends, packet) {
            (0..loss::DUPLICATES).for_each(|_| self.deliver(packet, now));
        }
    }

    fn deliver(&mut self, packet: &Ipv4<'_>, now: Duration) {
        self.device.incoming = Some(packet.packet.to_vec());
        let at = instant(now);
        while self.iface.poll_ingress_single(at, &mut self.device, &mut self.sockets) != PollIngressSingleResult::None {
        }
    }

    fn shows_loss(&mut self, ends: Ends, packet: &Ipv4<'_>) -> bool {
        let conn = self.ends.get(&ends).and_then(|number| self.conns.get_mut(number));
        conn.is_some_and(|conn| segment(packet).is_some_and(|segment| conn.loss.shows(&segment)))
    }

    /// Makes a socket for a SYN. False if the SYN is to be ignored, so that the machine tries again later.
    fn prepare(&mut self, ends: Ends, wanted: Option<Purpose>, now: Duration) -> bool {
        if let Some(number) = self.ends.get(&ends).copied() {
            // The same again is a repetition, unless the old connection has ended.
            if self.conns.get(&number).is_some_and(|conn| !conn.over) {
                return true;
            }
            self.remove(number);
        }
        let Some(purpose) = wanted else { return true };
        if !self.make_room(now) {
            return false;
        }
        let mut socket = self.socket();
        if socket.listen((IpAddress::Ipv4(*ends.local.ip()), ends.local.port())).is_err() {
            return false;
        }
        self.insert(socket, ends, purpose, now);
        true
    }

    fn socket(&self) -> tcp::Socket<'static> {
        let mut socket = tcp::Socket::new(
            tcp::SocketBuffer::new(vec![0; self.limits.receive]),
            tcp::SocketBuffer::new(vec![0; self.limits.send]),
        );
        // Streams are handed in by large pieces; waiting for more would only delay their ends.
        socket.set_nagle_enabled(false);
        socket
    }

    fn insert(&mut self, socket: tcp::Socket<'static>, ends: Ends, purpose: Purpose, now: Duration) -> u32 {
        let number = self.next;
        self.next += 1;
        let handle = self.sockets.add(socket);
        self.conns.insert(number, Conn::new(handle, ends, purpose, now));
        self.ends.insert(ends, number);
        number
    }

    /// Room for one more connection, if there can be.
    fn make_room(&mut self, now: Duration) -> bool {
        let half_open = || self.conns.iter().filter(|(_, conn)| !conn.open && !conn.over);
        if half_open().count() >= self.limits.half_open {
            let oldest = half_open().min_by_key(|(_, conn)| conn.since).map(|(number, conn)| (*number, conn.since));
            match oldest {
                Some((number, since)) if now.saturating_sub(since) >= HANDSHAKE_CROWDED => self.remove(number),
                _ => return false,
            }
        }
        if self.conns.len() >= self.limits.connections {
            let over = self.conns.iter().filter(|(_, conn)| conn.over).min_by_key(|(_, conn)| conn.since);
            match over.map(|(number, _)| *number) {
                Some(number) => self.remove(number),
                None => return false,
            }
        }
        true
    }

    /// Begins a connection to a service of the machine.
    pub(super) fn connect(&mut self, remote: SocketAddrV4, now: Duration) -> Result<ConnId, ConnectError> {
        if remote.port() == 0 {
            return Err(ConnectError::NoPort);
        }
        if !self.make_room(now) {
            return Err(ConnectError::TooMany(self.conns.len()));
        }
        let mut ends = Ends { local: SocketAddrV4::new(self.plan.gateway(), self.next_port), remote };
        while self.ends.contains_key(&ends) {
            self.advance_port();
            ends.local.set_port(self.next_port);
        }
        self.advance_port();
        let mut socket = self.socket();
        let endpoint = |end: SocketAddrV4| IpEndpoint::new(IpAddress::Ipv4(*end.ip()), end.port());
        let begun = socket.connect(self.iface.context(), endpoint(ends.remote), endpoint(ends.local));
        begun.map_err(|_| ConnectError::NoAddress)?;
        let number = self.insert(socket, ends, Purpose::Outbound, now);
        Ok(ConnId { port: self.port, number })
    }

    fn advance_port(&mut self) {
        self.next_port = self.next_port.checked_add(1).unwrap_or(EPHEMERAL);
    }

    fn remove(&mut self, number: u32) {
        if let Some(conn) = self.conns.remove(&number) {
            self.sockets.remove(conn.handle);
            if self.ends.get(&conn.ends) == Some(&number) {
                self.ends.remove(&conn.ends);
            }
        }
    }

    /// Sends what can be sent and tells what has happened. `queued` is how much of the gateway waits in the switch for this machine.
    pub(super) fn poll(&mut self, queued: usize, now: Duration, events: &mut VecDeque<TcpEvent>) {
        self.overdue(now);
        let at = instant(now);
        // Each pass sends at most one packet of each connection, so none is left behind when the queue fills up.
        while queued + self.device.outgoing_bytes < LOW_WATER {
            if self.iface.poll_egress(at, &mut self.device, &mut self.sockets) == PollResult::None {
                break;
            }
        }
        let numbers: Vec<u32> = self.conns.keys().copied().collect();
        for number in numbers {
            self.report(number, now, events);
        }
    }

    /// Gives up what takes too long.
    fn overdue(&mut self, now: Duration) {
        for conn in self.conns.values_mut().filter(|conn| !conn.over) {
            if conn.deadline().is_some_and(|deadline| now >= deadline) {
                self.sockets.get_mut::<tcp::Socket<'_>>(conn.handle).abort();
            }
        }
    }

    /// The packets to be sent, each with room for an Ethernet header in front, and where they go.
    pub(super) fn output(&mut self) -> impl Iterator<Item = Vec<u8>> {
        self.device.take().into_iter()
    }

    /// When [`Stack::poll`] has something to do again.
    pub(super) fn wake_at(&mut self, now: Duration) -> Option<Duration> {
        let deadline = self.conns.values().filter(|conn| !conn.over).filter_map(Conn::deadline).min();
        let egress = self.iface.poll_at(instant(now), &self.sockets);
        let egress = egress.map(|at| Duration::from_micros(u64::try_from(at.total_micros()).unwrap_or(0)));
        [deadline, egress].into_iter().flatten().min()
    }
}

impl Conn {
    fn deadline(&self) -> Option<Duration> {
        let patience = match (self.open, self.closing, self.purpose) {
            (false, ..) => HANDSHAKE,
            (true, true, _) => LINGER,
            (true, false, Purpose::Names) => NAMES,
            (true, false, _) => return None,
        };
        Some(self.since + patience)
    }
}

fn segment<'a>(packet: &Ipv4<'a>) -> Option<TcpPacket<&'a [u8]>> {
    let inner = Ipv4Packet::new_checked(packet.packet).ok()?;
    TcpPacket::new_checked(inner.payload()).ok()
}

/// The ends of a TCP packet and whether it asks for a connection; `None` if it is no good. The checksum of what belongs to a connection is
/// left to the stack, so that it is computed once.
fn ends(packet: &Ipv4<'_>) -> Option<(Ends, bool)> {
    let segment = segment(packet)?;
    let ends = Ends {
        local: SocketAddrV4::new(packet.destination, segment.dst_port()),
        remote: SocketAddrV4::new(packet.source, segment.src_port()),
    };
    let syn = segment.syn() && !segment.ack();
    if syn {
        let (source, destination) = (packet.source.into(), packet.destination.into());
        let repr = TcpRepr::parse(&segment, &source, &destination, &ChecksumCapabilities::default()).ok()?;
        return (repr.control == TcpControl::Syn).then_some((ends, true));
    }
    Some((ends, false))
}
