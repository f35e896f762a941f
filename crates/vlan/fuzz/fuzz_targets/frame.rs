#![no_main]
//! Frames of any bytes from a machine, from one with several addresses, and from a peer, with time going on between them. Some are made into
//! packets for the gateway with the right sums, which a fuzzer would not find.

use std::time::Duration;
use vlan::gateway::dns::Outside;
use vlan::gateway::{Event, GatewayConfig, tcp::TcpEvent};
use vlan::plan::Plan;
use vlan::stage::trace::describe;
use vlan::switch::{Addresses, SwitchConfig};
use vlan::{Lan, Mac, batch, frame};

const PLAN: Plan = Plan { a: 9, b: 8 };
const MAC: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);

/// The internet checksum (RFC 1071).
fn sum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 =
        words.map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// A packet from machine one to the gateway, or to a host of the internet: the first byte chooses the protocol, the rest is inside.
fn packet(bytes: &[u8]) -> Vec<u8> {
    let Some((kind, inside)) = bytes.split_first() else { return Vec::new() };
    let protocol = [1, 6, 17][usize::from(kind % 3)];
    let to = if kind & 8 == 0 { PLAN.gateway() } else { [93, 184, 216, 34].into() };
    let mut inside = inside.to_vec();
    let length = (inside.len() as u16).to_be_bytes();
    let ends = [PLAN.host(77).octets(), to.octets()].concat();
    let at = match protocol {
        1 if inside.len() >= 4 => Some(2),
        6 if inside.len() >= 20 => {
            // Ports that somebody listens at, and a header no longer than what is there.
            inside[2..4].copy_from_slice(&[0, [80, 53, 22][usize::from(kind >> 4) % 3]]);
            inside[12] = inside[12].clamp(0x50, ((inside.len() / 4).min(15) as u8) << 4 | 15);
            Some(16)
        }
        17 if inside.len() >= 8 => {
            inside[2..4].copy_from_slice(&[0, [53, 123, 67][usize::from(kind >> 4) % 3]]);
            inside[4..6].copy_from_slice(&length);
            Some(6)
        }
        _ => None,
    };
    if let Some(at) = at {
        inside[at..at + 2].fill(0);
        let pseudo = [&ends[..], &[0, protocol], &length].concat();
        let check = if protocol == 1 { sum(&[&inside]) } else { sum(&[&pseudo, &inside]) };
        inside[at..at + 2].copy_from_slice(&check);
    }
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    header.extend_from_slice(&ends);
    header[2..4].copy_from_slice(&(20 + inside.len() as u16).to_be_bytes());
    let check = sum(&[&header]);
    header[10..12].copy_from_slice(&check);
    [&PLAN.gateway_mac().0[..], &MAC.0, &[8, 0], &header, &inside].concat()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut config = GatewayConfig::new(PLAN, 1);
    config.services.gateway.extend([80]);
    config.services.caught.extend([80, 443]);
    config.tcp.receive = 4096;
    config.tcp.send = 4096;
    let mut lan = Lan::new(SwitchConfig::default(), config, Vec::new()).unwrap();
    let mut now = Duration::from_secs(1);
    let one = lan.attach_machine(Some(MAC), "one", Addresses::Unclaimed, now).unwrap();
    let two = lan.attach_machine(None, "two", Addresses::Unclaimed, now).unwrap();
    let peer = lan.attach_outside().unwrap();
    lan.gateway().set_outside(one, Outside { everything: true, hosts: Vec::new() });
    lan.set_trace(one, Some(10));
    // Each frame has its length, and where it comes from, in front.
    let mut rest = data;
    while let Some(([length, way], after)) = rest.split_first_chunk::<2>() {
        let (bytes, left) = after.split_at(after.len().min(usize::from(*length)));
        rest = left;
        describe(bytes);
        match way & 3 {
            3 => lan.input(one, &packet(bytes), now),
            way => lan.input([one, two, peer][usize::from(way)], bytes, now),
        }
        now += Duration::from_millis(u64::from(way >> 2) * 50);
        lan.poll(now);
        while let Some(event) = lan.event() {
            if let Event::Tcp(TcpEvent::Readable(conn)) = event {
                let mut buffer = [0; 100];
                let count = lan.gateway().receive(conn, &mut buffer);
                lan.gateway().send(conn, &buffer[..count]);
                lan.gateway().close(conn, now);
            }
        }
        let _ = lan.wake_at(now);
        for port in [one, two, peer] {
            let taken = lan.take(port, 100_000, now);
            for bytes in batch::frames(&taken, frame::LONGEST).unwrap() {
                let view = frame::check(bytes, frame::LONGEST).unwrap();
                assert!(port != peer || view.source != PLAN.gateway_mac());
            }
        }
    }
});
