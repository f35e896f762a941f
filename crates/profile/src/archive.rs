//! Small archives whose whole content is in memory: tar (POSIX.1-1988 with GNU's and pax's long names, as the crate `tar` reads them), also in
//! gzip, and zip (PKWARE's APPNOTE.TXT). Only files are taken; links and devices are refused.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use thiserror::Error;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The largest archive that is looked at, in bytes.
pub const ARCHIVE_MAX: usize = 16 << 20;
/// Entries that are gone through at most, folders among them.
const ENTRIES_MAX: usize = 4_000;

/// The most bytes of the runner's programs together.
pub const RUNNER_BYTES_MAX: usize = 1 << 20;

/// Files by their paths, as an archive has them.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Why an archive can't be read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// It is too large, or what is in it.
    #[error("the file is larger than {} KiB, or what is in it", .0 >> 10)]
    Large(usize),
    /// It has too many entries.
    #[error("the file has more than {ENTRIES_MAX} entries")]
    Many,
    /// Something in it is neither a file nor a folder.
    #[error("“{0}” in it is neither a file nor a folder")]
    Special(String),
    /// Two entries have the same path.
    #[error("“{0}” is in it twice")]
    Twice(String),
    /// A path is no text.
    #[error("a name in it is not UTF-8")]
    Name,
    /// It is damaged or something else.
    #[error("the file is no tar and no zip, or damaged: {0}")]
    Damaged(String),
}

fn damaged(error: impl ToString) -> ArchiveError {
    ArchiveError::Damaged(error.to_string())
}

/// Reads an archive of whichever kind; `max` bounds the bytes of all files together.
pub(crate) fn read(bytes: &[u8], max: usize) -> Result<Files, ArchiveError> {
    if bytes.len() > ARCHIVE_MAX {
        return Err(ArchiveError::Large(ARCHIVE_MAX));
    }
    match bytes {
        [b'P', b'K', 3 | 5, ..] => read_zip(bytes, max),
        // The stream is bounded by what all entries and their heads may take.
        [0x1f, 0x8b, ..] => read_tar(flate2::read::MultiGzDecoder::new(bytes).take(ARCHIVE_MAX as u64), max),
        _ => read_tar(bytes, max),
    }
}

/// Adds a file's content, within what is left.
fn add(files: &mut Files, path: String, reader: impl Read, left: &mut usize, max: usize) -> Result<(), ArchiveError> {
    let mut bytes = vec![];
    let read = reader.take(*left as u64 + 1).read_to_end(&mut bytes).map_err(damaged)?;
    *left = left.checked_sub(read).ok_or(ArchiveError::Large(max))?;
    match files.insert(path.clone(), bytes) {
        Some(_) => Err(ArchiveError::Twice(path)),
        None => Ok(()),
    }
}

fn read_tar(reader: impl Read, max: usize) -> Result<Files, ArchiveError> {
    let (mut files, mut left, mut any) = (Files::new(), max, false);
    let mut archive = tar::Archive::new(reader);
    for (count, entry) in archive.entries().map_err(damaged)?.enumerate() {
        let entry = entry.map_err(damaged)?;
        any = true;
        if count >= ENTRIES_MAX {
            return Err(ArchiveError::Many);
        }
        let path = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| ArchiveError::Name)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        if !(kind.is_file() || kind.is_contiguous()) {
            return Err(ArchiveError::Special(path));
        }
        add(&mut files, path, entry, &mut left, max)?;
    }
    if any { Ok(files) } else { Err(damaged("nothing is in it")) }
}

/// The kinds of things in a Unix mode.
const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;

fn read_zip(bytes: &[u8], max: usize) -> Result<Files, ArchiveError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > ENTRIES_MAX {
        return Err(ArchiveError::Many);
    }
    let (mut files, mut left) = (Files::new(), max);
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(damaged)?;
        let path = std::str::from_utf8(file.name_raw()).map_err(|_| ArchiveError::Name)?.to_owned();
        if path.ends_with('/') {
            continue;
        }
        if file.unix_mode().is_some_and(|mode| mode & S_IFMT != 0 && mode & S_IFMT != S_IFREG) {
            return Err(ArchiveError::Special(path));
        }
        add(&mut files, path, file, &mut left, max)?;
    }
    Ok(files)
}

/// Files as a tar, the same for the same files. Nothing in it depends on the time.
pub(crate) fn write_tar<'a>(files: impl Iterator<Item = (String, &'a [u8])>) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(vec![]);
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        builder.append_data(&mut header, path, bytes)?;
    }
    builder.into_inner()
}

/// The runner's programs as a tar, for the package.
pub fn runner_to_tar(files: &BTreeMap<String, Vec<u8>>) -> io::Result<Vec<u8>> {
    write_tar(files.iter().map(|(path, bytes)| (path.clone(), &bytes[..])))
}

/// The runner's programs out of the package's tar.
pub fn runner_from_tar(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    read(bytes, RUNNER_BYTES_MAX)
}

/// Files as a zip, the same for the same files.
pub(crate) fn write_zip<'a>(files: impl Iterator<Item = (String, &'a [u8])>) -> Result<Vec<u8>, ZipError> {
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    for (path, bytes) in files {
        writer.start_file(path, options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}
