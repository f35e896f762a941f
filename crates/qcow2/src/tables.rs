//! The L1 table, which is in memory as a whole, and a bounded cache of L2 tables.
//!
//! Changes stay in memory until a write-out (see [`crate::writeout`]).

use crate::bytes::{bytes_to_entries, entries_to_bytes};
use crate::error::corrupt;
use crate::file::ImageFile;
use crate::geometry::{ENTRY_SIZE, Geometry};
use block::{BlockError, BlockFile};
use std::collections::BTreeMap;
use std::ops::Range;

/// Memory for L2 tables: at 64 KiB clusters the tables of 32 GiB of disk.
const CACHE_BYTES: usize = 4 << 20;
/// Tables that are kept even if each is half as large as the cache (2 MiB clusters).
const MIN_CACHED_TABLES: usize = 2;

/// L1 and L2 entries: the cluster has exactly one reference, so it may be written in place.
pub(crate) const COPIED: u64 = 1 << 63;
/// L1 and L2 entries: the offset in the file.
pub(crate) const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;

#[derive(Debug)]
struct Table {
    entries: Vec<u64>,
    /// Entries that differ from the file's.
    dirty: Option<Range<usize>>,
    used: u64,
}

/// Both levels of tables.
#[derive(Debug)]
pub(crate) struct Tables {
    geometry: Geometry,
    pub(crate) l1_offset: u64,
    l1: Vec<u64>,
    /// L1 entries that differ from the file's.
    l1_dirty: Option<Range<usize>>,
    cache: BTreeMap<usize, Table>,
    clock: u64,
}

fn widen(dirty: &mut Option<Range<usize>>, by: Range<usize>) {
    *dirty = Some(match dirty.take() {
        Some(old) => old.start.min(by.start)..old.end.max(by.end),
        None => by,
    });
}

impl Tables {
    /// Reads the L1 table. `entries` was bounded when the header was read.
    pub(crate) fn load<F: BlockFile>(
        file: &mut ImageFile<F>,
        geometry: Geometry,
        l1_offset: u64,
        entries: u32,
    ) -> Result<Self, BlockError> {
        let mut bytes = vec![0; entries as usize * ENTRY_SIZE as usize];
        if !bytes.is_empty() {
            file.read(l1_offset, &mut bytes, "its L1 table")?;
        }
        Ok(Self { geometry, l1_offset, l1: bytes_to_entries(&bytes), l1_dirty: None, cache: BTreeMap::new(), clock: 0 })
    }

    /// Where an L2 table is, or `None` if there is none for this index.
    pub(crate) fn l2_offset(&self, index: usize) -> Result<Option<u64>, BlockError> {
        let offset = self.l1.get(index).copied().unwrap_or(0) & OFFSET_MASK;
        if self.geometry.in_cluster(offset) != 0 {
            return Err(corrupt(format!("L1 entry {index} points inside of a cluster")));
        }
        Ok((offset != 0).then_some(offset))
    }

    pub(crate) fn l1(&self) -> &[u64] {
        &self.l1
    }

    /// Goes on with an L1 table that the file's header refers to already.
    pub(crate) fn replace_l1(&mut self, entries: Vec<u64>, offset: u64) {
        self.l1 = entries;
        self.l1_offset = offset;
    }

    /// The L2 table of an L1 index, if there is one.
    pub(crate) fn table<F: BlockFile>(
        &mut self,
        file: &mut ImageFile<F>,
        index: usize,
    ) -> Result<Option<&[u64]>, BlockError> {
        let Some(offset) = self.l2_offset(index)? else { return Ok(None) };
        self.clock += 1;
        if !self.cache.contains_key(&index) {
            let mut bytes = vec![0; self.geometry.cluster_len()];
            file.read(offset, &mut bytes, "an L2 table")?;
            self.evict_clean();
            let table = Table { entries: bytes_to_entries(&bytes), dirty: None, used: 0 };
            self.cache.insert(index, table);
        }
        let clock = self.clock;
        Ok(self.cache.get_mut(&index).map(|table| {
            table.used = clock;
            table.entries.as_slice()
        }))
    }

    /// Forgets unchanged tables until there is room for one more. Changed ones stay: [`Self::is_full`] asks for a
    /// write-out before they are too many.
    fn evict_clean(&mut self) {
        while self.cache.len() >= self.room() {
            let clean = self.cache.iter().filter(|(_, table)| table.dirty.is_none());
            let Some(oldest) = clean.min_by_key(|(_, table)| table.used).map(|(index, _)| *index) else { break };
            self.cache.remove(&oldest);
        }
    }

    fn room(&self) -> usize {
        (CACHE_BYTES / self.geometry.cluster_len()).max(MIN_CACHED_TABLES)
    }

    /// Whether so many tables are changed that one more should wait for a write-out.
    pub(crate) fn is_full(&self) -> bool {
        self.cache.len() >= self.room() && self.cache.values().all(|table| table.dirty.is_some())
    }

    /// Changes entries of a table that exists.
    pub(crate) fn set_entries<F: BlockFile>(
        &mut self,
        file: &mut ImageFile<F>,
        index: usize,
        first: usize,
        entries: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), BlockError> {
        self.table(file, index)?;
        let table = self.cache.get_mut(&index).ok_or_else(|| corrupt("an L2 table vanished"))?;
        let range = first..first + entries.len();
        for (slot, entry) in table.entries[range.clone()].iter_mut().zip(entries) {
            *slot = entry;
        }
        widen(&mut table.dirty, range);
        Ok(())
    }

