//! A client that asks as Linux does: it makes messages by hand, and checks every reply's frame.
#![allow(dead_code, reason = "each test file uses its part of it")]
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use ninep::testing::block_on;
use ninep::{Errno, MemoryStore, MetaTree, Server, Settings, Time};
use std::cell::Cell;
use std::rc::Rc;

pub type Tree = MetaTree<MemoryStore>;

pub const NO_FID: u32 = u32::MAX;
pub const ROOT: u32 = 0;
pub const RDONLY: u32 = 0;
pub const WRONLY: u32 = 1;
pub const RDWR: u32 = 2;
pub const CREAT: u32 = 0o100;
pub const EXCL: u32 = 0o200;
pub const TRUNC: u32 = 0o1000;
pub const APPEND: u32 = 0o2000;
pub const REMOVE_DIR: u32 = 0x200;

/// A clock that a test moves.
#[derive(Clone, Default)]
pub struct Clock(Rc<Cell<u64>>);

impl Clock {
    pub fn set(&self, seconds: u64) {
        self.0.set(seconds);
    }

    pub fn reader(&self) -> impl Fn() -> Time + 'static {
        let seconds = self.0.clone();
        move || Time { seconds: seconds.get(), nanos: 0 }
    }
}

pub fn open_tree(store: MemoryStore, clock: &Clock) -> Tree {
    block_on(MetaTree::open(store, Settings { quota: 1 << 20, max_inodes: 10_000 }, clock.reader())).unwrap()
}

/// Fields of a message.
pub trait Field {
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! number {
    ($($of:ty)*) => {$(
        impl Field for $of {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
        }
    )*};
}
number!(u8 u16 u32 u64);

impl Field for &[u8] {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u16).put(out);
        out.extend(*self);
    }
}

impl Field for &str {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
}

/// Bytes without a length.
pub struct Raw<'a>(pub &'a [u8]);

impl Field for Raw<'_> {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.0);
    }
}

pub fn message(kind: u8, tag: u16, fields: &[&dyn Field]) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.push(kind);
    out.extend(tag.to_le_bytes());
    fields.iter().for_each(|field| field.put(&mut out));
    let size = (out.len() as u32).to_le_bytes();
    out[..4].copy_from_slice(&size);
    out
}

/// A reply's body, checked to be the answer to `kind`; the number if it is an error.
pub fn body(reply: &[u8], kind: u8, tag: u16) -> Result<Vec<u8>, u32> {
    assert_eq!(u32::from_le_bytes(reply[..4].try_into().unwrap()) as usize, reply.len());
    assert_eq!(u16::from_le_bytes(reply[5..7].try_into().unwrap()), tag);
    if reply[4] == 7 {
        assert_eq!(reply.len(), 11);
        return Err(u32::from_le_bytes(reply[7..].try_into().unwrap()));
    }
    assert_eq!(reply[4], kind + 1);
    Ok(reply[7..].to_vec())
}

pub struct Stat {
    pub qid_kind: u8,
    pub ino: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u64,
    pub device: u64,
    pub size: u64,
    pub blocks: u64,
    pub atime: (u64, u64),
    pub mtime: (u64, u64),
    pub ctime: (u64, u64),
}

pub struct Client {
    pub server: Server<Tree>,
    pub clock: Clock,
    next_fid: u32,
}

pub type Answer<T> = Result<T, u32>;

