//! The fresh image that an import fills.

use super::DiskError;
use super::boots::{self, Boots};
use crate::error::Error;
use crate::source::Filling;
use block::Disk;
use qcow2::{CreateOptions, Qcow2, create};

/// The clusters of our own images, in bytes.
pub(super) const CLUSTER: usize = 64 << 10;

/// A qcow2 image of our own geometry that is filled from front to back. Clusters of zeros are not stored.
pub(super) struct Target<'a> {
    disk: Qcow2<Filling<'a>>,
    max_size: u64,
}

impl<'a> Target<'a> {
    /// Makes an image of `size` bytes; it may grow later, if the size is not known yet.
    pub(super) fn new(mut file: Filling<'a>, size: u64, max_size: u64) -> Result<Self, Error> {
        check_size(size, max_size)?;
        create(&mut file, &CreateOptions::new(size))?;
        Ok(Self { disk: Qcow2::open(file, None)?, max_size })
    }

    pub(super) fn size(&self) -> u64 {
        Disk::size(&self.disk)
    }

    /// Makes the disk at least so long. Refused is what is too long or no number of sectors.
    pub(super) fn ensure(&mut self, size: u64) -> Result<(), Error> {
        check_size(size, self.max_size)?;
        if size > self.size() {
            self.disk.grow(size)?;
        }
        Ok(())
    }

    /// Writes what is not zero of some bytes that begin with a cluster.
    pub(super) fn put(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let clusters: Vec<&[u8]> = bytes.chunks(CLUSTER).collect();
        let mut at = 0;
        for run in clusters.chunk_by(|a, b| is_zero(a) == is_zero(b)) {
            let len: usize = run.iter().map(|cluster| cluster.len()).sum();
            if !is_zero(run[0]) {
                self.disk.write(offset + at as u64, &bytes[at..at + len])?;
            }
            at += len;
        }
        Ok(())
    }

    /// Says what is on the disk, and writes the tables out.
    pub(super) fn finish(mut self) -> Result<Boots, Error> {
        let boots = boots::find(&mut self.disk)?;
        self.disk.close()?;
        Ok(boots)
    }
}

fn check_size(size: u64, limit: u64) -> Result<(), Error> {
    if size > limit {
        return Err(DiskError::TooLarge { size, limit }.into());
    }
    if !size.is_multiple_of(512) {
        return Err(DiskError::Odd { size }.into());
    }
    Ok(())
}

/// Whether all bytes are zero. Comparing a slice with itself, one byte on, is as fast as memory in debug builds too.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0)
        && bytes[..bytes.len().saturating_sub(1)] == bytes[bytes.len().min(1)..]
}
