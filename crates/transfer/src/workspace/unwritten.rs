//! Blocks that were allocated for a file but never written.
//!
//! They have to be read as zeros; the crate `ext4-view` (1.0) would show what the disk happens to hold there, and lose its place in the file.
//! So it is shown extent trees in which they are holes, with checksums to match.

use super::extents;
use super::layout::{Layout, Replayed, crc32c, le16, le32};
use crate::error::Error;
use std::collections::BTreeMap;

/// Where an inode has its mode, its generation, and the two halves of its checksum.
const MODE_AT: usize = 0;
const GENERATION_AT: usize = 0x64;
const SUM_LOW_AT: usize = 0x7c;
const SUM_HIGH_AT: usize = 0x82;
const S_IFMT: u16 = 0o170_000;
const S_IFREG: u16 = 0o100_000;
/// How much of an inode table is read at a time.
const CHUNK: u64 = 64 << 10;

/// What has to be changed in what is read.
pub(super) struct Patches {
    layout: Layout,
    /// Where inode tables begin in bytes, and the number of their first inode.
    tables: BTreeMap<u64, u64>,
    /// Leaves of extent trees in blocks of their own, and the beginning of their checksums.
    leaves: BTreeMap<u64, Option<u32>>,
}

impl Patches {
    /// Looks through all inodes that are in use.
    pub(super) fn find(disk: &mut Replayed, layout: Layout) -> Result<Self, Error> {
        let size = disk.block_size;
        let first = |index: usize| index as u64 * layout.inodes_per_group + 1;
        let tables = layout.groups.iter().enumerate();
        let tables = tables.map(|(index, group)| (group.inode_table.saturating_mul(size), first(index))).collect();
        let mut patches = Self { layout, tables, leaves: BTreeMap::new() };
        for index in 0..patches.layout.groups.len() {
            patches.search_group(disk, index)?;
        }
        Ok(patches)
    }

    fn search_group(&mut self, disk: &mut Replayed, index: usize) -> Result<(), Error> {
        let (group, inode_size) = (self.layout.groups[index], self.layout.inode_size);
        let bitmap = disk.block(group.inode_bitmap)?;
        let per_chunk = CHUNK / inode_size;
        let mut first = 0;
        while first < self.layout.inodes_per_group {
            let count = per_chunk.min(self.layout.inodes_per_group - first);
            let used = |at: u64| bitmap[(at / 8) as usize] >> (at % 8) & 1 == 1;
            if (first..first + count).any(used) {
                let mut chunk = vec![0; (count * inode_size) as usize];
                let table = group.inode_table.saturating_mul(disk.block_size);
                disk.read(table.saturating_add(first * inode_size), &mut chunk)?;
                let number = index as u64 * self.layout.inodes_per_group + first + 1;
                for (number, inode) in (number..).zip(chunk.chunks_exact(inode_size as usize)) {
                    self.search_inode(disk, number, inode)?;
                }
            }
            first += count;
        }
        Ok(())
    }

    fn search_inode(&mut self, disk: &mut Replayed, number: u64, inode: &[u8]) -> Result<(), Error> {
        let Some(root) = extents::root(inode).filter(|_| le16(inode, MODE_AT) & S_IFMT == S_IFREG) else {
            return Ok(());
        };
        let seed = self.seed(number, inode);
        extents::leaves(disk, root, &mut |block, leaf| {
            if let Some(block) = block.filter(|_| extents::has_unwritten(leaf)) {
                self.leaves.insert(block, seed);
            }
        })?;
        Ok(())
    }

    /// What the checksums of an inode and of its blocks begin with.
    fn seed(&self, number: u64, inode: &[u8]) -> Option<u32> {
        let seed = crc32c(self.layout.seed?, &(number as u32).to_le_bytes());
        Some(crc32c(seed, &inode[GENERATION_AT..GENERATION_AT + 4]))
    }

    /// Changes what was read: whole blocks that begin at `start`, in bytes.
    pub(super) fn apply(&self, start: u64, bytes: &mut [u8], block_size: u64) {
        let end = start + bytes.len() as u64;
        let table_len = self.layout.inodes_per_group * self.layout.inode_size;
        let size = self.layout.inode_size as usize;
        for (table, first) in self.tables.range(start.saturating_sub(table_len)..end) {
            let from = start.max(*table);
            let to = end.min(table.saturating_add(table_len)).max(from);
            let number = first + (from - table) / self.layout.inode_size;
            let part = &mut bytes[(from - start) as usize..(to - start) as usize];
            for (number, inode) in (number..).zip(part.chunks_exact_mut(size)) {
                self.change_inode(number, inode);
            }
        }
        for (block, seed) in self.leaves.range(start / block_size..end.div_ceil(block_size)) {
            let at = (block * block_size - start) as usize;
            if let Some(leaf) = bytes.get_mut(at..at + block_size as usize) {
                change_leaf(leaf, *seed);
            }
        }
    }

    fn change_inode(&self, number: u64, inode: &mut [u8]) {
        let regular = le16(inode, MODE_AT) & S_IFMT == S_IFREG;
        if !regular || !extents::root(inode).is_some_and(extents::has_unwritten) {
            return;
        }
        let seed = self.seed(number, inode);
        // A sum that is wrong stays wrong.
        let sound = seed.is_some_and(|seed| inode_sum(inode, seed) == stored_sum(inode));
        extents::remove_unwritten(&mut inode[extents::ROOT]);
        if let Some(seed) = seed.filter(|_| sound) {
            let sum = inode_sum(inode, seed).to_le_bytes();
            inode[SUM_LOW_AT..SUM_LOW_AT + 2].copy_from_slice(&sum[..2]);
            inode[SUM_HIGH_AT..SUM_HIGH_AT + 2].copy_from_slice(&sum[2..]);
        }
    }
}

fn change_leaf(leaf: &mut [u8], seed: Option<u32>) {
    if !extents::has_unwritten(leaf) {
        return;
    }
    let sum_at = extents::checksum_at(leaf);
    let sound = |leaf: &[u8]| seed.zip(sum_at).filter(|(seed, at)| crc32c(*seed, &leaf[..*at]) == le32(leaf, *at));
    let sound = sound(leaf);
    extents::remove_unwritten(leaf);
    if let Some((seed, at)) = sound {
        let sum = crc32c(seed, &leaf[..at]);
        leaf[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    }
}

/// An inode's checksum: of all its bytes, those of the checksum as zeros.
fn inode_sum(inode: &[u8], seed: u32) -> u32 {
    let mut copy = inode.to_vec();
    copy[SUM_LOW_AT..SUM_LOW_AT + 2].fill(0);
    copy[SUM_HIGH_AT..SUM_HIGH_AT + 2].fill(0);
    crc32c(seed, &copy)
}

fn stored_sum(inode: &[u8]) -> u32 {
    u32::from(le16(inode, SUM_LOW_AT)) | u32::from(le16(inode, SUM_HIGH_AT)) << 16
}
