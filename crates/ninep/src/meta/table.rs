//! The inodes in memory, and the records that change them. Applying the journal's records to an empty table gives the table
//! back, so every change of what is kept goes through [`Table::apply`].

use crate::store::BlobId;
use crate::tree::{Attr, Ino, Kind, Time};
use std::collections::{BTreeMap, HashMap};

/// The root's number.
pub const ROOT: Ino = 1;
/// The cookie of a directory's first entry: 1 and 2 are `.` and `..`.
const FIRST_COOKIE: u64 = 3;

/// What is kept of an inode beside its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// How many bytes its blob holds that count; what is behind reads as zeros.
    pub stored: u64,
    pub blob: Option<BlobId>,
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
    pub btime: Time,
    pub version: u32,
    pub sealed: bool,
}

/// A change of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An inode is made, or its fields change.
    Put(Ino, Fields),
    /// A name is given.
    Link { dir: Ino, name: Vec<u8>, cookie: u64, ino: Ino },
    /// A name is taken away.
    Unlink { dir: Ino, name: Vec<u8> },
    /// An inode without names goes.
    Forget(Ino),
    /// The first numbers that were never given to an inode and a blob.
    Next { ino: Ino, blob: BlobId },
}

/// A record that does not fit to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit;

#[derive(Debug, Default)]
pub struct Entries {
    pub names: BTreeMap<Vec<u8>, (u64, Ino)>,
    pub order: BTreeMap<u64, Vec<u8>>,
    next_cookie: u64,
    pub subdirs: u64,
}

impl Entries {
    pub fn next_cookie(&self) -> u64 {
        self.next_cookie.max(FIRST_COOKIE)
    }
}

#[derive(Debug)]
pub struct Inode {
    pub fields: Fields,
    /// How many entries name it.
    pub names: u64,
    /// A directory's entries.
    pub entries: Entries,
    /// The directory above, of a directory.
    pub parent: Ino,
}

impl Inode {
    pub fn is_dir(&self) -> bool {
        self.fields.kind == Kind::Dir
    }

    pub fn attr(&self, ino: Ino) -> Attr {
        let fields = &self.fields;
        let device = if let Kind::Special { device, .. } = fields.kind { device } else { 0 };
        let own = u64::from(ino == ROOT);
        Attr {
            ino,
            mode: fields.mode | fields.kind.format(),
            uid: fields.uid,
            gid: fields.gid,
            // A directory's own "." counts as long as it has a name.
            links: if self.is_dir() && self.names + own > 0 { 2 + self.entries.subdirs } else { self.names },
            device,
            size: if let Kind::Symlink(target) = &fields.kind { target.len() as u64 } else { fields.size },
            stored: fields.stored,
            atime: fields.atime,
            mtime: fields.mtime,
            ctime: fields.ctime,
            btime: fields.btime,
            version: fields.version,
            read_only: fields.sealed,
        }
    }
}

#[derive(Debug, Default)]
pub struct Table {
    pub inodes: HashMap<Ino, Inode>,
    pub next_ino: Ino,
    pub next_blob: BlobId,
    /// Bytes of all blobs together.
    pub used: u64,
}

impl Table {
    pub fn apply(&mut self, record: &Record) -> Result<(), Misfit> {
        match record {
            Record::Put(ino, fields) => self.put(*ino, fields),
            Record::Link { dir, name, cookie, ino } => self.link(*dir, name, *cookie, *ino),
            Record::Unlink { dir, name } => self.unlink(*dir, name),
            Record::Forget(ino) => self.forget(*ino),
            Record::Next { ino, blob } => {
                self.next_ino = self.next_ino.max(*ino);
                self.next_blob = self.next_blob.max(*blob);
                Ok(())
            }
        }
    }

    fn put(&mut self, ino: Ino, fields: &Fields) -> Result<(), Misfit> {
        if fields.stored > fields.size || (fields.blob.is_none() && fields.stored > 0) {
            return Err(Misfit);
        }
        self.next_ino = self.next_ino.max(ino.checked_add(1).ok_or(Misfit)?);
        if let Some(blob) = fields.blob {
            self.next_blob = self.next_blob.max(blob.checked_add(1).ok_or(Misfit)?);
        }
        let before = match self.inodes.get_mut(&ino) {
            Some(inode) if inode.fields.kind.format() == fields.kind.format() => {
                std::mem::replace(&mut inode.fields, fields.clone()).stored
            }
            Some(_) => return Err(Misfit),
            None => {
                let inode = Inode { fields: fields.clone(), names: 0, entries: Entries::default(), parent: ROOT };
                self.inodes.insert(ino, inode);
                0
            }
        };
        self.used = self.used.saturating_sub(before).saturating_add(fields.stored);
        Ok(())
    }

