//! Reading: stretches of the virtual disk that come from one place are read at once.

use crate::backing::{Extent, extent_or_zeros, read_or_zeros};
use crate::image::Qcow2;
use crate::tables::Mapping;
use block::{BlockError, BlockFile};

impl<F: BlockFile> Qcow2<F> {
    /// What maps the cluster at a virtual offset.
    pub(crate) fn mapping(&mut self, offset: u64) -> Result<Mapping, BlockError> {
        let (l1, l2) = self.header.geometry.indexes(offset);
        let entry = self.tables.table(&mut self.file, l1)?.map_or(0, |table| table[l2]);
        Mapping::parse(entry, self.header.geometry, self.header.version)
    }

    /// The mapping at `offset` and how many of `len` bytes from there continue it. Runs end with their L2 table.
    pub(crate) fn run(&mut self, offset: u64, len: u64) -> Result<(Mapping, u64), BlockError> {
        let geometry = self.header.geometry;
        let version = self.header.version;
        let (l1, l2) = geometry.indexes(offset);
        let mut run = geometry.cluster_size() - geometry.in_cluster(offset);
        let Some(table) = self.tables.table(&mut self.file, l1)? else {
            let rest = geometry.l2_span() - (offset & (geometry.l2_span() - 1));
            return Ok((Mapping::Unallocated, rest.min(len)));
        };
        let first = Mapping::parse(table[l2], geometry, version)?;
        let mut previous = first;
        for entry in &table[l2 + 1..] {
            let next = Mapping::parse(*entry, geometry, version);
            if run >= len || !next.as_ref().is_ok_and(|next| continues(previous, *next, geometry.cluster_size())) {
                break;
            }
            previous = next?;
            run += geometry.cluster_size();
        }
        Ok((first, run.min(len)))
    }

    pub(crate) fn read_range(&mut self, mut offset: u64, mut buf: &mut [u8]) -> Result<(), BlockError> {
        while !buf.is_empty() {
            let (mapping, run) = self.run(offset, buf.len() as u64)?;
            let (now, later) = buf.split_at_mut(run as usize);
            self.read_run(mapping, offset, now)?;
            offset += run;
            buf = later;
        }
        Ok(())
    }

    fn read_run(&mut self, mapping: Mapping, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        let inside = self.header.geometry.in_cluster(offset);
        match mapping {
            Mapping::Unallocated => read_or_zeros(self.backing.as_deref_mut(), offset, buf),
            Mapping::Zero(_) => {
                buf.fill(0);
                Ok(())
            }
            Mapping::Data(host) => self.read_host(host, inside, buf),
            Mapping::Compressed { offset, len } => {
                let cluster = self.unpacker.unpack(&mut self.file, offset, len)?;
                let inside = inside as usize;
                buf.copy_from_slice(&cluster[inside..inside + buf.len()]);
                Ok(())
            }
        }
    }

    /// Reads from data clusters in a row. The last cluster of a file need not be complete, but it must have begun.
    fn read_host(&mut self, host: u64, inside: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        let end = self.file.len().next_multiple_of(self.header.geometry.cluster_size());
        let start = host.saturating_add(inside);
        if start >= self.file.len() && start < end {
            buf.fill(0);
            return Ok(());
        }
        self.file.read(start, buf, "data")
    }

    /// Whether the disk is known to hold zeros from `offset` on, here or in the layers below.
    pub(crate) fn zero_extent(&mut self, offset: u64, len: u64) -> Result<Extent, BlockError> {
        let (mapping, run) = self.run(offset, len)?;
        match mapping {
            Mapping::Unallocated => extent_or_zeros(self.backing.as_deref_mut(), offset, run),
            Mapping::Zero(_) => Ok(Extent { len: run, zero: true }),
            Mapping::Data(_) | Mapping::Compressed { .. } => Ok(Extent { len: run, zero: false }),
        }
    }
}

/// Whether a cluster can be handled together with the one before it. Compressed clusters stand alone.
fn continues(previous: Mapping, next: Mapping, cluster_size: u64) -> bool {
    match (previous, next) {
        (Mapping::Unallocated, Mapping::Unallocated) | (Mapping::Zero(_), Mapping::Zero(_)) => true,
        (Mapping::Data(before), Mapping::Data(after)) => before.checked_add(cluster_size) == Some(after),
        _ => false,
    }
}
