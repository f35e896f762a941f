//! A workspace's files on their way out.
//!
//! [`export`] reads the ext4 file system on a disk, without a running machine, and writes its files as a tar or a zip. A file system that was
//! not unmounted is read as it would be after its journal was replayed; the disk is not written. Refused by name are inodes of less
//! than 256 bytes, and journals with `async_commit` or `fast_commit`, none of which `mke2fs` makes unless it is told to.
//!
//! The files are found by the crate `ext4-view`. Between it and the disk, `layout`, `journal`, `extents` and `unwritten` supply what it lacks:
//! the journals of file systems without checksums, and blocks that were allocated but never written.
//!
//! | | tar | zip |
//! | --- | --- | --- |
//! | names that are not UTF-8 | kept as bytes | kept as bytes, without the mark for UTF-8; some programs show them wrong |
//! | modes | all twelve bits | all twelve bits, as Unix attributes |
//! | owners | kept, as numbers | lost |
//! | times | whole seconds from 1970 on | the same until 2106, and a DOS time in UTC |
//! | symbolic links | kept | kept, as Info-ZIP does |
//! | hard links | become copies | become copies |
//!
//! Holes in files become zeros. Sockets, fifos and devices are left out and reported; so is `lost+found` at the root, which is not
//! reported. Entries come in the order of the file system's directories, so the same disk gives the same archive.
//!
//! Memory: some MiB, and for a zip about 300 bytes for each entry, since a zip's directory comes at its end.

mod error;
mod extents;
mod journal;
mod layout;
mod reader;
pub(crate) mod sink;
mod unwritten;
mod walk;

pub use crate::unpack::Packing;
pub use error::WorkspaceError;

use crate::error::Error;
use crate::progress::{Count, OnProgress, Ticker};
use block::Disk;
use std::io::Write;

/// What the archive is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A tar, packed as a whole or not.
    Tar(Option<Packing>),
    /// A zip with deflate.
    Zip,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Regular files.
    pub files: u64,
    /// Directories, the root not counted.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Sockets, fifos and devices that were left out.
    pub left_out: u64,
    /// The names of the first [`MAX_NAMES_LEFT_OUT`] of them, made readable.
    pub left_out_names: Vec<String>,
}

/// How many names of what was left out are told.
pub const MAX_NAMES_LEFT_OUT: usize = 10;

/// Writes all files of the file system on `disk` to `out`. The disk must not change meanwhile.
///
/// Progress counts bytes of files; how many there are in all is not known.
pub fn export(
    disk: Box<dyn Disk>,
    format: Format,
    out: &mut dyn Write,
    on_progress: &mut OnProgress<'_>,
) -> Result<Exported, Error> {
    let file_system = reader::open(disk)?;
    let mut ticker = Ticker::new(on_progress, Count::default(), None);
    let mut sink = sink::Sink::new(out, format);
    let exported = walk::run(&file_system, &mut sink, &mut ticker)?;
    sink.finish()?;
    Ok(exported)
}
