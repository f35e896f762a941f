//! Machines on the LAN, as they see it.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use common::{PLAN, World, connected, forge, mac, transfer};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, IpAddress};
use std::net::Ipv4Addr;
use std::time::Duration;
use vlan::gateway::Event;
use vlan::gateway::dns::{Outside, message};
use vlan::gateway::tcp::{ConnId, TcpEvent};
use vlan::plan::Plan;
use vlan::switch::Addresses;
use vlan::{AttachError, DropReason};

fn ping(world: &mut World, guest: usize, to: Ipv4Addr, data: &[u8]) -> bool {
    let handle = world.guests[guest].ping_socket(0x22b);
    let repr = Icmpv4Repr::EchoRequest { ident: 0x22b, seq_no: 1, data };
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes[..]), &ChecksumCapabilities::default());
    let socket = |world: &mut World| -> Option<Vec<u8>> {
        let socket = world.guests[guest].sockets.get_mut::<icmp::Socket<'_>>(handle);
        socket.recv().ok().map(|(bytes, _)| bytes.to_vec())
    };
    world.guests[guest].sockets.get_mut::<icmp::Socket<'_>>(handle).send_slice(&bytes, IpAddress::Ipv4(to)).unwrap();
    for _ in 0..3000 {
        world.step();
        if let Some(reply) = socket(world) {
            let packet = Icmpv4Packet::new_checked(&reply[..]).unwrap();
            let repr = Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()).unwrap();
            world.guests[guest].sockets.remove(handle);
            return matches!(repr, Icmpv4Repr::EchoReply { data: back, .. } if back == data);
        }
    }
    world.guests[guest].sockets.remove(handle);
    false
}

/// Asks the name server; gives the answer's code and its address.
fn look_up(world: &mut World, guest: usize, name: &str) -> (u8, Option<Ipv4Addr>) {
    let handle = world.guests[guest].udp(5353);
    world.guests[guest].send_udp(handle, (PLAN.gateway(), 53), &message::query(9, name, message::kind::A));
    let mut answer = None;
    world.until("answered", |world| {
        answer = world.guests[guest].receive_udp(handle);
        answer.is_some()
    });
    world.guests[guest].sockets.remove(handle);
    let answer = answer.unwrap();
    let address = (answer[7] > 0).then(|| Ipv4Addr::from(<[u8; 4]>::try_from(&answer[answer.len() - 4..]).unwrap()));
    (message::code(&answer).unwrap(), address)
}

