//! The file system on a disk.

use super::WorkspaceError;
use crate::error::Error;
use block::{BlockError, Disk};
use ext4_view::{Ext4, Ext4Error, Ext4Read};

/// How much is read at a time. The file system asks for single blocks, one after the other.
const PAGE: u64 = 64 << 10;
/// How many pages are kept: 2 MiB in all, enough for the metadata that is in use and a file.
const PAGES: usize = 32;
/// Where the superblock's magic is, and what it is (Linux, `Documentation/filesystems/ext4/super.rst`).
const MAGIC_AT: u64 = 1024 + 56;
const MAGIC: [u8; 2] = [0x53, 0xef];

/// Opens the file system, of which the disk has to be full: no partitions.
pub(super) fn open(mut disk: Box<dyn Disk>) -> Result<Ext4, Error> {
    let mut magic = [0; 2];
    if disk.size() < MAGIC_AT + 2 {
        return Err(WorkspaceError::NoFileSystem.into());
    }
    disk.read(MAGIC_AT, &mut magic)?;
    if magic != MAGIC {
        return Err(WorkspaceError::NoFileSystem.into());
    }
    Ext4::load(Box::new(Cached { disk, pages: Vec::new() })).map_err(failed)
}

/// What an error of the file system means.
pub(super) fn failed(error: Ext4Error) -> Error {
    if let Some(inner) = error.as_io() {
        return match inner.downcast_ref::<BlockError>() {
            // The file system points past the disk's end.
            Some(BlockError::OutOfRange { .. }) => WorkspaceError::Damaged(inner.to_string()).into(),
            Some(block) => block.clone().into(),
            None => BlockError::Io(inner.to_string()).into(),
        };
    }
    match error {
        Ext4Error::Incompatible(_) | Ext4Error::Encrypted => WorkspaceError::Unsupported(error.to_string()).into(),
        other => WorkspaceError::Damaged(other.to_string()).into(),
    }
}

/// Reads a disk in pages, of which the last used ones are kept.
struct Cached {
    disk: Box<dyn Disk>,
    /// Numbers and contents, the last used ones at the end.
    pages: Vec<(u64, Vec<u8>)>,
}

impl Cached {
    /// Moves a page to the end of the list, where it comes from the disk if it is not there.
    fn load(&mut self, number: u64) -> Result<&[u8], BlockError> {
        let known = self.pages.iter().rposition(|(at, _)| *at == number);
        let (_, mut page) = match known {
            Some(index) => self.pages.remove(index),
            None if self.pages.len() == PAGES => self.pages.remove(0),
            None => (number, Vec::new()),
        };
        if known.is_none() {
            let start = number * PAGE;
            page.resize(self.disk.size().saturating_sub(start).min(PAGE) as usize, 0);
            self.disk.read(start, &mut page)?;
        }
        self.pages.push((number, page));
        Ok(self.pages.last().map_or(&[], |(_, page)| page))
    }
}

impl Ext4Read for Cached {
    fn read(&mut self, start: u64, dst: &mut [u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        block::check_range(start, dst.len(), self.disk.size())?;
        let mut done = 0;
        while done < dst.len() {
            let at = start + done as u64;
            let page = self.load(at / PAGE)?;
            let inside = (at % PAGE) as usize;
            let now = (page.len() - inside).min(dst.len() - done);
            dst[done..done + now].copy_from_slice(&page[inside..inside + now]);
            done += now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use block::{MemoryFile, RawDisk};

    #[test]
    fn pages_give_what_the_disk_holds() {
        let bytes: Vec<u8> = (0..50 * PAGE as u32 + 1024).map(|at| (at / 5) as u8).collect();
        let disk = Box::new(RawDisk::new(MemoryFile::new(bytes.clone())).unwrap());
        let mut cached = Cached { disk, pages: Vec::new() };
        let mut state = 1u64;
        for _ in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let start = (state >> 33) as usize % (bytes.len() - 1);
            let len = ((state >> 20) as usize % 150_000).min(bytes.len() - start);
            let mut got = vec![0; len];
            cached.read(start as u64, &mut got).unwrap();
            assert!(got == bytes[start..start + len], "{len} bytes at {start}");
        }
        assert_eq!(cached.pages.len(), PAGES);
        assert!(cached.read(bytes.len() as u64 - 1, &mut [0; 2]).is_err());
    }
}
