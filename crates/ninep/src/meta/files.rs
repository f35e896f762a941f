//! Names: what `FileTree` asks of a tree, and how renames, links and removals become records.

use super::MetaTree;
use super::content::touch;
use super::table::{Inode, ROOT, Record};
use crate::store::BlobStore;
use crate::tree::{Attr, DirEntry, FileTree, Ino, Kind, NewInode, SetAttr, Space};
use crate::{Errno, Name};

/// How many names a file may have: what ext4 allows.
const MAX_LINKS: u64 = 65_000;
/// The longest target of a symbolic link, as Linux has it (`PATH_MAX` with its NUL).
const MAX_TARGET: usize = 4095;

impl<B: BlobStore> MetaTree<B> {
    /// The record of a directory whose entries change.
    fn touched(&self, ino: Ino) -> Result<Record, Errno> {
        let mut fields = self.inode(ino)?.fields.clone();
        touch(&mut fields, self.now());
        Ok(Record::Put(ino, fields))
    }

    /// The record of an inode whose names change.
    fn renamed(&self, ino: Ino) -> Result<Record, Errno> {
        let mut fields = self.inode(ino)?.fields.clone();
        fields.ctime = self.now();
        Ok(Record::Put(ino, fields))
    }

    fn linked(&self, dir: Ino, name: Name<'_>, ino: Ino) -> Result<Record, Errno> {
        let cookie = self.living_dir(dir)?.entries.next_cookie();
        Ok(Record::Link { dir, name: name.bytes().to_vec(), cookie, ino })
    }

    /// The records of a name taken away, and of the inode if it was the last one and nobody uses it.
    fn unlinked(&self, dir: Ino, name: Name<'_>, ino: Ino) -> Result<[Record; 2], Errno> {
        let last = self.inode(ino)?.names == 1 && !self.is_held(ino);
        let then = if last { Record::Forget(ino) } else { self.renamed(ino)? };
        Ok([Record::Unlink { dir, name: name.bytes().to_vec() }, then])
    }

    /// Whether what is at a name may give way to `by`, as `rename(2)` has it.
    fn may_replace(&self, old: &Inode, by: &Inode) -> Result<(), Errno> {
        match (old.is_dir(), by.is_dir()) {
            (true, false) => Err(Errno::IsDir),
            (false, true) => Err(Errno::NotDir),
            _ if old.entries.names.is_empty() => Ok(()),
            _ => Err(Errno::NotEmpty),
        }
    }
}

impl<B: BlobStore> FileTree for MetaTree<B> {
    fn root(&self) -> Ino {
        ROOT
    }

    fn hold(&mut self, ino: Ino) {
        *self.holds.entry(ino).or_default() += 1;
    }

    async fn release(&mut self, ino: Ino) -> Result<(), Errno> {
        let Some(users) = self.holds.get_mut(&ino) else { return Ok(()) };
        *users -= 1;
        if *users > 0 {
            return Ok(());
        }
        self.holds.remove(&ino);
        match self.table.inodes.get(&ino) {
            Some(inode) if inode.names == 0 && ino != ROOT => self.commit(vec![Record::Forget(ino)]).await,
            Some(_) if self.dirty.contains(&ino) => self.commit(Vec::new()).await,
            _ => Ok(()),
        }
    }

    async fn reap(&mut self) -> Result<(), Errno> {
        let nameless = self.table.inodes.iter().filter(|(ino, inode)| inode.names == 0 && **ino != ROOT);
        let gone = nameless.map(|(ino, _)| *ino).filter(|ino| !self.is_held(*ino));
        let records = gone.map(Record::Forget).collect();
        self.commit(records).await
    }

    async fn attr(&mut self, ino: Ino) -> Result<Attr, Errno> {
        Ok(self.inode(ino)?.attr(ino))
    }

    async fn set_attr(&mut self, ino: Ino, change: &SetAttr) -> Result<(), Errno> {
        self.change(ino, change).await
    }

    async fn lookup(&mut self, dir: Ino, name: Name<'_>) -> Result<Ino, Errno> {
        self.child(dir, name)
    }

    async fn parent(&mut self, dir: Ino) -> Result<Ino, Errno> {
        Ok(if dir == ROOT { ROOT } else { self.dir(dir)?.parent })
    }

    async fn list(&mut self, dir: Ino, after: u64, count: usize) -> Result<Vec<DirEntry>, Errno> {
        let entries = &self.dir(dir)?.entries;
        let names = entries.order.range(after.saturating_add(1)..).take(count);
        names
            .map(|(cookie, name)| {
                let (_, ino) = entries.names.get(name).ok_or(Errno::Stale)?;
                Ok(DirEntry { cookie: *cookie, name: name.clone(), attr: self.inode(*ino)?.attr(*ino) })
            })
            .collect()
    }

