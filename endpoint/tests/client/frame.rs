//! Frames made by hand: machine `10.7.NUMBER.10` of the LAN with that number.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};
use std::net::Ipv4Addr;

fn mac(number: u8) -> EthernetAddress {
    EthernetAddress([2, 0, 0, 0, 0, number])
}

fn host(number: u8) -> [u8; 4] {
    [10, 7, number, 10]
}

fn ethernet(from: u8, to: EthernetAddress, protocol: EthernetProtocol, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0; EthernetFrame::<&[u8]>::buffer_len(payload)];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes);
    frame.set_src_addr(mac(from));
    frame.set_dst_addr(to);
    frame.set_ethertype(protocol);
    bytes
}

fn arp_of(number: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: mac(number),
        source_protocol_addr: sender.into(),
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target.into(),
    };
    let mut bytes = ethernet(number, EthernetAddress::BROADCAST, EthernetProtocol::Arp, repr.buffer_len());
    repr.emit(&mut ArpPacket::new_unchecked(&mut bytes[14..]));
    bytes
}

/// Who has the address of this LAN's machine? Broadcast.
pub fn arp(from: u8, to: u8) -> Vec<u8> {
    arp_of(from, host(from), host(to))
}

/// The same with another's address, or with the sender's gateway's.
pub fn arp_from(from: u8, address: [u8; 4]) -> Vec<u8> {
    arp_of(from, address, host(2))
}

fn udp_of(number: u8, way: ([u8; 4], [u8; 4]), to: EthernetAddress, ports: (u16, u16), length: usize) -> Vec<u8> {
    let (source, destination) = (Ipv4Addr::from(way.0), Ipv4Addr::from(way.1));
    let udp = UdpRepr { src_port: ports.0, dst_port: ports.1 };
    let payload_len = 8 + length;
    let ip =
        Ipv4Repr { src_addr: source, dst_addr: destination, next_header: IpProtocol::Udp, payload_len, hop_limit: 64 };
    let mut bytes = ethernet(number, to, EthernetProtocol::Ipv4, ip.buffer_len() + payload_len);
    let checks = ChecksumCapabilities::default();
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[14..]);
    ip.emit(&mut packet, &checks);
    let mut inner = UdpPacket::new_unchecked(packet.payload_mut());
    udp.emit(&mut inner, &source.into(), &destination.into(), length, |buffer| buffer.fill(7), &checks);
    bytes
}

/// A UDP packet with so many bytes in it.
pub fn udp(from: u8, to: u8, length: usize) -> Vec<u8> {
    udp_of(from, (host(from), host(to)), mac(to), (5, 6), length)
}

/// A UDP packet from another's address.
pub fn udp_from(from: u8, address: [u8; 4], length: usize) -> Vec<u8> {
    udp_of(from, (address, host(2)), mac(2), (5, 6), length)
}

/// What a DHCP client says first.
pub fn dhcp(from: u8) -> Vec<u8> {
    udp_of(from, ([0; 4], [255; 4]), EthernetAddress::BROADCAST, (68, 67), 300)
}

/// The same frame from another hardware address, also inside ARP.
pub fn with_mac(mut frame: Vec<u8>, number: u8) -> Vec<u8> {
    frame[6..12].copy_from_slice(mac(number).as_bytes());
    frame[22..28].copy_from_slice(mac(number).as_bytes());
    frame
}
