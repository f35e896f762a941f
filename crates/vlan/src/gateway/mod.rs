//! The gateway: the one host on the LAN that is not a machine. It answers ARP, ICMP echo, DHCP, DNS and NTP by itself, and gives TCP
//! connections to the embedding as streams of bytes.
//!
//! Frames of machines go in by [`Gateway::input`], the gateway's own come out of [`Gateway::output`]. It hears only what the switch has
//! let pass, so hardware and IPv4 addresses are who they say to be. There is no routing: a packet to a host outside ends here, as a
//! connection that the gateway answers in that host's place, or with an ICMP message that says so.

pub mod dhcp;
pub mod dns;
mod input;
mod machine;
mod names;
mod ntp;
mod packet;
mod questions;
pub mod tcp;
#[cfg(test)]
mod tests;

pub use machine::Services;
pub use names::LanNames;

use crate::error::ConnectError;
use crate::mac::Mac;
use crate::plan::{MTU, Plan};
use crate::switch::{ADDRESSES_MAX, PortId};
use dhcp::{Client, Dhcp, DhcpConfig, Lease};
use dns::Outside;
use machine::Machine;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;
use tcp::{ConnId, LOW_WATER, Stack, TcpEvent, TcpLimits};

/// How the gateway behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// The browser's addresses.
    pub plan: Plan,
    /// How long packets may be, in bytes, without the Ethernet header: what DHCP says, and how long the gateway's own are.
    pub mtu: u16,
    /// What names of machines end with.
    pub domain: String,
    /// How long leases are said to hold, in seconds.
    pub lease_seconds: u32,
    /// Routes that machines are told beside the one to everywhere, if they ask.
    pub routes: Vec<dhcp::message::Route>,
    /// To which ports machines can connect.
    pub services: Services,
    /// The bounds of each machine's connections.
    pub tcp: TcpLimits,
    /// A random number: what TCP's sequence numbers begin with.
    pub seed: u64,
}

/// The most bytes of a packet of the gateway's TCP. What its connections may have on their way ([`TcpLimits`]) is several packets each, and one of
/// each connection fits into the switch's queue for a machine.
const TCP_MTU: u16 = 16_000;

impl GatewayConfig {
    /// The usual one: large packets, `lan`, half a day, no services.
    pub fn new(plan: Plan, seed: u64) -> GatewayConfig {
        GatewayConfig {
            plan,
            mtu: MTU,
            domain: "lan".into(),
            lease_seconds: 43_200,
            routes: Vec::new(),
            services: Services::default(),
            tcp: TcpLimits::default(),
            seed,
        }
    }

    fn dhcp(&self, leases: Vec<Lease>) -> Dhcp {
        let config = DhcpConfig {
            lease_seconds: self.lease_seconds,
            mtu: self.mtu,
            domain: self.domain.clone(),
            routes: self.routes.clone(),
        };
        Dhcp::new(self.plan, config, leases)
    }

    fn stack(&self, port: PortId, now: Duration) -> Stack {
        let seed = self.seed ^ u64::from(port.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Stack::new(port, self.plan, usize::from(self.mtu.min(TCP_MTU)), self.tcp, seed, now)
    }
}

/// What the embedding should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A machine got this lease, or has another than before: to be kept.
    Leased(Lease),
    /// These are the addresses that the machine at this port has now.
    Addresses {
        /// The port.
        port: PortId,
        /// Its addresses.
        addresses: Vec<Ipv4Addr>,
    },
    /// A machine wanted to look up a name of the outside world that it may not reach.
    NameRefused {
        /// The port.
        port: PortId,
        /// The name.
        name: String,
    },
    /// Something about a TCP connection.
    Tcp(TcpEvent),
}

/// The gateway; see the module.
pub struct Gateway {
    config: GatewayConfig,
    dhcp: Dhcp,
    machines: BTreeMap<PortId, Machine>,
    /// Names of machines elsewhere.
    others: BTreeMap<String, Ipv4Addr>,
    /// The time since 1970 when the LAN's clock was zero.
    unix_zero: Option<Duration>,
    output: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
    /// Ports whose addresses are others than before.
    changed: VecDeque<PortId>,
    /// Streams were touched since the last poll.
    touched: bool,
}

/// That all connections of a machine are aborted.
fn aborted(stack: &Stack) -> impl Iterator<Item = Event> + '_ {
    stack.connections().map(|(conn, ..)| Event::Tcp(TcpEvent::Aborted(conn)))
}