fn accepted(world: &mut World) -> (ConnId, Option<String>) {
    let mut found = None;
    world.until("accepted", |world| {
        for event in world.events.drain(..) {
            if let Event::Tcp(TcpEvent::Accepted { conn, name, .. }) = event {
                found = Some((conn, name));
            }
        }
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn machines_get_addresses_of_their_lan() {
    let mut world = World::with_guests(8);
    let mut addresses: Vec<_> = world.guests.iter().map(|guest| guest.address().unwrap()).collect();
    assert!(addresses.iter().all(|address| PLAN.contains(*address) && address.octets()[3] >= 10));
    assert!(world.guests.iter().all(|guest| guest.dns == [PLAN.gateway()]));
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 8);
    assert_eq!(world.lan.gateway().leases().count(), 8);
}

#[test]
fn a_machine_keeps_its_address_when_it_asks_again_and_when_it_comes_back() {
    let mut world = World::with_guests(2);
    let address = world.guests[0].address().unwrap();
    world.guests[0].ask_again();
    world.until("gone", |world| world.guests[0].address().is_none());
    world.settle();
    assert_eq!(world.guests[0].address(), Some(address));

    let port = world.guests.remove(0).port;
    world.lan.detach(port);
    let back = world.add(1);
    world.settle();
    assert_eq!(world.guests[back].address(), Some(address));
}

#[test]
fn leases_are_renewed_in_time() {
    let mut world = World::new(|_, gateway| gateway.lease_seconds = 20);
    world.add(1);
    world.settle();
    let address = world.guests[0].address();
    let port = world.guests[0].port;
    let before = world.lan.switch().counters(port).unwrap().frames_in;
    for _ in 0..40_000 {
        world.step();
        assert_eq!(world.guests[0].address(), address, "the lease ran out after {:?}", world.now);
    }
    let requests = world.lan.switch().counters(port).unwrap().frames_in - before;
    assert!(requests >= 3, "{requests}");
}

#[test]
fn a_machine_outlives_a_lan_that_has_forgotten_everything() {
    let short = |gateway: &mut vlan::gateway::GatewayConfig| gateway.lease_seconds = 20;
    let mut world = World::new(|_, gateway| short(gateway));
    world.add(1);
    world.settle();
    let address = world.guests[0].address();
    world.lan = World::new(|_, gateway| short(gateway)).lan;
    world.guests[0].port =
        world.lan.attach_machine(Some(common::mac(1)), "Alpine 1", vlan::switch::Addresses::Leased, world.now).unwrap();
    world.run(19_000);
    assert_eq!(world.guests[0].address(), address, "renewed");
    assert!(ping(&mut world, 0, PLAN.gateway(), b"are you there?"));
}

#[test]
fn all_pairs_ping_each_other_and_the_gateway() {
    let mut world = World::with_guests(4);
    for from in 0..4 {
        assert!(ping(&mut world, from, PLAN.gateway(), b"are you there?"));
        for to in 0..4 {
            let address = world.guests[to].address().unwrap();
            assert!(from == to || ping(&mut world, from, address, &[3; 1000]), "{from} {to}");
        }
    }
    assert!(ping(&mut world, 0, PLAN.gateway(), &[3; 15_000]), "large packets too");
}

#[test]
fn a_host_outside_can_not_be_pinged_and_says_so_at_once() {
    let mut world = World::with_guests(1);
    let (port, before) = (world.guests[0].port, world.now);
    world.lan.set_trace(port, Some(100));
    assert!(!ping(&mut world, 0, [8, 8, 8, 8].into(), b"x"));
    let line = world.lan.trace(port).unwrap().lines().find(|line| line.contains("unreachable")).map(str::to_owned);
    assert!(line.is_some() && world.now > before);
}

#[test]
fn machines_find_each_other_by_name() {
    let mut world = World::with_guests(2);
    let second = world.guests[1].address();
    for name in ["alpine-2.lan", "ALPINE-2.LAN", "alpine-2"] {
        assert_eq!(look_up(&mut world, 0, name), (0, second), "{name}");
    }
    assert_eq!(look_up(&mut world, 0, "gateway.lan"), (0, Some(PLAN.gateway())));
    assert_eq!(look_up(&mut world, 0, "alpine-3.lan"), (3, None));
    assert_eq!(look_up(&mut world, 0, "example.org"), (3, None));
    let port = world.guests[1].port;
    world.lan.gateway().rename(port, "Web server");
    assert_eq!(look_up(&mut world, 0, "alpine-2.lan"), (3, None));
    assert_eq!(look_up(&mut world, 0, "web-server.lan"), (0, second));
    world.lan.detach(port);
    world.guests.remove(1);
    assert_eq!(look_up(&mut world, 0, "web-server.lan"), (3, None), "a machine that is off has no address");
}

#[test]
fn tcp_goes_both_ways_between_machines() {
    let mut world = World::with_guests(2);
    let (client, server) = connected(&mut world, 0, 1, 5001);
    let there = transfer(&mut world, (0, client), (1, server), 500);
    let back = transfer(&mut world, (1, server), (0, client), 500);
    assert!(there > 5_000_000 && back > 5_000_000, "{there} {back}");
}

#[test]
fn a_stream_to_the_gateway_carries_every_byte_both_ways_and_ends_in_order() {
    let mut world = World::with_guests(1);
    let client = world.guests[0].connect(PLAN.gateway(), 3128, 40_000);
    let (conn, name) = accepted(&mut world);
    assert_eq!(name, None);
    let bytes: Vec<u8> = (0..1_000_000u32).map(|number| (number ^ (number >> 9)) as u8).collect();
    let (mut up, mut echoed, mut down, mut buffer) = (0, 0, Vec::new(), vec![0; 20_000]);
    let mut held: Vec<u8> = Vec::new();
    world.until("all is back", |world| {
        let now = world.now;
        if up < bytes.len() {
            up += world.guests[0].tcp(client).send_slice(&bytes[up..]).unwrap();
            if up == bytes.len() {
                world.guests[0].tcp(client).close();
            }
        }
        let gateway = world.lan.gateway();
        if held.is_empty() {
            let count = gateway.receive(conn, &mut buffer);
            held.extend_from_slice(&buffer[..count]);
        }
        let sent = gateway.send(conn, &held);
        held.drain(..sent);
        echoed += sent;
        if echoed == bytes.len() {
            gateway.close(conn, now);
        }
        let socket = world.guests[0].tcp(client);
        while socket.can_recv() {
            socket.recv(|bytes| (bytes.len(), down.extend_from_slice(bytes))).unwrap();
        }
        down.len() == bytes.len()
    });
    assert!(down == bytes);
    world.until("closed", |world| world.events.contains(&Event::Tcp(TcpEvent::Closed(conn))));
    assert!(world.events.contains(&Event::Tcp(TcpEvent::Ended(conn))));
    world.run(11_000);
    assert_eq!(world.lan.gateway().connection_counts(conn.port), (0, 0));
}

#[test]
fn who_does_not_receive_makes_the_machine_wait() {
    let mut world = World::with_guests(1);
    let client = world.guests[0].connect(PLAN.gateway(), 80, 40_000);
    let (conn, _) = accepted(&mut world);
    let (mut sent, piece) = (0, vec![1; 64 * 1024]);
    for _ in 0..2000 {
        sent += world.guests[0].tcp(client).send_slice(&piece).unwrap();
        world.step();
    }
    assert!(sent <= (256 + 128) * 1024, "{sent}");
    let mut received = 0;
    world.until("all arrives", |world| {
        received += world.lan.gateway().receive(conn, &mut vec![0; 100_000]);
        received == sent
    });
}

#[test]
fn a_name_of_the_outside_world_leads_to_the_gateway_which_knows_it() {
    let mut world = World::with_guests(2);
    let port = world.guests[0].port;
    let outside = Outside { everything: false, hosts: vec!["*.example.org".into()] };
    world.lan.gateway().set_outside(port, outside);
    let (code, address) = look_up(&mut world, 0, "mirror.example.org");
    assert_eq!(code, 0);
    assert_eq!(look_up(&mut world, 0, "example.com"), (3, None));
    assert_eq!(look_up(&mut world, 1, "mirror.example.org"), (3, None), "what one may, another need not");
    world.guests[0].connect(address.unwrap(), 80, 40_000);
    assert_eq!(accepted(&mut world).1.as_deref(), Some("mirror.example.org"));
}

#[test]
fn any_address_of_the_internet_is_caught_at_the_ports_that_are_and_refused_at_others() {
    let mut world = World::with_guests(1);
    world.guests[0].connect([93, 184, 216, 34].into(), 443, 40_000);
    assert_eq!(accepted(&mut world).0.port, world.guests[0].port);
    let refused = world.guests[0].connect([93, 184, 216, 34].into(), 22, 40_001);
    let began = world.now;
    world.until("refused", |world| !world.guests[0].tcp(refused).is_open());
    assert!(world.now - began < Duration::from_millis(100));
}

#[test]
fn the_gateway_reaches_a_machines_service() {
    let mut world = World::with_guests(1);
    let server = world.guests[0].listen(8080);
    let (port, now) = (world.guests[0].port, world.now);
    let conn = world.lan.gateway().connect(port, 8080, now).unwrap();
    world.until("connected", |world| world.events.contains(&Event::Tcp(TcpEvent::Connected(conn))));
    assert_eq!(world.lan.gateway().send(conn, b"GET /"), 5);
    world.until("read", |world| world.guests[0].tcp(server).recv_queue() == 5);
    let refused = world.lan.gateway().connect(port, 8081, now).unwrap();
    world.until("refused", |world| world.events.contains(&Event::Tcp(TcpEvent::Aborted(refused))));
}

#[test]
fn a_machine_that_is_removed_aborts_its_connections() {
    let mut world = World::with_guests(1);
    world.guests[0].connect(PLAN.gateway(), 80, 40_000);
    let (conn, _) = accepted(&mut world);
    let port = world.guests.remove(0).port;
    world.lan.detach(port);
    world.step();
    assert!(world.events.contains(&Event::Tcp(TcpEvent::Aborted(conn))));
}

#[test]
fn fifty_connections_at_once_are_all_served() {
    let mut world = World::with_guests(1);
    let handles: Vec<_> = (0..50).map(|number| world.guests[0].connect(PLAN.gateway(), 80, 41_000 + number)).collect();
    let mut served = 0;
    world.until("all are served", |world| {
        let now = world.now;
        for event in std::mem::take(&mut world.events) {
            if let Event::Tcp(TcpEvent::Accepted { conn, .. }) = event {
                assert_eq!(world.lan.gateway().send(conn, &[5; 100_000]), 100_000);
                world.lan.gateway().close(conn, now);
            }
        }
        for handle in &handles {
            let socket = world.guests[0].tcp(*handle);
            if socket.can_recv() {
                served += socket.recv(|bytes| (bytes.len(), bytes.len())).unwrap();
            }
        }
        served == 50 * 100_000
    });
    assert!(world.now < Duration::from_secs(10), "{:?}", world.now);
}

#[test]
fn the_name_server_answers_by_tcp_too() {
    let mut world = World::with_guests(2);
    let second = world.guests[1].address().unwrap();
    let handle = world.guests[0].connect(PLAN.gateway(), 53, 40_000);
    world.until("connected", |world| world.guests[0].tcp(handle).may_send());
    let question = message::query(3, "alpine-2.lan", message::kind::A);
    let asked = [&(question.len() as u16).to_be_bytes()[..], &question].concat().repeat(2);
    world.guests[0].tcp(handle).send_slice(&asked).unwrap();
    let mut answer = Vec::new();
    world.until("answered twice", |world| {
        let socket = world.guests[0].tcp(handle);
        if socket.can_recv() {
            socket.recv(|bytes| (bytes.len(), answer.extend_from_slice(bytes))).unwrap();
        }
        answer.len() >= 2 * (2 + question.len() + 16)
    });
    assert_eq!(answer[answer.len() - 4..], second.octets());
    world.guests[0].tcp(handle).close();
    world.run(12_000);
    assert_eq!(world.guests[0].tcp(handle).state(), smoltcp::socket::tcp::State::Closed);
    assert!(world.events.iter().all(|event| !matches!(event, Event::Tcp(_))), "the embedding hears nothing of it");
}

#[test]
fn a_lan_that_gets_other_addresses_goes_on_once_its_machines_have_asked_for_theirs() {
    let mut world = World::with_guests(2);
    let client = world.guests[0].connect(PLAN.gateway(), 80, 4000);
    let (before, _) = accepted(&mut world);
    let (old, new) = (world.guests[1].address().unwrap(), Plan { a: 3, b: 200 });
    world.run(10);
    world.lan.renumber(new, world.now).unwrap();
    assert!(ports_have_no_address(&mut world));
    assert_eq!(world.lan.gateway().leases().count(), 0);
    // What it had is nobody's here any more, and somebody else's elsewhere.
    let spoofed = world.dropped(0, DropReason::Ipv4Spoof) + world.dropped(0, DropReason::ArpSpoof);
    assert!(!ping(&mut world, 0, old, b"to the old address"));
    assert!(world.dropped(0, DropReason::Ipv4Spoof) + world.dropped(0, DropReason::ArpSpoof) > spoofed);
    assert!(world.events.contains(&Event::Tcp(TcpEvent::Aborted(before))), "{:?}", world.events);

    for guest in &mut world.guests {
        guest.ask_again();
    }
    world.until("all have new addresses", |world| {
        world.guests.iter().all(|guest| guest.address().is_some_and(|address| new.contains(address)))
    });
    assert!(world.guests.iter().all(|guest| guest.dns == [new.gateway()]));
    let other = world.guests[1].address().unwrap();
    assert!(ping(&mut world, 0, other, b"each other") && ping(&mut world, 0, new.gateway(), b"the gateway"));
    assert!(!ping(&mut world, 0, PLAN.gateway(), b"the old gateway"));
    assert!(world.lan.gateway().leases().all(|lease| new.contains(lease.address)));
    world.guests[0].tcp(client).abort();
    world.guests[0].connect(new.gateway(), 80, 4001);
    let (after, _) = accepted(&mut world);
    assert!(after.number > before.number, "{after:?} after {before:?}");
}

fn ports_have_no_address(world: &mut World) -> bool {
    let ports: Vec<_> = world.guests.iter().map(|guest| guest.port).collect();
    ports.into_iter().all(|port| world.lan.switch().addresses(port).is_empty())
}

#[test]
fn a_lan_keeps_its_addresses_if_a_machine_has_the_hardware_address_of_the_new_gateway() {
    let mut world = World::with_guests(1);
    let new = Plan { a: 3, b: 200 };
    world.lan.attach_machine(Some(new.gateway_mac()), "in the way", Addresses::Leased, world.now).unwrap();
    assert_eq!(world.lan.renumber(new, world.now), Err(AttachError::MacTaken(new.gateway_mac())));
    assert!(ping(&mut world, 0, PLAN.gateway(), b"as before"));
    let gateway = world.lan.attach_machine(Some(PLAN.gateway_mac()), "the gateway", Addresses::Leased, world.now);
    assert_eq!(gateway, Err(AttachError::MacTaken(PLAN.gateway_mac())));
    assert_eq!(world.lan.gateway().leases().count(), 1);
}

/// Gives a machine what waits for it, and says whether that was to be left there.
fn give(world: &mut World, guest: usize) -> bool {
    let (port, now) = (world.guests[guest].port, world.now);
    let held = world.lan.hold(port, now).is_some();
    world.lan.take(port, usize::MAX, now);
    held
}

#[test]
fn much_that_comes_from_a_machine_waits_for_more_of_it_and_nothing_from_the_gateway_does() {
    let mut world = World::with_guests(2);
    let [from, to] = [0, 1].map(|guest| world.guests[guest].address().unwrap());
    let frame = forge::udp(mac(1).0, mac(2).0, (from, 9), (to, 9), &[0; 15_000]);
    let mut held = vec![];
    for _ in 0..200 {
        world.inject(0, &frame);
        held.push(give(&mut world, 1));
        world.now += Duration::from_millis(1);
    }
    assert!(!held[..30].contains(&true), "not at once");
    assert!(!held[150..].contains(&false), "but after some time");
    let port = world.guests[1].port;
    assert_eq!(world.lan.hold(port, world.now), None, "nothing waits");
    world.inject(1, &forge::arp_request(mac(2).0, to, PLAN.gateway()));
    world.inject(0, &frame);
    assert!(world.lan.hold(port, world.now).is_some());
    world.lan.poll(world.now);
    assert_eq!(world.lan.hold(port, world.now), None, "the gateway's answer goes at once");
    let later = world.now + Duration::from_secs(1);
    world.lan.take(port, usize::MAX, later);
    world.inject(0, &frame);
    assert_eq!(world.lan.hold(port, later), None, "and so does what comes after a while");
}

#[test]
fn while_much_comes_from_a_peer_what_little_goes_there_waits_a_moment() {
    let mut world = World::with_guests(1);
    let peer = world.lan.attach_outside().unwrap();
    let (theirs, ours) = (Ipv4Addr::new(10, 200, 1, 10), world.guests[0].address().unwrap());
    let mut much = vec![];
    vlan::batch::push(&mut much, &forge::udp(mac(50).0, mac(1).0, (theirs, 9), (ours, 9), &[0; 15_000]));
    let little = forge::udp(mac(1).0, mac(50).0, (ours, 9), (theirs, 9), &[0; 20]);
    let mut held = vec![];
    for _ in 0..200 {
        world.lan.input_batch(peer, &much, world.now).unwrap();
        world.inject(0, &little);
        give(&mut world, 0);
        held.push(world.lan.hold(peer, world.now).is_some());
        if held.last() == Some(&false) {
            assert!(!world.lan.take(peer, usize::MAX, world.now).is_empty());
        }
        world.now += Duration::from_millis(1);
    }
    assert!(!held[..30].contains(&true), "not at once");
    let waited = held[150..].split(|held| !held).map(<[bool]>::len).max();
    assert_eq!(waited, Some(3), "then for the fourth millisecond: {held:?}");
    world.lan.take(peer, usize::MAX, world.now);
    world.inject(0, &little);
    assert!(world.lan.hold(peer, world.now).is_some());
    world.inject(0, &forge::udp(mac(1).0, mac(50).0, (ours, 9), (theirs, 9), &[0; 9_000]));
    assert_eq!(world.lan.hold(peer, world.now), None, "what is more goes at once");
}