    async fn list_end(&mut self, dir: Ino) -> Result<u64, Errno> {
        Ok(self.dir(dir)?.entries.next_cookie())
    }

    async fn create(&mut self, dir: Ino, name: Name<'_>, new: &NewInode) -> Result<Ino, Errno> {
        let sealed = self.living_dir(dir)?.fields.sealed;
        if self.child(dir, name).is_ok() {
            return Err(Errno::Exist);
        }
        if matches!(&new.kind, Kind::Symlink(target) if target.is_empty() || target.len() > MAX_TARGET) {
            return Err(Errno::NameTooLong);
        }
        if self.table.inodes.len() as u64 >= self.settings.max_inodes {
            return Err(Errno::NoSpc);
        }
        let ino = self.table.next_ino;
        let put = Record::Put(ino, self.made(new, sealed));
        self.commit(vec![put, self.linked(dir, name, ino)?, self.touched(dir)?]).await?;
        Ok(ino)
    }

    async fn link(&mut self, dir: Ino, name: Name<'_>, ino: Ino) -> Result<(), Errno> {
        let inode = self.inode(ino)?;
        if inode.is_dir() {
            return Err(Errno::Perm);
        }
        if inode.names == 0 {
            return Err(Errno::NoEnt);
        }
        if inode.names >= MAX_LINKS {
            return Err(Errno::MLink);
        }
        if inode.fields.sealed != self.living_dir(dir)?.fields.sealed {
            return Err(Errno::XDev);
        }
        if self.child(dir, name).is_ok() {
            return Err(Errno::Exist);
        }
        self.commit(vec![self.linked(dir, name, ino)?, self.renamed(ino)?, self.touched(dir)?]).await
    }

    async fn remove(&mut self, dir: Ino, name: Name<'_>, directory: bool) -> Result<(), Errno> {
        let ino = self.child(dir, name)?;
        let inode = self.inode(ino)?;
        match (inode.is_dir(), directory) {
            (true, false) => return Err(Errno::IsDir),
            (false, true) => return Err(Errno::NotDir),
            _ if !inode.entries.names.is_empty() => return Err(Errno::NotEmpty),
            _ => {}
        }
        let mut records = self.unlinked(dir, name, ino)?.to_vec();
        records.push(self.touched(dir)?);
        self.commit(records).await
    }

    async fn rename(&mut self, from: (Ino, Name<'_>), to: (Ino, Name<'_>)) -> Result<(), Errno> {
        let ino = self.child(from.0, from.1)?;
        let (inode, into) = (self.inode(ino)?, self.living_dir(to.0)?);
        if inode.fields.sealed != into.fields.sealed {
            return Err(Errno::XDev);
        }
        if inode.is_dir() && self.table.is_within(to.0, ino) {
            return Err(Errno::Inval);
        }
        let mut records = Vec::new();
        if let Ok(old) = self.child(to.0, to.1) {
            if old == ino {
                return Ok(());
            }
            self.may_replace(self.inode(old)?, inode)?;
            records.extend(self.unlinked(to.0, to.1, old)?);
            // Who writes a file anew and renames it over the old one wants one of the two after a crash.
            self.flush_bytes(ino).await?;
        }
        records.push(Record::Unlink { dir: from.0, name: from.1.bytes().to_vec() });
        records.push(self.linked(to.0, to.1, ino)?);
        records.push(self.renamed(ino)?);
        records.push(self.touched(from.0)?);
        records.push(self.touched(to.0)?);
        self.commit(records).await
    }

    async fn read_link(&mut self, ino: Ino) -> Result<Vec<u8>, Errno> {
        match &self.inode(ino)?.fields.kind {
            Kind::Symlink(target) => Ok(target.clone()),
            _ => Err(Errno::Inval),
        }
    }

    async fn read(&mut self, ino: Ino, offset: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        self.read_file(ino, offset, buf).await
    }

    async fn write(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<(), Errno> {
        self.write_file(ino, offset, data).await
    }

    async fn sync(&mut self, ino: Ino) -> Result<(), Errno> {
        self.sync_file(ino).await
    }

    async fn sync_all(&mut self) -> Result<(), Errno> {
        self.sync_everything().await
    }

    async fn space(&mut self) -> Result<Space, Errno> {
        let inodes = self.table.inodes.len() as u64;
        Ok(Space {
            total: self.settings.quota,
            free: self.settings.quota.saturating_sub(self.table.used),
            inodes,
            free_inodes: self.settings.max_inodes.saturating_sub(inodes),
        })
    }
}
