//! The journal: two blobs that are written by turns.
//!
//! ```text
//! slot   = "VMWB9P" version[2] generation[8] crc[4]  frame …
//! frame  = length[4] crc[4] body[length]
//! ```
//!
//! Numbers are little-endian; `crc` is CRC-32 (as in zlib) of what is before it in the slot's head, and of generation, the
//! frame's number in the slot and the body for a frame. A body is a run of [records](super::codec), which count together or not
//! at all. The first frame holds the whole tree; what is behind it came later. Of the slots whose first frame is whole, that of
//! the higher generation counts, up to its first frame that is not: so an append that is cut short loses only itself.
//!
//! When the frames have become much longer than the tree, the tree is written to the other slot, and made durable there before
//! anything else is.

use super::codec::{decode, encode};
use super::table::{ROOT, Record, Table};
use crate::store::{BlobId, BlobStore, StoreError};
use crate::wire::{Reader, Writer};

const MAGIC: &[u8; 6] = b"VMWB9P";
const VERSION: u16 = 1;
const SLOTS: [BlobId; 2] = [0, 1];
/// The first number for a file's content.
pub const FIRST_BLOB: BlobId = 2;
/// A head with its checksum.
const HEAD: usize = 20;
const FRAME_HEAD: usize = 8;
/// So much may be appended in any case before the tree is written anew: less is not worth it.
const SLACK: u64 = 256 << 10;
/// And so many times the tree's own length.
const GROWTH: u64 = 4;

/// Why a tree can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is something, but no journal that can be read.
    #[error("the list of the shared files is damaged")]
    Damaged,
    /// It was written by a version that is newer than this one.
    #[error("the shared files were written by a newer version of the extension")]
    Newer,
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug)]
pub struct Journal {
    slot: usize,
    generation: u64,
    /// The next frame's number, and where it goes.
    frames: u64,
    end: u64,
    /// Where the first frame ends.
    base: u64,
    /// An append failed: there may be bytes behind `end`.
    torn: bool,
    /// There is something that was not flushed.
    dirty: bool,
    /// A compaction failed: the other slot may be whole, and must not be when this one grows.
    rival: bool,
}

fn checksum(generation: u64, number: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&generation.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn frame(generation: u64, number: u64, records: impl Iterator<Item = Record>) -> Result<Vec<u8>, StoreError> {
    let mut body = Writer::default();
    records.for_each(|record| encode(&mut body, &record));
    let length = u32::try_from(body.0.len()).map_err(|_| StoreError::NoSpace)?;
    let mut out = Writer::default();
    out.u32(length).u32(checksum(generation, number, &body.0));
    out.0.append(&mut body.0);
    Ok(out.0)
}

fn head(generation: u64) -> Vec<u8> {
    let mut out = Writer(MAGIC.to_vec());
    out.u16(VERSION).u64(generation);
    let sum = crc32fast::hash(&out.0);
    out.u32(sum);
    out.0
}

/// What a slot holds.
struct Slot {
    generation: u64,
    frames: u64,
    base: u64,
    end: u64,
    table: Table,
}

fn read_head(bytes: &[u8]) -> Result<u64, OpenError> {
    let head = bytes.get(..HEAD).ok_or(OpenError::Damaged)?;
    let mut from = Reader::new(head);
    let damaged = |_| OpenError::Damaged;
    let magic = from.take(MAGIC.len()).map_err(damaged)?;
    let (version, generation) = (from.u16().map_err(damaged)?, from.u64().map_err(damaged)?);
    if magic != MAGIC || from.u32() != Ok(crc32fast::hash(&head[..HEAD - 4])) {
        return Err(OpenError::Damaged);
    }
    if version > VERSION { Err(OpenError::Newer) } else { Ok(generation) }
}

/// The next frame's body, if it is whole.
fn next_frame<'a>(from: &mut Reader<'a>, generation: u64, number: u64) -> Option<&'a [u8]> {
    let (length, sum) = (from.u32().ok()?, from.u32().ok()?);
    let body = from.take(usize::try_from(length).ok()?).ok()?;
    (checksum(generation, number, body) == sum).then_some(body)
}

fn apply_all(table: &mut Table, body: &[u8]) -> Option<()> {
    let mut from = Reader::new(body);
    while !from.is_empty() {
        table.apply(&decode(&mut from).ok()?).ok()?;
    }
    Some(())
}

/// What is whole is also right, or the slot is damaged: its checksums say that all of it was written on purpose.
fn read_slot(bytes: &[u8]) -> Result<Slot, OpenError> {
    let generation = read_head(bytes)?;
    let mut slot = Slot {
        generation,
        frames: 0,
        base: HEAD as u64,
        end: HEAD as u64,
        table: Table { next_blob: FIRST_BLOB, ..Table::default() },
    };
    let mut from = Reader::new(&bytes[HEAD..]);
    while let Some(body) = next_frame(&mut from, generation, slot.frames) {
        apply_all(&mut slot.table, body).ok_or(OpenError::Damaged)?;
        slot.end += (FRAME_HEAD + body.len()) as u64;
        slot.frames += 1;
        if slot.frames == 1 {
            slot.base = slot.end;
        }
    }
    if slot.frames == 0 || !slot.table.is_whole() { Err(OpenError::Damaged) } else { Ok(slot) }
}

