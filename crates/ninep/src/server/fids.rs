//! The guest's numbers for files in use, and how they outlive a suspended machine.

use crate::server::{MAX_MSIZE, MIN_MSIZE};
use crate::{Errno, FileTree, Ino};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many fids a guest may have: each takes some hundred bytes here. Linux has one for each open file and each name that it looks at.
const MAX_FIDS: usize = 1 << 16;

/// A number that no inode gets.
const NOWHERE: Ino = Ino::MAX;

/// A fid that can be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    /// The flags of `Tlopen`.
    pub flags: u32,
    /// A directory's listing shows no entries from this cookie on: they came after it was begun.
    pub listing_end: u64,
}

/// A file in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fid {
    pub ino: Ino,
    /// Who made it: what is created through it is theirs.
    pub uid: u32,
    /// The name that it was found by, for the older messages that rename or remove a fid.
    pub place: Option<(Ino, Vec<u8>)>,
    pub open: Option<Open>,
}

#[derive(Debug, Default)]
pub(super) struct Fids(BTreeMap<u32, Fid>);

impl Fids {
    pub fn get(&self, fid: u32) -> Result<&Fid, Errno> {
        self.0.get(&fid).ok_or(Errno::BadF)
    }

    pub fn get_mut(&mut self, fid: u32) -> Result<&mut Fid, Errno> {
        self.0.get_mut(&fid).ok_or(Errno::BadF)
    }

    /// Fails if a fid of that number can't be added.
    pub fn check_new(&self, fid: u32) -> Result<(), Errno> {
        if self.0.contains_key(&fid) {
            return Err(Errno::BadF);
        }
        if self.0.len() >= MAX_FIDS { Err(Errno::NFile) } else { Ok(()) }
    }

    pub fn put(&mut self, fid: u32, to: Fid) -> Option<Fid> {
        self.0.insert(fid, to)
    }

    pub fn take(&mut self, fid: u32) -> Result<Fid, Errno> {
        self.0.remove(&fid).ok_or(Errno::BadF)
    }

    /// The inodes in use, each as often as it is.
    pub fn inodes(self) -> impl Iterator<Item = Ino> {
        self.0.into_values().map(|fid| fid.ino)
    }

    /// Follows a rename.
    pub fn moved(&mut self, from: (Ino, &[u8]), to: (Ino, &[u8]), ino: Ino) {
        for fid in self.0.values_mut().filter(|fid| fid.ino == ino) {
            if fid.place.as_ref().is_some_and(|(dir, name)| (*dir, name.as_slice()) == from) {
                fid.place = Some((to.0, to.1.to_vec()));
            }
        }
    }
}

/// What a guest has open: all that the server knows beside the tree. It goes into a suspended machine's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    msize: u32,
    fids: Vec<(u32, Fid)>,
}

impl Session {
    /// The same for another tree, in which no number but the root's means what it meant: every other file is gone.
    pub fn in_another_tree(mut self, root: Ino) -> Self {
        for (_, fid) in self.fids.iter_mut().filter(|(_, fid)| fid.ino != root) {
            fid.ino = NOWHERE;
            fid.place = None;
        }
        self
    }

    pub(super) fn of(msize: u32, fids: &Fids) -> Self {
        Self { msize, fids: fids.0.iter().map(|(number, fid)| (*number, fid.clone())).collect() }
    }

    /// The agreed size and the fids; their inodes are held. The guest believes in the agreed size, whatever the limit is now.
    pub(super) fn restore(&self, tree: &mut impl FileTree, max_msize: u32) -> (u32, Fids) {
        let msize = if self.msize == 0 { 0 } else { self.msize.clamp(MIN_MSIZE, MAX_MSIZE.max(max_msize)) };
        let fids: BTreeMap<_, _> = self.fids.iter().take(MAX_FIDS).cloned().collect();
        fids.values().for_each(|fid| tree.hold(fid.ino));
        (msize, Fids(fids))
    }
}