    /// Adds the table of zeros that was just written at `offset`.
    pub(crate) fn add_table(&mut self, index: usize, offset: u64) {
        self.evict_clean();
        let entries = vec![0; self.geometry.l2_entries()];
        self.cache.insert(index, Table { entries, dirty: None, used: self.clock });
        self.l1[index] = offset | COPIED;
        widen(&mut self.l1_dirty, index..index + 1);
    }

    /// Whether the file lacks anything of the tables.
    pub(crate) fn is_dirty(&self) -> bool {
        self.l1_dirty.is_some() || self.cache.values().any(|table| table.dirty.is_some())
    }

    /// Writes the changes, L2 tables first.
    pub(crate) fn write_dirty<F: BlockFile>(&mut self, file: &mut ImageFile<F>) -> Result<(), BlockError> {
        for (index, table) in &mut self.cache {
            if let Some(dirty) = table.dirty.clone() {
                let bytes = entries_to_bytes(&table.entries[dirty.clone()]);
                let offset = self.l1[*index] & OFFSET_MASK;
                file.write(offset + dirty.start as u64 * ENTRY_SIZE, &bytes)?;
                table.dirty = None;
            }
        }
        if let Some(dirty) = self.l1_dirty.clone() {
            let bytes = entries_to_bytes(&self.l1[dirty.clone()]);
            file.write(self.l1_offset + dirty.start as u64 * ENTRY_SIZE, &bytes)?;
            self.l1_dirty = None;
        }
        Ok(())
    }
}

/// What an L2 entry says of its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mapping {
    /// Nothing: the layer below has the bytes.
    Unallocated,
    /// Zeros, perhaps with a cluster of the file kept for later.
    Zero(Option<u64>),
    /// The cluster at this offset of the file.
    Data(u64),
    /// Packed bytes of the file.
    Compressed {
        /// First byte.
        offset: u64,
        /// Bytes up to the end of the last sector of 512 that the packed bytes touch.
        len: u64,
    },
}

impl Mapping {
    /// The clusters of the file that the mapping refers to.
    pub(crate) fn clusters(self, geometry: Geometry) -> Option<Range<u64>> {
        let bits = geometry.cluster_bits;
        match self {
            Mapping::Unallocated | Mapping::Zero(None) => None,
            Mapping::Zero(Some(offset)) | Mapping::Data(offset) => Some(offset >> bits..(offset >> bits) + 1),
            Mapping::Compressed { offset, len } => Some(offset >> bits..((offset + len - 1) >> bits) + 1),
        }
    }

    /// Reads an L2 entry (section "L2 table entry"). Version 2 has no zero flag.
    pub(crate) fn parse(entry: u64, geometry: Geometry, version: u32) -> Result<Self, BlockError> {
        const COMPRESSED: u64 = 1 << 62;
        if entry & COMPRESSED != 0 {
            let shift = geometry.compressed_shift();
            let offset = entry & ((1 << shift) - 1);
            let sectors = (entry & (COMPRESSED - 1)) >> shift;
            return Ok(Mapping::Compressed { offset, len: (sectors + 1) * 512 - (offset & 511) });
        }
        let offset = entry & OFFSET_MASK;
        if geometry.in_cluster(offset) != 0 {
            return Err(corrupt(format!("a table maps data to {offset}, which is inside of a cluster")));
        }
        let offset = (offset != 0).then_some(offset);
        match (entry & 1 != 0, offset) {
            (true, _) if version < 3 => Err(corrupt("a table of version 2 has a zero flag")),
            (true, kept) => Ok(Mapping::Zero(kept)),
            (false, Some(offset)) => Ok(Mapping::Data(offset)),
            (false, None) => Ok(Mapping::Unallocated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entry: u64) -> Result<Mapping, BlockError> {
        Mapping::parse(entry, Geometry::default(), 3)
    }

    #[test]
    fn an_entry_says_where_a_cluster_is() {
        assert_eq!(parse(0), Ok(Mapping::Unallocated));
        assert_eq!(parse(COPIED | 0x50000), Ok(Mapping::Data(0x50000)));
        assert_eq!(parse(1), Ok(Mapping::Zero(None)));
        assert_eq!(parse(COPIED | 0x50001), Ok(Mapping::Zero(Some(0x50000))));
        assert!(matches!(parse(0x50200), Err(BlockError::Corrupt(_))), "in the middle of a cluster");
    }

    #[test]
    fn version_2_has_no_zero_flag() {
        assert!(Mapping::parse(1, Geometry::default(), 2).is_err());
    }

    #[test]
    fn packed_bytes_end_with_a_sector() {
        // Two sectors more than the one in which the bytes begin, at byte 100 of it.
        let mapping = parse(1 << 62 | 2 << 54 | 0x1_0064).unwrap();
        assert_eq!(mapping, Mapping::Compressed { offset: 0x1_0064, len: 3 * 512 - 100 });
        assert_eq!(mapping.clusters(Geometry::default()), Some(1..2));
        let over_a_border = parse(1 << 62 | 1 << 54 | 0x1_fe00).unwrap();
        assert_eq!(over_a_border.clusters(Geometry::default()), Some(1..3));
    }
}
