//! A LAN with machines that are stacks of smoltcp, in simulated time: nothing here looks at a clock.
#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

#[path = "../../src/testing.rs"]
pub mod forge;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{dhcpv4, icmp, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;
use vlan::gateway::{Event, GatewayConfig};
use vlan::plan::Plan;
use vlan::switch::{Addresses, PortId, SwitchConfig};
use vlan::{Lan, Mac, batch};

pub const PLAN: Plan = Plan { a: 77, b: 5 };
/// How much a machine takes in each millisecond, in bytes: 50 MB/s.
pub const TAKES: usize = 50_000;

pub fn mac(number: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0, 0, number])
}

pub struct Nic {
    pub incoming: VecDeque<Vec<u8>>,
    pub outgoing: VecDeque<Vec<u8>>,
    mtu: usize,
}

impl Device for Nic {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu + 14;
        capabilities
    }

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Rx(frame), Tx(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.outgoing))
    }
}

pub struct Rx(Vec<u8>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub struct Tx<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

/// A machine: a stack with a DHCP client.
pub struct Guest {
    pub port: PortId,
    pub mac: Mac,
    pub nic: Nic,
    pub iface: Interface,
    pub sockets: SocketSet<'static>,
    dhcp: SocketHandle,
    pub dns: Vec<Ipv4Addr>,
}

impl Guest {
    fn new(port: PortId, mac: Mac, mtu: usize) -> Guest {
        let mut nic = Nic { incoming: VecDeque::new(), outgoing: VecDeque::new(), mtu };
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(mac.0)));
        config.random_seed = u64::from(mac.0[5]) + 1;
        let iface = Interface::new(config, &mut nic, Instant::ZERO);
        let mut sockets = SocketSet::new(Vec::new());
        let dhcp = sockets.add(dhcpv4::Socket::new());
        Guest { port, mac, nic, iface, sockets, dhcp, dns: Vec::new() }
    }

    pub fn address(&self) -> Option<Ipv4Addr> {
        self.iface.ipv4_addr()
    }

    pub fn gateway(&self) -> Ipv4Addr {
        PLAN.gateway()
    }

    fn poll(&mut self, now: Instant) {
        self.iface.poll(now, &mut self.nic, &mut self.sockets);
        match self.sockets.get_mut::<dhcpv4::Socket>(self.dhcp).poll() {
            Some(dhcpv4::Event::Configured(config)) => {
                self.dns = config.dns_servers.to_vec();
                let (address, router) = (config.address, config.router);
                self.iface.update_ip_addrs(|list| {
                    list.clear();
                    list.push(IpCidr::Ipv4(address)).unwrap();
                });
                self.iface.routes_mut().add_default_ipv4_route(router.unwrap()).unwrap();
            }
            Some(dhcpv4::Event::Deconfigured) => self.iface.update_ip_addrs(|list| list.clear()),
            None => {}
        }
    }

    /// Forgets its lease and asks for a new one.
    pub fn ask_again(&mut self) {
        self.sockets.get_mut::<dhcpv4::Socket>(self.dhcp).reset();
    }

    fn tcp_socket() -> tcp::Socket<'static> {
        let buffer = || tcp::SocketBuffer::new(vec![0; 256 * 1024]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        socket
    }

    pub fn listen(&mut self, port: u16) -> SocketHandle {
        let mut socket = Guest::tcp_socket();
        socket.listen(port).unwrap();
        self.sockets.add(socket)
    }

    pub fn connect(&mut self, to: Ipv4Addr, port: u16, from: u16) -> SocketHandle {
        let mut socket = Guest::tcp_socket();
        socket.connect(self.iface.context(), (IpAddress::Ipv4(to), port), from).unwrap();
        self.sockets.add(socket)
    }

    pub fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub fn udp(&mut self, port: u16) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 8], vec![0; 16 * 1024]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).unwrap();
        self.sockets.add(socket)
    }

    pub fn send_udp(&mut self, handle: SocketHandle, to: (Ipv4Addr, u16), bytes: &[u8]) {
        let to = (IpAddress::Ipv4(to.0), to.1);
        self.sockets.get_mut::<udp::Socket<'_>>(handle).send_slice(bytes, to).unwrap();
    }

    pub fn receive_udp(&mut self, handle: SocketHandle) -> Option<Vec<u8>> {
        let (bytes, _) = self.sockets.get_mut::<udp::Socket<'_>>(handle).recv().ok()?;
        Some(bytes.to_vec())
    }

    pub fn ping_socket(&mut self, ident: u16) -> SocketHandle {
        let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 8], vec![0; 64 * 1024]);
        let mut socket = icmp::Socket::new(buffer(), buffer());
        socket.bind(icmp::Endpoint::Ident(ident)).unwrap();
        self.sockets.add(socket)
    }
}

