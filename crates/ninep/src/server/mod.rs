//! Messages in, replies out.
//!
//! The server keeps the guest's *fids*: numbers that the guest gives to files it uses. A fid stands for an inode, whatever
//! becomes of its names. Every message gets a reply, and one that makes no sense gets an error.
//!
//! Messages are answered one after another ([`Server::handle`] borrows the server), and in the order in which they came if
//! they are put through [`Turns`](crate::Turns). `Tflush` asks to give up a message that was sent before. Its reply may come
//! only when the other message can't be answered any more; the protocol lets the server answer that one as well, before. So
//! nothing is ever given up, what the guest is told is what was done, and v86's request queue gets each of its buffers back.

mod fids;
mod files;
mod names;

use crate::request::NO_TAG;
use crate::wire::Writer;
use crate::{Errno, FileTree, HEADER, Ino, Malformed, Request};
pub use fids::Session;
use fids::{Fid, Fids};

/// The largest message that is taken or given, in bytes: what Linux offers at most over virtio (125 pages).
pub const MAX_MSIZE: u32 = 512_000;
/// The smallest limit that the guest may set: Linux refuses less.
pub const MIN_MSIZE: u32 = 4096;

/// `Rlerror`
const RLERROR: u8 = 7;
/// What a directory entry, an inode's identity in 13 bytes, is for: a file, a symbolic link or a directory.
const QID_FILE: u8 = 0;
const QID_SYMLINK: u8 = 0x02;
const QID_DIR: u8 = 0x80;

/// A server for one guest.
#[derive(Debug)]
pub struct Server<T> {
    tree: T,
    max_msize: u32,
    msize: u32,
    fids: Fids,
}

/// A reply that is being written: type and tag are put in front at the end.
struct Reply(u8, Writer);

impl Reply {
    fn new(kind: u8) -> Self {
        Self(kind, Writer(vec![0; HEADER]))
    }

    fn finish(mut self, tag: u16) -> Vec<u8> {
        let bytes = &mut self.1.0;
        // No reply is longer than a message may be.
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        bytes[..4].copy_from_slice(&size.to_le_bytes());
        bytes[4] = self.0;
        bytes[5..HEADER].copy_from_slice(&tag.to_le_bytes());
        self.1.0
    }
}

fn error(tag: u16, errno: Errno) -> Vec<u8> {
    let mut reply = Reply::new(RLERROR);
    reply.1.u32(errno.code());
    reply.finish(tag)
}

impl<T: FileTree> Server<T> {
    /// A server for a guest that starts now. Files that only an earlier guest had open are gone with this.
    pub async fn start(tree: T, max_msize: u32) -> Result<Self, Errno> {
        Self::resume(tree, max_msize, &Session::default()).await
    }

    /// A server for a guest that goes on where [`suspend`](Self::suspend) left it. Where the tree has moved on meanwhile, a fid
    /// of a file that is gone gives `ESTALE`.
    pub async fn resume(mut tree: T, max_msize: u32, session: &Session) -> Result<Self, Errno> {
        let (msize, fids) = session.restore(&mut tree, max_msize);
        tree.reap().await?;
        Ok(Self { tree, max_msize, msize, fids })
    }

    /// Makes everything durable, and says what [`resume`](Self::resume) needs beside the tree. Files without a name that the
    /// guest has open stay in the tree until the next start or resume.
    pub async fn suspend(&mut self) -> Result<Session, Errno> {
        self.tree.sync_all().await?;
        Ok(self.session())
    }

    /// What the guest has open now.
    pub fn session(&self) -> Session {
        Session::of(self.msize, &self.fids)
    }

    /// The tree, for the host's own work between two messages.
    pub fn tree(&mut self) -> &mut T {
        &mut self.tree
    }

    /// The tree without the server.
    pub fn into_tree(self) -> T {
        self.tree
    }

    /// Answers a message. The future must be driven to its end: see [`FileTree`].
    pub async fn handle(&mut self, message: &[u8]) -> Vec<u8> {
        let limit = self.msize.max(MIN_MSIZE) as usize;
        let (tag, request) = match Request::parse(message) {
            Ok(parsed) => parsed,
            Err(Malformed { tag, errno }) => return error(tag, errno),
        };
        if message.len() > limit {
            return error(tag, Errno::MsgSize);
        }
        match self.answer(&request, tag).await {
            Ok(reply) if reply.1.0.len() <= limit => reply.finish(tag),
            Ok(_) => error(tag, Errno::MsgSize),
            Err(errno) => error(tag, errno),
        }
    }

