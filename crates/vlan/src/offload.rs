//! Checksums that a guest leaves to its network card (checksum offload; virtio 1.2, 5.1.6.2 and 5.1.6.4).
//!
//! An emulated processor takes long for the checksum (RFC 1071) of a long segment. So the card says that it fills them in and looks at them,
//! and the guest says in front of each frame what is to be done. What travels on the LAN is complete in any case.

use crate::frame::HEADER as ETHERNET;
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet};

/// The bytes in front of a frame in a network card's queues (`struct virtio_net_hdr`, as since version 1).
pub const HEADER: usize = 12;
/// The card fills checksums in (VIRTIO_NET_F_CSUM), and says of those that came whether it found them right (VIRTIO_NET_F_GUEST_CSUM), as bits of
/// the features.
pub const FEATURES: u32 = 1 << 0 | 1 << 1;

/// The guest wants its checksum filled in (VIRTIO_NET_HDR_F_NEEDS_CSUM).
const NEEDS_CSUM: u8 = 1;
/// The card has found the checksum right (VIRTIO_NET_HDR_F_DATA_VALID).
const DATA_VALID: u8 = 2;
/// How many buffers a frame fills, for the guest (`num_buffers`): always one.
const BUFFERS: usize = 10;
/// Where the bytes begin that are summed up, after the header (`csum_start`).
const START: usize = 6;
/// How many bytes behind those the checksum is (`csum_offset`).
const OFFSET: usize = 8;

/// Does what a guest wants done with a frame that it sends, and gives the frame; `None` if that can't be done, or there is no frame.
pub fn sent(bytes: &mut [u8]) -> Option<&[u8]> {
    let (header, frame) = bytes.split_first_chunk_mut::<HEADER>()?;
    if header[0] & NEEDS_CSUM != 0 {
        let number = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let summed = frame.get_mut(number(START)..)?;
        let sum = sum(summed);
        let place: &mut [u8; 2] = summed.get_mut(number(OFFSET)..)?.first_chunk_mut()?;
        // No UDP datagram says 0, which would be “none” (RFC 768).
        *place = match !sum {
            0 => [0xff; 2],
            checksum => checksum.to_be_bytes(),
        };
    }
    Some(frame)
}

/// Writes the header of the frame behind it, for a guest that receives it.
pub fn received(bytes: &mut [u8]) {
    let Some((header, frame)) = bytes.split_first_chunk_mut::<HEADER>() else { return };
    *header = [0; HEADER];
    header[BUFFERS] = 1;
    if is_right(frame) == Some(true) {
        header[0] = DATA_VALID;
    }
}

/// Whether the checksum of a TCP segment or UDP datagram is right; `None` for what is neither, or only a part of one.
fn is_right(frame: &[u8]) -> Option<bool> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    let packet = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    let is_whole = !packet.more_frags() && packet.frag_offset() == 0;
    let is_known = matches!(packet.next_header(), IpProtocol::Tcp | IpProtocol::Udp);
    if ethernet.ethertype() != EthernetProtocol::Ipv4 || packet.version() != 4 || !is_whole || !is_known {
        return None;
    }
    let inner = packet.payload();
    if packet.next_header() == IpProtocol::Udp && inner.get(6..8)? == [0, 0] {
        return None;
    }
    let addresses = frame.get(ETHERNET + 12..ETHERNET + 20)?;
    let parts = [sum(addresses), u8::from(packet.next_header()).into(), inner.len() as u16, sum(inner)];
    Some(fold(parts.into_iter().map(u64::from).sum()) == 0xffff)
}

/// The ones' complement sum of big-endian 16-bit numbers; an odd last byte is the high one.
fn sum(bytes: &[u8]) -> u16 {
    // A sum of numbers in the other byte order is the sum in the other byte order, and one of longer numbers comes to the same.
    let (words, rest) = bytes.as_chunks::<4>();
    let mut sum: u64 = words.iter().map(|word| u64::from(u32::from_le_bytes(*word))).sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum += u64::from(u32::from_le_bytes(last));
    fold(sum).swap_bytes()
}