    fn link(&mut self, dir: Ino, name: &[u8], cookie: u64, ino: Ino) -> Result<(), Misfit> {
        let child = self.inodes.get_mut(&ino).ok_or(Misfit)?;
        let child_is_dir = child.is_dir();
        if ino == ROOT || ino == dir || (child_is_dir && child.names > 0) {
            return Err(Misfit);
        }
        child.names += 1;
        if child_is_dir {
            child.parent = dir;
        }
        let parent = self.inodes.get_mut(&dir).filter(|parent| parent.is_dir()).ok_or(Misfit)?;
        let entries = &mut parent.entries;
        if cookie < entries.next_cookie() || crate::Name::new(name).is_err() || entries.names.contains_key(name) {
            return Err(Misfit);
        }
        entries.next_cookie = cookie.checked_add(1).ok_or(Misfit)?;
        entries.names.insert(name.to_vec(), (cookie, ino));
        entries.order.insert(cookie, name.to_vec());
        entries.subdirs += u64::from(child_is_dir);
        Ok(())
    }

    fn unlink(&mut self, dir: Ino, name: &[u8]) -> Result<(), Misfit> {
        let entries = &mut self.inodes.get_mut(&dir).ok_or(Misfit)?.entries;
        let (cookie, ino) = entries.names.remove(name).ok_or(Misfit)?;
        entries.order.remove(&cookie);
        let child = self.inodes.get_mut(&ino).ok_or(Misfit)?;
        child.names -= 1;
        if child.is_dir()
            && let Some(parent) = self.inodes.get_mut(&dir)
        {
            parent.entries.subdirs -= 1;
        }
        Ok(())
    }

    fn forget(&mut self, ino: Ino) -> Result<(), Misfit> {
        let inode = self.inodes.get(&ino).ok_or(Misfit)?;
        if ino == ROOT || inode.names > 0 || !inode.entries.names.is_empty() {
            return Err(Misfit);
        }
        self.used = self.used.saturating_sub(inode.fields.stored);
        self.inodes.remove(&ino);
        Ok(())
    }

    /// Whether `dir` is `top`, or somewhere below it.
    pub fn is_within(&self, dir: Ino, top: Ino) -> bool {
        let mut at = dir;
        // A tree can't be deeper than it has inodes; a damaged journal could make a ring.
        for _ in 0..=self.inodes.len() {
            if at == top {
                return true;
            }
            match self.inodes.get(&at) {
                Some(inode) if at != ROOT => at = inode.parent,
                _ => return false,
            }
        }
        true
    }

    /// Whether everything with a name can be reached from the root, as no single record can promise.
    pub fn is_whole(&self) -> bool {
        let Some(root) = self.inodes.get(&ROOT).filter(|root| root.is_dir()) else { return false };
        let mut named = self.inodes.values().map(|inode| inode.names).sum::<u64>();
        let mut blobs: Vec<_> = self.inodes.values().filter_map(|inode| inode.fields.blob).collect();
        blobs.sort_unstable();
        let mut todo = vec![root];
        while let Some(dir) = todo.pop() {
            named = named.saturating_sub(dir.entries.names.len() as u64);
            let children = dir.entries.names.values().filter_map(|(_, ino)| self.inodes.get(ino));
            todo.extend(children.filter(|child| child.is_dir()));
        }
        named == 0 && blobs.windows(2).all(|pair| pair[0] != pair[1])
    }

    /// Records that make this table from an empty one.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let puts = self.inodes.iter().map(|(ino, inode)| Record::Put(*ino, inode.fields.clone()));
        let links = self.inodes.iter().flat_map(|(dir, inode)| {
            inode.entries.order.iter().filter_map(|(cookie, name)| {
                let (_, ino) = inode.entries.names.get(name)?;
                Some(Record::Link { dir: *dir, name: name.clone(), cookie: *cookie, ino: *ino })
            })
        });
        let next = Record::Next { ino: self.next_ino, blob: self.next_blob };
        std::iter::once(next).chain(puts).chain(links)
    }
}
