//! What the gateway does beside addresses and streams, and what the user can do with a port.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use common::{PLAN, World, connected, forge, mac, transfer};
use std::net::Ipv4Addr;
use std::time::Duration;
use vlan::gateway::Event;
use vlan::gateway::dns::message;
use vlan::stage::pcap::CaptureConfig;
use vlan::switch::Confinement;
use vlan::{DropReason, batch};

/// Asks by UDP and waits for the answer.
fn ask(world: &mut World, to: (Ipv4Addr, u16), question: &[u8]) -> Vec<u8> {
    let socket = world.guests[0].udp(5353);
    world.guests[0].send_udp(socket, to, question);
    let mut answer = None;
    world.until("answered", |world| {
        answer = world.guests[0].receive_udp(socket);
        answer.is_some()
    });
    world.guests[0].sockets.remove(socket);
    answer.unwrap()
}

#[test]
fn the_time_is_the_browsers_wherever_it_is_asked() {
    let mut world = World::with_guests(1);
    let mut question = vec![0; 48];
    question[0] = 0x23;
    let unknown = ask(&mut world, (PLAN.gateway(), 123), &question);
    assert_eq!((unknown[0] >> 6, unknown[1]), (3, 16), "not synchronised");
    let unix = Duration::from_secs(1_795_392_000);
    world.lan.set_clock(unix, world.now);
    world.run(2500);
    for server in [PLAN.gateway(), Ipv4Addr::new(162, 159, 200, 1)] {
        let answer = ask(&mut world, (server, 123), &question);
        let seconds = u32::from_be_bytes(answer[40..44].try_into().unwrap());
        let passed = seconds.wrapping_sub(2_208_988_800) - unix.as_secs() as u32;
        assert_eq!((answer[0] >> 6, passed), (0, 2), "{server}");
    }
}

#[test]
fn another_name_server_is_answered_in_its_place() {
    let mut world = World::with_guests(1);
    let question = message::query(7, "alpine-1.lan", message::kind::A);
    let answer = ask(&mut world, ([8, 8, 8, 8].into(), 53), &question);
    assert_eq!(answer[answer.len() - 4..], world.guests[0].address().unwrap().octets());
}

#[test]
fn an_isolated_machine_reaches_the_gateway_and_nobody_else() {
    let mut world = World::with_guests(2);
    let (client, server) = connected(&mut world, 0, 1, 5001);
    let port = world.guests[0].port;
    world.lan.switch().confine(port, Confinement { blocked: false, isolated: true });
    world.run(20);
    transfer(&mut world, (0, client), (1, server), 100);
    assert_eq!(transfer(&mut world, (0, client), (1, server), 500), 0);
    assert!(world.dropped(0, DropReason::Isolated) > 0);
    let web = world.guests[0].connect(PLAN.gateway(), 80, 50_000);
    world.until("served", |world| world.guests[0].tcp(web).may_send());
    world.lan.switch().confine(port, Confinement::default());
    world.until("it goes on", |world| transfer(world, (0, client), (1, server), 10) > 0);
}

#[test]
fn the_gateways_port_can_be_captured_like_any_other() {
    let mut world = World::with_guests(1);
    let gateway = world.lan.gateway_port();
    world.lan.set_capture(gateway, Some(CaptureConfig::default()));
    ask(&mut world, (PLAN.gateway(), 53), &message::query(7, "alpine-1.lan", message::kind::A));
    let capture = world.lan.capture(gateway).unwrap();
    assert!((2..=4).contains(&capture.frames()), "question and answer, perhaps with ARP: {}", capture.frames());
    world.lan.set_capture(gateway, None);
    assert!(world.lan.capture(gateway).is_none());
}

