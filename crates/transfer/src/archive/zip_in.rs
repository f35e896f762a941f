//! The entries of a zip (PKWARE's APPNOTE.TXT), as if they came from a tar.
//!
//! Only the central directory counts, and it is read piece by piece: a zip with a million entries takes no more memory than a small one.

use super::ArchiveError;
use super::error::{EntryProblem, readable, refuse};
use super::pass::Visit;
use crate::dos_time;
use crate::error::{Error, from_input};
use crate::source::{FileReader, read_full};
use crate::tarfmt::{Attributes, TarEntry, TarKind};
use std::io;
use zip::read::{Config, ZipFile, ZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ExtraField, System, ZipReadOptions};

/// Entries that are read from the directory at a time, before their data is. One by one, the reader's buffer would be filled anew
/// for each.
const BATCH: usize = 256;
/// The longest target of a symbolic link on Linux, in bytes.
const MAX_TARGET: usize = 4095;

/// The kinds of things in `st_mode`.
const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFLNK: u32 = 0o120_000;

/// Shows all entries, in the order of the central directory.
pub(super) fn walk(reader: &mut FileReader<'_>, visit: &mut Visit<'_>) -> Result<(), Error> {
    reader.restart();
    let mut zip = ZipIterable::try_new(reader, Config::default()).map_err(damaged)?;
    let files = zip.files().map_err(damaged)?;
    loop {
        let batch: Vec<_> = files.by_ref().take(BATCH).collect::<Result<_, _>>().map_err(damaged)?;
        if batch.is_empty() {
            return Ok(());
        }
        for entry in batch {
            show(entry, files.reader_mut(), visit)?;
        }
    }
}

fn show(entry: ZipFileEntry<'static>, reader: &mut &mut FileReader<'_>, visit: &mut Visit<'_>) -> Result<(), Error> {
    let name = name(&entry)?;
    if entry.encrypted() {
        return Err(refuse(&name, EntryProblem::Encrypted));
    }
    let method = entry.compression();
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(refuse(&name, EntryProblem::Compression(method.to_string())));
    }
    let mut file = entry.with_reader(reader, ZipReadOptions::new()).map_err(damaged)?;
    let kind = kind(&file, &name);
    let mut entry = TarEntry { kind, link: Vec::new(), size: file.size(), attributes: attributes(&file, kind), name };
    if kind == TarKind::Symlink {
        entry.link = target(&mut file, &entry.name)?;
        entry.size = 0;
        return visit(entry, &mut io::empty());
    }
    visit(entry, &mut file)
}

/// The name as bytes of a Linux name.
fn name(entry: &ZipFileEntry<'_>) -> Result<Vec<u8>, Error> {
    if made_on_unix(entry.system()) {
        return Ok(entry.name_raw().to_vec());
    }
    let text =
        entry.name().map_err(|_| ArchiveError::Damaged(format!("the name \"{}\"", readable(entry.name_raw()))))?;
    Ok(text.into_owned().into_bytes())
}

fn made_on_unix(system: System) -> bool {
    matches!(system, System::Unix | System::OsDarwin)
}

/// `st_mode`, all of it (the crate's own function leaves bits out), or 0 if there is none.
fn unix_mode(file: &ZipFile<'_, &mut FileReader<'_>>) -> u32 {
    if made_on_unix(file.system()) { file.external_attributes() >> 16 } else { 0 }
}

/// What an entry is: by its mode if that says so, else by its name.
fn kind(file: &ZipFile<'_, &mut FileReader<'_>>, name: &[u8]) -> TarKind {
    let by_name = if name.last() == Some(&b'/') { TarKind::Directory } else { TarKind::File };
    match unix_mode(file) & S_IFMT {
        0 | S_IFREG => by_name,
        S_IFDIR => TarKind::Directory,
        S_IFLNK => TarKind::Symlink,
        0o020_000 => TarKind::CharacterDevice,
        0o060_000 => TarKind::BlockDevice,
        0o010_000 => TarKind::Fifo,
        _ => TarKind::Other(b's'),
    }
}

fn attributes(file: &ZipFile<'_, &mut FileReader<'_>>, kind: TarKind) -> Attributes {
    let usual = if kind == TarKind::Directory { 0o755 } else { 0o644 };
    let mode = Some(unix_mode(file)).filter(|mode| mode & 0o777 != 0);
    let unix_time = file.extra_data_fields().find_map(|field| match field {
        ExtraField::ExtendedTimestamp(times) => times.mod_time(),
        _ => None,
    });
    let dos_time = || file.last_modified().filter(zip::DateTime::is_valid).map_or(0, dos_time::to_unix);
    Attributes {
        mode: mode.unwrap_or(usual) & 0o7777,
        uid: 0,
        gid: 0,
        mtime: unix_time.map_or_else(dos_time, u64::from),
    }
}

/// The data of a symbolic link, which is its target.
fn target(file: &mut ZipFile<'_, &mut FileReader<'_>>, name: &[u8]) -> Result<Vec<u8>, Error> {
    let mut target = vec![0; MAX_TARGET + 1];
    let filled = read_full(file, &mut target)?;
    if filled > MAX_TARGET {
        return Err(refuse(name, EntryProblem::Target));
    }
    target.truncate(filled);
    Ok(target)
}

fn damaged(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => from_input(error),
        ZipError::InvalidArchive(text) => ArchiveError::Damaged(text.into_owned()).into(),
        other => ArchiveError::Damaged(other.to_string()).into(),
    }
}
