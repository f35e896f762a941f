//! Frames that the gateway makes itself.

use crate::frame::HEADER;
use crate::mac::Mac;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, IPV4_HEADER_LEN, Icmpv4Packet, Icmpv4Repr,
    IpProtocol, Ipv4Packet, Ipv4Repr, UDP_HEADER_LEN, UdpPacket, UdpRepr,
};
use std::net::Ipv4Addr;

/// How far packets of the gateway go: it is on the link.
const HOPS: u8 = 64;

/// From whom to whom a packet goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    pub(super) from: Mac,
    pub(super) to: Mac,
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
}

/// Writes the Ethernet header of an IPv4 packet into the first bytes of a frame.
pub(super) fn address(frame: &mut [u8], from: Mac, to: Mac) {
    header(frame, from, to, EthernetProtocol::Ipv4);
}

fn header(frame: &mut [u8], from: Mac, to: Mac, protocol: EthernetProtocol) {
    let mut frame = EthernetFrame::new_unchecked(frame);
    frame.set_src_addr(from.into());
    frame.set_dst_addr(to.into());
    frame.set_ethertype(protocol);
}

impl Envelope {
    fn ipv4(&self, next_header: IpProtocol, payload_len: usize) -> Vec<u8> {
        let mut frame = vec![0; HEADER + IPV4_HEADER_LEN + payload_len];
        address(&mut frame, self.from, self.to);
        let repr =
            Ipv4Repr { src_addr: self.source, dst_addr: self.destination, next_header, payload_len, hop_limit: HOPS };
        repr.emit(&mut Ipv4Packet::new_unchecked(&mut frame[HEADER..]), &ChecksumCapabilities::default());
        frame
    }

    /// A UDP packet (RFC 768). The payload is the gateway's own and always shorter than a packet.
    pub(super) fn udp(&self, from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.ipv4(IpProtocol::Udp, UDP_HEADER_LEN + payload.len());
        UdpRepr { src_port: from, dst_port: to }.emit(
            &mut UdpPacket::new_unchecked(&mut frame[HEADER + IPV4_HEADER_LEN..]),
            &self.source.into(),
            &self.destination.into(),
            payload.len(),
            |buffer| buffer.copy_from_slice(payload),
            &ChecksumCapabilities::default(),
        );
        frame
    }

    /// An ICMP message (RFC 792).
    pub(super) fn icmp(&self, repr: &Icmpv4Repr<'_>) -> Vec<u8> {
        let mut frame = self.ipv4(IpProtocol::Icmp, repr.buffer_len());
        repr.emit(
            &mut Icmpv4Packet::new_unchecked(&mut frame[HEADER + IPV4_HEADER_LEN..]),
            &ChecksumCapabilities::default(),
        );
        frame
    }
}

/// The answer to an ARP request: `address` is at `mac`.
pub(super) fn arp_reply(mac: Mac, address: Ipv4Addr, to: Mac, asks: Ipv4Addr) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr: mac.into(),
        source_protocol_addr: address,
        target_hardware_addr: to.into(),
        target_protocol_addr: asks,
    };
    let mut frame = vec![0; HEADER + repr.buffer_len()];
    header(&mut frame, mac, to, EthernetProtocol::Arp);
    repr.emit(&mut ArpPacket::new_unchecked(&mut frame[HEADER..]));
    frame
}
