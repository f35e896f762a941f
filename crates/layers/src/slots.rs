//! A record as bytes, in two slots that are written by turns.
//!
//! A slot is one line, `vm-workbench-disks 1 SEQUENCE LENGTH CRC32` (numbers in decimal, the checksum in eight lower-case
//! hexadecimal digits), and then LENGTH bytes of JSON. The valid slot of the higher sequence counts; a new record goes into
//! the other one. So a write that is cut short loses only itself.

use crate::Record;
use serde_json::Error as JsonError;

const MAGIC: &str = "vm-workbench-disks";
const VERSION: u32 = 1;

/// What the two slots hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// Its sequence number.
    pub sequence: u64,
    /// The slot that the next record goes into, 0 or 1.
    pub next_slot: usize,
}

/// Why no record can be had.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// There is something, but neither slot is whole.
    #[error("the list of the machine’s layers is damaged")]
    Damaged,
    /// It was written by a version that is newer than this one.
    #[error("the list of the machine’s layers was written by a newer version of the extension")]
    Newer,
    /// The record could not be written as JSON.
    #[error("the list of the machine’s layers can’t be written: {0}")]
    Unwritable(#[from] JsonError),
}

/// The record as a slot's content.
pub fn encode(record: &Record, sequence: u64) -> Result<Vec<u8>, SlotError> {
    let body = serde_json::to_vec(record)?;
    let sum = crc32fast::hash(&body);
    let mut bytes = format!("{MAGIC} {VERSION} {sequence} {} {sum:08x}\n", body.len()).into_bytes();
    bytes.extend(body);
    Ok(bytes)
}

fn decode(slot: &[u8]) -> Result<(Record, u64), SlotError> {
    let end = slot.iter().take(100).position(|byte| *byte == b'\n').ok_or(SlotError::Damaged)?;
    let (line, body) = (&slot[..end], &slot[end + 1..]);
    let line = std::str::from_utf8(line).map_err(|_| SlotError::Damaged)?;
    let mut words = line.split(' ');
    let mut word = || words.next().ok_or(SlotError::Damaged);
    if word()? != MAGIC {
        return Err(SlotError::Damaged);
    }
    let mut number = || word()?.parse::<u64>().map_err(|_| SlotError::Damaged);
    let (version, sequence, length) = (number()?, number()?, number()?);
    let sum = u32::from_str_radix(word()?, 16).map_err(|_| SlotError::Damaged)?;
    let body = usize::try_from(length).ok().and_then(|length| body.get(..length)).ok_or(SlotError::Damaged)?;
    if crc32fast::hash(body) != sum {
        return Err(SlotError::Damaged);
    }
    if version > u64::from(VERSION) {
        return Err(SlotError::Newer);
    }
    Ok((serde_json::from_slice(body).map_err(|_| SlotError::Damaged)?, sequence))
}

/// What two slots hold; `None` if both are empty, as before the first record.
pub fn pick(slots: [&[u8]; 2]) -> Result<Option<Stored>, SlotError> {
    if slots.iter().all(|slot| slot.is_empty()) {
        return Ok(None);
    }
    let read = slots.map(decode);
    if read.iter().any(|slot| matches!(slot, Err(SlotError::Newer))) {
        return Err(SlotError::Newer);
    }
    let whole = read.into_iter().enumerate().filter_map(|(slot, read)| read.ok().map(|read| (slot, read)));
    let newest = whole.max_by_key(|(_, (_, sequence))| *sequence);
    let (slot, (record, sequence)) = newest.ok_or(SlotError::Damaged)?;
    Ok(Some(Stored { record, sequence, next_slot: 1 - slot }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::LayerId;

    fn record(bits: u64) -> Record {
        Record::new(LayerId::from_random(bits))
    }

    #[test]
    fn the_newer_whole_slot_counts_and_the_other_is_written_next() {
        assert!(pick([b"", b""]).unwrap().is_none());
        let (old, new) = (encode(&record(1), 6).unwrap(), encode(&record(2), 7).unwrap());
        let stored = pick([&old, &new]).unwrap().unwrap();
        assert_eq!((stored.record, stored.sequence, stored.next_slot), (record(2), 7, 0));
        let stored = pick([&new, b""]).unwrap().unwrap();
        assert_eq!((stored.sequence, stored.next_slot), (7, 1));
    }

    #[test]
    fn a_record_of_a_newer_version_is_left_alone() {
        let text = String::from_utf8(encode(&record(1), 1).unwrap()).unwrap();
        let newer = text.replacen("disks 1 ", "disks 2 ", 1);
        assert!(matches!(pick([newer.as_bytes(), b""]), Err(SlotError::Newer)));
    }

    proptest! {
        #[test]
        fn a_write_cut_short_anywhere_leaves_the_record_before(cut in 0usize..400) {
            let (old, mut new) = (encode(&record(1), 6).unwrap(), encode(&record(2), 7).unwrap());
            let whole = cut >= new.len();
            new.truncate(cut);
            let stored = pick([&old, &new]).unwrap().unwrap();
            prop_assert_eq!(stored.record, record(if whole { 2 } else { 1 }));
        }

        #[test]
        fn any_bytes_are_a_record_or_an_error(a: Vec<u8>, b: Vec<u8>, at in 0usize..300, byte: u8) {
            let _ = pick([&a, &b]);
            let mut damaged = encode(&record(1), 6).unwrap();
            let at = at % damaged.len();
            damaged[at] = byte;
            let _ = pick([&damaged, b""]);
        }
    }
}
