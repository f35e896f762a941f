//! The archive that is written.

use super::{Format, WorkspaceError};
use crate::dos_time;
use crate::error::{Error, from_output};
use crate::pack::Packer;
use crate::tarfmt::{Attributes, TarKind, TarWriter};
use std::io::Write;
use zip::result::{ZipError, ZipResult};
use zip::write::{FullFileOptions, StreamWriter};
use zip::{CompressionMethod, System, ZIP64_BYTES_THR, ZipWriter};

/// Entries of a zip, at most: its writer keeps all of them in memory, some 300 bytes each.
const MAX_ZIP_ENTRIES: u64 = 500_000;
/// The kinds of things in `st_mode`.
const S_IFREG: u32 = 0o100_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFLNK: u32 = 0o120_000;
/// MS-DOS's mark for a directory.
const DOS_DIRECTORY: u32 = 0x10;

/// Takes entries one after the other. Names are relative and have no slash at the end.
pub(crate) enum Sink<'a> {
    Tar(Box<TarWriter<Packer<&'a mut dyn Write>>>),
    Zip { writer: Box<ZipWriter<StreamWriter<&'a mut dyn Write>>>, entries: u64 },
}

impl<'a> Sink<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, format: Format) -> Self {
        match format {
            Format::Tar(packing) => Self::Tar(Box::new(TarWriter::new(Packer::new(out, packing)))),
            Format::Zip => Self::Zip { writer: Box::new(ZipWriter::new_stream(out)), entries: 0 },
        }
    }

    pub(crate) fn directory(&mut self, name: &[u8], attributes: &Attributes) -> Result<(), Error> {
        let name = [name, b"/"].concat();
        match self {
            Self::Tar(tar) => tar.entry(TarKind::Directory, &name, &[], 0, attributes).map_err(from_output),
            Self::Zip { .. } => self.zip_entry(&name, S_IFDIR, 0, attributes),
        }
    }

    pub(crate) fn symlink(&mut self, name: &[u8], target: &[u8], attributes: &Attributes) -> Result<(), Error> {
        match self {
            Self::Tar(tar) => tar.entry(TarKind::Symlink, name, target, 0, attributes).map_err(from_output),
            Self::Zip { .. } => {
                self.zip_entry(name, S_IFLNK, target.len() as u64, attributes)?;
                self.data(target)
            }
        }
    }

    /// Begins a file, of which `size` bytes of data have to follow.
    pub(crate) fn file(&mut self, name: &[u8], size: u64, attributes: &Attributes) -> Result<(), Error> {
        match self {
            Self::Tar(tar) => tar.entry(TarKind::File, name, &[], size, attributes).map_err(from_output),
            Self::Zip { .. } => self.zip_entry(name, S_IFREG, size, attributes),
        }
    }

    pub(crate) fn data(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Tar(tar) => tar.write_all(bytes),
            Self::Zip { writer, .. } => writer.write_all(bytes),
        }
        .map_err(from_output)
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        match self {
            Self::Tar(tar) => tar.finish().and_then(Packer::finish).and_then(|out| out.flush()).map_err(from_output),
            Self::Zip { writer, .. } => {
                let out = writer.finish().map_err(zip_failed)?;
                out.into_inner().flush().map_err(from_output)
            }
        }
    }

    fn zip_entry(&mut self, name: &[u8], kind: u32, size: u64, attributes: &Attributes) -> Result<(), Error> {
        let Self::Zip { writer, entries } = self else { return Ok(()) };
        *entries += 1;
        if *entries > MAX_ZIP_ENTRIES {
            return Err(WorkspaceError::TooManyForZip { limit: MAX_ZIP_ENTRIES }.into());
        }
        // The crate takes names that are not UTF-8 only for files, and can't stream what its mode says to be a directory.
        let written = match std::str::from_utf8(name) {
            Ok(name) if kind == S_IFDIR => {
                zip_options(kind, size, attributes).and_then(|options| writer.add_directory(name, options))
            }
            _ => {
                let kind = if kind == S_IFDIR { 0 } else { kind };
                zip_options(kind, size, attributes)
                    .and_then(|options| writer.start_file_with_options(options.name(name)))
            }
        };
        written.map_err(zip_failed)
    }
}

fn zip_options(kind: u32, size: u64, attributes: &Attributes) -> ZipResult<FullFileOptions<'static, 'static>> {
    let dos = if kind == S_IFDIR { DOS_DIRECTORY } else { 0 };
    let packs = kind == S_IFREG && size > 0;
    let options = FullFileOptions::default()
        .compression_method(if packs { CompressionMethod::Deflated } else { CompressionMethod::Stored })
        .system(System::Unix)
        .external_attributes((kind | attributes.mode) << 16 | dos)
        // What does not compress grows a little.
        .large_file(size >= ZIP64_BYTES_THR - (1 << 20))
        .last_modified_time(dos_time::from_unix(attributes.mtime));
    match u32::try_from(attributes.mtime) {
        Ok(mtime) => options.with_extended_timestamp(Some(mtime), None, None),
        Err(_) => Ok(options),
    }
}

fn zip_failed(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => from_output(error),
        other => Error::Output(other.to_string()),
    }
}
