//! Writing: in place where the cluster is the disk's own, else to new clusters that the tables come to know.

use crate::backing::read_or_zeros;
use crate::error::corrupt;
use crate::export::is_zero;
use crate::image::Qcow2;
use crate::refcount::Refcounts;
use crate::tables::{COPIED, Mapping};
use block::{BlockError, BlockFile};
use std::ops::Range;

/// How many stretches of freed clusters may wait before they are worth a write-out of their own.
const MAX_PENDING_FREES: usize = 4096;

impl<F: BlockFile> Qcow2<F> {
    pub(crate) fn write_range(&mut self, mut offset: u64, mut data: &[u8]) -> Result<(), BlockError> {
        self.counts()?;
        while !data.is_empty() {
            let written = self.write_some(offset, data)?;
            offset += written as u64;
            data = &data[written..];
        }
        Ok(())
    }

    /// The refcounts, which only an image that is open for writing has.
    pub(crate) fn counts(&mut self) -> Result<&mut Refcounts, BlockError> {
        self.refcounts.as_mut().ok_or(BlockError::ReadOnly)
    }

    /// Writes the first part of `data` that can be written at once and says how long it was.
    fn write_some(&mut self, offset: u64, data: &[u8]) -> Result<usize, BlockError> {
        let geometry = self.header.geometry;
        let (mapping, run) = self.run(offset, data.len() as u64)?;
        if let Mapping::Data(host) = mapping {
            let len = self.in_place_len(host, offset, run)? as usize;
            if len > 0 {
                self.file.write(host + geometry.in_cluster(offset), &data[..len])?;
                return Ok(len);
            }
        }
        let inside = geometry.in_cluster(offset) as usize;
        if inside == 0 && run >= geometry.cluster_size() {
            return self.write_whole(offset, &data[..run as usize & !(geometry.cluster_len() - 1)]);
        }
        let len = data.len().min(geometry.cluster_len() - inside);
        self.write_part(offset, &data[..len])?;
        Ok(len)
    }

    /// How many bytes of a run of data clusters may be overwritten: those in clusters that nothing else refers to. A
    /// damaged table that points at another table, or at what counts as free, is an error before it does harm.
    fn in_place_len(&mut self, host: u64, offset: u64, run: u64) -> Result<u64, BlockError> {
        let geometry = self.header.geometry;
        let inside = geometry.in_cluster(offset);
        let first = host >> geometry.cluster_bits;
        for index in 0..geometry.clusters(inside + run) {
            let cluster = first + index;
            let counts = self.refcounts.as_mut().ok_or(BlockError::ReadOnly)?;
            if counts.fixed.contains(&cluster) {
                return Err(corrupt(format!("cluster {cluster} is data and a table at once")));
            }
            match counts.get(&mut self.file, cluster)? {
                0 => return Err(corrupt(format!("cluster {cluster} is in use, but its refcount is zero"))),
                1 => {}
                _ => return Ok((index << geometry.cluster_bits).saturating_sub(inside)),
            }
        }
        Ok(run)
    }

    /// Writes clusters that are covered completely to new places.
    fn write_whole(&mut self, offset: u64, data: &[u8]) -> Result<usize, BlockError> {
        let geometry = self.header.geometry;
        self.ensure_table(offset)?;
        let wanted = geometry.clusters(data.len() as u64);
        let clusters = self.refcounts.as_mut().ok_or(BlockError::ReadOnly)?.allocate(&mut self.file, wanted)?;
        let len = ((clusters.end - clusters.start) << geometry.cluster_bits) as usize;
        let host = clusters.start << geometry.cluster_bits;
        self.write_new(&clusters, host, &data[..len])?;
        self.map(offset, clusters)?;
        Ok(len)
    }

    /// Writes a part of one cluster to a new place, with the rest of the cluster as it was.
    fn write_part(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        let geometry = self.header.geometry;
        let inside = geometry.in_cluster(offset) as usize;
        let start = offset - inside as u64;
        self.ensure_table(offset)?;
        let mut cluster = vec![0; geometry.cluster_len()];
        let known = self.zero_extent(start, geometry.cluster_size())?;
        let was_zero = (known.zero && known.len == geometry.cluster_size()) || {
            self.read_cluster(start, &mut cluster)?;
            is_zero(&cluster)
        };
        let clusters = self.refcounts.as_mut().ok_or(BlockError::ReadOnly)?.allocate(&mut self.file, 1)?;
        let host = clusters.start << geometry.cluster_bits;
        if was_zero && host >= self.file.len() {
            // What the file does not have yet reads as zeros, so only the guest's bytes need writing.
            self.write_new(&clusters, host + inside as u64, data)?;
        } else {
            cluster[inside..inside + data.len()].copy_from_slice(data);
            self.write_new(&clusters, host, &cluster)?;
        }
        self.map(start, clusters)
    }