/// The number that a refusal carries.
pub fn refused<T>(errno: Errno) -> Answer<T> {
    Err(errno.code())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

impl Client {
    /// A guest that has just mounted an empty tree: fid 0 is its root.
    pub fn new() -> Self {
        let clock = Clock::default();
        clock.set(1000);
        Self::mount(open_tree(MemoryStore::default(), &clock), clock)
    }

    pub fn mount(tree: Tree, clock: Clock) -> Self {
        let server = block_on(Server::start(tree, ninep::MAX_MSIZE)).unwrap();
        let mut client = Self { server, clock, next_fid: 1 };
        client.version(131_072).unwrap();
        client.attach(ROOT, 0).unwrap();
        client
    }

    pub fn resumed(server: Server<Tree>, clock: Clock) -> Self {
        Self { server, clock, next_fid: 10_000 }
    }

    pub fn send(&mut self, kind: u8, fields: &[&dyn Field]) -> Answer<Vec<u8>> {
        let tag = if kind == 100 { u16::MAX } else { 1 };
        body(&block_on(self.server.handle(&message(kind, tag, fields))), kind, tag)
    }

    pub fn version(&mut self, msize: u32) -> Answer<u32> {
        self.send(100, &[&msize, &"9P2000.L"]).map(|reply| {
            assert_eq!(&reply[6..], b"9P2000.L");
            u32_at(&reply, 0)
        })
    }

    pub fn attach(&mut self, fid: u32, uid: u32) -> Answer<()> {
        self.send(104, &[&fid, &NO_FID, &"", &"", &uid]).map(|_| ())
    }

    pub fn new_fid(&mut self) -> u32 {
        self.next_fid += 1;
        self.next_fid
    }

    /// A new fid for what is there, by a path.
    pub fn walk(&mut self, fid: u32, path: &str) -> Answer<u32> {
        let new = self.new_fid();
        let names: Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
        let count = names.len() as u16;
        let mut fields: Vec<&dyn Field> = vec![&fid, &new, &count];
        names.iter().for_each(|name| fields.push(name));
        let reply = self.send(110, &fields)?;
        let found = u16::from_le_bytes(reply[..2].try_into().unwrap());
        if found < count { refused(Errno::NoEnt) } else { Ok(new) }
    }

    pub fn lopen(&mut self, fid: u32, flags: u32) -> Answer<()> {
        self.send(12, &[&fid, &flags]).map(|_| ())
    }

    /// A new fid, open, of a path.
    pub fn open(&mut self, path: &str, flags: u32) -> Answer<u32> {
        let fid = self.walk(ROOT, path)?;
        self.lopen(fid, flags).map(|()| fid)
    }

    pub fn above<'a>(&mut self, path: &'a str) -> Answer<(u32, &'a str)> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.walk(ROOT, above)?, name))
    }

    pub fn create(&mut self, path: &str, flags: u32, mode: u32) -> Answer<u32> {
        let (fid, name) = self.above(path)?;
        self.send(14, &[&fid, &name, &(flags | CREAT), &(mode | 0o100_000), &0u32]).map(|_| fid)
    }

    pub fn read(&mut self, fid: u32, offset: u64, count: u32) -> Answer<Vec<u8>> {
        self.send(116, &[&fid, &offset, &count]).map(|reply| {
            assert_eq!(u32_at(&reply, 0) as usize, reply.len() - 4);
            reply[4..].to_vec()
        })
    }

    pub fn write(&mut self, fid: u32, offset: u64, data: &[u8]) -> Answer<u32> {
        self.send(118, &[&fid, &offset, &(data.len() as u32), &Raw(data)]).map(|reply| u32_at(&reply, 0))
    }

    pub fn clunk(&mut self, fid: u32) -> Answer<()> {
        self.send(120, &[&fid]).map(|_| ())
    }

    /// Makes a file, or empties it, with this content.
    pub fn put(&mut self, path: &str, data: &[u8]) {
        let fid = self.create(path, WRONLY | TRUNC, 0o644).unwrap();
        assert_eq!(self.write(fid, 0, data), Ok(data.len() as u32));
        self.clunk(fid).unwrap();
    }

    pub fn get(&mut self, path: &str) -> Answer<Vec<u8>> {
        let fid = self.open(path, RDONLY)?;
        let data = self.read(fid, 0, 100_000)?;
        self.clunk(fid)?;
        Ok(data)
    }

    pub fn stat_fid(&mut self, fid: u32) -> Answer<Stat> {
        self.send(24, &[&fid, &0x17ffu64]).map(|reply| {
            assert_eq!(reply.len(), 153);
            let times = |at| (u64_at(&reply, at), u64_at(&reply, at + 8));
            Stat {
                qid_kind: reply[8],
                ino: u64_at(&reply, 13),
                mode: u32_at(&reply, 21),
                uid: u32_at(&reply, 25),
                gid: u32_at(&reply, 29),
                links: u64_at(&reply, 33),
                device: u64_at(&reply, 41),
                size: u64_at(&reply, 49),
                blocks: u64_at(&reply, 65),
                atime: times(73),
                mtime: times(89),
                ctime: times(105),
            }
        })
    }

    pub fn stat(&mut self, path: &str) -> Answer<Stat> {
        let fid = self.walk(ROOT, path)?;
        let stat = self.stat_fid(fid)?;
        self.clunk(fid)?;
        Ok(stat)
    }

    pub fn setattr(
        &mut self,
        fid: u32,
        valid: u32,
        mode: u32,
        owner: (u32, u32),
        size: u64,
        times: [(u64, u64); 2],
    ) -> Answer<()> {
        let [(a, a_ns), (m, m_ns)] = times;
        self.send(26, &[&fid, &valid, &mode, &owner.0, &owner.1, &size, &a, &a_ns, &m, &m_ns]).map(|_| ())
    }

    pub fn truncate(&mut self, path: &str, size: u64) -> Answer<()> {
        let fid = self.walk(ROOT, path)?;
        self.setattr(fid, 8 | 0x20 | 0x40, 0, (0, 0), size, [(0, 0); 2])
    }

    pub fn mkdir(&mut self, path: &str) -> Answer<()> {
        let (fid, name) = self.above(path)?;
        self.send(72, &[&fid, &name, &0o755u32, &0u32]).map(|_| ())
    }

    pub fn symlink(&mut self, path: &str, target: &[u8]) -> Answer<()> {
        let (fid, name) = self.above(path)?;
        self.send(16, &[&fid, &name, &target, &0u32]).map(|_| ())
    }

    pub fn readlink(&mut self, path: &str) -> Answer<Vec<u8>> {
        let fid = self.walk(ROOT, path)?;
        self.send(22, &[&fid]).map(|reply| reply[2..].to_vec())
    }

    pub fn link(&mut self, old: &str, new: &str) -> Answer<()> {
        let fid = self.walk(ROOT, old)?;
        let (dir, name) = self.above(new)?;
        self.send(70, &[&dir, &fid, &name]).map(|_| ())
    }

    pub fn rename(&mut self, old: &str, new: &str) -> Answer<()> {
        let ((from, old), (to, new)) = (self.above(old)?, self.above(new)?);
        self.send(74, &[&from, &old, &to, &new]).map(|_| ())
    }

    pub fn unlink(&mut self, path: &str) -> Answer<()> {
        let (dir, name) = self.above(path)?;
        self.send(76, &[&dir, &name, &0u32]).map(|_| ())
    }

    pub fn rmdir(&mut self, path: &str) -> Answer<()> {
        let (dir, name) = self.above(path)?;
        self.send(76, &[&dir, &name, &REMOVE_DIR]).map(|_| ())
    }

    pub fn fsync(&mut self, fid: u32) -> Answer<()> {
        self.send(50, &[&fid, &0u32]).map(|_| ())
    }

    /// One `Treaddir`: cookie, type and name of each entry.
    pub fn readdir(&mut self, fid: u32, offset: u64, count: u32) -> Answer<Vec<(u64, u8, String)>> {
        let reply = self.send(40, &[&fid, &offset, &count])?;
        assert_eq!(u32_at(&reply, 0) as usize, reply.len() - 4);
        assert!(reply.len() - 4 <= count as usize);
        let (mut at, mut entries) = (4, Vec::new());
        while at < reply.len() {
            let len = usize::from(u16::from_le_bytes(reply[at + 22..at + 24].try_into().unwrap()));
            let name = String::from_utf8_lossy(&reply[at + 24..at + 24 + len]).into_owned();
            entries.push((u64_at(&reply, at + 13), reply[at + 21], name));
            at += 24 + len;
        }
        Ok(entries)
    }

    /// A directory's names without the dots, in the order of the listing.
    pub fn ls(&mut self, path: &str) -> Answer<Vec<String>> {
        let fid = self.open(path, RDONLY)?;
        let (mut offset, mut names) = (0, Vec::new());
        loop {
            let entries = self.readdir(fid, offset, 200)?;
            let Some((last, _, _)) = entries.last() else { break };
            offset = *last;
            names.extend(entries.into_iter().map(|(_, _, name)| name));
        }
        self.clunk(fid)?;
        assert_eq!(names[..2], [".", ".."]);
        Ok(names.split_off(2))
    }
}
