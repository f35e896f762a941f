//! Making stretches of the disk zero without storing zeros.

use crate::backing::extent_or_zeros;
use crate::export::is_zero;
use crate::image::Qcow2;
use crate::tables::Mapping;
use block::{BlockError, BlockFile};

/// L2 entries: the cluster reads as zeros, whatever lies below (version 3).
const ZERO_FLAG: u64 = 1;
/// How much is written at a time where zeros have to be stored.
const CHUNK: usize = 64 << 10;

impl<F: BlockFile> Qcow2<F> {
    /// Gives clusters back that the guest has no use for. Those that lie completely inside of the stretch read as zeros
    /// from then on; what it covers of others stays as it is, as does everything where zeros would have to be
    /// stored (a version 2 image over a backing disk).
    pub fn discard(&mut self, offset: u64, len: u64) -> Result<(), BlockError> {
        let (start, end) = self.whole_clusters(offset, len)?;
        if start < end { self.zero_clusters(start, end).map(drop) } else { Ok(()) }
    }

    /// Makes a stretch of the disk zero, without storing zeros where that is possible.
    pub fn write_zeros(&mut self, offset: u64, len: u64) -> Result<(), BlockError> {
        let (start, end) = self.whole_clusters(offset, len)?;
        if start < end && self.zero_clusters(start, end)? {
            self.store_zeros(offset, start)?;
            self.store_zeros(end, offset + len)
        } else {
            self.store_zeros(offset, offset + len)
        }
    }

    /// The whole clusters inside of a stretch. The disk's last cluster is whole if the stretch reaches the disk's end.
    fn whole_clusters(&mut self, offset: u64, len: u64) -> Result<(u64, u64), BlockError> {
        self.counts()?;
        let size = self.header.size;
        let end = offset.saturating_add(len);
        if end > size {
            return Err(BlockError::OutOfRange { offset, end, len: size });
        }
        let cluster_size = self.header.geometry.cluster_size();
        let last = if end == size { end.next_multiple_of(cluster_size) } else { end & !(cluster_size - 1) };
        Ok((offset.next_multiple_of(cluster_size), last))
    }

    /// Lets whole clusters read as zeros, and says whether that was possible for all: version 2 has no way to hide what lies
    /// below.
    pub(crate) fn zero_clusters(&mut self, mut offset: u64, end: u64) -> Result<bool, BlockError> {
        let geometry = self.header.geometry;
        let mut all = true;
        while offset < end {
            let (mapping, run) = self.run(offset, end - offset)?;
            let below = extent_or_zeros(self.backing.as_deref_mut(), offset, run)?;
            // Whole clusters only, but at least the one at hand.
            let len = (below.len & !(geometry.cluster_size() - 1)).max(geometry.cluster_size()).min(run);
            let zero_below = below.zero && below.len >= len;
            let is_so = match mapping {
                Mapping::Unallocated => zero_below,
                Mapping::Zero(kept) => kept.is_none(),
                Mapping::Data(_) | Mapping::Compressed { .. } => false,
            };
            if !zero_below && self.header.version < 3 {
                all = false;
            } else if !is_so {
                let entry = if zero_below { 0 } else { ZERO_FLAG };
                self.ensure_table(offset)?;
                let count = geometry.clusters(len) as usize;
                self.replace_entries(offset, count, vec![entry; count].into_iter())?;
            }
            offset += len;
        }
        Ok(all)
    }

    /// Writes zeros where there are others.
    pub(crate) fn store_zeros(&mut self, mut offset: u64, end: u64) -> Result<(), BlockError> {
        let mut buf = vec![0; CHUNK];
        while offset < end {
            let most = (end - offset).min(CHUNK as u64);
            let extent = self.zero_extent(offset, most)?;
            let len = extent.len.clamp(1, most);
            if !extent.zero {
                let now = &mut buf[..len as usize];
                self.read_range(offset, now)?;
                if !is_zero(now) {
                    now.fill(0);
                    self.write_range(offset, now)?;
                }
            }
            offset += len;
        }
        Ok(())
    }
}