    /// Reads one cluster of the virtual disk; past the disk's end, in its last cluster, there are zeros.
    fn read_cluster(&mut self, start: u64, cluster: &mut [u8]) -> Result<(), BlockError> {
        let here = (self.header.size - start).min(cluster.len() as u64) as usize;
        match self.mapping(start)? {
            Mapping::Unallocated => read_or_zeros(self.backing.as_deref_mut(), start, &mut cluster[..here]),
            _ => self.read_range(start, &mut cluster[..here]),
        }
    }

    /// Writes to clusters just handed out, and takes them back if that fails.
    pub(crate) fn write_new(&mut self, clusters: &Range<u64>, at: u64, data: &[u8]) -> Result<(), BlockError> {
        let written = self.file.write(at, data);
        if written.is_err()
            && let Some(counts) = self.refcounts.as_mut()
        {
            counts.give_back(&mut self.file, clusters.clone())?;
        }
        written
    }

    /// Makes sure that the offset's L2 table exists and may be changed.
    pub(crate) fn ensure_table(&mut self, offset: u64) -> Result<(), BlockError> {
        let geometry = self.header.geometry;
        let pending = self.refcounts.as_ref().is_some_and(|counts| counts.pending_len() >= MAX_PENDING_FREES);
        if self.tables.is_full() || pending {
            self.write_out()?;
        }
        let (l1, _) = geometry.indexes(offset);
        if let Some(at) = self.tables.l2_offset(l1)? {
            let cluster = at >> geometry.cluster_bits;
            let counts = self.refcounts.as_mut().ok_or(BlockError::ReadOnly)?;
            return match counts.get(&mut self.file, cluster)? {
                1 => Ok(()),
                count => Err(corrupt(format!("the L2 table in cluster {cluster} has a refcount of {count}"))),
            };
        }
        let counts = self.refcounts.as_mut().ok_or(BlockError::ReadOnly)?;
        let clusters = counts.allocate_table(&mut self.file, 1)?;
        let at = clusters.start << geometry.cluster_bits;
        // Written at once: what the L1 table comes to refer to is a table whatever happens, and a flush, which only changes
        // what is there, never needs room that the storage may not have.
        self.write_new(&clusters, at, &vec![0; geometry.cluster_len()])?;
        self.tables.add_table(l1, at);
        Ok(())
    }

    /// Lets the tables say that virtual clusters from `offset` on are at new places, and frees their old ones.
    fn map(&mut self, offset: u64, clusters: Range<u64>) -> Result<(), BlockError> {
        let bits = self.header.geometry.cluster_bits;
        let count = (clusters.end - clusters.start) as usize;
        let entries: Vec<u64> = clusters.map(|cluster| cluster << bits | COPIED).collect();
        self.replace_entries(offset, count, entries.into_iter())
    }

    /// Replaces `count` L2 entries of one table from `offset` on and frees what they referred to.
    pub(crate) fn replace_entries(
        &mut self,
        offset: u64,
        count: usize,
        entries: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), BlockError> {
        let geometry = self.header.geometry;
        let (l1, l2) = geometry.indexes(offset);
        let Some(table) = self.tables.table(&mut self.file, l1)? else {
            return Err(corrupt("an L2 table vanished"));
        };
        let old: Result<Vec<Mapping>, BlockError> =
            table[l2..l2 + count].iter().map(|entry| Mapping::parse(*entry, geometry, self.header.version)).collect();
        let counts = self.refcounts.as_mut().ok_or(BlockError::ReadOnly)?;
        let freed: Vec<Range<u64>> = old?.into_iter().filter_map(|mapping| mapping.clusters(geometry)).collect();
        if let Some(cluster) = freed.iter().cloned().flatten().find(|cluster| counts.fixed.contains(cluster)) {
            return Err(corrupt(format!("cluster {cluster} is data and a table at once")));
        }
        for clusters in freed {
            counts.free_later(clusters);
        }
        self.tables.set_entries(&mut self.file, l1, l2, entries)
    }
}
