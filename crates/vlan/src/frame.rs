//! A checked view of an Ethernet frame, as far as a switch has to understand it.

use crate::counters::DropReason;
use crate::mac::Mac;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, UdpPacket,
};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The bytes of an Ethernet header: two addresses and a type (IEEE 802.3, clause 3.1.1). There is no frame check sequence on this LAN.
pub const HEADER: usize = 14;
/// The longest frame that any LAN can have: the longest IPv4 packet in an Ethernet frame.
pub const LONGEST: usize = 65_535 + HEADER;

/// The port on which DHCP servers are spoken to (RFC 2131, section 4.1).
const DHCP_SERVER: u16 = 67;
/// The port on which DHCP clients are spoken to.
const DHCP_CLIENT: u16 = 68;

/// An owned frame. Copies share the bytes, so a broadcast costs no more memory than one frame.
pub type Frame = Arc<[u8]>;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Address resolution, for Ethernet and IPv4.
    Arp(Arp),
    /// An IPv4 packet or a fragment of one.
    Ipv4(Ipv4<'a>),
    /// Something else, by its EtherType.
    Other(u16),
}

/// An ARP message (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Whether it asks.
    pub request: bool,
    /// Who says so.
    pub sender_mac: Mac,
    /// Which address it claims; zero in a probe (RFC 5227).
    pub sender: Ipv4Addr,
    /// Which address it is about.
    pub target: Ipv4Addr,
}

/// An IPv4 packet (RFC 791), whose lengths fit but whose checksums nobody has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4<'a> {
    /// Where it says to come from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// The number of the protocol inside.
    pub protocol: u8,
    /// The ports, if it is UDP and begins here.
    pub udp: Option<(u16, u16)>,
    /// Whether it is a fragment.
    pub fragment: bool,
    /// The packet with its header, without what follows it in the frame.
    pub packet: &'a [u8],
}

impl Ipv4<'_> {
    /// Whether this belongs to DHCP: either direction.
    pub fn is_dhcp(&self) -> bool {
        self.udp.is_some_and(|(from, to)| {
            matches!(from, DHCP_SERVER | DHCP_CLIENT) || matches!(to, DHCP_SERVER | DHCP_CLIENT)
        })
    }

    /// Whether a DHCP client says this.
    pub fn is_dhcp_request(&self) -> bool {
        self.udp == Some((DHCP_CLIENT, DHCP_SERVER))
    }

    /// Whether only a DHCP server says this.
    pub fn is_dhcp_answer(&self) -> bool {
        self.udp.is_some_and(|(from, to)| from == DHCP_SERVER || to == DHCP_CLIENT)
    }
}

/// A frame that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a> {
    /// Whom it is for.
    pub destination: Mac,
    /// Who says to have sent it.
    pub source: Mac,
    /// What it carries.
    pub body: Body<'a>,
}

/// Takes a frame apart. Whatever the bytes are, this doesn't panic and costs a constant time.
pub fn check(bytes: &[u8], max: usize) -> Result<View<'_>, DropReason> {
    if bytes.len() > max {
        return Err(DropReason::TooLong);
    }
    let frame = EthernetFrame::new_checked(bytes).map_err(|_| DropReason::Malformed)?;
    let (destination, source) = (Mac::from(frame.dst_addr()), Mac::from(frame.src_addr()));
    if !source.is_unicast() || destination.0 == [0; 6] {
        return Err(DropReason::Malformed);
    }
    let body = match frame.ethertype() {
        EthernetProtocol::Arp => Body::Arp(arp(frame.payload())?),
        EthernetProtocol::Ipv4 => Body::Ipv4(ipv4(frame.payload())?),
        other => Body::Other(other.into()),
    };
    Ok(View { destination, source, body })
}

