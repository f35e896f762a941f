//! The journal of a file system that was not unmounted (`Documentation/filesystems/ext4/journal.rst`): which blocks are newer there.
//!
//! The crate `ext4-view` (1.0) replays only journals with checksums of version 3, which a file system without `metadata_csum` never has.
//!
//! Checksums in the journal are not compared. A commit block is written when all before it is durable, so the log ends at the first
//! transaction without one; only with `async_commit`, which is refused, it would be otherwise.

use super::WorkspaceError;
use super::extents::{self, Extent};
use super::layout::{Layout, Replayed};
use crate::error::Error;
use std::collections::BTreeMap;

/// What every block of the journal's own begins with.
pub(super) const MAGIC: [u8; 4] = [0xc0, 0x3b, 0x39, 0x98];
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const REVOKE: u32 = 5;

const INCOMPAT_REVOKE: u32 = 1;
const INCOMPAT_64BIT: u32 = 2;
const INCOMPAT_CSUM_V2: u32 = 8;
const INCOMPAT_CSUM_V3: u32 = 0x10;

const TAG_ESCAPED: u32 = 1;
const TAG_SAME_UUID: u32 = 2;
const TAG_LAST: u32 = 8;

/// The longest journal that is read, in blocks: 4 GiB of them. It bounds the memory too.
const MAX_BLOCKS: u64 = 1 << 20;

fn damaged(what: &str) -> Error {
    WorkspaceError::Damaged(format!("its journal {what}")).into()
}

/// Finds the blocks that are newer in the journal, if it has to be replayed at all.
pub(super) fn replay(disk: &mut Replayed, layout: &Layout) -> Result<(), Error> {
    let Some(inode) = layout.journal else { return Ok(()) };
    let at = layout.inode_at(inode, disk.block_size).ok_or_else(|| damaged("has no inode"))?;
    let mut inode = vec![0; layout.inode_size as usize];
    disk.read(at, &mut inode)?;
    let root = extents::root(&inode).ok_or_else(|| WorkspaceError::Unsupported("its journal has no extents".into()))?;
    let mut extents = Vec::new();
    extents::leaves(disk, root, &mut |_, leaf| extents.extend(extents::written(leaf)))?;
    let Some(mut log) = Log::open(disk, extents)? else { return Ok(()) };
    log.scan()?;
    let newer = log.newest();
    disk.newer = newer;
    Ok(())
}

/// The journal as a ring of blocks.
struct Log<'a> {
    disk: &'a mut Replayed,
    extents: Vec<Extent>,
    /// Where the ring begins and ends, in blocks of the journal.
    first: u64,
    end: u64,
    start: u64,
    sequence: u32,
    features: u32,
    /// For each block, in the order of the log: the transaction, the place in the journal, whether it is escaped.
    written: Vec<(u64, u32, u64, bool)>,
    /// The last transaction that revoked a block.
    revoked: BTreeMap<u64, u32>,
    /// What was found of the transaction that has not been committed yet.
    open_written: usize,
    open_revoked: Vec<u64>,
}

impl<'a> Log<'a> {
    /// Reads the journal's superblock; nothing if there is nothing to replay.
    fn open(disk: &'a mut Replayed, extents: Vec<Extent>) -> Result<Option<Self>, Error> {
        let mut log = Self {
            disk,
            extents,
            first: 0,
            end: 0,
            start: 0,
            sequence: 0,
            features: 0,
            written: Vec::new(),
            revoked: BTreeMap::new(),
            open_written: 0,
            open_revoked: Vec::new(),
        };
        let head = log.block(0)?;
        if head[..4] != MAGIC || !matches!(be32(&head, 4), 3 | 4) || u64::from(be32(&head, 12)) != log.disk.block_size {
            return Err(damaged("has no superblock"));
        }
        (log.end, log.first, log.start) = (be32(&head, 16).into(), be32(&head, 20).into(), be32(&head, 28).into());
        log.sequence = be32(&head, 24);
        log.features = if be32(&head, 4) == 4 { be32(&head, 40) } else { 0 };
        if log.start == 0 {
            return Ok(None);
        }
        let known = INCOMPAT_REVOKE | INCOMPAT_64BIT | INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3;
        if log.features & !known != 0 {
            let text = format!("its journal has features that are not known ({:#x})", log.features & !known);
            return Err(WorkspaceError::Unsupported(text).into());
        }
        if log.end > MAX_BLOCKS || !(log.first..log.end).contains(&log.start) {
            return Err(damaged("has an impossible size"));
        }
        Ok(Some(log))
    }