#[test]
fn the_gateway_does_not_answer_for_other_stations() {
    let mut world = World::with_guests(1);
    let port = world.guests[0].port;
    let own = world.guests[0].address().unwrap();
    world.run(10);
    for target in [PLAN.host(200), Ipv4Addr::new(10, 1, 1, 1), Ipv4Addr::new(8, 8, 8, 8)] {
        world.lan.input(port, &forge::arp_request(mac(1).0, own, target), world.now);
        world.lan.poll(world.now);
        assert!(world.lan.take(port, usize::MAX, world.now).is_empty(), "{target}");
    }
    world.lan.input(port, &forge::arp_request(mac(1).0, own, PLAN.gateway()), world.now);
    world.lan.poll(world.now);
    let answer = world.lan.take(port, usize::MAX, world.now);
    assert_eq!(batch::frames(&answer, vlan::frame::LONGEST).unwrap().count(), 1);
}

#[test]
fn what_is_damaged_or_an_error_itself_is_not_answered() {
    let mut world = World::with_guests(1);
    let (port, own) = (world.guests[0].port, world.guests[0].address().unwrap());
    world.run(10);
    let mut answers = |frame: &[u8]| {
        world.lan.input(port, frame, world.now);
        world.lan.poll(world.now);
        let batch = world.lan.take(port, usize::MAX, world.now);
        batch::frames(&batch, vlan::frame::LONGEST).unwrap().count()
    };
    let to = PLAN.gateway_mac().0;
    let question = message::query(7, "alpine-1.lan", message::kind::A);
    let mut udp = forge::udp(mac(1).0, to, (own, 9), (PLAN.gateway(), 53), &question);
    assert_eq!(answers(&udp), 1);
    udp[24] ^= 1;
    assert_eq!(answers(&udp), 0, "a wrong sum of the header");
    udp[24] ^= 1;
    *udp.last_mut().unwrap() ^= 1;
    assert_eq!(answers(&udp), 0, "a wrong sum of the packet");
    let away = Ipv4Addr::new(8, 8, 8, 8);
    let mut icmp =
        |kind: u8| answers(&forge::ipv4(mac(1).0, to, (own, away), 1.into(), &[kind, 0, 0, 0, 0, 0, 0, 0, 69]));
    assert_eq!((icmp(8), icmp(3), icmp(11), icmp(0)), (1, 0, 0, 0), "an echo is refused, errors and answers are not");
    let closed = forge::udp(mac(1).0, to, (own, 9), (away, 9), b"x");
    assert_eq!(answers(&closed), 1);
}

#[test]
fn an_idle_lan_sleeps() {
    let mut world = World::with_guests(2);
    let web = world.guests[0].connect(PLAN.gateway(), 80, 50_000);
    world.until("served", |world| world.guests[0].tcp(web).may_send());
    let closing = world.guests[1].connect(PLAN.gateway(), 53, 50_000);
    world.until("connected", |world| world.guests[1].tcp(closing).may_send());
    world.guests[1].tcp(closing).close();
    world.run(100);
    // Nobody says anything any more; the LAN is called only when it wants to be.
    let (mut wakes, end) = (0, world.now + Duration::from_secs(120));
    while let Some(at) = world.lan.wake_at(world.now).filter(|at| *at < end) {
        world.now = at.max(world.now);
        world.lan.poll(world.now);
        wakes += 1;
        assert!(wakes < 20, "it wants to be called again and again at {:?}", world.now);
    }
}

#[test]
fn a_name_of_the_outside_world_that_is_refused_is_told_once() {
    let mut world = World::with_guests(1);
    let look_up = |world: &mut World, name: &str| {
        ask(world, (PLAN.gateway(), 53), &message::query(7, name, message::kind::A));
        let told = |event: Event| if let Event::NameRefused { name, .. } = event { Some(name) } else { None };
        world.events.drain(..).filter_map(told).collect::<Vec<_>>()
    };
    assert_eq!(look_up(&mut world, "example.org"), ["example.org"]);
    assert_eq!(look_up(&mut world, "example.org"), [] as [&str; 0], "clients ask several times");
    // What can't be a name of the internet is nobody's wish to go there.
    for name in ["alpine-1.lan", "nobody.lan", "nobody", "printer.local"] {
        assert_eq!(look_up(&mut world, name), [] as [&str; 0], "{name}");
    }
    world.run(11_000);
    assert_eq!(look_up(&mut world, "example.org"), ["example.org"]);
}