    async fn answer(&mut self, request: &Request<'_>, tag: u16) -> Result<Reply, Errno> {
        match *request {
            Request::Version { msize, version } if tag == NO_TAG => self.version(msize, version).await,
            Request::Version { .. } => Err(Errno::Proto),
            Request::Flush { .. } => Ok(Reply::new(109)),
            _ if self.msize == 0 => Err(Errno::Proto),
            Request::Attach { fid, aname, uid } => self.attach(fid, aname, uid).await,
            Request::Walk { fid, new_fid, ref names } => self.walk(fid, new_fid, names).await,
            Request::Read { fid, offset, count } => self.read(fid, offset, count).await,
            Request::Write { fid, offset, data } => self.write(fid, offset, data).await,
            Request::Clunk { fid } => self.clunk(fid).await,
            Request::Remove { fid } => self.remove(fid).await,
            Request::Statfs { fid } => self.statfs(fid).await,
            Request::Lopen { fid, flags } => self.lopen(fid, flags).await,
            Request::Lcreate { fid, name, flags, mode, gid } => self.lcreate(fid, name, flags, mode, gid).await,
            Request::Symlink { fid, name, target, gid } => self.symlink(fid, name, target, gid).await,
            Request::Mknod { fid, name, mode, major, minor, gid } => {
                self.mknod(fid, name, mode, (major, minor), gid).await
            }
            Request::Rename { fid, dir, name } => self.rename(fid, dir, name).await,
            Request::Readlink { fid } => self.readlink(fid).await,
            Request::Getattr { fid } => self.getattr(fid).await,
            Request::Setattr { fid, .. } => self.setattr(fid, request).await,
            Request::Readdir { fid, offset, count } => self.readdir(fid, offset, count).await,
            Request::Fsync { fid } => self.fsync(fid).await,
            Request::Lock { fid } => self.lock(fid),
            Request::Getlock { fid, start, length, process, client } => {
                self.getlock(fid, start, length, process, client)
            }
            Request::Link { dir, fid, name } => self.link(dir, fid, name).await,
            Request::Mkdir { fid, name, mode, gid } => self.mkdir(fid, name, mode, gid).await,
            Request::Renameat { old_dir, old_name, new_dir, new_name } => {
                self.renameat((old_dir, old_name), (new_dir, new_name)).await
            }
            Request::Unlinkat { fid, name, flags } => self.unlinkat(fid, name, flags).await,
            Request::Unsupported => Err(Errno::OpNotSupp),
        }
    }

    /// Starts a session: all fids are gone.
    async fn version(&mut self, msize: u32, version: &[u8]) -> Result<Reply, Errno> {
        let held: Vec<Ino> = std::mem::take(&mut self.fids).inodes().collect();
        self.msize = 0;
        for ino in held {
            self.tree.release(ino).await?;
        }
        if msize < MIN_MSIZE {
            return Err(Errno::MsgSize);
        }
        let known = version == b"9P2000.L";
        let agreed = msize.min(self.max_msize);
        if known {
            self.msize = agreed;
        }
        let mut reply = Reply::new(101);
        reply.1.u32(agreed).string(if known { version } else { b"unknown" });
        Ok(reply)
    }

    fn fid(&self, fid: u32) -> Result<&Fid, Errno> {
        self.fids.get(fid)
    }

    /// Fails if the guest may only read it.
    async fn writable(&mut self, ino: Ino) -> Result<(), Errno> {
        if self.tree.attr(ino).await?.read_only { Err(Errno::RoFs) } else { Ok(()) }
    }
}

/// What the guest takes for an inode's identity.
fn qid(out: &mut Writer, attr: &crate::Attr) {
    let kind = match attr.mode & crate::tree::S_IFMT {
        crate::tree::S_IFDIR => QID_DIR,
        crate::tree::S_IFLNK => QID_SYMLINK,
        _ => QID_FILE,
    };
    out.u8(kind).u32(attr.version).u64(attr.ino);
}
