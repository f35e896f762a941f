//! Messages about names: attaching, walking, making, linking, renaming and removing.

use super::fids::Fid;
use super::{Reply, Server, qid};
use crate::tree::{PERMISSIONS, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};
use crate::{Attr, Errno, FileTree, Ino, Kind, Name, NewInode};

/// No user: Linux mounts with `access=any` and gives none.
const NO_UID: u32 = u32::MAX;
/// `Tunlinkat`'s flag for a directory (`AT_REMOVEDIR`).
const REMOVE_DIR: u32 = 0x200;

/// A device number as Linux's `new_decode_dev` and glibc's `makedev` take it apart.
fn device(major: u32, minor: u32) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & !0xff) << 12) | ((major & !0xfff) << 32)
}

impl<T: FileTree> Server<T> {
    pub(super) async fn attach(&mut self, fid: u32, aname: &[u8], uid: u32) -> Result<Reply, Errno> {
        self.fids.check_new(fid)?;
        let mut at = self.tree.root();
        for part in aname.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            at = self.tree.lookup(at, Name::new(part)?).await?;
        }
        let attr = self.tree.attr(at).await?;
        self.tree.hold(at);
        let uid = if uid == NO_UID { 0 } else { uid };
        self.fids.put(fid, Fid { ino: at, uid, place: None, open: None });
        let mut reply = Reply::new(105);
        qid(&mut reply.1, &attr);
        Ok(reply)
    }

    /// Goes from a directory by names, as far as there are any. The new fid is made only if all were found.
    pub(super) async fn walk(&mut self, fid: u32, new_fid: u32, names: &[&[u8]]) -> Result<Reply, Errno> {
        let mut to = self.fid(fid)?.clone();
        if new_fid == fid && to.open.is_some() {
            return Err(Errno::BadF);
        }
        if new_fid != fid {
            self.fids.check_new(new_fid)?;
        }
        to.open = None;
        let mut found = Vec::new();
        for name in names {
            match self.step(&to, name).await {
                Ok((ino, place, attr)) => {
                    (to.ino, to.place) = (ino, place);
                    found.push(attr);
                }
                Err(error) if found.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        if found.len() == names.len() {
            self.tree.hold(to.ino);
            if let Some(before) = self.fids.put(new_fid, to) {
                self.tree.release(before.ino).await?;
            }
        }
        let mut reply = Reply::new(111);
        reply.1.u16(u16::try_from(found.len()).unwrap_or(u16::MAX));
        found.iter().for_each(|attr| qid(&mut reply.1, attr));
        Ok(reply)
    }

    /// One step of a walk. What is above the root is the root.
    async fn step(&mut self, from: &Fid, name: &[u8]) -> Result<(Ino, Option<(Ino, Vec<u8>)>, Attr), Errno> {
        let (ino, place) = match name {
            b"." if self.tree.attr(from.ino).await?.is_dir() => (from.ino, from.place.clone()),
            b".." => (self.tree.parent(from.ino).await?, None),
            _ => (self.tree.lookup(from.ino, Name::new(name)?).await?, Some((from.ino, name.to_vec()))),
        };
        Ok((ino, place, self.tree.attr(ino).await?))
    }

    pub(super) async fn make(
        &mut self,
        fid: u32,
        name: &[u8],
        kind: Kind,
        mode: u32,
        gid: u32,
    ) -> Result<(Ino, Attr), Errno> {
        let (dir, uid) = self.fid(fid).map(|fid| (fid.ino, fid.uid))?;
        self.writable(dir).await?;
        let new = NewInode { kind, mode: mode & PERMISSIONS, uid, gid };
        let ino = self.tree.create(dir, Name::new(name)?, &new).await?;
        Ok((dir, self.tree.attr(ino).await?))
    }

    async fn made(&mut self, reply: u8, made: Result<(Ino, Attr), Errno>) -> Result<Reply, Errno> {
        let (_, attr) = made?;
        let mut reply = Reply::new(reply);
        qid(&mut reply.1, &attr);
        Ok(reply)
    }

    pub(super) async fn mkdir(&mut self, fid: u32, name: &[u8], mode: u32, gid: u32) -> Result<Reply, Errno> {
        let made = self.make(fid, name, Kind::Dir, mode, gid).await;
        self.made(73, made).await
    }

    pub(super) async fn symlink(&mut self, fid: u32, name: &[u8], target: &[u8], gid: u32) -> Result<Reply, Errno> {
        let made = self.make(fid, name, Kind::Symlink(target.to_vec()), 0o777, gid).await;
        self.made(17, made).await
    }

    /// Linux makes plain files by this too. Of a device only its numbers are kept: what it does is the guest's affair.
    pub(super) async fn mknod(
        &mut self,
        fid: u32,
        name: &[u8],
        mode: u32,
        (major, minor): (u32, u32),
        gid: u32,
    ) -> Result<Reply, Errno> {
        let kind = match mode & S_IFMT {
            0 | S_IFREG => Kind::File,
            S_IFDIR | S_IFLNK => return Err(Errno::Inval),
            // FIFO, character device, block device, socket.
            format @ (0o010_000 | 0o020_000 | 0o060_000 | 0o140_000) => {
                Kind::Special { format, device: device(major, minor) }
            }
            _ => return Err(Errno::Inval),
        };
        let made = self.make(fid, name, kind, mode, gid).await;
        self.made(19, made).await
    }

    pub(super) async fn link(&mut self, dir: u32, fid: u32, name: &[u8]) -> Result<Reply, Errno> {
        let (dir, ino) = (self.fid(dir)?.ino, self.fid(fid)?.ino);
        self.writable(dir).await?;
        self.writable(ino).await?;
        self.tree.link(dir, Name::new(name)?, ino).await?;
        Ok(Reply::new(71))
    }

    /// Fails if the guest may not take this name away; gives what it names.
    async fn removable(&mut self, dir: Ino, name: Name<'_>) -> Result<Ino, Errno> {
        let ino = self.tree.lookup(dir, name).await?;
        self.writable(dir).await?;
        self.writable(ino).await?;
        Ok(ino)
    }

    async fn do_rename(&mut self, from: (Ino, &[u8]), to: (Ino, &[u8])) -> Result<(), Errno> {
        let (from_name, to_name) = (Name::new(from.1)?, Name::new(to.1)?);
        let ino = self.removable(from.0, from_name).await?;
        self.writable(to.0).await?;
        if let Ok(old) = self.tree.lookup(to.0, to_name).await {
            self.writable(old).await?;
        }
        self.tree.rename((from.0, from_name), (to.0, to_name)).await?;
        self.fids.moved(from, to, ino);
        Ok(())
    }

    pub(super) async fn renameat(&mut self, from: (u32, &[u8]), to: (u32, &[u8])) -> Result<Reply, Errno> {
        let (old_dir, new_dir) = (self.fid(from.0)?.ino, self.fid(to.0)?.ino);
        self.do_rename((old_dir, from.1), (new_dir, to.1)).await?;
        Ok(Reply::new(75))
    }

    /// The name that a fid was found by, if that is still a name of its inode.
    async fn place(&mut self, fid: u32) -> Result<(Ino, Vec<u8>), Errno> {
        let Fid { ino, place, .. } = self.fid(fid)?.clone();
        let (dir, name) = place.ok_or(Errno::Perm)?;
        let named = self.tree.lookup(dir, Name::new(&name)?).await?;
        if named == ino { Ok((dir, name)) } else { Err(Errno::NoEnt) }
    }

    pub(super) async fn rename(&mut self, fid: u32, dir: u32, name: &[u8]) -> Result<Reply, Errno> {
        let to = self.fid(dir)?.ino;
        let (dir, old) = self.place(fid).await?;
        self.do_rename((dir, &old), (to, name)).await?;
        Ok(Reply::new(21))
    }

    pub(super) async fn unlinkat(&mut self, fid: u32, name: &[u8], flags: u32) -> Result<Reply, Errno> {
        let dir = self.fid(fid)?.ino;
        if flags & !REMOVE_DIR != 0 {
            return Err(Errno::Inval);
        }
        let name = Name::new(name)?;
        self.removable(dir, name).await?;
        self.tree.remove(dir, name, flags & REMOVE_DIR != 0).await?;
        Ok(Reply::new(77))
    }

    /// The fid is gone even if the file can't be removed.
    pub(super) async fn remove(&mut self, fid: u32) -> Result<Reply, Errno> {
        let removed = self.remove_place(fid).await;
        let ino = self.fids.take(fid)?.ino;
        self.tree.release(ino).await?;
        removed.map(|()| Reply::new(123))
    }

    async fn remove_place(&mut self, fid: u32) -> Result<(), Errno> {
        let (dir, name) = self.place(fid).await?;
        let name = Name::new(&name)?;
        let ino = self.removable(dir, name).await?;
        let directory = self.tree.attr(ino).await?.is_dir();
        self.tree.remove(dir, name, directory).await
    }

    pub(super) async fn clunk(&mut self, fid: u32) -> Result<Reply, Errno> {
        let ino = self.fids.take(fid)?.ino;
        self.tree.release(ino).await?;
        Ok(Reply::new(121))
    }
}
