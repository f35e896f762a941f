//! A tree of inodes over numbered blobs.
//!
//! The inodes, their names, modes and times are in memory; every change of them is a record in the [journal] before it is
//! made. A file's bytes are in a blob of its own, made with its first byte. What follows from that:
//!
//! - A change of names is made whole or not at all, and changes outlive a crash in the order in which they were made.
//! - Length and times of a file that is being written are noted with the next record of any kind, when the file is closed, or
//!   when something is synchronised. Written bytes that were not may be lost, and read as zeros then; synchronised ones never are.
//! - A blob is removed, or shortened, only when the record that says so is durable: a crash can't take back the record and keep
//!   the loss. For the same reason a file that is cut to nothing gets a new blob with its next byte.

mod codec;
mod content;
mod files;
mod host;
mod journal;
mod table;

pub use host::HostEntry;
pub use journal::{OpenError, mend as mend_journal};

use crate::store::{BlobId, BlobStore, StoreError};
use crate::tree::{Ino, Kind, NewInode, PERMISSIONS, Time};
use crate::{Errno, Name};
use journal::{FIRST_BLOB, Journal};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use table::{Fields, Inode, ROOT, Record, Table};

/// How many blobs may wait for their removal before the journal is made durable for their sake.
const MAX_DOOMED: usize = 256;

/// What bounds a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many bytes all files may store together.
    pub quota: u64,
    /// How many inodes there may be: each takes some 300 bytes of memory, and a guest must not be able to take all of it.
    pub max_inodes: u64,
}

impl Default for Settings {
    /// 8 GiB in 200 000 inodes.
    fn default() -> Self {
        Self { quota: 8 << 30, max_inodes: 200_000 }
    }
}

/// A [`FileTree`](crate::FileTree) over a [`BlobStore`].
pub struct MetaTree<B> {
    store: B,
    journal: Journal,
    table: Table,
    settings: Settings,
    clock: Box<dyn Fn() -> Time>,
    /// Users of inodes.
    holds: HashMap<Ino, u64>,
    /// Inodes whose fields are newer than the journal.
    dirty: BTreeSet<Ino>,
    /// Blobs with bytes that were not flushed.
    unflushed: BTreeSet<BlobId>,
    /// Blobs that hold nothing behind what counts of them.
    trimmed: BTreeSet<BlobId>,
    /// Blobs to be removed when the journal is durable, with their lengths.
    doomed: BTreeMap<BlobId, u64>,
}

impl From<StoreError> for Errno {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSpace => Self::NoSpc,
            StoreError::Io(_) => Self::Io,
        }
    }
}

impl<B> std::fmt::Debug for MetaTree<B> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MetaTree").field("table", &self.table).field("journal", &self.journal).finish_non_exhaustive()
    }
}

impl<B: BlobStore> MetaTree<B> {
    /// Opens what the store holds, or makes an empty tree where it holds nothing. `clock` says what time it is.
    ///
    /// Inodes that had no names when the tree was last used are still there, for a machine that is resumed may have them open:
    /// [`FileTree::reap`](crate::FileTree::reap) forgets them.
    pub async fn open(mut store: B, settings: Settings, clock: impl Fn() -> Time + 'static) -> Result<Self, OpenError> {
        let now = clock();
        let root = NewInode { kind: Kind::Dir, mode: 0o755, uid: 0, gid: 0 };
        let (journal, table) = Journal::open(&mut store, || Record::Put(ROOT, new_fields(&root, now, false))).await?;
        let mut tree = Self {
            store,
            journal,
            table,
            settings,
            clock: Box::new(clock),
            holds: HashMap::new(),
            dirty: BTreeSet::new(),
            unflushed: BTreeSet::new(),
            trimmed: BTreeSet::new(),
            doomed: BTreeMap::new(),
        };
        tree.remove_strays().await?;
        Ok(tree)
    }

    /// Gives the store back; what was not synchronised may not be in it.
    pub fn into_store(self) -> B {
        self.store
    }

    /// The store.
    pub fn store(&self) -> &B {
        &self.store
    }

    /// The store, to set it up otherwise. Its blobs are the tree's alone.
    pub fn store_mut(&mut self) -> &mut B {
        &mut self.store
    }

    /// Whether anything was changed since everything was synchronised last.
    pub fn is_dirty(&self) -> bool {
        !(self.dirty.is_empty() && self.unflushed.is_empty() && self.doomed.is_empty()) || self.journal.is_dirty()
    }

