//! The way through the file system.

use super::reader::failed;
use super::sink::Sink;
use super::{Exported, MAX_NAMES_LEFT_OUT, WorkspaceError};
use crate::archive::readable;
use crate::error::Error;
use crate::progress::Ticker;
use crate::tarfmt::Attributes;
use ext4_view::{DirEntry, Ext4, Ext4Error, File, FileType, Metadata, Path, ReadDir};

/// How much of a file moves at a time.
const CHUNK: usize = 64 << 10;

/// Shows the sink everything below the root, directories before what is in them. What is kept of the way is one iterator for
/// each directory on it, which the longest path bounds.
pub(super) fn run(fs: &Ext4, sink: &mut Sink<'_>, ticker: &mut Ticker<'_, '_>) -> Result<Exported, Error> {
    let mut walk = Walk { fs, sink, ticker, exported: Exported::default(), buffer: vec![0; CHUNK] };
    let mut directories = vec![(b"/".to_vec(), fs.read_dir("/").map_err(failed)?)];
    while let Some((path, entries)) = directories.last_mut() {
        match entries.next() {
            None => {
                directories.pop();
            }
            Some(entry) => {
                let entry = entry.map_err(failed)?;
                let path = join(path, entry.file_name().as_ref());
                if let Some(below) = walk.entry(&entry, &path)? {
                    directories.push((path, below));
                }
            }
        }
    }
    Ok(walk.exported)
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if directory == b"/" { b"" } else { b"/" };
    [directory, slash, name].concat()
}

struct Walk<'a, 'b, 'c, 'd> {
    fs: &'a Ext4,
    sink: &'a mut Sink<'b>,
    ticker: &'a mut Ticker<'c, 'd>,
    exported: Exported,
    buffer: Vec<u8>,
}

impl Walk<'_, '_, '_, '_> {
    /// Writes an entry, and returns what is in it if it is a directory.
    fn entry(&mut self, entry: &DirEntry, path: &[u8]) -> Result<Option<ReadDir>, Error> {
        if matches!(entry.file_name().as_ref(), b"." | b"..") || path == b"/lost+found" {
            return Ok(None);
        }
        self.ticker.tick()?;
        let fail = |error| failed_at(error, path);
        let at = Path::try_from(path).map_err(|_| fail(Ext4Error::MalformedPath))?;
        let meta = entry.metadata().map_err(fail)?;
        let (name, attributes) = (&path[1..], attributes(&meta));
        match meta.file_type() {
            FileType::Directory => {
                self.exported.directories += 1;
                self.sink.directory(name, &attributes)?;
                return self.fs.read_dir(at).map(Some).map_err(fail);
            }
            FileType::Symlink => {
                self.exported.symlinks += 1;
                let target = self.fs.read_link(at).map_err(fail)?;
                self.sink.symlink(name, target.as_ref(), &attributes)?;
            }
            FileType::Regular => {
                self.exported.files += 1;
                let mut file = self.fs.open(at).map_err(fail)?;
                let size = file.metadata().len();
                self.sink.file(name, size, &attributes)?;
                self.copy(&mut file, path)?;
            }
            FileType::BlockDevice | FileType::CharacterDevice | FileType::Fifo | FileType::Socket => {
                self.exported.left_out += 1;
                if self.exported.left_out_names.len() < MAX_NAMES_LEFT_OUT {
                    self.exported.left_out_names.push(readable(name));
                }
            }
        }
        Ok(None)
    }

    fn copy(&mut self, file: &mut File, path: &[u8]) -> Result<(), Error> {
        let mut left = file.metadata().len();
        while left > 0 {
            let mut filled = 0;
            while filled < CHUNK {
                match file.read_bytes(&mut self.buffer[filled..]).map_err(|error| failed_at(error, path))? {
                    0 => break,
                    read => filled += read,
                }
            }
            if filled == 0 {
                return Err(WorkspaceError::Damaged(format!("\"{}\" ends too early", readable(path))).into());
            }
            self.sink.data(&self.buffer[..filled])?;
            left = left.saturating_sub(filled as u64);
            self.exported.bytes += filled as u64;
            self.ticker.advance(filled as u64)?;
        }
        Ok(())
    }
}

/// Like [`failed`], for errors that mean little without the path.
fn failed_at(error: Ext4Error, path: &[u8]) -> Error {
    match error {
        Ext4Error::PathTooLong => WorkspaceError::LongPath(readable(path)).into(),
        Ext4Error::Corrupt(_) => WorkspaceError::Damaged(format!("{error}, at \"{}\"", readable(path))).into(),
        other => failed(other),
    }
}

fn attributes(meta: &Metadata) -> Attributes {
    Attributes {
        mode: meta.mode().into(),
        uid: meta.uid().into(),
        gid: meta.gid().into(),
        mtime: meta.modified().seconds().try_into().unwrap_or(0),
    }
}
