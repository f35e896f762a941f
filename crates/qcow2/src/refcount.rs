//! Refcounts: the table, a bounded cache of its blocks, and the search for free clusters.
//!
//! Counts go up in memory as clusters are handed out and reach the file at the next write-out, before anything that
//! refers to the clusters. Counts go down only after what referred to the clusters is gone from the file for certain
//! (see [`crate::writeout`]): until then freed clusters wait in `pending` and are not handed out again.

use crate::bytes::bytes_to_entries;
use crate::error::corrupt;
use crate::file::ImageFile;
use crate::geometry::{ENTRY_SIZE, Geometry};
use block::{BlockError, BlockFile};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// Memory for refcount blocks: at 64 KiB clusters the blocks of 64 GiB of file.
const CACHE_BYTES: usize = 2 << 20;
/// Blocks that are kept even if each is as large as the cache (2 MiB clusters).
const MIN_CACHED_BLOCKS: usize = 2;
/// An entry of the refcount table is an offset; the low nine bits are reserved.
const OFFSET_MASK: u64 = !0x1ff;

#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    /// Bytes that differ from the file's.
    pub(crate) dirty: Option<Range<usize>>,
    used: u64,
}

impl Block {
    /// A block whose bytes the file has.
    pub(crate) fn clean(bytes: Vec<u8>) -> Self {
        Self { bytes, dirty: None, used: 0 }
    }
}

/// The refcounts of an image that is open for writing.
#[derive(Debug)]
pub(crate) struct Refcounts {
    pub(crate) geometry: Geometry,
    pub(crate) table_offset: u64,
    /// Where each block is in the file, 0 if there is none yet.
    pub(crate) table: Vec<u64>,
    pub(crate) blocks: BTreeMap<usize, Block>,
    clock: u64,
    /// No cluster below this one is free.
    hint: u64,
    /// No cluster from here on was ever handed out since the image was opened.
    pub(crate) end: u64,
    /// Clusters that hold the header and tables. They are never handed out, whatever a damaged count says.
    pub(crate) fixed: HashSet<u64>,
    pending: Vec<Range<u64>>,
}

impl Refcounts {
    /// Reads the table. `clusters` was bounded when the header was read.
    pub(crate) fn load<F: BlockFile>(
        file: &mut ImageFile<F>,
        geometry: Geometry,
        table_offset: u64,
        clusters: u32,
    ) -> Result<Self, BlockError> {
        let mut bytes = vec![0; (clusters as usize) << geometry.cluster_bits];
        file.read(table_offset, &mut bytes, "its refcount table")?;
        let table: Vec<u64> = bytes_to_entries(&bytes).into_iter().map(|entry| entry & OFFSET_MASK).collect();
        if table.iter().any(|entry| geometry.in_cluster(*entry) != 0) {
            return Err(corrupt("a refcount block is not at the beginning of a cluster"));
        }
        Ok(Self {
            geometry,
            table_offset,
            table,
            blocks: BTreeMap::new(),
            clock: 0,
            hint: 0,
            end: 0,
            fixed: HashSet::new(),
            pending: Vec::new(),
        })
    }

    /// Notes that clusters hold something that guest data must never overwrite. Two tables in one place are damage.
    pub(crate) fn fix(&mut self, clusters: impl IntoIterator<Item = u64>) -> Result<(), BlockError> {
        for cluster in clusters {
            if !self.fixed.insert(cluster) {
                return Err(corrupt(format!("two of its tables overlap in cluster {cluster}")));
            }
        }
        Ok(())
    }

    /// The clusters of the file that the table and its blocks fill.
    pub(crate) fn own_clusters(&self) -> impl Iterator<Item = u64> {
        let bits = self.geometry.cluster_bits;
        let first = self.table_offset >> bits;
        let table = first..first + self.table_clusters();
        table.chain(self.table.iter().filter(|entry| **entry != 0).map(move |entry| entry >> bits))
    }

    pub(crate) fn table_clusters(&self) -> u64 {
        self.geometry.clusters(self.table.len() as u64 * ENTRY_SIZE)
    }

    pub(crate) fn position(&self, cluster: u64) -> (u64, u64) {
        let per_block = self.geometry.refcounts_per_block();
        (cluster / per_block, cluster % per_block)
    }

    /// How often the file's cluster is referred to; what no block describes is free.
    pub(crate) fn get<F: BlockFile>(&mut self, file: &mut ImageFile<F>, cluster: u64) -> Result<u64, BlockError> {
        let (index, slot) = self.position(cluster);
        match usize::try_from(index).ok().and_then(|index| Some((index, *self.table.get(index)?))) {
            Some((index, offset)) if offset != 0 => {
                let order = self.geometry.refcount_order;
                let block = self.block(file, index)?;
                Ok(read_count(&block.bytes, slot, order))
            }
            _ => Ok(0),
        }
    }