    /// Changes how many bytes all files may store together. More may be stored already; then nothing can be added.
    pub fn set_quota(&mut self, bytes: u64) {
        self.settings.quota = bytes;
    }

    /// Removes the blobs that no inode has: what a crash left.
    async fn remove_strays(&mut self) -> Result<(), StoreError> {
        let named: BTreeSet<_> = self.table.inodes.values().filter_map(|inode| inode.fields.blob).collect();
        for id in self.store.list().await? {
            if id >= FIRST_BLOB && !named.contains(&id) {
                self.store.remove(id).await?;
            }
        }
        Ok(())
    }

    fn now(&self) -> Time {
        (self.clock)()
    }

    fn inode(&self, ino: Ino) -> Result<&Inode, Errno> {
        self.table.inodes.get(&ino).ok_or(Errno::Stale)
    }

    fn dir(&self, ino: Ino) -> Result<&Inode, Errno> {
        self.inode(ino).and_then(|inode| if inode.is_dir() { Ok(inode) } else { Err(Errno::NotDir) })
    }

    /// A directory that something may be put into: a removed one that is still in use may not.
    fn living_dir(&self, ino: Ino) -> Result<&Inode, Errno> {
        self.dir(ino).and_then(|dir| if dir.names == 0 && ino != ROOT { Err(Errno::NoEnt) } else { Ok(dir) })
    }

    fn child(&self, dir: Ino, name: Name<'_>) -> Result<Ino, Errno> {
        self.dir(dir)?.entries.names.get(name.bytes()).map(|(_, ino)| *ino).ok_or(Errno::NoEnt)
    }

    fn is_held(&self, ino: Ino) -> bool {
        self.holds.contains_key(&ino)
    }

    /// Notes these records, and everything that was changed before, in the journal, and then makes them so.
    async fn commit(&mut self, records: Vec<Record>) -> Result<(), Errno> {
        let written = self.dirty.iter().filter_map(|ino| {
            let inode = self.table.inodes.get(ino)?;
            Some(Record::Put(*ino, inode.fields.clone()))
        });
        let all: Vec<_> = written.chain(records).collect();
        if all.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.journal.append(&mut self.store, &all).await {
            // Blobs that wait for their removal may be all the room there is; their records are in the journal already.
            if error != StoreError::NoSpace || self.doomed.is_empty() {
                return Err(error.into());
            }
            self.settle().await?;
            self.journal.append(&mut self.store, &all).await?;
        }
        self.dirty.clear();
        for record in &all {
            self.doom(record);
            // The records were made of the table as it is; a misfit would be a mistake here.
            self.table.apply(record).map_err(|_| Errno::Io)?;
        }
        if self.journal.is_long() {
            // It may fail for want of room, and is tried again with the next record.
            let _ = self.compact().await;
        }
        if self.doomed.len() > MAX_DOOMED { self.settle().await } else { Ok(()) }
    }

    async fn compact(&mut self) -> Result<(), StoreError> {
        self.journal.compact(&mut self.store, &self.table).await
    }

    /// Notes the blob that a record leaves without an inode.
    fn doom(&mut self, record: &Record) {
        let (ino, keeps) = match record {
            Record::Put(ino, fields) => (ino, fields.blob),
            Record::Forget(ino) => (ino, None),
            _ => return,
        };
        if let Some(fields) = self.table.inodes.get(ino).map(|inode| &inode.fields)
            && let Some(blob) = fields.blob
            && keeps != Some(blob)
        {
            self.doomed.insert(blob, fields.stored);
        }
    }

    /// Makes the journal durable, and removes the blobs that wait for that.
    async fn settle(&mut self) -> Result<(), Errno> {
        self.journal.flush(&mut self.store).await?;
        while let Some(blob) = self.doomed.keys().next().copied() {
            self.store.remove(blob).await?;
            self.doomed.remove(&blob);
            self.unflushed.remove(&blob);
            self.trimmed.remove(&blob);
        }
        Ok(())
    }
}

/// The fields of a new inode.
fn new_fields(new: &NewInode, now: Time, sealed: bool) -> Fields {
    Fields {
        kind: new.kind.clone(),
        mode: new.mode & PERMISSIONS,
        uid: new.uid,
        gid: new.gid,
        size: 0,
        stored: 0,
        blob: None,
        atime: now,
        mtime: now,
        ctime: now,
        btime: now,
        version: 0,
        sealed,
    }
}
