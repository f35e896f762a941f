//! The trait between disk formats and what stores their bytes.
//!
//! A [`BlockFile`] is a flat, growable run of bytes with positioned reads and writes: a file natively, an OPFS
//! synchronous access handle in the browser, a vector in tests. A [`Disk`] is what a machine sees: a fixed number of
//! bytes that can be read, written and flushed. Formats such as qcow2 turn the one into the other. This crate knows
//! neither browsers nor formats.

mod memory;
mod raw;
#[cfg(not(target_family = "wasm"))]
mod std_file;

pub use memory::MemoryFile;
pub use raw::RawDisk;
#[cfg(not(target_family = "wasm"))]
pub use std_file::StdFile;

/// Why bytes could not be read, written or made durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The storage has no room for the bytes; nothing of the failed write counts as written.
    #[error("no room is left in the browser's storage")]
    NoSpace,
    /// The range reaches past the end of the file or disk.
    #[error("bytes {offset}..{end} are outside of a file of {len} bytes")]
    OutOfRange {
        /// First byte asked for.
        offset: u64,
        /// One past the last byte asked for.
        end: u64,
        /// The file's length in bytes.
        len: u64,
    },
    /// The file was opened for reading only.
    #[error("the file is open for reading only")]
    ReadOnly,
    /// The bytes were read, but what they say can't be true (a damaged image).
    #[error("the disk image is damaged: {0}")]
    Corrupt(String),
    /// Anything else that the storage reports, in its own words.
    #[error("storage failed: {0}")]
    Io(String),
}

/// A growable file with positioned, synchronous access.
///
/// Reads past the end fail with [`BlockError::OutOfRange`]; writes past the end grow the file, the gap reads as zeros.
pub trait BlockFile {
    /// The file's length in bytes.
    fn len(&self) -> Result<u64, BlockError>;

    /// Whether the file holds no bytes.
    fn is_empty(&self) -> Result<bool, BlockError> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf` from the bytes at `offset`, or fails without a promise about `buf`.
    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError>;

    /// Writes all of `data` at `offset`, growing the file if needed.
    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError>;

    /// Cuts the file or grows it with zeros to `len` bytes.
    fn set_len(&mut self, len: u64) -> Result<(), BlockError>;

    /// Returns once everything written before would survive a power cut, as far as the platform can promise it.
    fn flush(&mut self) -> Result<(), BlockError>;
}

/// A machine's disk: a fixed number of bytes, a multiple of 512.
pub trait Disk {
    /// The disk's size in bytes.
    fn size(&self) -> u64;

    /// Fills `buf` from the bytes at `offset`.
    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError>;

    /// Writes all of `data` at `offset`.
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError>;

    /// Returns once everything written before would survive a power cut, as far as the platform can promise it.
    fn flush(&mut self) -> Result<(), BlockError>;
}

impl<T: BlockFile + ?Sized> BlockFile for Box<T> {
    fn len(&self) -> Result<u64, BlockError> {
        (**self).len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        (**self).read_at(offset, buf)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        (**self).write_at(offset, data)
    }

    fn set_len(&mut self, len: u64) -> Result<(), BlockError> {
        (**self).set_len(len)
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        (**self).flush()
    }
}

/// Checks that `offset..offset + count` lies inside of `len` bytes and returns the range's end.
pub fn check_range(offset: u64, count: usize, len: u64) -> Result<u64, BlockError> {
    let end = offset.saturating_add(count as u64);
    if end > len {
        return Err(BlockError::OutOfRange { offset, end, len });
    }
    Ok(end)
}
