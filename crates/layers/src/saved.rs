//! A saved memory as a file: what the terminals showed, what the guest had open of the shared files, and then the machine's state as
//! v86 wrote it.
//!
//! The file begins with one line of JSON, `{"format":"vm-workbench-memory","version":2,"serial":N,"shell":N,"share":N,"network":B,`
//! `"crc32":"XXXXXXXX"}`.
//! Then come the two terminals' newest output and the shared files' session, so many bytes each, and then, to the file's end, the state,
//! as one Zstandard frame (RFC 8878) or as it is: v86 takes both and tells them apart by their first bytes. `crc32` is the checksum of
//! everything behind the line, in hexadecimal; v86 itself would go on with whatever a damaged frame unpacks to. `network` says whether the
//! machine had a network card, without which v86 takes no state of one that had, and the other way round; where it is not said, there was none.
//! Version 1 has neither `share`, for its machines had no shared files, nor `crc32`.

use ruzstd::encoding::{CompressionLevel, compress};
use serde::{Deserialize, Serialize};
use std::io::{self, BufWriter, Read, Write};

const FORMAT: &str = "vm-workbench-memory";
const VERSION: u32 = 2;
/// The line is shorter than this.
const LINE_MAX: usize = 256;
/// The compressor writes a few bytes at a time; a file wants more.
const PIECE: usize = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    format: String,
    version: u32,
    serial: u64,
    shell: u64,
    #[serde(default)]
    share: u64,
    #[serde(default)]
    network: bool,
    #[serde(default)]
    crc32: Option<String>,
}

/// Where things are in the file, in bytes from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The first serial port's output.
    pub serial: std::ops::Range<u64>,
    /// The virtio console's output.
    pub shell: std::ops::Range<u64>,
    /// What the guest had open of the shared files; empty if it had none to open.
    pub share: std::ops::Range<u64>,
    /// Whether the machine had a network card.
    pub network: bool,
    /// Where the state begins.
    pub state: u64,
    /// CRC-32 of everything from the first terminal's output on.
    pub crc32: Option<u32>,
}

/// Why a file is no saved memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// It does not begin as one, is too short for what it says of itself, or has another checksum.
    #[error("the saved memory is damaged")]
    Damaged,
    /// It was written by a newer version.
    #[error("the saved memory was written by a newer version of the extension")]
    Newer,
}

/// Counts the checksum of what goes through it, and keeps the first failure to itself: the compressor panics at one.
struct Summed<W> {
    out: W,
    hasher: crc32fast::Hasher,
    failed: Option<io::Error>,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.hasher.update(bytes);
            self.failed = self.out.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

/// The first serial port's output, the virtio console's, and the shared files' session.
pub type Beside<'a> = [&'a [u8]; 3];

/// Writes everything behind the line, with the state compressed, and returns the line, whose length is that of the [`blank`] one. `network`
/// says whether the machine has a network card.
pub fn write(beside: Beside<'_>, network: bool, state: impl Read, out: impl Write) -> io::Result<Vec<u8>> {
    let out = BufWriter::with_capacity(PIECE, out);
    let mut summed = Summed { out, hasher: crc32fast::Hasher::new(), failed: None };
    for part in beside {
        summed.write_all(part)?;
    }
    compress(state, &mut summed, CompressionLevel::Fastest);
    summed.flush()?;
    line(beside, network, summed.hasher.finalize())
}

/// As [`write()`], with the state as it is: a larger file, from which a machine goes on sooner.
pub fn write_plain(beside: Beside<'_>, network: bool, state: &[u8], out: impl Write) -> io::Result<Vec<u8>> {
    let mut summed = Summed { out, hasher: crc32fast::Hasher::new(), failed: None };
    for part in beside.into_iter().chain([state]) {
        summed.write_all(part)?;
    }
    summed.flush()?;
    line(beside, network, summed.hasher.finalize())
}

/// A line to be overwritten by the one that [`write()`] returns. A file that still has it has no right checksum.
pub fn blank(beside: Beside<'_>, network: bool) -> io::Result<Vec<u8>> {
    line(beside, network, 0)
}

