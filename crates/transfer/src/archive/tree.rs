//! What the entries so far make up, and whether the next one fits.

use super::Limits;
use super::error::{ArchiveError, EntryProblem, readable, refuse};
use crate::error::Error;
use crate::tarfmt::{Attributes, TarEntry, TarKind};
use std::collections::BTreeMap;

/// Linux's longest path and longest name, in bytes (without the zero at the end).
const MAX_PATH: usize = 4095;
const MAX_COMPONENT: usize = 255;
/// All names together, in bytes: what is kept in memory.
const MAX_NAMES: u64 = 64 << 20;
/// Everybody's permissions and the sticky bit: what is left of a mode.
const KEPT_MODE: u32 = 0o1777;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Directory(u32),
    File,
    Symlink,
}

const ROOT: u32 = 0;

/// All names of an archive, as the tree that they make.
pub(super) struct Tree {
    nodes: BTreeMap<(u32, Box<[u8]>), Node>,
    directories: u32,
    name_bytes: u64,
    entries: u64,
    bytes: u64,
    limits: Limits,
}

impl Tree {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { nodes: BTreeMap::new(), directories: 1, name_bytes: 0, entries: 0, bytes: 0, limits: *limits }
    }

    /// Judges an entry, and returns it in the form in which it is written; nothing for the archive's root.
    pub(super) fn admit(&mut self, entry: TarEntry) -> Result<Option<TarEntry>, Error> {
        let fail = |problem| refuse(&entry.name, problem);
        let path = components(&entry.name).map_err(fail)?;
        check_kind(entry.kind).map_err(fail)?;
        if entry.kind != TarKind::File && entry.size != 0 {
            return Err(fail(EntryProblem::Data));
        }
        let Some((last, parents)) = path.split_last() else {
            return if entry.kind == TarKind::Directory { Ok(None) } else { Err(fail(EntryProblem::Root)) };
        };
        let link = self.link(&entry).map_err(fail)?;
        self.count_entry()?;
        let mut directory = ROOT;
        for (depth, name) in parents.iter().enumerate() {
            let way = || readable(&path[..=depth].join(&b'/'));
            directory = match self.node(directory, name) {
                None => self.insert_directory(directory, name)?,
                Some(Node::Directory(id)) => id,
                Some(Node::File) => return Err(fail(EntryProblem::InsideFile(way()))),
                Some(Node::Symlink) => return Err(fail(EntryProblem::ThroughSymlink(way()))),
            };
        }
        self.put(directory, last, entry.kind)?.map_or(Ok(()), |problem| Err(fail(problem)))?;
        let mut name = path.join(&b'/');
        if entry.kind == TarKind::Directory {
            name.push(b'/');
        }
        let attributes = Attributes { mode: entry.attributes.mode & KEPT_MODE, ..entry.attributes };
        Ok(Some(TarEntry { name, link, attributes, ..entry }))
    }

    /// Counts data that was really unpacked.
    pub(super) fn count_bytes(&mut self, bytes: u64) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        let limit = self.limits.bytes;
        if self.bytes > limit { Err(ArchiveError::TooLarge { limit }.into()) } else { Ok(()) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn node(&self, directory: u32, name: &[u8]) -> Option<Node> {
        self.nodes.get(&(directory, name.into())).copied()
    }

    /// Puts the entry into its place; a problem if something is there already that it can't replace.
    fn put(&mut self, directory: u32, name: &[u8], kind: TarKind) -> Result<Option<EntryProblem>, Error> {
        match (self.node(directory, name), kind) {
            (None, TarKind::Directory) => {
                self.insert_directory(directory, name)?;
            }
            (None, TarKind::Symlink) => self.insert(directory, name, Node::Symlink)?,
            (None, _) => self.insert(directory, name, Node::File)?,
            (Some(Node::Directory(_)), TarKind::Directory) | (Some(Node::File), TarKind::File) => {}
            _ => return Ok(Some(EntryProblem::Conflict)),
        }
        Ok(None)
    }

    fn insert_directory(&mut self, parent: u32, name: &[u8]) -> Result<u32, Error> {
        // One that only occurs in a name is one more inode too; counting the others twice does no harm to a limit of such size.
        self.count_entry()?;
        let id = self.directories;
        self.directories += 1;
        self.insert(parent, name, Node::Directory(id))?;
        Ok(id)
    }

    fn insert(&mut self, directory: u32, name: &[u8], node: Node) -> Result<(), Error> {
        self.name_bytes += name.len() as u64;
        if self.name_bytes > MAX_NAMES {
            return Err(ArchiveError::TooManyNames { limit: MAX_NAMES }.into());
        }
        self.nodes.insert((directory, name.into()), node);
        Ok(())
    }

    fn count_entry(&mut self) -> Result<(), Error> {
        self.entries += 1;
        let limit = self.limits.entries.min(u64::from(u32::MAX));
        if self.entries > limit { Err(ArchiveError::TooManyEntries { limit }.into()) } else { Ok(()) }
    }

    /// The target of a link in the form in which it is written.
    fn link(&self, entry: &TarEntry) -> Result<Vec<u8>, EntryProblem> {
        match entry.kind {
            TarKind::Symlink => {
                let len = entry.link.len();
                let sound = (1..=MAX_PATH).contains(&len) && !entry.link.contains(&0);
                if sound { Ok(entry.link.clone()) } else { Err(EntryProblem::Target) }
            }
            TarKind::HardLink => {
                let nothing = || EntryProblem::HardLink(readable(&entry.link));
                let path = components(&entry.link).map_err(|_| nothing())?;
                if self.find(&path) == Some(Node::File) { Ok(path.join(&b'/')) } else { Err(nothing()) }
            }
            _ => Ok(Vec::new()),
        }
    }

    fn find(&self, path: &[&[u8]]) -> Option<Node> {
        path.iter().try_fold(Node::Directory(ROOT), |node, name| match node {
            Node::Directory(id) => self.node(id, name),
            _ => None,
        })
    }
}

/// Takes a name apart. What is left are names of entries in directories, none if it was the root.
fn components(name: &[u8]) -> Result<Vec<&[u8]>, EntryProblem> {
    if name.is_empty() {
        return Err(EntryProblem::NoName);
    }
    if name.contains(&0) {
        return Err(EntryProblem::Nul);
    }
    if name[0] == b'/' {
        return Err(EntryProblem::Absolute);
    }
    let parts = || name.split(|byte| *byte == b'/');
    if parts().any(|part| part == b"..") {
        return Err(EntryProblem::Upwards);
    }
    if name.len() > MAX_PATH || parts().any(|part| part.len() > MAX_COMPONENT) {
        return Err(EntryProblem::LongName);
    }
    Ok(parts().filter(|part| !part.is_empty() && *part != b".").collect())
}

fn check_kind(kind: TarKind) -> Result<(), EntryProblem> {
    let what = match kind {
        TarKind::File | TarKind::Directory | TarKind::Symlink | TarKind::HardLink => return Ok(()),
        TarKind::Sparse => "stored with holes (tar --sparse), which is not supported",
        TarKind::CharacterDevice | TarKind::BlockDevice => "a device",
        TarKind::Fifo => "a fifo",
        TarKind::Other(_) => "of an unknown kind",
    };
    Err(EntryProblem::Special(what))
}
