//! Messages about what is in files and directories: opening, reading, writing, attributes, locks.

use super::fids::{Fid, Open};
use super::{Reply, Server, qid};
use crate::request::setattr;
use crate::{Attr, Errno, FileTree, HEADER, Ino, Kind, Name, Request, SetAttr, SetTime, Time};

/// Bits of `Tlopen`'s flags (`P9_DOTL_…` of Linux).
const ACCESS: u32 = 3;
const READ_ONLY: u32 = 0;
const WRITE_ONLY: u32 = 1;
const EXCLUSIVE: u32 = 0o200;
const TRUNCATE: u32 = 0o1000;
const APPEND: u32 = 0o2000;

/// Before the data of `Rread` and `Rreaddir`.
const COUNT: u32 = HEADER as u32 + 4;
/// Before an entry's name: qid, cookie, type, length.
const ENTRY: usize = 24;
/// `P9_GETATTR_BASIC` and the time of making: mode to blocks, and `btime`.
const GIVEN: u64 = 0x7ff | 0x800;
/// `V9FS_MAGIC`
const FS_TYPE: u32 = 0x0102_1997;
/// The unit of `statfs`, and what `stat` advises: larger pieces mean fewer messages.
const BLOCK: u32 = 4096;
/// The unit of `st_blocks`.
const SECTOR: u64 = 512;
/// Before this, a listing's cookies are `.` and `..`.
const DOTS: u64 = 2;

/// `F_UNLCK`, and a lock that was given.
const UNLOCKED: u8 = 2;
const LOCK_SUCCESS: u8 = 0;

impl<T: FileTree> Server<T> {
    pub(super) async fn lopen(&mut self, fid: u32, flags: u32) -> Result<Reply, Errno> {
        let ino = self.fid(fid).and_then(|fid| if fid.open.is_some() { Err(Errno::BadF) } else { Ok(fid.ino) })?;
        let attr = self.tree.attr(ino).await?;
        self.check_open(&attr, flags)?;
        let attr = self.open_file(attr, flags).await?;
        self.fids.get_mut(fid)?.open = Some(Open { flags, listing_end: 0 });
        Ok(opened(13, &attr))
    }

    fn check_open(&self, attr: &Attr, flags: u32) -> Result<(), Errno> {
        let writes = flags & ACCESS != READ_ONLY || flags & TRUNCATE != 0;
        match () {
            () if attr.is_dir() && writes => Err(Errno::IsDir),
            // Links and special files are opened by the guest's kernel, never here.
            () if !attr.is_dir() && !attr.is_file() => Err(Errno::Inval),
            () if writes && attr.read_only => Err(Errno::RoFs),
            () => Ok(()),
        }
    }

    async fn open_file(&mut self, attr: Attr, flags: u32) -> Result<Attr, Errno> {
        if flags & TRUNCATE == 0 {
            return Ok(attr);
        }
        self.tree.set_attr(attr.ino, &SetAttr { size: Some(0), ..SetAttr::default() }).await?;
        self.tree.attr(attr.ino).await
    }

    /// Makes a file, or opens the one that is there unless it must be new; the directory's fid is the file's then.
    pub(super) async fn lcreate(
        &mut self,
        fid: u32,
        name: &[u8],
        flags: u32,
        mode: u32,
        gid: u32,
    ) -> Result<Reply, Errno> {
        if self.fid(fid)?.open.is_some() {
            return Err(Errno::BadF);
        }
        let (dir, attr) = match self.make(fid, name, Kind::File, mode, gid).await {
            Err(Errno::Exist) if flags & EXCLUSIVE == 0 => {
                let dir = self.fid(fid)?.ino;
                let there = self.tree.lookup(dir, Name::new(name)?).await?;
                let attr = self.tree.attr(there).await?;
                if !attr.is_file() {
                    return Err(Errno::Exist);
                }
                self.check_open(&attr, flags)?;
                (dir, self.open_file(attr, flags).await?)
            }
            made => made?,
        };
        self.tree.hold(attr.ino);
        let open = Some(Open { flags, listing_end: 0 });
        let uid = self.fid(fid)?.uid;
        self.fids.put(fid, Fid { ino: attr.ino, uid, place: Some((dir, name.to_vec())), open });
        self.tree.release(dir).await?;
        Ok(opened(15, &attr))
    }

