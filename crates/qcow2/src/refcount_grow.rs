//! Room for more refcounts: new blocks, and a longer table when the old one is full.

use crate::bytes::{entries_to_bytes, put32, put64};
use crate::error::corrupt;
use crate::file::ImageFile;
use crate::geometry::{ENTRY_SIZE, MAX_REFCOUNT_TABLE_BYTES};
use crate::refcount::{Block, Refcounts, write_count};
use block::{BlockError, BlockFile};

/// Where the header has the refcount table's offset (8 bytes) and, right behind, its clusters (4 bytes).
const HEADER_TABLE_FIELDS: u64 = 48;

impl Refcounts {
    /// Makes sure that a block describes the cluster. A new block lies in the first cluster that it is needed for, so
    /// that it counts itself; it is in the file for certain before the table refers to it.
    pub(crate) fn describe<F: BlockFile>(&mut self, file: &mut ImageFile<F>, cluster: u64) -> Result<(), BlockError> {
        if self.described(cluster) {
            return Ok(());
        }
        let (index, slot) = self.position(cluster);
        if index >= self.table.len() as u64 {
            self.grow_table(file, index)?;
            if self.described(cluster) {
                return Ok(());
            }
        }
        let index = index as usize;
        self.fix([cluster])?;
        let offset = cluster << self.geometry.cluster_bits;
        let mut bytes = vec![0; self.geometry.cluster_len()];
        write_count(&mut bytes, slot, self.geometry.refcount_order, 1);
        let entry_at = self.table_offset + index as u64 * ENTRY_SIZE;
        let written = file
            .write(offset, &bytes)
            .and_then(|()| file.flush())
            .and_then(|()| file.write_root(entry_at, &offset.to_be_bytes()));
        if let Err(error) = written {
            self.fixed.remove(&cluster);
            return Err(error);
        }
        self.table[index] = offset;
        self.end = self.end.max(cluster + 1);
        self.keep(file, index, bytes)
    }

    /// Puts a block that was just written into the cache.
    fn keep<F: BlockFile>(&mut self, file: &mut ImageFile<F>, index: usize, bytes: Vec<u8>) -> Result<(), BlockError> {
        self.make_room(file)?;
        self.blocks.insert(index, Block::clean(bytes));
        Ok(())
    }

    /// Moves the table behind everything else, longer, with the blocks that count it and themselves.
    fn grow_table<F: BlockFile>(&mut self, file: &mut ImageFile<F>, wanted: u64) -> Result<(), BlockError> {
        let plan = self.plan_growth(file.len(), wanted)?;
        self.fix(plan.start..plan.end())?;
        let bits = self.geometry.cluster_bits;
        let mut table = self.table.clone();
        table.resize((plan.table_clusters << (bits - 3)) as usize, 0);
        for (cluster, index) in (plan.start + plan.table_clusters..).zip(&plan.new_blocks) {
            table[*index as usize] = cluster << bits;
        }
        if let Err(error) = self.write_growth(file, &plan, &table) {
            for cluster in plan.start..plan.end() {
                self.fixed.remove(&cluster);
            }
            return Err(error);
        }
        let old = self.table_offset >> bits..(self.table_offset >> bits) + self.table_clusters();
        self.table = table;
        self.table_offset = plan.start << bits;
        self.end = self.end.max(plan.end());
        for cluster in old {
            self.fixed.remove(&cluster);
            let count = self.get(file, cluster)?;
            self.set(file, cluster, count.saturating_sub(1))?;
        }
        Ok(())
    }

    /// Where the longer table and its blocks go; sizes depend on each other, so they are repeated until they fit.
    fn plan_growth(&self, file_len: u64, wanted: u64) -> Result<Growth, BlockError> {
        let start = self.geometry.clusters(file_len).max(self.end);
        let per_block = self.geometry.refcounts_per_block();
        let mut plan = Growth { start, table_clusters: self.table_clusters() * 2, new_blocks: Vec::new() };
        loop {
            let last = (plan.end() - 1) / per_block;
            let entries = (last.max(wanted) + 1).saturating_mul(ENTRY_SIZE);
            let table_clusters = self.geometry.clusters(entries).max(plan.table_clusters);
            if table_clusters << self.geometry.cluster_bits > MAX_REFCOUNT_TABLE_BYTES {
                return Err(BlockError::NoSpace);
            }
            let is_new = |index: &u64| self.table.get(*index as usize).is_none_or(|offset| *offset == 0);
            let new_blocks: Vec<u64> = (start / per_block..=last).filter(is_new).collect();
            let stable = table_clusters == plan.table_clusters && new_blocks.len() == plan.new_blocks.len();
            plan = Growth { start, table_clusters, new_blocks };
            if stable {
                return Ok(plan);
            }
        }
    }

    /// Writes what the header does not refer to yet, and when that is certain to be there, the header.
    fn write_growth<F: BlockFile>(
        &mut self,
        file: &mut ImageFile<F>,
        plan: &Growth,
        table: &[u64],
    ) -> Result<(), BlockError> {
        let bits = self.geometry.cluster_bits;
        let per_block = self.geometry.refcounts_per_block();
        for index in &plan.new_blocks {
            let mut bytes = vec![0; self.geometry.cluster_len()];
            let first = index * per_block;
            for cluster in plan.start.max(first)..plan.end().min(first + per_block) {
                write_count(&mut bytes, cluster - first, self.geometry.refcount_order, 1);
            }
            file.write(table[*index as usize], &bytes)?;
        }
        for cluster in plan.start..plan.end() {
            if self.described(cluster) {
                self.set(file, cluster, 1)?;
            }
        }
        file.write(plan.start << bits, &entries_to_bytes(table))?;
        self.write_dirty(file)?;
        file.flush()?;
        let mut fields = [0; 12];
        put64(&mut fields, 0, plan.start << bits);
        put32(&mut fields, 8, u32::try_from(plan.table_clusters).map_err(|_| corrupt("its refcount table is huge"))?);
        file.write_root(HEADER_TABLE_FIELDS, &fields)?;
        file.flush()
    }
}

/// A longer refcount table followed by the new blocks, all from cluster `start` on.
struct Growth {
    start: u64,
    table_clusters: u64,
    /// Table indexes of the new blocks.
    new_blocks: Vec<u64>,
}

impl Growth {
    fn end(&self) -> u64 {
        self.start + self.table_clusters + self.new_blocks.len() as u64
    }
}