/// A machine's name as a label of a domain name (RFC 1123, section 2.1): small letters, digits and hyphens.
pub fn label(name: &str) -> String {
    let mut label = String::new();
    for letter in name.chars().map(|letter| letter.to_ascii_lowercase()) {
        let letter = if letter.is_ascii_alphanumeric() { letter } else { '-' };
        if !(letter == '-' && (label.is_empty() || label.ends_with('-'))) {
            label.push(letter);
        }
    }
    label.truncate(63);
    label.trim_end_matches('-').to_owned()
}

/// The same for a name with dots.
fn labels(name: &str) -> String {
    name.split('.').map(label).filter(|label| !label.is_empty()).collect::<Vec<_>>().join(".")
}

impl Gateway {
    /// A gateway that remembers these leases.
    pub fn new(config: GatewayConfig, leases: Vec<Lease>) -> Gateway {
        Gateway {
            dhcp: config.dhcp(leases),
            config,
            machines: BTreeMap::new(),
            others: BTreeMap::new(),
            unix_zero: None,
            output: VecDeque::new(),
            events: VecDeque::new(),
            changed: VecDeque::new(),
            touched: false,
        }
    }

    /// A machine is attached. Its name, made a [`label`], is what others find it by.
    pub fn attach(&mut self, port: PortId, mac: Option<Mac>, name: &str, now: Duration) {
        let stack = self.config.stack(port, now);
        let name = label(name);
        if let Some(mac) = mac {
            self.dhcp.leases.attach(port, mac, &name);
        }
        self.machines.insert(port, Machine::new(name, mac, stack));
        self.tell_addresses(port);
    }

    /// A machine has gone. Its connections are aborted.
    pub fn detach(&mut self, port: PortId) {
        if let Some(machine) = self.machines.remove(&port) {
            self.events.extend(aborted(&machine.stack));
        }
        self.dhcp.leases.detach(port);
    }

    /// The LAN has other addresses: no machine has one until it asks, and their connections are aborted.
    pub(crate) fn renumber(&mut self, plan: Plan, now: Duration) {
        self.config.plan = plan;
        self.dhcp = self.config.dhcp(Vec::new());
        for (port, machine) in &mut self.machines {
            self.events.extend(aborted(&machine.stack));
            let stack = self.config.stack(*port, now).after(&machine.stack);
            machine.begin_anew(stack);
        }
        let ports: Vec<PortId> = self.machines.keys().copied().collect();
        ports.into_iter().for_each(|port| self.tell_addresses(port));
    }

    /// A machine has another name.
    pub fn rename(&mut self, port: PortId, name: &str) {
        if let Some(machine) = self.machines.get_mut(&port) {
            machine.name = label(name);
            self.dhcp.leases.rename(port, &machine.name);
            if let Some(lease) = machine.mac.and_then(|mac| self.dhcp.leases.of(mac)) {
                self.events.push_back(Event::Leased(lease));
            }
        }
    }

    /// A machine is deleted for good: its address may go to another.
    pub fn forget(&mut self, mac: Mac) {
        self.dhcp.leases.forget(mac);
    }

    /// Which names of the outside world a machine can look up.
    pub fn set_outside(&mut self, port: PortId, outside: Outside) {
        if let Some(machine) = self.machines.get_mut(&port) {
            machine.outside = outside;
        }
    }

    /// Names of machines elsewhere without `.lan`: a label, or a machine's and its LAN's with a dot between. A machine of this browser goes before
    /// one with the same name elsewhere, and of two elsewhere the first.
    pub fn set_others(&mut self, names: impl IntoIterator<Item = (String, Ipv4Addr)>) {
        self.others.clear();
        for (name, address) in names {
            self.others.entry(labels(&name)).or_insert(address);
        }
    }

    /// To which ports machines can connect from now on.
    pub fn set_services(&mut self, services: Services) {
        self.config.services = services;
    }

    /// What time it is: `unix` is the time since 1970. Until this was said, NTP answers that nobody knows.
    pub fn set_clock(&mut self, unix: Duration, now: Duration) {
        self.unix_zero = Some(unix.saturating_sub(now));
    }

