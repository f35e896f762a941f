//! What the server serves.

use crate::{Errno, Name};

/// The number of an inode. It is never given to another file again.
pub type Ino = u64;

/// A moment: seconds and nanoseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time {
    /// Whole seconds. Linux counts them signed; before 1970 they are a two's complement here.
    pub seconds: u64,
    /// Nanoseconds of the second.
    pub nanos: u32,
}

/// What an inode is, with what only that kind has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link to this path, which only the guest follows.
    Symlink(Vec<u8>),
    /// A FIFO, a socket or a device: only a mode and a device number, the guest's kernel does the rest.
    Special {
        /// Its `S_IFMT` bits.
        format: u32,
        /// Its device number, as the client's `makedev` gives it.
        device: u64,
    },
}

/// The bits of a mode that say what kind of file it is.
pub(crate) const S_IFMT: u32 = 0o170_000;
/// A directory's.
pub(crate) const S_IFDIR: u32 = 0o040_000;
/// A file's.
pub(crate) const S_IFREG: u32 = 0o100_000;
/// A symbolic link's.
pub(crate) const S_IFLNK: u32 = 0o120_000;
/// The bits that `chmod` changes.
pub(crate) const PERMISSIONS: u32 = 0o7777;

impl Kind {
    /// Its `S_IFMT` bits.
    pub fn format(&self) -> u32 {
        match self {
            Self::File => S_IFREG,
            Self::Dir => S_IFDIR,
            Self::Symlink(_) => S_IFLNK,
            Self::Special { format, .. } => *format,
        }
    }
}

/// What `stat` shows of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr {
    /// Its number.
    pub ino: Ino,
    /// Kind and permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// How many names it has.
    pub links: u64,
    /// A device's number.
    pub device: u64,
    /// Its length in bytes.
    pub size: u64,
    /// How many bytes are stored: less than its length where it has holes.
    pub stored: u64,
    /// When it was read last. Only an explicit change moves it.
    pub atime: Time,
    /// When its content changed last.
    pub mtime: Time,
    /// When anything of it changed last.
    pub ctime: Time,
    /// When it was made.
    pub btime: Time,
    /// A number that changes with the content.
    pub version: u32,
    /// Whether the guest may only read it. The host may still change it.
    pub read_only: bool,
}

impl Attr {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & S_IFMT == S_IFDIR
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.mode & S_IFMT == S_IFREG
    }
}

/// How a time is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetTime {
    /// To the host's time.
    Now,
    /// To this.
    To(Time),
}

/// What is to be changed of an inode; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetAttr {
    /// Permissions; the bits of the kind are ignored.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Length in bytes; what is new reads as zeros.
    pub size: Option<u64>,
    /// Time of the last reading.
    pub atime: Option<SetTime>,
    /// Time of the last change of the content.
    pub mtime: Option<SetTime>,
}

/// An inode to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInode {
    /// What it is.
    pub kind: Kind,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Where a listing goes on behind it. At least 3, rising in the order of a listing, and constant while the entry lives.
    pub cookie: u64,
    /// Its name.
    pub name: Vec<u8>,
    /// What it names.
    pub attr: Attr,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// All of it, in bytes.
    pub total: u64,
    /// What is left, in bytes.
    pub free: u64,
    /// How many inodes there are.
    pub inodes: u64,
    /// How many more there may be.
    pub free_inodes: u64,
}

/// A tree of files by inode numbers, as Linux sees one.
///
/// One operation runs at a time, to its end: an implementation needs no locks, and a future that is dropped half-way leaves
/// the tree in an unknown state, after which it must be opened anew. The futures need not be `Send`: a browser's are not.
///
/// An inode that is held lives on without a name, as Linux wants of a file that is removed while it is open. Whether the guest
/// may write is not decided here, but in the [`Server`](crate::Server), by [`Attr::read_only`].
pub trait FileTree {
    /// The directory that everything is below of.
    fn root(&self) -> Ino;

    /// Notes one more user of an inode. One that does not exist may be held; everything done with it gives [`Errno::Stale`].
    fn hold(&mut self, ino: Ino);

    /// Takes one user back. Without users and names, the inode goes. What was written to it is noted, though not synchronised.
    fn release(&mut self, ino: Ino) -> impl Future<Output = Result<(), Errno>>;

    /// Forgets inodes that have neither names nor users: after a start, when everyone who will hold one does.
    fn reap(&mut self) -> impl Future<Output = Result<(), Errno>>;

    /// What `stat` shows.
    fn attr(&mut self, ino: Ino) -> impl Future<Output = Result<Attr, Errno>>;

    /// Changes what [`SetAttr`] names, and the time of change.
    fn set_attr(&mut self, ino: Ino, change: &SetAttr) -> impl Future<Output = Result<(), Errno>>;

    /// The inode of that name.
    fn lookup(&mut self, dir: Ino, name: Name<'_>) -> impl Future<Output = Result<Ino, Errno>>;

    /// The directory above; the root is above itself.
    fn parent(&mut self, dir: Ino) -> impl Future<Output = Result<Ino, Errno>>;

    /// At most `count` entries whose cookies are greater than `after`.
    fn list(&mut self, dir: Ino, after: u64, count: usize) -> impl Future<Output = Result<Vec<DirEntry>, Errno>>;

    /// A cookie that is greater than that of every entry which the directory has now, and not than that of a later one.
    fn list_end(&mut self, dir: Ino) -> impl Future<Output = Result<u64, Errno>>;

    /// Makes an inode with a name; [`Errno::Exist`] if the name is taken.
    fn create(&mut self, dir: Ino, name: Name<'_>, new: &NewInode) -> impl Future<Output = Result<Ino, Errno>>;

    /// Gives an inode, which must not be a directory, one more name.
    fn link(&mut self, dir: Ino, name: Name<'_>, ino: Ino) -> impl Future<Output = Result<(), Errno>>;

    /// Takes away the name of a directory, which must be empty, if `directory`, else of anything else.
    fn remove(&mut self, dir: Ino, name: Name<'_>, directory: bool) -> impl Future<Output = Result<(), Errno>>;

    /// Renames as `rename(2)` does: what has the new name loses it in the same instant.
    fn rename(&mut self, from: (Ino, Name<'_>), to: (Ino, Name<'_>)) -> impl Future<Output = Result<(), Errno>>;

    /// A symbolic link's target.
    fn read_link(&mut self, ino: Ino) -> impl Future<Output = Result<Vec<u8>, Errno>>;

    /// Reads into `buf`; less than its length only at the end of the file.
    fn read(&mut self, ino: Ino, offset: u64, buf: &mut [u8]) -> impl Future<Output = Result<usize, Errno>>;

    /// Writes all of `data`, or fails; the file grows as needed.
    fn write(&mut self, ino: Ino, offset: u64, data: &[u8]) -> impl Future<Output = Result<(), Errno>>;

    /// Makes the file's content, and every name and attribute that there is now, outlive a crash.
    fn sync(&mut self, ino: Ino) -> impl Future<Output = Result<(), Errno>>;

    /// The same for everything.
    fn sync_all(&mut self) -> impl Future<Output = Result<(), Errno>>;

    /// How much room there is.
    fn space(&mut self) -> impl Future<Output = Result<Space, Errno>>;
}
