//! Archives of files on their way into a workspace.
//!
//! [`import`] reads a tar (plain, or packed with gzip or Zstandard) or a zip twice: the first pass unpacks and judges all of it, and only
//! if nothing was wrong the second one writes a plain tar stream that a guest's `tar x` can unpack blindly. [`check`] is the first pass
//! alone. What is let through:
//!
//! - regular files, directories, symbolic links, and hard links to files that came before in the same archive;
//! - names that are relative, without `..`, and that lead through nothing but directories of the same archive. A symbolic link
//!   may point anywhere, but nothing is written through it;
//! - one kind of thing for a name. A file may come twice, the second one counts.
//!
//! Anything else makes the whole archive be refused, by the name of the entry. Set-user-id and set-group-id bits are dropped and
//! counted; owners are kept from a tar, and are 0:0 from a zip. The stream's names need neither prefix nor care: directories end
//! with a slash, `./` is removed, the entry for the archive's root itself is left out. The order is that of the archive, and the
//! same archive gives the same stream.
//!
//! Names of a zip that are not UTF-8 are kept as bytes if the archive was made on Unix, and else understood as code page 437. Times
//! of a zip without a Unix time are taken as UTC.

mod error;
mod form;
mod pass;
mod tar_in;
mod tree;
mod zip_in;

pub use crate::unpack::Packing;
pub use error::{ArchiveError, EntryProblem};
pub use form::Kind;

use crate::error::{Error, from_output};
use crate::progress::{OnProgress, Ticker};
use crate::source::FileReader;
use crate::tarfmt::TarWriter;
use block::BlockFile;
use std::io::Write;

/// What an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together, unpacked: the room in the workspace.
    pub bytes: u64,
    /// Files, directories and links, also directories that only occur in names. Each takes some hundred bytes of memory, and an
    /// inode in the workspace.
    pub entries: u64,
}

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The archive's format.
    pub kind: Kind,
    /// What it is packed with as a whole.
    pub packing: Option<Packing>,
    /// Entries that are regular files.
    pub files: u64,
    /// Entries that are directories, those not counted that only occur in names.
    pub directories: u64,
    /// Entries that are symbolic links.
    pub symlinks: u64,
    /// Entries that are hard links.
    pub hard_links: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Entries of which a set-user-id or set-group-id bit was dropped.
    pub dropped_bits: u64,
}

/// Checks the whole archive and then writes its entries to `out` as a tar stream. Nothing was written if the archive was refused
/// (unless the source changed while it was read).
///
/// Progress counts bytes of the source, which is read twice.
pub fn import(
    source: &mut dyn BlockFile,
    out: &mut dyn Write,
    limits: &Limits,
    on_progress: &mut OnProgress<'_>,
) -> Result<Summary, Error> {
    let mut reader = FileReader::new(source)?;
    let total = reader.len().saturating_mul(2);
    let mut ticker = Ticker::new(on_progress, reader.count(), Some(total));
    let form = form::detect(&mut reader)?;
    pass::run(&mut reader, form, limits, &mut ticker, None)?;
    let mut writer = TarWriter::new(out);
    let summary = pass::run(&mut reader, form, limits, &mut ticker, Some(&mut writer))?;
    writer.finish().and_then(|out| out.flush()).map_err(from_output)?;
    ticker.tick_of(total, total)?;
    Ok(summary)
}

/// Checks the whole archive. Progress counts bytes of the source.
pub fn check(source: &mut dyn BlockFile, limits: &Limits, on_progress: &mut OnProgress<'_>) -> Result<Summary, Error> {
    let mut reader = FileReader::new(source)?;
    let total = reader.len();
    let mut ticker = Ticker::new(on_progress, reader.count(), Some(total));
    let form = form::detect(&mut reader)?;
    let summary = pass::run(&mut reader, form, limits, &mut ticker, None)?;
    ticker.tick_of(total, total)?;
    Ok(summary)
}