    /// Changes a count in memory. The block that holds it must exist.
    pub(crate) fn set<F: BlockFile>(
        &mut self,
        file: &mut ImageFile<F>,
        cluster: u64,
        count: u64,
    ) -> Result<(), BlockError> {
        let (index, slot) = self.position(cluster);
        let order = self.geometry.refcount_order;
        let block = self.block(file, index as usize)?;
        let bytes = write_count(&mut block.bytes, slot, order, count);
        block.dirty = Some(match block.dirty.take() {
            Some(old) => old.start.min(bytes.start)..old.end.max(bytes.end),
            None => bytes,
        });
        if count == 0 {
            self.hint = self.hint.min(cluster);
        }
        Ok(())
    }

    /// The cached block of a table entry that is not zero.
    fn block<F: BlockFile>(&mut self, file: &mut ImageFile<F>, index: usize) -> Result<&mut Block, BlockError> {
        self.clock += 1;
        let clock = self.clock;
        if !self.blocks.contains_key(&index) {
            self.make_room(file)?;
            let offset = self.table.get(index).copied().unwrap_or(0);
            let mut bytes = vec![0; self.geometry.cluster_len()];
            file.read(offset, &mut bytes, "a refcount block")?;
            self.blocks.insert(index, Block { bytes, dirty: None, used: clock });
        }
        let block = self.blocks.get_mut(&index).ok_or_else(|| corrupt("a refcount block vanished"))?;
        block.used = clock;
        Ok(block)
    }

    /// Forgets the block that was not used for the longest time. Counts may reach the file at any time: those that went
    /// up only risk a leak, and those that go down already were allowed to.
    pub(crate) fn make_room<F: BlockFile>(&mut self, file: &mut ImageFile<F>) -> Result<(), BlockError> {
        let room = (CACHE_BYTES / self.geometry.cluster_len()).max(MIN_CACHED_BLOCKS);
        while self.blocks.len() >= room {
            let Some(oldest) = self.blocks.iter().min_by_key(|(_, block)| block.used).map(|(index, _)| *index) else {
                break;
            };
            self.write_block(file, oldest)?;
            self.blocks.remove(&oldest);
        }
        Ok(())
    }

    fn write_block<F: BlockFile>(&mut self, file: &mut ImageFile<F>, index: usize) -> Result<(), BlockError> {
        if let Some(block) = self.blocks.get_mut(&index)
            && let Some(dirty) = block.dirty.clone()
        {
            file.write(self.table[index] + dirty.start as u64, &block.bytes[dirty])?;
            block.dirty = None;
        }
        Ok(())
    }

    /// Writes the counts that the file does not have yet.
    pub(crate) fn write_dirty<F: BlockFile>(&mut self, file: &mut ImageFile<F>) -> Result<(), BlockError> {
        let dirty: Vec<usize> =
            self.blocks.iter().filter(|(_, block)| block.dirty.is_some()).map(|(index, _)| *index).collect();
        dirty.into_iter().try_for_each(|index| self.write_block(file, index))
    }

    /// Whether there are counts that the file does not have yet.
    pub(crate) fn is_dirty(&self) -> bool {
        self.blocks.values().any(|block| block.dirty.is_some())
    }

    /// Hands out up to `most` free clusters in a row, at least one, and counts them once.
    pub(crate) fn allocate<F: BlockFile>(
        &mut self,
        file: &mut ImageFile<F>,
        most: u64,
    ) -> Result<Range<u64>, BlockError> {
        let start = self.first_free(file)?;
        let mut end = start;
        while end < start + most && self.described(end) && self.is_free(file, end)? {
            self.set(file, end, 1)?;
            end += 1;
        }
        self.hint = end;
        self.end = self.end.max(end);
        Ok(start..end)
    }

    /// Hands out exactly `count` clusters in a row, for a table, and notes them as fixed.
    pub(crate) fn allocate_table<F: BlockFile>(
        &mut self,
        file: &mut ImageFile<F>,
        count: u64,
    ) -> Result<Range<u64>, BlockError> {
        let start = self.find_row(file, count)?;
        let end = start + count;
        for cluster in start..end {
            self.set(file, cluster, 1)?;
        }
        self.end = self.end.max(end);
        self.fix(start..end)?;
        Ok(start..end)
    }

    /// Where so many free clusters in a row begin.
    fn find_row<F: BlockFile>(&mut self, file: &mut ImageFile<F>, count: u64) -> Result<u64, BlockError> {
        let mut start = self.first_free(file)?;
        loop {
            // Describing clusters may use up some of them, so all are described before any is found to be free.
            for cluster in start..start + count {
                self.describe(file, cluster)?;
            }
            let mut taken = None;
            for cluster in start..start + count {
                if !self.is_free(file, cluster)? {
                    taken = Some(cluster);
                }
            }
            match taken {
                Some(cluster) => start = cluster + 1,
                None => return Ok(start),
            }
        }
    }

