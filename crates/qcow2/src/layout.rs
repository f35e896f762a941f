//! Where everything goes in an image that is written from front to back:
//! header, refcount table, refcount blocks, L1 table, L2 tables, data.

use crate::error::Error;
use crate::geometry::{ENTRY_SIZE, Geometry, MAX_REFCOUNT_TABLE_BYTES};
use crate::header::{self, BackingRef, Compression, Header};
use crate::refcount::write_count;

/// The clusters of each part of a new image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) geometry: Geometry,
    pub(crate) size: u64,
    table: u64,
    blocks: u64,
    l1: u64,
    l2: u64,
    data: u64,
}

impl Layout {
    /// Lays out an image of `size` bytes with `l2` tables and `data` clusters. The refcount table has room for all that
    /// the disk can ever need, so that it never has to move.
    pub(crate) fn new(geometry: Geometry, size: u64, l2: u64, data: u64) -> Result<Self, Error> {
        if !size.is_multiple_of(512) {
            return Err(Error::Invalid(format!("a disk has a whole number of 512-byte sectors, not {size} bytes")));
        }
        header::check_size(geometry, size)?;
        let l1 = geometry.clusters(geometry.l1_entries(size) * ENTRY_SIZE);
        let full = 1 + l1 + geometry.l1_entries(size) + geometry.clusters(size);
        let (table, _) = refcount_clusters(geometry, full);
        if table << geometry.cluster_bits > MAX_REFCOUNT_TABLE_BYTES {
            let value = table << geometry.cluster_bits;
            let what = "the size of the disk image's refcount table";
            return Err(Error::TooLarge { what, value, limit: MAX_REFCOUNT_TABLE_BYTES });
        }
        let mut blocks = 1;
        loop {
            let layout = Self { geometry, size, table, blocks, l1, l2, data };
            let needed = layout.clusters().div_ceil(geometry.refcounts_per_block());
            if needed <= blocks {
                return Ok(layout);
            }
            blocks = needed;
        }
    }

    pub(crate) fn clusters(&self) -> u64 {
        self.data_start() + self.data
    }

    fn blocks_start(&self) -> u64 {
        1 + self.table
    }

    pub(crate) fn l1_start(&self) -> u64 {
        self.blocks_start() + self.blocks
    }

    pub(crate) fn l2_start(&self) -> u64 {
        self.l1_start() + self.l1
    }

    pub(crate) fn data_start(&self) -> u64 {
        self.l2_start() + self.l2
    }

    /// The header of an image laid out so.
    pub(crate) fn header(&self, backing: Option<BackingRef>) -> Header {
        let bits = self.geometry.cluster_bits;
        Header {
            version: 3,
            geometry: self.geometry,
            size: self.size,
            backing,
            l1_entries: self.geometry.l1_entries(self.size) as u32,
            l1_offset: self.l1_start() << bits,
            refcount_table_offset: 1 << bits,
            refcount_table_clusters: self.table as u32,
            snapshots: 0,
            snapshots_offset: 0,
            compression: Compression::Zlib,
            dirty: false,
            corrupt: false,
            autoclear: 0,
        }
    }

    /// The refcount table's entries that are not zero.
    pub(crate) fn table_entries(&self) -> Vec<u64> {
        let bits = self.geometry.cluster_bits;
        (self.blocks_start()..self.l1_start()).map(|cluster| cluster << bits).collect()
    }

    pub(crate) fn table_len(&self) -> usize {
        (self.table as usize) << self.geometry.cluster_bits
    }

    pub(crate) fn l1_len(&self) -> usize {
        (self.l1 as usize) << self.geometry.cluster_bits
    }

    pub(crate) fn block_count(&self) -> u64 {
        self.blocks
    }

    /// A refcount block: everything before the data is counted once, data as `data_count` says by its index.
    pub(crate) fn block(&self, index: u64, data_count: impl Fn(u64) -> u64) -> Vec<u8> {
        let per_block = self.geometry.refcounts_per_block();
        let first = index * per_block;
        let mut bytes = vec![0; self.geometry.cluster_len()];
        for cluster in first..self.clusters().min(first + per_block) {
            let count = cluster.checked_sub(self.data_start()).map_or(1, &data_count);
            write_count(&mut bytes, cluster - first, self.geometry.refcount_order, count);
        }
        bytes
    }
}

/// Clusters of the refcount table and of its blocks that count `clusters` clusters and themselves.
fn refcount_clusters(geometry: Geometry, clusters: u64) -> (u64, u64) {
    let (mut table, mut blocks) = (1, 1);
    loop {
        let needed_blocks = (clusters + table + blocks).div_ceil(geometry.refcounts_per_block());
        let needed_table = geometry.clusters(needed_blocks * ENTRY_SIZE);
        if needed_blocks <= blocks && needed_table <= table {
            return (table, blocks);
        }
        (table, blocks) = (needed_table.max(table), needed_blocks.max(blocks));
    }
}