    /// The inode of a fid that was opened for this.
    fn opened(&self, fid: u32, except: u32) -> Result<(Ino, Open), Errno> {
        let fid = self.fid(fid)?;
        let open = fid.open.filter(|open| open.flags & ACCESS != except).ok_or(Errno::BadF)?;
        Ok((fid.ino, open))
    }

    pub(super) async fn read(&mut self, fid: u32, offset: u64, count: u32) -> Result<Reply, Errno> {
        let (ino, _) = self.opened(fid, WRITE_ONLY)?;
        let count = count.min(self.msize - COUNT);
        let mut reply = Reply::new(117);
        reply.1.u32(0);
        let start = reply.1.0.len();
        reply.1.0.resize(start + count as usize, 0);
        let read = self.tree.read(ino, offset, &mut reply.1.0[start..]).await?;
        reply.1.0.truncate(start + read);
        set_count(&mut reply, start);
        Ok(reply)
    }

    /// A file that was opened to be appended to is written at its end, wherever the guest believes that to be.
    pub(super) async fn write(&mut self, fid: u32, offset: u64, data: &[u8]) -> Result<Reply, Errno> {
        let (ino, open) = self.opened(fid, READ_ONLY)?;
        // The host may have sealed it since it was opened.
        self.writable(ino).await?;
        let offset = if open.flags & APPEND == 0 { offset } else { self.tree.attr(ino).await?.size };
        self.tree.write(ino, offset, data).await?;
        let mut reply = Reply::new(119);
        reply.1.u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
        Ok(reply)
    }

    /// A listing shows what was there when it was begun and still is; so renaming what one finds comes to an end.
    pub(super) async fn readdir(&mut self, fid: u32, offset: u64, count: u32) -> Result<Reply, Errno> {
        let (ino, open) = self.opened(fid, WRITE_ONLY)?;
        let count = count.min(self.msize - COUNT) as usize;
        let mut end = open.listing_end;
        if offset == 0 || end == 0 {
            end = self.tree.list_end(ino).await?;
            self.fids.get_mut(fid)?.open = Some(Open { listing_end: end, ..open });
        }
        let mut reply = Reply::new(41);
        reply.1.u32(0);
        let start = reply.1.0.len();
        for (cookie, name, attr) in self.entries(ino, offset, count / ENTRY + 1).await? {
            if cookie >= end && cookie > DOTS {
                break;
            }
            if reply.1.0.len() - start + ENTRY + name.len() > count {
                if reply.1.0.len() == start {
                    return Err(Errno::Inval);
                }
                break;
            }
            qid(&mut reply.1, &attr);
            reply.1.u64(cookie).u8(u8::try_from(attr.mode >> 12).unwrap_or(0)).string(&name);
        }
        set_count(&mut reply, start);
        Ok(reply)
    }

    async fn entries(&mut self, dir: Ino, after: u64, most: usize) -> Result<Vec<(u64, Vec<u8>, Attr)>, Errno> {
        let mut all = Vec::new();
        if after < 1 {
            all.push((1, b".".to_vec(), self.tree.attr(dir).await?));
        }
        if after < DOTS {
            let above = self.tree.parent(dir).await?;
            // A directory that is gone may have had one above it that is gone, too.
            let attr = match self.tree.attr(above).await {
                Err(Errno::Stale) => self.tree.attr(dir).await?,
                there => there?,
            };
            all.push((DOTS, b"..".to_vec(), attr));
        }
        let entries = self.tree.list(dir, after.max(DOTS), most).await?;
        all.extend(entries.into_iter().map(|entry| (entry.cookie, entry.name, entry.attr)));
        Ok(all)
    }

    pub(super) async fn readlink(&mut self, fid: u32) -> Result<Reply, Errno> {
        let target = self.tree.read_link(self.fid(fid)?.ino).await?;
        let mut reply = Reply::new(23);
        reply.1.string(&target);
        Ok(reply)
    }

