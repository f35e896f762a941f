//! Sees at once when a machine has lost something that was sent to it.
//!
//! Linux takes its promise of room back when large packets fill its memory sooner than it thought, and drops what no longer fits. It says so by a
//! selective acknowledgement (RFC 2018) of what came behind the gap, or by a window that closes and opens again. smoltcp waits for three
//! acknowledgements that are the same in everything, the window too (RFC 5681, section 3.2), which seldom come, and then for a second. Between a machine
//! and the gateway nothing overtakes anything, so one is as good as three.

use smoltcp::wire::{TcpPacket, TcpSeqNumber};

/// With this many the same acknowledgements, smoltcp sends again what comes behind them.
pub(super) const DUPLICATES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ack {
    number: TcpSeqNumber,
    window: u16,
}

/// What one connection's machine has acknowledged.
#[derive(Debug, Default)]
pub(super) struct Loss {
    last: Option<Ack>,
    /// What comes behind this has been sent again already.
    mended: Option<TcpSeqNumber>,
}

impl Loss {
    /// Whether this says for the first time that what comes behind its acknowledgement is lost.
    pub(super) fn shows(&mut self, segment: &TcpPacket<&[u8]>) -> bool {
        let plain = segment.ack() && !segment.syn() && !segment.fin() && !segment.rst() && segment.payload().is_empty();
        if !plain {
            return false;
        }
        let ack = Ack { number: segment.ack_number(), window: segment.window_len() };
        let opened = ack.window > 0 && self.last == Some(Ack { window: 0, ..ack });
        self.last = Some(ack);
        let behind = |(begin, _): &(u32, u32)| TcpSeqNumber(*begin as i32) > ack.number;
        let gap = segment.selective_ack_ranges().is_ok_and(|ranges| ranges.iter().flatten().any(behind));
        (gap || opened) && self.mended.replace(ack.number) != Some(ack.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{IpAddress, TcpControl, TcpRepr};

    fn shown(loss: &mut Loss, ack: i32, window_len: u16, gap_until: Option<u32>, payload: &[u8]) -> bool {
        let repr = TcpRepr {
            src_port: 1,
            dst_port: 2,
            control: TcpControl::None,
            seq_number: TcpSeqNumber(5),
            ack_number: Some(TcpSeqNumber(ack)),
            window_len,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [gap_until.map(|begin| (begin, begin.wrapping_add(100))), None, None],
            timestamp: None,
            payload,
        };
        let mut bytes = vec![0; repr.buffer_len()];
        let nobody = IpAddress::v4(10, 0, 0, 1);
        repr.emit(&mut TcpPacket::new_unchecked(&mut bytes), &nobody, &nobody, &ChecksumCapabilities::ignored());
        loss.shows(&TcpPacket::new_checked(&bytes[..]).unwrap())
    }

    #[test]
    fn a_gap_is_seen_once_and_the_next_one_again() {
        let mut loss = Loss::default();
        assert!(!shown(&mut loss, 1000, 50, None, &[]));
        assert!(shown(&mut loss, 1000, 60, Some(1500), &[]));
        assert!(!shown(&mut loss, 1000, 60, Some(1500), &[]), "that is known");
        assert!(!shown(&mut loss, 2000, 60, None, &[]), "nothing is missing");
        assert!(shown(&mut loss, 3000, 60, Some(3100), &[]));
    }

    #[test]
    fn numbers_go_round_in_a_circle() {
        let mut loss = Loss::default();
        assert!(shown(&mut loss, -10, 60, Some(5), &[]), "behind");
        assert!(!shown(&mut loss, 5, 60, Some(u32::MAX - 10), &[]), "before: a repetition that was not needed");
    }

    #[test]
    fn a_window_that_opens_again_shows_what_was_dropped_when_it_closed() {
        let mut loss = Loss::default();
        assert!(!shown(&mut loss, 1000, 0, None, &[]));
        assert!(shown(&mut loss, 1000, 10, None, &[]));
        assert!(!shown(&mut loss, 1000, 20, None, &[]));
        assert!(!shown(&mut loss, 2000, 0, None, &[]));
        assert!(!shown(&mut loss, 2500, 10, None, &[]), "more has been acknowledged");
    }

    #[test]
    fn what_carries_data_is_no_answer_to_what_was_sent() {
        assert!(!shown(&mut Loss::default(), 1000, 60, Some(1500), b"data"));
    }
}
