//! A machine that lies about who it is, among machines with real stacks.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use common::{PLAN, World, connected, forge, mac, transfer_while};
use smoltcp::wire::ArpOperation;
use std::net::Ipv4Addr;
use vlan::DropReason;
use vlan::switch::Addresses;

const LIAR: usize = 2;

fn lies(world: &mut World) -> Vec<(DropReason, Vec<u8>)> {
    let address = |guest: usize| world.guests[guest].address().unwrap();
    let (own, first, second) = (address(LIAR), address(0), address(1));
    let liar = mac(3).0;
    let reply =
        |to: u8, claims: Ipv4Addr, target| forge::arp(liar, mac(to).0, ArpOperation::Reply, (liar, claims), target);
    vec![
        (DropReason::ArpSpoof, reply(1, PLAN.gateway(), first)),
        (DropReason::ArpSpoof, reply(1, second, first)),
        (DropReason::ArpSpoof, reply(2, first, second)),
        (DropReason::ArpSpoof, forge::arp_request(liar, second, first)),
        (DropReason::SourceMac, forge::arp_request(mac(2).0, second, first)),
        (DropReason::SourceMac, forge::arp_request(PLAN.gateway_mac().0, PLAN.gateway(), first)),
        (DropReason::Ipv4Spoof, forge::udp(liar, mac(1).0, (second, 53), (first, 9), b"as another")),
        (DropReason::Ipv4Spoof, forge::udp(liar, mac(1).0, (PLAN.gateway(), 53), (first, 9), b"as the gateway")),
        (DropReason::DhcpServer, forge::udp(liar, [0xff; 6], (own, 67), (Ipv4Addr::BROADCAST, 68), &[2; 300])),
    ]
}

#[test]
fn lies_are_dropped_and_counted_and_hurt_nobody() {
    let mut world = World::with_guests(3);
    let (client, server) = connected(&mut world, 0, 1, 5001);
    let lies = lies(&mut world);
    let mut told = 0u64;
    let received = transfer_while(&mut world, (0, client), (1, server), 500, |world| {
        for (_, frame) in &lies {
            world.inject(LIAR, frame);
        }
        told += 1;
    });
    assert!(received > 10_000_000, "{received}");
    for why in [DropReason::ArpSpoof, DropReason::SourceMac, DropReason::Ipv4Spoof, DropReason::DhcpServer] {
        let each = lies.iter().filter(|(reason, _)| *reason == why).count() as u64;
        assert_eq!(world.dropped(LIAR, why), each * told, "{why:?}");
    }
}

#[test]
fn a_false_dhcp_server_is_not_heard() {
    let mut world = World::with_guests(1);
    // A machine whose stack answers DISCOVER with an offer of its own would send this.
    let own = world.guests[0].address().unwrap();
    let new = world.add(7);
    for _ in 0..200 {
        let offer = forge::udp(mac(1).0, [0xff; 6], (own, 67), (Ipv4Addr::BROADCAST, 68), &[2; 300]);
        world.inject(0, &offer);
        world.step();
    }
    world.settle();
    assert_eq!(world.guests[new].dns, [PLAN.gateway()]);
    assert_eq!(world.dropped(0, DropReason::DhcpServer), 200);
}

#[test]
fn who_has_no_lease_reaches_nobody() {
    let mut world = World::with_guests(2);
    let port = world.lan.attach_machine(Some(mac(9)), "quiet", Addresses::Leased, world.now).unwrap();
    let to = world.guests[0].address().unwrap();
    world.lan.input(port, &forge::udp(mac(9).0, mac(1).0, (PLAN.host(99), 9), (to, 9), b"hello"), world.now);
    assert_eq!(world.lan.switch().counters(port).unwrap().dropped(DropReason::Ipv4Spoof), 1);
}

#[test]
fn a_peer_reaches_machines_but_not_the_gateway() {
    let mut world = World::with_guests(1);
    let peer = world.lan.attach_outside().unwrap();
    let (theirs, ours) = (Ipv4Addr::new(10, 200, 1, 10), world.guests[0].address().unwrap());
    let taken = |world: &mut World| world.lan.take(peer, usize::MAX, world.now);
    world.run(10);
    taken(&mut world);
    world.lan.input(peer, &forge::arp_request(mac(50).0, theirs, ours), world.now);
    world.run(5);
    assert!(!taken(&mut world).is_empty(), "the machine answers");
    world.lan.input(peer, &forge::arp_request(mac(50).0, theirs, PLAN.gateway()), world.now);
    world.run(5);
    assert!(taken(&mut world).is_empty(), "the gateway does not");
    assert_eq!(world.lan.switch().counters(peer).unwrap().dropped(DropReason::Crossing), 1);
}
