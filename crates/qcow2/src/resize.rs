//! Larger disks.

use crate::bytes::entries_to_bytes;
use crate::error::Error;
use crate::geometry::ENTRY_SIZE;
use crate::header::{self, check_size};
use crate::image::Qcow2;
use block::BlockFile;

impl<F: BlockFile> Qcow2<F> {
    /// Makes the disk larger; what is added reads as zeros, even over a backing disk that is longer. `size` is in bytes,
    /// a multiple of 512, and not less than now.
    ///
    /// The header, which alone decides the size, changes last and in one write: after a crash the disk has the one size
    /// or the other.
    pub fn grow(&mut self, size: u64) -> Result<(), Error> {
        self.counts()?;
        let old = self.header.size;
        if !size.is_multiple_of(512) {
            return Err(Error::Invalid(format!("a disk has a whole number of 512-byte sectors, not {size} bytes")));
        }
        if size < old {
            return Err(Error::Invalid(format!("a disk of {old} bytes can't be made smaller ({size} bytes)")));
        }
        check_size(self.header.geometry, size)?;
        self.grow_l1(size)?;
        self.hide_leftovers(old, size)?;
        self.write_out()?;
        self.header.size = size;
        header::rewrite(&mut self.file, &self.header)?;
        self.file.flush()?;
        Ok(())
    }

    /// Gives the L1 table entries for `size` bytes, in its place if there is room, else in a new one.
    fn grow_l1(&mut self, size: u64) -> Result<(), Error> {
        let geometry = self.header.geometry;
        let (old, new) = (u64::from(self.header.l1_entries), geometry.l1_entries(size));
        if new <= old {
            return Ok(());
        }
        // The file's table is now the one in memory, and a copy of it is as good.
        self.write_out()?;
        let mut table = self.tables.l1().to_vec();
        table.resize(new as usize, 0);
        let bytes = entries_to_bytes(&table);
        let bits = geometry.cluster_bits;
        let start = self.header.l1_offset >> bits;
        let former = start..start + geometry.clusters(old * ENTRY_SIZE);
        let clusters = geometry.clusters(new * ENTRY_SIZE);
        if clusters > former.end - former.start {
            let row =
                self.refcounts.as_mut().ok_or(block::BlockError::ReadOnly)?.allocate_table(&mut self.file, clusters)?;
            self.write_new(&row, row.start << bits, &bytes)?;
            self.header.l1_offset = row.start << bits;
        } else {
            let written = old * ENTRY_SIZE;
            self.file.write(self.header.l1_offset + written, &bytes[written as usize..])?;
        }
        self.write_out()?;
        self.header.l1_entries = new as u32;
        header::rewrite(&mut self.file, &self.header)?;
        self.file.flush()?;
        if self.header.l1_offset >> bits != start {
            let counts = self.counts()?;
            for cluster in former.clone() {
                counts.fixed.remove(&cluster);
            }
            counts.free_later(former);
        }
        self.tables.replace_l1(table, self.header.l1_offset);
        Ok(())
    }

    /// Sees to it that the disk, once it is larger, shows nothing new but zeros: neither what a longer backing disk has
    /// there, nor what a former writer left behind the end.
    fn hide_leftovers(&mut self, old: u64, new: u64) -> Result<(), Error> {
        let cluster_size = self.header.geometry.cluster_size();
        let border = old.next_multiple_of(cluster_size);
        self.store_zeros(old, border.min(new))?;
        if self.zero_clusters(border, new.next_multiple_of(cluster_size))? {
            return Ok(());
        }
        Err(Error::Unsupported("version 2, which can't grow over a longer backing disk".into()))
    }
}