    fn first_free<F: BlockFile>(&mut self, file: &mut ImageFile<F>) -> Result<u64, BlockError> {
        let mut cluster = self.hint;
        loop {
            self.describe(file, cluster)?;
            if self.is_free(file, cluster)? {
                self.hint = cluster;
                return Ok(cluster);
            }
            cluster += 1;
        }
    }

    fn is_free<F: BlockFile>(&mut self, file: &mut ImageFile<F>, cluster: u64) -> Result<bool, BlockError> {
        let free = self.get(file, cluster)? == 0;
        if free && self.fixed.contains(&cluster) {
            return Err(corrupt(format!("cluster {cluster} holds a table, but its refcount is zero")));
        }
        Ok(free)
    }

    /// Whether a refcount block describes the cluster.
    pub(crate) fn described(&self, cluster: u64) -> bool {
        let index = self.position(cluster).0;
        usize::try_from(index).ok().and_then(|index| self.table.get(index)).is_some_and(|offset| *offset != 0)
    }

    /// Takes back clusters that were handed out and that nothing came to refer to.
    pub(crate) fn give_back<F: BlockFile>(
        &mut self,
        file: &mut ImageFile<F>,
        clusters: Range<u64>,
    ) -> Result<(), BlockError> {
        for cluster in clusters {
            self.fixed.remove(&cluster);
            self.set(file, cluster, 0)?;
        }
        Ok(())
    }

    /// Remembers that one reference less is held to each of these clusters, once the file says so too.
    pub(crate) fn free_later(&mut self, clusters: Range<u64>) {
        match self.pending.last_mut() {
            Some(last) if last.end == clusters.start => last.end = clusters.end,
            _ => self.pending.push(clusters),
        }
    }

    /// Whether freed clusters wait for the next write-out.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// How many stretches of freed clusters wait.
    pub(crate) fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Lowers the counts of what was freed, now that nothing in the file refers to it.
    pub(crate) fn settle_frees<F: BlockFile>(&mut self, file: &mut ImageFile<F>) -> Result<(), BlockError> {
        for range in std::mem::take(&mut self.pending) {
            for cluster in range {
                let count = self.get(file, cluster)?;
                if count == 0 {
                    return Err(corrupt(format!("cluster {cluster} was in use, but its refcount is zero")));
                }
                self.set(file, cluster, count - 1)?;
            }
        }
        Ok(())
    }
}

/// Reads a count of `1 << order` bits. Counts narrower than a byte fill it from its lowest bit up.
pub(crate) fn read_count(bytes: &[u8], slot: u64, order: u32) -> u64 {
    let slot = slot as usize;
    match order {
        0..=2 => {
            let bits = 1 << order;
            let per_byte = 8 / bits;
            u64::from(bytes[slot / per_byte] >> (slot % per_byte * bits)) & ((1 << bits) - 1)
        }
        _ => {
            let width = 1 << (order - 3);
            bytes[slot * width..][..width].iter().fold(0, |count, byte| count << 8 | u64::from(*byte))
        }
    }
}

/// Writes a count and says which bytes changed.
pub(crate) fn write_count(bytes: &mut [u8], slot: u64, order: u32, count: u64) -> Range<usize> {
    let slot = slot as usize;
    match order {
        0..=2 => {
            let bits = 1 << order;
            let per_byte = 8 / bits;
            let (at, shift) = (slot / per_byte, slot % per_byte * bits);
            let mask = ((1u16 << bits) - 1) as u8;
            bytes[at] = bytes[at] & !(mask << shift) | (count as u8 & mask) << shift;
            at..at + 1
        }
        _ => {
            let width = 1 << (order - 3);
            let at = slot * width;
            bytes[at..at + width].copy_from_slice(&count.to_be_bytes()[8 - width..]);
            at..at + width
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_every_width_keep_apart() {
        for order in 0..=6 {
            let max = Geometry { cluster_bits: 9, refcount_order: order }.max_refcount();
            let mut bytes = [0; 64];
            for slot in [0, 1, 3, 7] {
                let changed = write_count(&mut bytes, slot, order, max);
                assert!(changed.end <= bytes.len() && !changed.is_empty());
            }
            write_count(&mut bytes, 1, order, 0);
            let found: Vec<u64> = (0..8).map(|slot| read_count(&bytes, slot, order)).collect();
            assert_eq!(found, [max, 0, 0, max, 0, 0, 0, max], "order {order}");
        }
    }

    #[test]
    fn narrow_counts_begin_at_the_lowest_bit_and_wide_ones_are_big_endian() {
        let mut bytes = [0; 2];
        write_count(&mut bytes, 1, 1, 2);
        assert_eq!(bytes, [0b1000, 0]);
        write_count(&mut bytes, 0, 4, 0x1234);
        assert_eq!(bytes, [0x12, 0x34]);
    }
}
