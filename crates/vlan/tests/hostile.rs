//! Machines and peers that send anything at all: nothing panics, and what is held stays bounded.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use common::{PLAN, World, forge, mac};
use proptest::prelude::*;
use smoltcp::wire::TcpControl;
use std::net::Ipv4Addr;
use vlan::switch::Addresses;
use vlan::{DropReason, batch};

/// A frame that is whole and then damaged here and there.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let address = prop_oneof![
        Just(PLAN.gateway()),
        Just(Ipv4Addr::UNSPECIFIED),
        Just(Ipv4Addr::BROADCAST),
        (0u8..30).prop_map(|last| PLAN.host(last)),
        any::<[u8; 4]>().prop_map(Ipv4Addr::from),
    ];
    let station = prop_oneof![Just(PLAN.gateway_mac().0), Just([0xff; 6]), (0u8..5).prop_map(|number| mac(number).0)];
    let port = prop_oneof![Just(53u16), Just(67), Just(68), Just(80), Just(123), Just(443), any::<u16>()];
    let ends = (address.clone(), address, port.clone(), port);
    let payload = prop::collection::vec(any::<u8>(), 0..300);
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (0u8..4, station, ends, payload, damage, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(kind, to, (from, at, source, destination), payload, damage, cut, whole)| {
            let me = mac(1).0;
            let mut frame = match kind {
                0 => forge::arp_request(me, from, at),
                1 => forge::udp(me, to, (from, source), (at, destination), &payload),
                2 => forge::tcp(me, to, (from, source.max(1)), (at, destination.max(1)), TcpControl::Syn, 1),
                _ => forge::ipv4(me, to, (from, at), payload.first().copied().unwrap_or(1).into(), &payload),
            };
            for (place, byte) in damage {
                let place = place.index(frame.len());
                frame[place] = byte;
            }
            if !whole {
                frame.truncate(cut.index(frame.len() + 1));
            }
            frame
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_frames_from_anybody_are_survived(frames in prop::collection::vec((0u8..3, damaged(), 0u64..2000), 1..60)) {
        let mut world = World::new(|_, _| {});
        let machine = world.lan.attach_machine(Some(mac(1)), "one", Addresses::Unclaimed, world.now).unwrap();
        let loose = world.lan.attach_machine(None, "two", Addresses::Unclaimed, world.now).unwrap();
        let peer = world.lan.attach_outside().unwrap();
        for (from, frame, wait) in frames {
            let port = [machine, loose, peer][usize::from(from)];
            world.lan.input(port, &frame, world.now);
            world.now += std::time::Duration::from_millis(wait);
            world.lan.poll(world.now);
            while world.lan.event().is_some() {}
            let (connections, half_open) = world.lan.gateway().connection_counts(port);
            prop_assert!(connections <= 96 && half_open <= 64);
            let wake = world.lan.wake_at(world.now);
            prop_assert!(wake.is_none_or(|wake| wake + std::time::Duration::from_secs(100) > world.now));
        }
        for port in [machine, loose, peer] {
            let taken = world.lan.take(port, usize::MAX, world.now);
            prop_assert!(batch::frames(&taken, vlan::frame::LONGEST).is_ok());
        }
        // What the peer may never hear.
        prop_assert_eq!(world.lan.switch().waiting(peer), 0);
    }

    #[test]
    fn a_peer_never_gets_a_word_of_the_gateway(frames in prop::collection::vec(damaged(), 1..40)) {
        let mut world = World::with_guests(2);
        let peer = world.lan.attach_outside().unwrap();
        let taken = |world: &mut World| world.lan.take(peer, usize::MAX, world.now);
        for frame in frames {
            world.inject(0, &frame);
            world.step();
            let batch = taken(&mut world);
            for frame in batch::frames(&batch, vlan::frame::LONGEST).unwrap() {
                let view = vlan::frame::check(frame, vlan::frame::LONGEST).unwrap();
                prop_assert_ne!(view.source, PLAN.gateway_mac());
                prop_assert_ne!(view.destination, PLAN.gateway_mac());
                if let vlan::frame::Body::Ipv4(packet) = view.body {
                    prop_assert!(!packet.is_dhcp() && packet.source != PLAN.gateway());
                }
            }
        }
    }
}

#[test]
fn half_open_connections_are_bounded_and_given_up() {
    let mut world = World::with_guests(1);
    let (own, port) = (world.guests[0].address().unwrap(), world.guests[0].port);
    for number in 0..2000u16 {
        let to = (PLAN.gateway(), 80);
        let syn = forge::tcp(mac(1).0, PLAN.gateway_mac().0, (own, 10_000 + number), to, TcpControl::Syn, 1);
        // The stack of the guest is asleep: it would answer by a reset.
        world.lan.input(port, &syn, world.now);
        world.lan.poll(world.now);
        world.now += std::time::Duration::from_millis(1);
        assert!(world.lan.gateway().connection_counts(port).1 <= 64);
    }
    assert_eq!(world.lan.gateway().connection_counts(port).1, 64);
    world.now += std::time::Duration::from_secs(11);
    world.lan.poll(world.now);
    assert_eq!(world.lan.gateway().connection_counts(port), (0, 0));
}

#[test]
fn a_batch_that_is_wrong_is_refused_as_a_whole() {
    let mut world = World::with_guests(1);
    let port = world.guests[0].port;
    let before = world.lan.switch().counters(port).unwrap().frames_in;
    let mut bytes = Vec::new();
    batch::push(&mut bytes, &forge::arp_request(mac(1).0, PLAN.host(10), PLAN.gateway()));
    bytes.push(0);
    assert!(world.lan.input_batch(port, &bytes, world.now).is_err());
    assert_eq!(world.lan.switch().counters(port).unwrap().frames_in, before);
    let mut long = Vec::new();
    batch::push(&mut long, &vec![0; 65_500]);
    assert!(world.lan.input_batch(port, &long, world.now).is_ok(), "too long for this LAN is the switch's to count");
    assert_eq!(world.dropped(0, DropReason::TooLong), 1);
}
