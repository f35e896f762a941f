//! Where a disk's bytes are.

use crate::image::Qcow2;
use crate::tables::Mapping;
use block::{BlockError, BlockFile, check_range};

/// What provides a stretch of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This file, from this offset on.
    Data(u64),
    /// This file, compressed.
    Compressed,
    /// Nothing: this image says that there are zeros.
    Zero,
    /// The layer below; zeros if there is none or where it has ended.
    Below,
}

impl<F: BlockFile> Qcow2<F> {
    /// What provides the bytes from `offset` (inside of the disk) on, and how many of them: at least one. Longer stretches
    /// may be told in parts.
    pub fn source(&mut self, offset: u64) -> Result<(Source, u64), BlockError> {
        let size = self.header.size;
        check_range(offset, 1, size)?;
        let (mapping, len) = self.run(offset, size - offset)?;
        let inside = self.header.geometry.in_cluster(offset);
        let source = match mapping {
            Mapping::Unallocated => Source::Below,
            Mapping::Zero(_) => Source::Zero,
            Mapping::Data(host) => Source::Data(host + inside),
            Mapping::Compressed { .. } => Source::Compressed,
        };
        Ok((source, len))
    }

    /// Bytes of the disk that this file itself holds or marks as zeros: what a merge into the layer below would copy.
    pub fn allocated_bytes(&mut self) -> Result<u64, BlockError> {
        let (mut offset, mut allocated) = (0, 0);
        while offset < self.header.size {
            let (source, len) = self.source(offset)?;
            if source != Source::Below {
                allocated += len;
            }
            offset += len;
        }
        Ok(allocated)
    }

    /// The file's length in bytes.
    pub fn file_len(&self) -> u64 {
        self.file.len()
    }
}
