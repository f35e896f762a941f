#![no_main]
//! A machine that speaks DHCP as the fuzzer likes, several messages one after the other. A message is a kind, an address, and options.

use std::time::Duration;
use vlan::Lan;
use vlan::Mac;
use vlan::gateway::{Event, GatewayConfig, dhcp::message};
use vlan::plan::Plan;
use vlan::switch::{Addresses, SwitchConfig};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0, 0, 1];

/// A frame around it. The checksum of UDP may be left out (RFC 768).
fn frame(message: &[u8]) -> Vec<u8> {
    let udp = 8 + message.len();
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255];
    packet[2..4].copy_from_slice(&((20 + udp) as u16).to_be_bytes());
    let sum: u32 = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    packet[10..12].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    packet.extend_from_slice(&[0, 68, 0, 67]);
    packet.extend_from_slice(&(udp as u16).to_be_bytes());
    packet.extend_from_slice(&[0, 0]);
    [&[0xff; 6][..], &MAC, &[8, 0], &packet, message].concat()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = message::parse(data);
    let _ = message::answer_kind(data);
    let plan = Plan { a: 9, b: 8 };
    let mut lan = Lan::new(SwitchConfig::default(), GatewayConfig::new(plan, 1), Vec::new()).unwrap();
    let port = lan.attach_machine(Some(Mac(MAC)), "one", Addresses::Leased, Duration::ZERO).unwrap();
    for (turn, piece) in data.split(|byte| *byte == 0xfe).enumerate().take(50) {
        let mut message = vec![0; 240];
        message[..4].copy_from_slice(&[1, 1, 6, 0]);
        message[28..34].copy_from_slice(&MAC);
        message[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
        let (own, options) = piece.split_at(piece.len().min(4));
        message[12..12 + own.len()].copy_from_slice(own);
        message.extend_from_slice(&options[..options.len().min(1000)]);
        let now = Duration::from_secs(turn as u64 * 7);
        lan.input(port, &frame(&message), now);
        lan.poll(now);
        while let Some(event) = lan.event() {
            match event {
                Event::Addresses { addresses, .. } => assert!(
                    addresses.len() <= 1 && addresses.iter().all(|it| plan.contains(*it) && *it != plan.gateway())
                ),
                Event::Leased(lease) => assert!(plan.contains(lease.address)),
                Event::Tcp(_) | Event::NameRefused { .. } => panic!("nothing but DHCP was spoken"),
            }
        }
        assert!(lan.gateway().leases().count() <= 1);
        lan.take(port, usize::MAX, now);
    }
});
