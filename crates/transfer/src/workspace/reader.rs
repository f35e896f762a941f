//! The file system on a disk.

use super::WorkspaceError;
use super::journal;
use super::layout::{Layout, Replayed, SUPERBLOCK_AT, SUPERBLOCK_LEN, forget_journal};
use super::unwritten::Patches;
use crate::error::Error;
use block::{BlockError, Disk};
use ext4_view::{Ext4, Ext4Error, Ext4Read};
use std::collections::BTreeMap;

/// How much is read at a time. The file system asks for single blocks, one after the other.
const PAGE: u64 = 64 << 10;
/// How many pages are kept: 2 MiB in all, enough for the metadata that is in use and a file.
const PAGES: usize = 32;

/// Opens the file system, of which the disk has to be full: no partitions.
pub(super) fn open(disk: Box<dyn Disk>) -> Result<Ext4, Error> {
    let mut disk = Replayed { disk, block_size: SUPERBLOCK_LEN as u64, newer: BTreeMap::new() };
    let layout = Layout::read(&mut disk).map_err(outside)?;
    journal::replay(&mut disk, &layout).map_err(outside)?;
    // Again: the journal may hold newer descriptors of the groups.
    let layout = Layout::read(&mut disk).map_err(outside)?;
    let patches = Patches::find(&mut disk, layout).map_err(outside)?;
    Ext4::load(Box::new(Cached { disk, patches, pages: Vec::new() })).map_err(failed)
}

/// A place outside of the disk is the file system's fault.
fn outside(error: Error) -> Error {
    match error {
        Error::Storage(inner @ BlockError::OutOfRange { .. }) => WorkspaceError::Damaged(inner.to_string()).into(),
        other => other,
    }
}

/// What an error of the file system means.
pub(super) fn failed(error: Ext4Error) -> Error {
    if let Some(inner) = error.as_io() {
        return match inner.downcast_ref::<BlockError>() {
            Some(block) => outside(block.clone().into()),
            None => BlockError::Io(inner.to_string()).into(),
        };
    }
    match error {
        Ext4Error::Incompatible(_) | Ext4Error::Encrypted => WorkspaceError::Unsupported(error.to_string()).into(),
        other => WorkspaceError::Damaged(other.to_string()).into(),
    }
}

/// Reads a disk in pages, of which the last used ones are kept, and shows the file system as it has to be understood.
struct Cached {
    disk: Replayed,
    patches: Patches,
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
            self.patches.apply(start, &mut page, self.disk.block_size);
            if start == 0 {
                forget_journal(&mut page[SUPERBLOCK_AT as usize..][..SUPERBLOCK_LEN]);
            }
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
