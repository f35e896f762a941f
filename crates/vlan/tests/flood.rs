//! One machine floods; the others keep at least half of the throughput that they had, and the gateway goes on. Time is simulated: a machine
//! takes in 50 kB each millisecond, the gateway 256 frames, and the flooder sends more than any of them can take.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use common::{PLAN, TAKES, World, connected, forge, mac, transfer_while};
use smoltcp::wire::TcpControl;
use std::net::Ipv4Addr;
use vlan::gateway::Event;
use vlan::gateway::dns::message;
use vlan::gateway::tcp::{ConnId, TcpEvent};
use vlan::{Counters, DropReason};

/// How long is measured, in milliseconds.
const SPAN: u64 = 200;
/// How many frames the flooder sends in each millisecond.
const FRAMES: u32 = 300;
/// Who floods. The machines 0 and 1 are those that suffer.
const FLOODER: usize = 2;

/// A flood: the frame with this number.
type Flood<'a> = &'a dyn Fn(u32, &Victims) -> Vec<u8>;

struct Victims {
    own: Ipv4Addr,
    receiver: Ipv4Addr,
}

fn flood(world: &mut World, frame: Flood<'_>, count: &mut u32, victims: &Victims) {
    for _ in 0..FRAMES {
        let bytes = frame(*count, victims);
        world.inject(FLOODER, &bytes);
        *count += 1;
    }
}

/// What arrives from machine to machine while somebody floods.
fn between_machines(frame: Option<Flood<'_>>) -> (usize, Counters) {
    let mut world = World::with_guests(3);
    let (client, server) = connected(&mut world, 0, 1, 5001);
    let victims =
        Victims { own: world.guests[FLOODER].address().unwrap(), receiver: world.guests[1].address().unwrap() };
    let mut count = 0;
    let received = transfer_while(&mut world, (0, client), (1, server), SPAN, |world| {
        if let Some(frame) = frame {
            flood(world, frame, &mut count, &victims);
        }
    });
    let port = world.guests[FLOODER].port;
    (received, world.lan.switch().counters(port).unwrap().clone())
}

/// What a machine downloads from the gateway while somebody floods.
fn from_gateway(frame: Option<Flood<'_>>) -> (usize, World) {
    let mut world = World::with_guests(3);
    let client = world.guests[0].connect(PLAN.gateway(), 80, 40_000);
    let mut conn: Option<ConnId> = None;
    let is_for = |event: &Event| match event {
        Event::Tcp(TcpEvent::Accepted { conn, .. }) => Some(*conn),
        _ => None,
    };
    world.until("accepted", |world| {
        conn = world.events.iter().find_map(is_for);
        conn.is_some()
    });
    let conn = conn.unwrap();
    let victims =
        Victims { own: world.guests[FLOODER].address().unwrap(), receiver: world.guests[1].address().unwrap() };
    let (mut count, mut received, piece) = (0, 0, vec![5; 128 * 1024]);
    for _ in 0..SPAN {
        world.lan.gateway().send(conn, &piece);
        if let Some(frame) = frame {
            flood(&mut world, frame, &mut count, &victims);
        }
        world.step();
        let socket = world.guests[0].tcp(client);
        while socket.can_recv() {
            received += socket.recv(|bytes| (bytes.len(), bytes.len())).unwrap();
        }
    }
    (received, world)
}

fn compare(what: &str, frame: Flood<'_>) -> Counters {
    let (quiet, _) = between_machines(None);
    assert!(quiet > TAKES * SPAN as usize / 2, "the line is used: {quiet}");
    let (flooded, counters) = between_machines(Some(frame));
    let (quiet_gateway, _) = from_gateway(None);
    let (flooded_gateway, mut world) = from_gateway(Some(frame));
    let percent = |part: usize, whole: usize| part * 100 / whole;
    let (machines, gateway) = (percent(flooded, quiet), percent(flooded_gateway, quiet_gateway));
    println!("{what}: {machines} % between machines, {gateway} % from the gateway");
    // Half of the line is the flooder's, where it floods the same receiver, and a frame more may be.
    assert!(machines >= 49, "{what}: {flooded} of {quiet} bytes between machines");
    assert!(gateway >= 50, "{what}: {flooded_gateway} of {quiet_gateway} bytes from the gateway");
    // And afterwards everything is as before, for the flooder too.
    world.run(3000);
    let handle = world.guests[FLOODER].connect(PLAN.gateway(), 80, 60_000);
    world.until("the flooder is served", |world| world.guests[FLOODER].tcp(handle).may_send());
    counters
}