fn arp(bytes: &[u8]) -> Result<Arp, DropReason> {
    let packet = ArpPacket::new_checked(bytes).map_err(|_| DropReason::Malformed)?;
    let ArpRepr::EthernetIpv4 { operation, source_hardware_addr, source_protocol_addr, target_protocol_addr, .. } =
        ArpRepr::parse(&packet).map_err(|_| DropReason::Malformed)?
    else {
        return Err(DropReason::Malformed);
    };
    let request = match operation {
        ArpOperation::Request => true,
        ArpOperation::Reply => false,
        ArpOperation::Unknown(_) => return Err(DropReason::Malformed),
    };
    Ok(Arp {
        request,
        sender_mac: source_hardware_addr.into(),
        sender: source_protocol_addr,
        target: target_protocol_addr,
    })
}

fn ipv4(bytes: &[u8]) -> Result<Ipv4<'_>, DropReason> {
    let packet = Ipv4Packet::new_checked(bytes).map_err(|_| DropReason::Malformed)?;
    if packet.version() != 4 {
        return Err(DropReason::Malformed);
    }
    let begins = packet.frag_offset() == 0;
    let fragment = packet.more_frags() || !begins;
    let mut udp = None;
    if packet.next_header() == IpProtocol::Udp && begins {
        // A first fragment need not have all that the header speaks of, but it must have the header: else the ports would be hidden.
        let inner = packet.payload();
        let header = UdpPacket::new_unchecked(inner);
        if inner.len() < smoltcp::wire::UDP_HEADER_LEN || (!fragment && header.check_len().is_err()) {
            return Err(DropReason::Malformed);
        }
        udp = Some((header.src_port(), header.dst_port()));
    }
    Ok(Ipv4 {
        source: packet.src_addr(),
        destination: packet.dst_addr(),
        protocol: packet.next_header().into(),
        udp,
        fragment,
        packet: bytes.get(..usize::from(packet.total_len())).ok_or(DropReason::Malformed)?,
    })
}

/// TCP segments shorter than this are not worth seeing to: they cost little, and what is urgent is among them.
pub(crate) const LONG: usize = 512;

/// Whether it is a long TCP segment over IPv4.
pub(crate) fn is_long_segment(frame: &[u8]) -> bool {
    frame.len() >= LONG && frame.get(12..14) == Some(&[0x08, 0x00]) && frame.get(HEADER + 9) == Some(&6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_arp_request_is_understood() {
        let (mac, asks) = (Mac([2, 0, 0, 0, 0, 1]), Ipv4Addr::new(10, 1, 2, 10));
        let frame = testing::arp_request(mac.0, asks, Ipv4Addr::new(10, 1, 2, 1));
        let view = check(&frame, LONGEST).unwrap();
        assert_eq!((view.destination, view.source), (Mac::BROADCAST, mac));
        assert!(matches!(view.body, Body::Arp(Arp { request: true, sender, .. }) if sender == asks));
    }

    #[test]
    fn a_frame_of_any_length_is_taken_apart_or_refused() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let whole = testing::udp(mac.0, [0xff; 6], ([10, 1, 2, 10].into(), 1000), ([10, 1, 2, 1].into(), 53), &[7; 40]);
        for length in 0..whole.len() {
            assert_eq!(check(&whole[..length], LONGEST), Err(DropReason::Malformed), "{length}");
        }
        assert!(check(&whole, LONGEST).is_ok());
        assert_eq!(check(&whole, whole.len() - 1), Err(DropReason::TooLong));
    }

    #[test]
    fn a_fragment_too_short_for_its_ports_is_refused() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let mut frame = testing::udp(mac.0, [0xff; 6], ([10, 1, 2, 9].into(), 67), ([10, 1, 2, 1].into(), 68), &[]);
        frame.truncate(HEADER + 20 + 4);
        frame[HEADER + 3] = 24;
        frame[HEADER + 6] = 0x20;
        assert_eq!(check(&frame, LONGEST), Err(DropReason::Malformed));
    }

    #[test]
    fn nobody_has_a_group_address() {
        let mut frame = testing::arp_request([2, 0, 0, 0, 0, 1], [0; 4].into(), [10, 1, 2, 1].into());
        frame[6] |= 1;
        assert_eq!(check(&frame, LONGEST), Err(DropReason::Malformed));
    }
}
