use std::collections::VecDeque;

/// How much of a terminal's output is kept: 1 MiB, some 10 000 full lines.
pub const RING_BYTES: usize = 1 << 20;

/// The newest [`RING_BYTES`] of a terminal's output.
#[derive(Debug, Default)]
pub struct Ring {
    bytes: VecDeque<u8>,
    end: u64,
}

impl Ring {
    /// Appends output and returns the offset of its first byte.
    pub fn push(&mut self, output: &[u8]) -> u64 {
        let offset = self.end;
        self.end += output.len() as u64;
        let kept = &output[output.len().saturating_sub(RING_BYTES)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(RING_BYTES);
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend(kept);
        offset
    }

    /// Offset one past the newest byte: how many bytes there have been since the machine's start.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Offset of the oldest byte that is kept.
    pub fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    /// What is to be replayed to someone new: the offset and the bytes from there to the end.
    ///
    /// When older output has been dropped, the replay begins after the first line break that is left, so that it
    /// doesn't begin in the middle of a character or an escape sequence.
    pub fn replay(&self) -> (u64, Vec<u8>) {
        let skip = match self.start() {
            0 => 0,
            _ => self.bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1),
        };
        (self.start() + skip as u64, self.bytes.iter().skip(skip).copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_of_a_short_output_is_replayed() {
        let mut ring = Ring::default();
        assert_eq!(ring.push(b"boot\n"), 0);
        assert_eq!(ring.push(b"login"), 5);
        assert_eq!(ring.replay(), (0, b"boot\nlogin".to_vec()));
    }

    #[test]
    fn a_long_output_is_replayed_from_a_line_break() {
        let mut ring = Ring::default();
        ring.push(b"\x1b[31mfirst line\n");
        ring.push(b"second\n");
        ring.push(&vec![b'x'; RING_BYTES - 10]);
        let (offset, bytes) = ring.replay();
        assert_eq!(offset, 16);
        assert!(bytes.starts_with(b"second\nxxx"));
    }

    proptest! {
        #[test]
        fn the_ring_holds_the_end_of_all_output(pieces in prop::collection::vec((0u8.., 0..400_000_usize), 0..8)) {
            let mut ring = Ring::default();
            let mut all = vec![];
            for (byte, count) in pieces {
                let piece = vec![byte; count];
                prop_assert_eq!(ring.push(&piece), all.len() as u64);
                all.extend(piece);
            }
            prop_assert_eq!(ring.end(), all.len() as u64);
            prop_assert!(ring.end() - ring.start() <= RING_BYTES as u64);
            let (offset, bytes) = ring.replay();
            prop_assert_eq!(&all[offset as usize..], &bytes[..]);
        }
    }
}
