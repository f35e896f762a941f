//! Captures as pcap files (IETF draft-ietf-opsawg-pcap-04): a header of 24 bytes, and for each frame 16 bytes and as much of it as is kept.
//! All numbers are little endian.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Ethernet, as the header says it (`LINKTYPE_ETHERNET`).
const ETHERNET: u32 = 1;
const HEADER: usize = 24;
const RECORD: usize = 16;

/// What a capture keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureConfig {
    /// How many bytes of each frame are kept.
    pub snaplen: u32,
    /// How many bytes of frames and their headers are kept in all; the oldest go.
    pub bytes: usize,
    /// Whether times are in nanoseconds rather than microseconds.
    pub nanoseconds: bool,
}

impl Default for CaptureConfig {
    fn default() -> CaptureConfig {
        CaptureConfig { snaplen: 65_549, bytes: 16 * 1024 * 1024, nanoseconds: false }
    }
}

impl CaptureConfig {
    /// What a file begins with.
    pub fn header(&self) -> [u8; HEADER] {
        let magic: u32 = if self.nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&magic.to_le_bytes());
        header[4] = 2;
        header[6] = 4;
        header[16..20].copy_from_slice(&self.snaplen.to_le_bytes());
        header[20..].copy_from_slice(&ETHERNET.to_le_bytes());
        header
    }

    /// A frame of a file, at a time since 1970.
    pub fn record(&self, unix: Duration, frame: &[u8]) -> Vec<u8> {
        let kept = &frame[..frame.len().min(self.snaplen as usize)];
        let fraction = if self.nanoseconds { unix.subsec_nanos() } else { unix.subsec_micros() };
        let mut record = Vec::with_capacity(RECORD + kept.len());
        for number in [unix.as_secs() as u32, fraction, kept.len() as u32, frame.len() as u32] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(kept);
        record
    }
}

/// The newest frames of a port.
#[derive(Debug)]
pub struct Capture {
    config: CaptureConfig,
    records: VecDeque<Vec<u8>>,
    bytes: usize,
    lost: u64,
    begun: bool,
}

impl Capture {
    /// A capture without frames.
    pub fn new(config: CaptureConfig) -> Capture {
        Capture { config, records: VecDeque::new(), bytes: 0, lost: 0, begun: false }
    }

    /// Keeps a frame.
    pub fn record(&mut self, unix: Duration, frame: &[u8]) {
        let record = self.config.record(unix, frame);
        self.bytes += record.len();
        self.records.push_back(record);
        while self.bytes > self.config.bytes {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= oldest.len();
            self.lost += 1;
        }
    }

    /// What is kept, as a file.
    pub fn file(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEADER + self.bytes);
        file.extend_from_slice(&self.config.header());
        self.records.iter().for_each(|record| file.extend_from_slice(record));
        file
    }

    /// The next piece of a file that is written while the capture goes on: what is kept, which is forgotten by this. All pieces together
    /// are a file; the first one has its header.
    pub fn stream(&mut self) -> Vec<u8> {
        let mut piece = if self.begun { Vec::new() } else { self.config.header().to_vec() };
        self.begun = true;
        self.records.drain(..).for_each(|record| piece.extend_from_slice(&record));
        self.bytes = 0;
        piece
    }

    /// How many frames are kept.
    pub fn frames(&self) -> usize {
        self.records.len()
    }

    /// How many frames had to go for newer ones.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::new(1_700_000_000, 123_456_789);

    #[test]
    fn a_file_is_what_the_format_says() {
        let mut capture = Capture::new(CaptureConfig { snaplen: 4, ..CaptureConfig::default() });
        capture.record(TIME, b"abcdef");
        let expected = [
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, // header
            0x00, 0xf1, 0x53, 0x65, 0x40, 0xe2, 0x01, 0x00, 4, 0, 0, 0, 6, 0, 0, 0, b'a', b'b', b'c', b'd',
        ];
        assert_eq!(capture.file(), expected);
    }

    #[test]
    fn nanoseconds_have_a_magic_of_their_own() {
        let config = CaptureConfig { nanoseconds: true, ..CaptureConfig::default() };
        assert_eq!(config.header()[..4], [0x4d, 0x3c, 0xb2, 0xa1]);
        assert_eq!(config.record(TIME, &[])[4..8], 123_456_789u32.to_le_bytes());
    }

    #[test]
    fn the_oldest_frames_go_and_a_stream_has_each_once() {
        let mut capture = Capture::new(CaptureConfig { bytes: 3 * 76, ..CaptureConfig::default() });
        for number in 0..5u8 {
            capture.record(TIME, &[number; 60]);
        }
        assert_eq!((capture.frames(), capture.lost()), (3, 2));
        assert_eq!(capture.file()[HEADER + RECORD], 2);
        let whole = capture.file();
        assert_eq!(capture.stream(), whole);
        capture.record(TIME, &[9; 60]);
        assert_eq!(capture.stream().len(), 76);
        assert!(capture.stream().is_empty());
    }
}
