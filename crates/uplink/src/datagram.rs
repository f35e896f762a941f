/// Where an Ethernet frame has its type, the number of IPv4 there, and where an IPv4 packet in it has its protocol and that of TCP (IEEE 802.3, RFC 791).
const TYPE: std::ops::Range<usize> = 12..14;
const IPV4: [u8; 2] = [8, 0];
const PROTOCOL: usize = 14 + 9;
const TCP: u8 = 6;

/// Whether a frame may go as a datagram of at most `max` bytes. TCP stays in the stream, however short: half of a connection's packets would overtake the
/// other half, and its ends would take that for loss.
pub fn suits_datagram(frame: &[u8], max: usize) -> bool {
    let tcp = frame.get(TYPE) == Some(&IPV4) && frame.get(PROTOCOL) == Some(&TCP);
    frame.len() <= max && !tcp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_frames_that_are_not_tcp_suit() {
        let mut frame = [0; 60];
        frame[12] = 8;
        frame[PROTOCOL] = 17;
        assert!(suits_datagram(&frame, 60) && !suits_datagram(&frame, 59));
        frame[PROTOCOL] = TCP;
        assert!(!suits_datagram(&frame, 60));
        // ARP has other things where IPv4 has its protocol.
        frame[13] = 6;
        assert!(suits_datagram(&frame, 60));
        assert!(suits_datagram(&[], 60));
    }
}