/// Adds what does not fit into 16 bits to the rest.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;
    use smoltcp::wire::{TcpControl, UdpPacket};
    use std::net::Ipv4Addr;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 10);
    const TO: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 11);
    /// Where the segment or datagram begins.
    const INNER: usize = ETHERNET + 20;

    fn udp(payload: &[u8]) -> Vec<u8> {
        testing::udp([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], (FROM, 1000), (TO, 2000), payload)
    }

    fn tcp() -> Vec<u8> {
        testing::tcp([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], (FROM, 1000), (TO, 2000), TcpControl::Syn, 7)
    }

    /// A frame as Linux gives it to a card that fills checksums in: in its place is the sum of the pseudo header.
    fn unfinished(frame: &[u8], offset: usize) -> Vec<u8> {
        let mut bytes = vec![NEEDS_CSUM, 0, 0, 0, 0, 0, INNER as u8, 0, offset as u8, 0, 0, 0];
        bytes.extend_from_slice(frame);
        let inner = frame.len() - INNER;
        let protocol = u64::from(frame[ETHERNET + 9]);
        let pseudo = fold(u64::from(sum(&frame[ETHERNET + 12..INNER])) + protocol + inner as u64);
        bytes[HEADER + INNER + offset..][..2].copy_from_slice(&pseudo.to_be_bytes());
        bytes
    }

    #[test]
    fn a_segment_and_a_datagram_are_completed() {
        assert_eq!(sent(&mut unfinished(&tcp(), 16)).unwrap(), tcp());
        for length in 0..9 {
            let datagram = udp(&[77; 9][..length]);
            assert_eq!(sent(&mut unfinished(&datagram, 6)).unwrap(), datagram, "{length}");
        }
    }

    #[test]
    fn what_needs_nothing_stays_as_it_is() {
        let frame = testing::arp_request([2, 0, 0, 0, 0, 1], FROM, TO);
        let mut bytes = [&[0; HEADER][..], &frame].concat();
        assert_eq!(sent(&mut bytes).unwrap(), frame);
    }

    #[test]
    fn a_header_that_points_behind_the_frame_is_refused() {
        for (start, offset) in [(100u16, 0u16), (0, 41), (0, u16::MAX), (41, 0), (u16::MAX, u16::MAX), (40, 1)] {
            let mut bytes = vec![0; HEADER + 42];
            bytes[0] = NEEDS_CSUM;
            bytes[START..][..2].copy_from_slice(&start.to_le_bytes());
            bytes[OFFSET..][..2].copy_from_slice(&offset.to_le_bytes());
            assert_eq!(sent(&mut bytes), None, "{start} {offset}");
        }
        assert_eq!(sent(&mut [0; HEADER - 1]), None);
    }

    #[test]
    fn a_checksum_of_zero_is_sent_as_the_other_zero() {
        // So that the sum is 0xffff.
        let datagram = udp(&[0, 0]);
        let checksum = &datagram[INNER + 6..INNER + 8];
        let datagram = udp(checksum);
        let done = unfinished(&datagram, 6);
        assert_eq!(&sent(&mut done.clone()).unwrap()[INNER + 6..INNER + 8], [0xff, 0xff]);
    }

    fn flags(frame: &[u8]) -> u8 {
        let mut bytes = [&[9; HEADER][..], frame].concat();
        received(&mut bytes);
        assert_eq!(bytes[1..HEADER], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(&bytes[HEADER..], frame);
        bytes[0]
    }

    #[test]
    fn only_what_is_right_is_said_to_be() {
        assert_eq!([flags(&tcp()), flags(&udp(b"odd"))], [DATA_VALID; 2]);
        for at in INNER..tcp().len() {
            let mut wrong = tcp();
            wrong[at] ^= 1;
            assert_eq!(flags(&wrong), 0, "{at}");
        }
        let mut none = udp(b"no checksum");
        none[INNER + 6..INNER + 8].fill(0);
        assert_eq!(flags(&none), 0);
        assert_eq!(flags(&testing::arp_request([2, 0, 0, 0, 0, 1], FROM, TO)), 0);
        let mut fragment = udp(b"a part");
        fragment[ETHERNET + 6] = 0x20;
        assert_eq!(flags(&fragment), 0);
        // What follows the packet in the frame belongs to nobody.
        assert_eq!(flags(&[udp(b"padded"), vec![7; 9]].concat()), DATA_VALID);
    }

    proptest! {
        #[test]
        fn checksums_are_those_of_another_stack(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let frame = udp(&payload);
            prop_assert_eq!(flags(&frame), DATA_VALID);
            let mut done = unfinished(&frame, 6);
            let done = sent(&mut done).unwrap();
            let datagram = UdpPacket::new_checked(&done[INNER..]).unwrap();
            let verified = datagram.verify_checksum(&FROM.into(), &TO.into());
            prop_assert!(verified);
            prop_assert_eq!(&frame, done);
        }

        #[test]
        fn any_bytes_do_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let before = bytes.clone();
            if let Some(frame) = sent(&mut bytes) {
                prop_assert_eq!(frame.len() + HEADER, before.len());
            }
            received(&mut bytes);
        }
    }
}