    /// Where a block of the journal is on the disk.
    fn place(&self, number: u64) -> Result<u64, Error> {
        let inside = |extent: &&Extent| (extent.logical..extent.logical + extent.len).contains(&number);
        let extent = self.extents.iter().find(inside).ok_or_else(|| damaged("is shorter than it says"))?;
        Ok(extent.physical + (number - extent.logical))
    }

    fn block(&mut self, number: u64) -> Result<Vec<u8>, Error> {
        let place = self.place(number)?;
        Ok(self.disk.block(place)?)
    }

    fn after(&self, number: u64, count: u64) -> u64 {
        let next = number + count;
        if next < self.end { next } else { self.first + (next - self.end) % (self.end - self.first) }
    }

    /// Goes through the log to its end: the first block that does not belong to it.
    fn scan(&mut self) -> Result<(), Error> {
        let (mut at, mut sequence, mut left) = (self.start, self.sequence, self.end - self.first);
        while left > 0 {
            let block = self.block(at)?;
            if block[..4] != MAGIC || be32(&block, 8) != sequence {
                break;
            }
            let mut used = 1;
            match be32(&block, 4) {
                DESCRIPTOR => used += self.descriptor(&block, at, sequence)?,
                COMMIT => {
                    self.commit(sequence);
                    sequence = sequence.wrapping_add(1);
                }
                REVOKE => self.revoke(&block),
                _ => break,
            }
            left = left.saturating_sub(used);
            at = self.after(at, used);
        }
        // What was not committed never happened.
        self.written.truncate(self.open_written);
        Ok(())
    }

    fn commit(&mut self, sequence: u32) {
        self.open_written = self.written.len();
        for block in self.open_revoked.drain(..) {
            self.revoked.insert(block, sequence);
        }
    }

    /// A list of blocks, whose contents follow it. Returns how many.
    fn descriptor(&mut self, block: &[u8], at: u64, sequence: u32) -> Result<u64, Error> {
        let (v3, wide) = (self.features & INCOMPAT_CSUM_V3 != 0, self.features & INCOMPAT_64BIT != 0);
        let size = if v3 {
            16
        } else if wide {
            12
        } else {
            8
        };
        let end = block.len() - if self.features & (INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3) != 0 { 4 } else { 0 };
        let (mut tag_at, mut count) = (12, 0);
        while tag_at + size <= end {
            let tag = &block[tag_at..tag_at + size];
            let flags = if v3 { be32(tag, 4) } else { be32(tag, 4) & 0xffff };
            let high = if wide { u64::from(be32(tag, 8)) << 32 } else { 0 };
            count += 1;
            let place = self.place(self.after(at, count))?;
            self.written.push((u64::from(be32(tag, 0)) | high, sequence, place, flags & TAG_ESCAPED != 0));
            if self.written.len() as u64 > MAX_BLOCKS {
                return Err(damaged("has too many blocks"));
            }
            tag_at += size + if flags & TAG_SAME_UUID == 0 { 16 } else { 0 };
            if flags & TAG_LAST != 0 {
                break;
            }
        }
        Ok(count)
    }

    fn revoke(&mut self, block: &[u8]) {
        let size = if self.features & INCOMPAT_64BIT != 0 { 8 } else { 4 };
        let end = (be32(block, 12) as usize).min(block.len());
        for entry in block[16.min(end)..end].chunks_exact(size) {
            self.open_revoked.push(entry.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
    }

    /// The newest content of each block, unless it was revoked in the same transaction or later.
    fn newest(&self) -> BTreeMap<u64, (u64, bool)> {
        let stands = |block: &u64, sequence: u32| {
            self.revoked.get(block).is_none_or(|revoked| sequence.wrapping_sub(*revoked) as i32 > 0)
        };
        let newest = self.written.iter().filter(|(block, sequence, ..)| stands(block, *sequence));
        newest.map(|(block, _, place, escaped)| (*block, (*place, *escaped))).collect()
    }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}