    /// All leases, also of machines that are off.
    pub fn leases(&self) -> impl Iterator<Item = Lease> + '_ {
        self.dhcp.leases.all()
    }

    /// The next frame to be sent.
    pub fn output(&mut self) -> Option<Vec<u8>> {
        self.output.pop_front()
    }

    /// The next thing to know.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Does what is due. `queued` tells how many bytes of the gateway's still wait in the switch for a port.
    pub fn poll(&mut self, now: Duration, queued: impl Fn(PortId) -> usize) {
        self.touched = false;
        let ports: Vec<PortId> = self.machines.keys().copied().collect();
        for port in ports {
            self.poll_machine(port, queued(port), now);
        }
    }

    /// Does what is due for one machine.
    pub fn poll_machine(&mut self, port: PortId, queued: usize, now: Duration) {
        let Some(machine) = self.machines.get_mut(&port) else { return };
        let mut events = VecDeque::new();
        machine.stack.poll(queued, now, &mut events);
        while let Some(event) = events.pop_front() {
            if let Some(event) = self.own_event(port, event, now) {
                self.events.push_back(Event::Tcp(event));
            }
        }
        self.send_packets(port);
    }

    fn send_packets(&mut self, port: PortId) {
        let Some(machine) = self.machines.get_mut(&port) else { return };
        let packets: Vec<Vec<u8>> = machine.stack.output().collect();
        for mut frame in packets {
            let Some(to) = input::destination(&frame).and_then(|address| machine.mac_of(address)) else { continue };
            packet::address(&mut frame, self.config.plan.gateway_mac(), to);
            self.output.push_back(frame);
        }
    }

    /// When [`Gateway::poll`] has something to do again.
    pub fn wake_at(&mut self, now: Duration, queued: impl Fn(PortId) -> usize) -> Option<Duration> {
        if self.touched || !self.output.is_empty() {
            return Some(now);
        }
        // Who has a full queue is polled when the queue is emptied.
        let ready = self.machines.iter_mut().filter(|(port, _)| queued(**port) < LOW_WATER);
        ready.filter_map(|(_, machine)| machine.stack.wake_at(now)).min()
    }

    fn tell_addresses(&mut self, port: PortId) {
        let addresses = self.dhcp.leases.held_by(port);
        self.events.push_back(Event::Addresses { port, addresses });
        self.changed.push_back(port);
    }

    /// A port whose addresses have changed, and which they are now. The switch is to be told before the next frame comes in.
    pub fn changed_addresses(&mut self) -> Option<(PortId, Vec<Ipv4Addr>)> {
        let port = self.changed.pop_front()?;
        Some((port, self.dhcp.leases.held_by(port)))
    }

    fn client<'a>(machine: &'a Machine, port: PortId, mac: Mac) -> Client<'a> {
        let most = if machine.mac.is_some() { 1 } else { ADDRESSES_MAX };
        Client { port, mac, name: &machine.name, most }
    }

    /// Connects to a service of the machine at a port.
    pub fn connect(&mut self, port: PortId, service: u16, now: Duration) -> Result<ConnId, ConnectError> {
        let machine = self.machines.get_mut(&port).ok_or(ConnectError::NoSuchPort)?;
        let address = self.dhcp.leases.held_by(port).first().copied().ok_or(ConnectError::NoAddress)?;
        self.touched = true;
        machine.stack.connect(SocketAddrV4::new(address, service), now)
    }

    fn stack(&mut self, conn: ConnId) -> Option<&mut Stack> {
        self.touched = true;
        self.machines.get_mut(&conn.port).map(|machine| &mut machine.stack)
    }

    /// Receives at most as many bytes as there is room for in the buffer; gives how many. What is not received makes the machine wait.
    pub fn receive(&mut self, conn: ConnId, buffer: &mut [u8]) -> usize {
        self.stack(conn).map_or(0, |stack| stack.receive(conn.number, buffer))
    }

    /// Sends as many of the bytes as there is room for; gives how many. After less than all, [`TcpEvent::Writable`] says when to go on.
    pub fn send(&mut self, conn: ConnId, bytes: &[u8]) -> usize {
        self.stack(conn).map_or(0, |stack| stack.send(conn.number, bytes))
    }

    /// How many bytes [`Gateway::send`] would take now.
    pub fn send_room(&mut self, conn: ConnId) -> usize {
        self.stack(conn).map_or(0, |stack| stack.room(conn.number))
    }

    /// Ends the gateway's side of a connection, after everything that was sent.
    pub fn close(&mut self, conn: ConnId, now: Duration) {
        if let Some(stack) = self.stack(conn) {
            stack.close(conn.number, now);
        }
    }

    /// Ends a connection at once, by a reset. There will be no further event of it.
    pub fn abort(&mut self, conn: ConnId, now: Duration) {
        if let Some(stack) = self.stack(conn) {
            stack.abort(conn.number, now);
        }
    }

    /// How many connections a machine has, and how many of them are half open.
    pub fn connection_counts(&self, port: PortId) -> (usize, usize) {
        self.machines.get(&port).map_or((0, 0), |machine| machine.stack.counts())
    }
}