pub struct World {
    pub lan: Lan,
    pub guests: Vec<Guest>,
    pub now: Duration,
    pub events: Vec<Event>,
    mtu: usize,
}

impl World {
    pub fn new(change: impl FnOnce(&mut SwitchConfig, &mut GatewayConfig)) -> World {
        let (mut switch, mut gateway) = (SwitchConfig::default(), GatewayConfig::new(PLAN, 42));
        gateway.services.gateway.extend([80, 3128]);
        gateway.services.caught.extend([80, 443]);
        change(&mut switch, &mut gateway);
        let mtu = usize::from(gateway.mtu);
        switch.max_frame = mtu + vlan::frame::HEADER;
        let lan = Lan::new(switch, gateway, Vec::new()).unwrap();
        World { lan, guests: Vec::new(), now: Duration::ZERO, events: Vec::new(), mtu }
    }

    /// A LAN with so many machines that all have an address.
    pub fn with_guests(count: u8) -> World {
        let mut world = World::new(|_, _| {});
        (1..=count).for_each(|number| {
            world.add(number);
        });
        world.settle();
        world
    }

    pub fn add(&mut self, number: u8) -> usize {
        let mac = mac(number);
        let name = format!("Alpine {number}");
        let port = self.lan.attach_machine(Some(mac), &name, Addresses::Leased, self.now).unwrap();
        self.guests.push(Guest::new(port, mac, self.mtu));
        self.guests.len() - 1
    }

    /// Waits until everybody has an address.
    pub fn settle(&mut self) {
        self.until("everybody has an address", |world| world.guests.iter().all(|guest| guest.address().is_some()));
    }

    /// A millisecond passes.
    pub fn step(&mut self) {
        let now = self.now;
        for guest in &mut self.guests {
            guest.poll(Instant::from_micros(now.as_micros() as i64));
            let mut batch = Vec::new();
            for frame in guest.nic.outgoing.drain(..) {
                assert!(batch::push(&mut batch, &frame));
            }
            self.lan.input_batch(guest.port, &batch, now).unwrap();
        }
        self.lan.poll(now);
        for guest in &mut self.guests {
            let batch = self.lan.take(guest.port, TAKES, now);
            guest.nic.incoming.extend(batch::frames(&batch, vlan::frame::LONGEST).unwrap().map(<[u8]>::to_vec));
        }
        while let Some(event) = self.lan.event() {
            self.events.push(event);
        }
        self.now += Duration::from_millis(1);
    }

    pub fn run(&mut self, millis: u64) {
        (0..millis).for_each(|_| self.step());
    }

    /// Runs until something is so, but no longer than a minute of simulated time.
    pub fn until(&mut self, what: &str, mut is: impl FnMut(&mut World) -> bool) {
        for _ in 0..60_000 {
            if is(self) {
                return;
            }
            self.step();
        }
        panic!("a minute passed, and still not: {what}");
    }

    /// Sends a frame as a guest whose stack does not know of it.
    pub fn inject(&mut self, guest: usize, frame: &[u8]) {
        self.lan.input(self.guests[guest].port, frame, self.now);
    }

    pub fn dropped(&mut self, guest: usize, why: vlan::DropReason) -> u64 {
        let port = self.guests[guest].port;
        self.lan.switch().counters(port).unwrap().dropped(why)
    }
}

/// Moves bytes from one guest's socket to another's for so many milliseconds; gives how many arrived.
pub fn transfer(world: &mut World, from: (usize, SocketHandle), to: (usize, SocketHandle), millis: u64) -> usize {
    transfer_while(world, from, to, millis, |_| {})
}

/// The same, with something else going on in each millisecond.
pub fn transfer_while(
    world: &mut World,
    from: (usize, SocketHandle),
    to: (usize, SocketHandle),
    millis: u64,
    mut meanwhile: impl FnMut(&mut World),
) -> usize {
    let (piece, mut received) = (vec![7; 64 * 1024], 0);
    for _ in 0..millis {
        let _ = world.guests[from.0].tcp(from.1).send_slice(&piece);
        meanwhile(world);
        world.step();
        let socket = world.guests[to.0].tcp(to.1);
        while let Ok(count) = socket.recv(|bytes| (bytes.len(), bytes.len())) {
            if count == 0 {
                break;
            }
            received += count;
        }
    }
    received
}

/// A connection between two guests.
pub fn connected(world: &mut World, from: usize, to: usize, port: u16) -> (SocketHandle, SocketHandle) {
    let address = world.guests[to].address().unwrap();
    let server = world.guests[to].listen(port);
    let client = world.guests[from].connect(address, port, 40_000 + port % 1000);
    world.until("connected", |world| {
        world.guests[from].tcp(client).may_send() && world.guests[to].tcp(server).may_send()
    });
    (client, server)
}
