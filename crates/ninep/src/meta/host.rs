//! The host's side of the same tree, by path: what a page lists, uploads and downloads.
//!
//! A path is names with `/` between them; empty parts are skipped, `.` and `..` are refused, and symbolic links are never
//! followed: they are the guest's, and mean something only there. The host may change what the guest may only read.

use super::MetaTree;
use super::table::Record;
use crate::store::BlobStore;
use crate::tree::{Attr, DirEntry, FileTree, Ino, Kind, NewInode, S_IFLNK, S_IFMT, SetAttr};
use crate::{Errno, Name};

/// How much is taken from a directory at once.
const BATCH: usize = 256;

/// One entry of a directory, for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// Its name; a guest's names need not be UTF-8.
    pub name: Vec<u8>,
    /// What it is.
    pub attr: Attr,
    /// A symbolic link's target.
    pub target: Option<Vec<u8>>,
}

fn parts(path: &[u8]) -> impl Iterator<Item = Result<Name<'_>, Errno>> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).map(Name::new)
}

/// A path's last name, and what is before it.
fn split(path: &[u8]) -> Result<(&[u8], Name<'_>), Errno> {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let path = &path[..end];
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    Ok((&path[..start], Name::new(&path[start..])?))
}

impl<B: BlobStore> MetaTree<B> {
    async fn find(&mut self, path: &[u8]) -> Result<Ino, Errno> {
        let mut at = self.root();
        for name in parts(path) {
            at = self.child(at, name?)?;
        }
        Ok(at)
    }

    /// What is at a path.
    pub async fn host_stat(&mut self, path: &[u8]) -> Result<Attr, Errno> {
        let ino = self.find(path).await?;
        self.attr(ino).await
    }

    /// A directory's entries, in the order in which they were made.
    pub async fn host_list(&mut self, path: &[u8]) -> Result<Vec<HostEntry>, Errno> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let (batch, next) = self.host_list_part(path, after, BATCH).await?;
            all.extend(batch);
            let Some(next) = next else { return Ok(all) };
            after = next;
        }
    }

    /// At most `count` of a directory's entries behind `after`, which is 0 at the beginning, and where the next part begins if
    /// there may be more. What is made or removed between two parts may be in or not.
    pub async fn host_list_part(
        &mut self,
        path: &[u8],
        after: u64,
        count: usize,
    ) -> Result<(Vec<HostEntry>, Option<u64>), Errno> {
        let dir = self.find(path).await?;
        let batch = self.list(dir, after, count).await?;
        let next = batch.last().filter(|_| batch.len() == count).map(|last| last.cookie);
        let mut all = Vec::with_capacity(batch.len());
        for DirEntry { name, attr, .. } in batch {
            let is_link = attr.mode & S_IFMT == S_IFLNK;
            let target = if is_link { Some(self.read_link(attr.ino).await?) } else { None };
            all.push(HostEntry { name, attr, target });
        }
        Ok((all, next))
    }

    /// Reads from a file; less than the length of `buf` only at its end.
    pub async fn host_read(&mut self, path: &[u8], offset: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let ino = self.find(path).await?;
        self.read(ino, offset, buf).await
    }

    /// Makes an empty file, or empties the one that is there.
    pub async fn host_create(&mut self, path: &[u8], mode: u32, owner: (u32, u32)) -> Result<(), Errno> {
        let (above, name) = split(path)?;
        let dir = self.find(above).await?;
        match self.child(dir, name) {
            Ok(ino) => self.set_attr(ino, &SetAttr { size: Some(0), ..SetAttr::default() }).await,
            Err(Errno::NoEnt) => {
                let new = NewInode { kind: Kind::File, mode, uid: owner.0, gid: owner.1 };
                self.create(dir, name, &new).await.map(|_| ())
            }
            Err(error) => Err(error),
        }
    }

    /// Writes to a file that is there.
    pub async fn host_write(&mut self, path: &[u8], offset: u64, data: &[u8]) -> Result<(), Errno> {
        let ino = self.find(path).await?;
        self.write(ino, offset, data).await
    }

    /// Makes a directory and those above it; those that are there stay as they are.
    pub async fn host_mkdir(&mut self, path: &[u8], mode: u32, owner: (u32, u32)) -> Result<(), Errno> {
        let mut at = self.root();
        for name in parts(path) {
            let name = name?;
            at = match self.child(at, name) {
                Err(Errno::NoEnt) => {
                    let new = NewInode { kind: Kind::Dir, mode, uid: owner.0, gid: owner.1 };
                    self.create(at, name, &new).await?
                }
                there => there?,
            };
            self.dir(at)?;
        }
        Ok(())
    }

    /// Renames as `rename(2)` does.
    pub async fn host_rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        let ((from_dir, from_name), (to_dir, to_name)) = (split(from)?, split(to)?);
        let (from_dir, to_dir) = (self.find(from_dir).await?, self.find(to_dir).await?);
        self.rename((from_dir, from_name), (to_dir, to_name)).await
    }

    /// Removes what is at a path, with everything below it. What the guest has open lives until it is closed.
    pub async fn host_remove(&mut self, path: &[u8]) -> Result<(), Errno> {
        let (above, name) = split(path)?;
        let dir = self.find(above).await?;
        let top = self.child(dir, name)?;
        // Depth first, without recursion: the guest decides how deep it is.
        let mut way = vec![(dir, name.bytes().to_vec(), top)];
        while let Some((dir, name, ino)) = way.last().cloned() {
            let inode = self.inode(ino)?;
            let below = inode.entries.names.iter().next().map(|(name, (_, child))| (ino, name.clone(), *child));
            if let Some(below) = below {
                way.push(below);
                continue;
            }
            let directory = inode.is_dir();
            self.remove(dir, Name::new(&name)?, directory).await?;
            way.pop();
        }
        Ok(())
    }

    /// Makes a directory with everything in it, now and later, one that the guest may only read, or one that it may change.
    pub async fn host_seal(&mut self, path: &[u8], sealed: bool) -> Result<(), Errno> {
        let top = self.find(path).await?;
        let (mut todo, mut records) = (vec![top], Vec::new());
        while let Some(ino) = todo.pop() {
            let inode = self.inode(ino)?;
            todo.extend(inode.entries.names.values().map(|(_, child)| *child));
            if inode.fields.sealed != sealed {
                let mut fields = inode.fields.clone();
                fields.sealed = sealed;
                records.push(Record::Put(ino, fields));
            }
        }
        if records.is_empty() { Ok(()) } else { self.commit(records).await }
    }
}