#[test]
fn arp() {
    let counters = compare("ARP", &|_, victims| forge::arp_request(mac(3).0, victims.own, victims.receiver));
    assert!(counters.dropped(DropReason::Rate) > 50_000);
}

#[test]
fn broadcast() {
    compare("broadcast", &|_, victims| {
        forge::udp(mac(3).0, [0xff; 6], (victims.own, 9), (Ipv4Addr::new(10, 255, 255, 255), 9), &[0; 1000])
    });
}

#[test]
fn unknown_stations() {
    compare("unknown stations", &|number, victims| {
        let [_, b, c, d] = number.to_be_bytes();
        forge::udp(mac(3).0, [2, 9, 9, b, c, d], (victims.own, 9), (Ipv4Addr::new(10, b, c, d), 9), &[0; 1000])
    });
}

#[test]
fn syn() {
    compare("SYN", &|number, victims| {
        let port = 1024 + (number % 60_000) as u16;
        let seq = (number / 60_000) as i32;
        forge::tcp(mac(3).0, PLAN.gateway_mac().0, (victims.own, port), (PLAN.gateway(), 80), TcpControl::Syn, seq)
    });
}

#[test]
fn syn_to_all_the_internet() {
    compare("SYN to the internet", &|number, victims| {
        let to = Ipv4Addr::from_bits(0x0800_0000 + number);
        forge::tcp(mac(3).0, PLAN.gateway_mac().0, (victims.own, 2000), (to, 443), TcpControl::Syn, 1)
    });
}

#[test]
fn ten_thousand_hardware_addresses() {
    let counters = compare("10 000 MACs", &|number, victims| {
        let [high, low] = ((number % 10_000) as u16).to_be_bytes();
        forge::arp_request([2, 0, 0, 7, high, low], victims.own, victims.receiver)
    });
    assert_eq!(counters.dropped(DropReason::SourceMac), u64::from(FRAMES) * SPAN);
}

#[test]
fn malformed_frames_of_every_length() {
    let counters = compare("malformed", &|number, _| {
        // And some that are longer than this LAN's.
        let length = match (number % 16_500) as usize {
            length @ ..16_000 => length,
            length => length + 49_020,
        };
        let mut bytes = vec![(number >> 3) as u8; length];
        let head = [&[0xff; 6][..], &mac(3).0, &[8, if number & 1 == 0 { 0 } else { 6 }, 0x45]].concat();
        let kept = head.len().min(length);
        bytes[..kept].copy_from_slice(&head[..kept]);
        bytes
    });
    assert!(counters.dropped(DropReason::Malformed) > 30_000, "{counters:?}");
    assert!(counters.dropped(DropReason::TooLong) > 1_000, "{counters:?}");
}

#[test]
fn questions() {
    compare("DNS", &|number, victims| {
        let question = message::query(number as u16, &format!("n{number}.example.org"), message::kind::A);
        forge::udp(mac(3).0, PLAN.gateway_mac().0, (victims.own, 9), (PLAN.gateway(), 53), &question)
    });
}

#[test]
fn everything_at_the_receiver() {
    // Twenty times what the receiver can take, in frames as long as the victim's.
    let counters = compare("at the receiver", &|number, victims| {
        let payload = if number % 5 == 0 { 15_000 } else { 60 };
        forge::udp(mac(3).0, mac(2).0, (victims.own, 9), (victims.receiver, 9), &vec![0; payload])
    });
    assert!(counters.dropped(DropReason::QueueFull) > 10_000);
}
