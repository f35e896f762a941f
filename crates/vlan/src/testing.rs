//! Frames made by hand. Shared with the tests in `tests/`, so it knows nothing of the crate.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet,
    Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};
use std::net::Ipv4Addr;

type Bytes = [u8; 6];

fn ethernet(from: Bytes, to: Bytes, protocol: EthernetProtocol, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0; EthernetFrame::<&[u8]>::buffer_len(payload)];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes);
    frame.set_src_addr(EthernetAddress(from));
    frame.set_dst_addr(EthernetAddress(to));
    frame.set_ethertype(protocol);
    bytes
}

/// An ARP message; `ether` is the Ethernet source, `sender` what the message says.
pub fn arp(ether: Bytes, to: Bytes, operation: ArpOperation, sender: (Bytes, Ipv4Addr), target: Ipv4Addr) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: EthernetAddress(sender.0),
        source_protocol_addr: sender.1,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    };
    let mut bytes = ethernet(ether, to, EthernetProtocol::Arp, repr.buffer_len());
    repr.emit(&mut ArpPacket::new_unchecked(&mut bytes[14..]));
    bytes
}

/// Who has `target`? Broadcast.
pub fn arp_request(mac: Bytes, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    arp(mac, [0xff; 6], ArpOperation::Request, (mac, sender), target)
}

/// An IPv4 packet with this inside.
pub fn ipv4(from: Bytes, to: Bytes, way: (Ipv4Addr, Ipv4Addr), next_header: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let repr = Ipv4Repr { src_addr: way.0, dst_addr: way.1, next_header, payload_len: payload.len(), hop_limit: 64 };
    let mut bytes = ethernet(from, to, EthernetProtocol::Ipv4, repr.buffer_len() + payload.len());
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[14..]);
    repr.emit(&mut packet, &ChecksumCapabilities::default());
    packet.payload_mut().copy_from_slice(payload);
    bytes
}

/// A UDP packet.
pub fn udp(from: Bytes, to: Bytes, source: (Ipv4Addr, u16), destination: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let repr = UdpRepr { src_port: source.1, dst_port: destination.1 };
    let mut inner = vec![0; 8 + payload.len()];
    repr.emit(
        &mut UdpPacket::new_unchecked(&mut inner[..]),
        &source.0.into(),
        &destination.0.into(),
        payload.len(),
        |buffer| buffer.copy_from_slice(payload),
        &ChecksumCapabilities::default(),
    );
    ipv4(from, to, (source.0, destination.0), IpProtocol::Udp, &inner)
}

/// A TCP segment without content.
pub fn tcp(
    from: Bytes,
    to: Bytes,
    source: (Ipv4Addr, u16),
    destination: (Ipv4Addr, u16),
    control: TcpControl,
    seq: i32,
) -> Vec<u8> {
    let repr = TcpRepr {
        src_port: source.1,
        dst_port: destination.1,
        control,
        seq_number: TcpSeqNumber(seq),
        ack_number: None,
        window_len: 60_000,
        window_scale: None,
        max_seg_size: (control == TcpControl::Syn).then_some(1460),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let mut inner = vec![0; repr.buffer_len()];
    let mut packet = TcpPacket::new_unchecked(&mut inner[..]);
    repr.emit(&mut packet, &source.0.into(), &destination.0.into(), &ChecksumCapabilities::default());
    ipv4(from, to, (source.0, destination.0), IpProtocol::Tcp, &inner)
}