async fn read_blob(store: &mut impl BlobStore, id: BlobId) -> Result<Vec<u8>, OpenError> {
    let len = usize::try_from(store.len(id).await?).map_err(|_| OpenError::Damaged)?;
    let mut bytes = vec![0; len];
    let read = store.read_at(id, 0, &mut bytes).await?;
    bytes.truncate(read);
    Ok(bytes)
}

impl Journal {
    /// Reads what there is; `fresh` makes the records of a tree where there is nothing yet.
    pub async fn open(store: &mut impl BlobStore, fresh: impl FnOnce() -> Record) -> Result<(Self, Table), OpenError> {
        let mut slots = Vec::new();
        for id in SLOTS {
            slots.push(read_slot(&read_blob(store, id).await?));
        }
        if slots.iter().any(|slot| matches!(slot, Err(OpenError::Newer))) {
            return Err(OpenError::Newer);
        }
        let whole = slots.into_iter().enumerate().filter_map(|(at, slot)| slot.ok().map(|slot| (at, slot)));
        let Some((at, slot)) = whole.max_by_key(|(_, slot)| slot.generation) else {
            return Self::format(store, fresh()).await;
        };
        let Slot { generation, frames, base, end, table } = slot;
        if store.len(SLOTS[at]).await? > end {
            store.truncate(SLOTS[at], end).await?;
        }
        // What was read may not be durable yet, and what follows builds on it.
        store.flush(SLOTS[at]).await?;
        Ok((Self { slot: at, generation, frames, end, base, torn: false, dirty: false, rival: false }, table))
    }

    async fn format(store: &mut impl BlobStore, root: Record) -> Result<(Self, Table), OpenError> {
        // Files without a journal are no new store, but one whose journal is lost.
        if store.list().await?.iter().any(|id| *id >= FIRST_BLOB) {
            return Err(OpenError::Damaged);
        }
        let mut table = Table { next_ino: ROOT + 1, next_blob: FIRST_BLOB, ..Table::default() };
        table.apply(&root).map_err(|_| OpenError::Damaged)?;
        let mut journal =
            Self { slot: 1, generation: 0, frames: 0, end: 0, base: 0, torn: false, dirty: false, rival: false };
        journal.compact(store, &table).await?;
        Ok((journal, table))
    }

    /// Appends records that count together. After an error none of them do.
    pub async fn append(&mut self, store: &mut impl BlobStore, records: &[Record]) -> Result<(), StoreError> {
        if self.rival {
            store.truncate(SLOTS[1 - self.slot], 0).await?;
            store.flush(SLOTS[1 - self.slot]).await?;
            self.rival = false;
        }
        if self.torn {
            store.truncate(SLOTS[self.slot], self.end).await?;
            self.torn = false;
        }
        let frame = frame(self.generation, self.frames, records.iter().cloned())?;
        self.dirty = true;
        if let Err(error) = store.write_at(SLOTS[self.slot], self.end, &frame).await {
            self.torn = true;
            return Err(error);
        }
        self.end += frame.len() as u64;
        self.frames += 1;
        Ok(())
    }

    /// Makes what was appended durable.
    pub async fn flush(&mut self, store: &mut impl BlobStore) -> Result<(), StoreError> {
        if self.dirty {
            store.flush(SLOTS[self.slot]).await?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Whether something was appended and not made durable.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether the frames have become much longer than the tree.
    pub fn is_long(&self) -> bool {
        self.end > SLACK + GROWTH * self.base
    }

    /// Writes the tree to the other slot, and goes on there. After an error it goes on in this one.
    pub async fn compact(&mut self, store: &mut impl BlobStore, table: &Table) -> Result<(), StoreError> {
        let (slot, generation) = (1 - self.slot, self.generation + 1);
        let mut bytes = head(generation);
        bytes.extend(frame(generation, 0, table.records())?);
        self.rival = true;
        store.create(SLOTS[slot]).await?;
        store.write_at(SLOTS[slot], 0, &bytes).await?;
        store.flush(SLOTS[slot]).await?;
        let end = bytes.len() as u64;
        *self = Self { slot, generation, frames: 1, end, base: end, torn: false, dirty: false, rival: false };
        Ok(())
    }
}

/// Makes all of a slot's checksums right, so that tests reach what is behind them.
pub fn mend(slot: &mut [u8]) {
    if slot.len() < HEAD {
        return;
    }
    let sum = crc32fast::hash(&slot[..HEAD - 4]);
    slot[HEAD - 4..HEAD].copy_from_slice(&sum.to_le_bytes());
    let Ok(generation) = read_head(slot) else { return };
    let (mut at, mut number) = (HEAD, 0);
    while let Ok(length) = Reader::new(&slot[at..]).u32() {
        let start = at + FRAME_HEAD;
        let Some(body) = usize::try_from(length).ok().and_then(|len| slot.get(start..start.checked_add(len)?)) else {
            return;
        };
        let (sum, end) = (checksum(generation, number, body), start + body.len());
        slot[at + 4..start].copy_from_slice(&sum.to_le_bytes());
        (at, number) = (end, number + 1);
    }
}
