//! tar, entry by entry: the ustar header of POSIX.1-1988, pax records (POSIX.1-2001), and GNU's long names and large numbers.
//!
//! The fields of a header are the crate `tar`'s business. The framing around them is ours, because that crate's takes names of any
//! length into memory, and knows names only as paths, which have to be UTF-8 in WebAssembly.

mod pax;
mod read;
mod write;

pub(crate) use read::{TarEntry, TarError, TarReader, looks_like_tar};
pub(crate) use write::TarWriter;

/// The unit of everything, in bytes.
pub(crate) const BLOCK: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TarKind {
    File,
    Directory,
    Symlink,
    HardLink,
    /// Stored with holes, in one of GNU's ways.
    Sparse,
    CharacterDevice,
    BlockDevice,
    Fifo,
    /// A kind that is not known, by its letter.
    Other(u8),
}

/// Who owns an entry, when it was changed and who may do what with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The lower twelve bits of `st_mode`.
    pub mode: u32,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Seconds since 1970; earlier times become 0.
    pub mtime: u64,
}

/// Bytes from an entry's end to the next header.
pub(crate) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}
