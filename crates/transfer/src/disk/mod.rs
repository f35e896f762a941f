//! Disk images, in and out.
//!
//! In: [`import`] takes qcow2 images of any geometry and raw images, both also packed with gzip or Zstandard, and writes what is not
//! zero into a fresh qcow2 image with clusters of 64 KiB. Images that stand on another file are refused: that file is not here.
//! Out: [`export`] writes a disk with all its layers as one qcow2 or raw file.

mod boots;
mod detect;
mod error;
mod export;
mod import;
mod target;

pub use crate::unpack::Packing;
pub use boots::{Boots, Table};
pub use detect::Format;
pub use error::DiskError;
pub use export::{ExportFormat, export};
pub use import::{Imported, Limits, import};

/// The largest virtual disk that is taken, in bytes: what fits into an MBR with sectors of 512 bytes, and the largest
/// that the emulated hardware addresses.
pub const MAX_VIRTUAL_SIZE: u64 = 2 << 40;