fn line([serial, shell, share]: Beside<'_>, network: bool, crc32: u32) -> io::Result<Vec<u8>> {
    let line = Line {
        format: FORMAT.to_owned(),
        version: VERSION,
        serial: serial.len() as u64,
        shell: shell.len() as u64,
        share: share.len() as u64,
        network,
        crc32: Some(format!("{crc32:08x}")),
    };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Finds where things are in a file of `len` bytes that begins with `start`: 256 bytes, or all if there are fewer.
pub fn find(start: &[u8], len: u64) -> Result<Saved, SavedError> {
    let line = start.iter().take(LINE_MAX).position(|byte| *byte == b'\n').ok_or(SavedError::Damaged)?;
    let said: Line = serde_json::from_slice(&start[..line]).map_err(|_| SavedError::Damaged)?;
    if said.format != FORMAT {
        return Err(SavedError::Damaged);
    }
    if said.version > VERSION {
        return Err(SavedError::Newer);
    }
    let crc32 = said.crc32.map(|digits| u32::from_str_radix(&digits, 16)).transpose();
    let begin = line as u64 + 1;
    let middle = begin.checked_add(said.serial).ok_or(SavedError::Damaged)?;
    let share = middle.checked_add(said.shell).ok_or(SavedError::Damaged)?;
    let state = share.checked_add(said.share).ok_or(SavedError::Damaged)?;
    if state > len {
        return Err(SavedError::Damaged);
    }
    let crc32 = crc32.map_err(|_| SavedError::Damaged)?;
    let network = said.network;
    Ok(Saved { serial: begin..middle, shell: middle..share, share: share..state, network, state, crc32 })
}

/// The checksum of everything behind the line, which comes in pieces.
pub fn checksum<E>(pieces: impl Iterator<Item = Result<Vec<u8>, E>>) -> Result<u32, E> {
    let mut hasher = crc32fast::Hasher::new();
    for piece in pieces {
        hasher.update(&piece?);
    }
    Ok(hasher.finalize())
}

impl Saved {
    /// Compares the checksum with the one that the line names; a file from before there was one has none.
    pub fn check(&self, checksum: u32) -> Result<(), SavedError> {
        if self.crc32.is_none_or(|named| named == checksum) { Ok(()) } else { Err(SavedError::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ruzstd::decoding::StreamingDecoder;

    const BESIDE: Beside<'static> = [b"serial", b"shell", b"share"];

    fn file(beside: Beside<'_>, state: &[u8]) -> Vec<u8> {
        let mut rest = vec![];
        let line = write(beside, true, state, &mut rest).unwrap();
        assert_eq!(line.len(), blank(beside, true).unwrap().len(), "else it could not be written over it");
        [line, rest].concat()
    }

    fn found(file: &[u8]) -> Result<Saved, SavedError> {
        let saved = find(&file[..file.len().min(LINE_MAX)], file.len() as u64)?;
        let rest = file[saved.serial.start as usize..].chunks(3).map(|piece| Ok::<_, SavedError>(piece.to_vec()));
        saved.check(checksum(rest)?).map(|()| saved)
    }

    proptest! {
        #[test]
        fn what_was_saved_is_found_again(serial: Vec<u8>, shell: Vec<u8>, share: Vec<u8>, state: Vec<u8>) {
            let file = file([&serial, &shell, &share], &state);
            let saved = found(&file).unwrap();
            prop_assert!(saved.network);
            let part = |range: std::ops::Range<u64>| &file[range.start as usize..range.end as usize];
            prop_assert_eq!(part(saved.serial), &serial[..]);
            prop_assert_eq!(part(saved.shell), &shell[..]);
            prop_assert_eq!(part(saved.share), &share[..]);
            let mut unpacked = vec![];
            let mut frame = &file[saved.state as usize..];
            StreamingDecoder::new(&mut frame).unwrap().read_to_end(&mut unpacked).unwrap();
            prop_assert_eq!(unpacked, state);
        }

        #[test]
        fn a_state_that_is_not_compressed_is_found_as_it_is(state: Vec<u8>) {
            let mut rest = vec![];
            let line = write_plain(BESIDE, false, &state, &mut rest).unwrap();
            let file = [line, rest].concat();
            let saved = found(&file).unwrap();
            prop_assert!(!saved.network);
            prop_assert_eq!(&file[saved.state as usize..], &state[..]);
        }

        #[test]
        fn no_changed_byte_goes_unnoticed(state: Vec<u8>, place: prop::sample::Index, flip in 1_u8..) {
            let mut file = file(BESIDE, &state);
            let start = find(&file[..file.len().min(LINE_MAX)], file.len() as u64).unwrap().serial.start as usize;
            let place = start + place.index(file.len() - start);
            file[place] ^= flip;
            prop_assert_eq!(found(&file), Err(SavedError::Damaged));
        }

        #[test]
        fn any_other_bytes_are_refused(bytes: Vec<u8>, len: u64) {
            prop_assert!(find(&bytes, len).is_err());
        }
    }

    #[test]
    fn a_file_whose_writing_was_cut_short_is_refused() {
        let whole = file(BESIDE, &[7; 10_000]);
        for cut in 0..whole.len() {
            assert!(found(&whole[..cut]).is_err(), "{cut}");
        }
        let line = blank(BESIDE, true).unwrap();
        let unfinished = [&line[..], &whole[line.len()..]].concat();
        assert_eq!(found(&unfinished), Err(SavedError::Damaged));
    }

    #[test]
    fn a_full_disk_is_an_error() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        // Such numbers can't be compressed.
        let next = |number: &u64| Some(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let numbers = std::iter::successors(Some(1_u64), next).take(3 << 20);
        let state: Vec<u8> = numbers.map(|number| (number >> 56) as u8).collect();
        for room in [0, 100, 1 << 20] {
            let error = write(BESIDE, true, &state[..], Full(room)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{room}");
        }
    }

    #[test]
    fn a_memory_of_the_first_version_has_no_shared_files_no_network_and_no_checksum() {
        let line = br#"{"format":"vm-workbench-memory","version":1,"serial":2,"shell":3}"#;
        let saved = find(&[&line[..], b"\n"].concat(), 1000).unwrap();
        assert!(saved.share.is_empty() && !saved.network && saved.state == line.len() as u64 + 6, "{saved:?}");
        assert_eq!(saved.check(7), Ok(()));
    }

    #[test]
    fn lengths_beyond_the_file_are_refused() {
        let line = br#"{"format":"vm-workbench-memory","version":1,"serial":18446744073709551615,"shell":9}"#;
        let line = [&line[..], b"\n"].concat();
        assert_eq!(find(&line, 1000), Err(SavedError::Damaged));
        let newer = br#"{"format":"vm-workbench-memory","version":3,"serial":0,"shell":0}"#;
        assert_eq!(find(&[&newer[..], b"\n"].concat(), 1000), Err(SavedError::Newer));
    }
}