    pub(super) async fn getattr(&mut self, fid: u32) -> Result<Reply, Errno> {
        let attr = self.tree.attr(self.fid(fid)?.ino).await?;
        let mut reply = Reply::new(25);
        let out = &mut reply.1;
        out.u64(GIVEN);
        qid(out, &attr);
        out.u32(attr.mode).u32(attr.uid).u32(attr.gid);
        out.u64(attr.links).u64(attr.device).u64(attr.size);
        out.u64(u64::from(BLOCK)).u64(attr.stored.div_ceil(SECTOR));
        for time in [attr.atime, attr.mtime, attr.ctime, attr.btime] {
            out.u64(time.seconds).u64(time.nanos.into());
        }
        // Generation and data version: no client asks.
        out.u64(0).u64(0);
        Ok(reply)
    }

    pub(super) async fn setattr(&mut self, fid: u32, request: &Request<'_>) -> Result<Reply, Errno> {
        let &Request::Setattr { valid, mode, uid, gid, size, atime, mtime, .. } = request else {
            return Err(Errno::Proto);
        };
        let ino = self.fid(fid)?.ino;
        self.writable(ino).await?;
        let has = |bit: u32| valid & bit != 0;
        let time = |change, set, to| if has(change) { set_time(has(set), to).map(Some) } else { Ok(None) };
        let change = SetAttr {
            mode: has(setattr::MODE).then_some(mode),
            uid: has(setattr::UID).then_some(uid),
            gid: has(setattr::GID).then_some(gid),
            size: has(setattr::SIZE).then_some(size),
            atime: time(setattr::ATIME, setattr::ATIME_SET, atime)?,
            mtime: time(setattr::MTIME, setattr::MTIME_SET, mtime)?,
        };
        self.tree.set_attr(ino, &change).await?;
        Ok(Reply::new(27))
    }

    pub(super) async fn fsync(&mut self, fid: u32) -> Result<Reply, Errno> {
        self.tree.sync(self.fid(fid)?.ino).await?;
        Ok(Reply::new(51))
    }

    pub(super) async fn statfs(&mut self, fid: u32) -> Result<Reply, Errno> {
        self.fid(fid)?;
        let space = self.tree.space().await?;
        let block = u64::from(BLOCK);
        let mut reply = Reply::new(9);
        reply.1.u32(FS_TYPE).u32(BLOCK);
        reply.1.u64(space.total / block).u64(space.free / block).u64(space.free / block);
        reply.1.u64(space.inodes.saturating_add(space.free_inodes)).u64(space.free_inodes);
        reply.1.u64(0).u32(crate::MAX_NAME as u32);
        Ok(reply)
    }

    /// Linux takes its own lock before it asks for ours, and nobody else locks here: so every lock can be given.
    pub(super) fn lock(&mut self, fid: u32) -> Result<Reply, Errno> {
        self.fid(fid)?.open.ok_or(Errno::BadF)?;
        let mut reply = Reply::new(53);
        reply.1.u8(LOCK_SUCCESS);
        Ok(reply)
    }

    /// Who would be in the way of a lock: nobody, for the same reason.
    pub(super) fn getlock(
        &mut self,
        fid: u32,
        start: u64,
        length: u64,
        process: u32,
        client: &[u8],
    ) -> Result<Reply, Errno> {
        self.fid(fid)?.open.ok_or(Errno::BadF)?;
        let mut reply = Reply::new(55);
        reply.1.u8(UNLOCKED).u64(start).u64(length).u32(process).string(client);
        Ok(reply)
    }
}

/// The reply to opening: Linux takes the largest messages for reading and writing if the unit is 0.
fn opened(kind: u8, attr: &Attr) -> Reply {
    let mut reply = Reply::new(kind);
    qid(&mut reply.1, attr);
    reply.1.u32(0);
    reply
}

fn set_count(reply: &mut Reply, start: usize) {
    let bytes = &mut reply.1.0;
    let count = u32::try_from(bytes.len() - start).unwrap_or(u32::MAX);
    bytes[start - 4..start].copy_from_slice(&count.to_le_bytes());
}

fn set_time(given: bool, (seconds, nanos): (u64, u64)) -> Result<SetTime, Errno> {
    if !given {
        return Ok(SetTime::Now);
    }
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000).ok_or(Errno::Inval)?;
    Ok(SetTime::To(Time { seconds, nanos }))
}
