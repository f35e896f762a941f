//! What the guest asks: messages of 9P2000.L as values.
//!
//! The layouts are those of Linux (`net/9p/client.c`, `include/net/9p/9p.h`) and of the description of 9P2000.L that comes
//! with the server diod (`protocol.md`): `size[4] type[1] tag[2]` and then the fields, little-endian.

use crate::Errno;
use crate::wire::{Reader, Short};

/// Bytes before a message's fields.
pub const HEADER: usize = 7;
/// No tag: of `Tversion`, and of what has none that could be read.
pub const NO_TAG: u16 = u16::MAX;
/// How many names one walk may have (`P9_MAXWELEM` of Linux).
const MAX_WALK: u16 = 16;

/// Why a message can't be understood, and the tag to say so with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the guest sent a message that can’t be understood: {errno}")]
pub struct Malformed {
    /// The message's tag.
    pub tag: u16,
    /// What to answer.
    pub errno: Errno,
}

/// Which times and fields `Tsetattr` changes (`P9_ATTR_…` of Linux).
pub mod setattr {
    pub const MODE: u32 = 1;
    pub const UID: u32 = 1 << 1;
    pub const GID: u32 = 1 << 2;
    pub const SIZE: u32 = 1 << 3;
    pub const ATIME: u32 = 1 << 4;
    pub const MTIME: u32 = 1 << 5;
    pub const ATIME_SET: u32 = 1 << 7;
    pub const MTIME_SET: u32 = 1 << 8;
}

/// A message from the guest; names and data are parts of its bytes. Fields are named as in the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the protocol, which the module names")]
pub enum Request<'a> {
    Version {
        msize: u32,
        version: &'a [u8],
    },
    Attach {
        fid: u32,
        aname: &'a [u8],
        uid: u32,
    },
    Flush {
        old_tag: u16,
    },
    Walk {
        fid: u32,
        new_fid: u32,
        names: Vec<&'a [u8]>,
    },
    Read {
        fid: u32,
        offset: u64,
        count: u32,
    },
    Write {
        fid: u32,
        offset: u64,
        data: &'a [u8],
    },
    Clunk {
        fid: u32,
    },
    Remove {
        fid: u32,
    },
    Statfs {
        fid: u32,
    },
    Lopen {
        fid: u32,
        flags: u32,
    },
    Lcreate {
        fid: u32,
        name: &'a [u8],
        flags: u32,
        mode: u32,
        gid: u32,
    },
    Symlink {
        fid: u32,
        name: &'a [u8],
        target: &'a [u8],
        gid: u32,
    },
    Mknod {
        fid: u32,
        name: &'a [u8],
        mode: u32,
        major: u32,
        minor: u32,
        gid: u32,
    },
    Rename {
        fid: u32,
        dir: u32,
        name: &'a [u8],
    },
    Readlink {
        fid: u32,
    },
    Getattr {
        fid: u32,
    },
    Setattr {
        fid: u32,
        valid: u32,
        mode: u32,
        uid: u32,
        gid: u32,
        size: u64,
        atime: (u64, u64),
        mtime: (u64, u64),
    },
    Readdir {
        fid: u32,
        offset: u64,
        count: u32,
    },
    Fsync {
        fid: u32,
    },
    Lock {
        fid: u32,
    },
    Getlock {
        fid: u32,
        start: u64,
        length: u64,
        process: u32,
        client: &'a [u8],
    },
    Link {
        dir: u32,
        fid: u32,
        name: &'a [u8],
    },
    Mkdir {
        fid: u32,
        name: &'a [u8],
        mode: u32,
        gid: u32,
    },
    Renameat {
        old_dir: u32,
        old_name: &'a [u8],
        new_dir: u32,
        new_name: &'a [u8],
    },
    Unlinkat {
        fid: u32,
        name: &'a [u8],
        flags: u32,
    },
    /// A message that 9P has and this server does without: extended attributes, authentication, what is older than 9P2000.L.
    Unsupported,
}

impl<'a> Request<'a> {
    /// Takes a whole message apart. Bytes behind the size that it gives are ignored, as the transport may send more.
    pub fn parse(message: &'a [u8]) -> Result<(u16, Self), Malformed> {
        let short = |_| Malformed { tag: NO_TAG, errno: Errno::Proto };
        let mut reader = Reader::new(message);
        let size = reader.u32().map_err(short)?;
        let kind = reader.u8().map_err(short)?;
        let tag = reader.u16().map_err(short)?;
        let malformed = |errno| Malformed { tag, errno };
        let size = usize::try_from(size).map_err(|_| malformed(Errno::Proto))?;
        let body = message.get(HEADER..size).ok_or(malformed(Errno::Proto))?;
        let request = Self::fields(kind, &mut Reader::new(body)).map_err(|Short| malformed(Errno::Proto))?;
        Ok((tag, request))
    }

    fn fields(kind: u8, from: &mut Reader<'a>) -> Result<Self, Short> {
        Ok(match kind {
            8 => Self::Statfs { fid: from.u32()? },
            12 => Self::Lopen { fid: from.u32()?, flags: from.u32()? },
            14 => Self::Lcreate {
                fid: from.u32()?,
                name: from.string()?,
                flags: from.u32()?,
                mode: from.u32()?,
                gid: from.u32()?,
            },
            16 => Self::Symlink { fid: from.u32()?, name: from.string()?, target: from.string()?, gid: from.u32()? },
            18 => Self::Mknod {
                fid: from.u32()?,
                name: from.string()?,
                mode: from.u32()?,
                major: from.u32()?,
                minor: from.u32()?,
                gid: from.u32()?,
            },
            20 => Self::Rename { fid: from.u32()?, dir: from.u32()?, name: from.string()? },
            22 => Self::Readlink { fid: from.u32()? },
            24 => {
                let fid = from.u32()?;
                from.u64()?; // Which fields are wanted: all are given.
                Self::Getattr { fid }
            }
            26 => Self::Setattr {
                fid: from.u32()?,
                valid: from.u32()?,
                mode: from.u32()?,
                uid: from.u32()?,
                gid: from.u32()?,
                size: from.u64()?,
                atime: (from.u64()?, from.u64()?),
                mtime: (from.u64()?, from.u64()?),
            },
            40 => Self::Readdir { fid: from.u32()?, offset: from.u64()?, count: from.u32()? },
            50 => Self::Fsync { fid: from.u32()? },
            52 => {
                let fid = from.u32()?;
                let (_type, _flags) = (from.u8()?, from.u32()?);
                let (_start, _length, _process) = (from.u64()?, from.u64()?, from.u32()?);
                from.string()?;
                Self::Lock { fid }
            }
            54 => {
                let (fid, _type) = (from.u32()?, from.u8()?);
                let (start, length, process) = (from.u64()?, from.u64()?, from.u32()?);
                Self::Getlock { fid, start, length, process, client: from.string()? }
            }
            70 => Self::Link { dir: from.u32()?, fid: from.u32()?, name: from.string()? },
            72 => Self::Mkdir { fid: from.u32()?, name: from.string()?, mode: from.u32()?, gid: from.u32()? },
            74 => Self::Renameat {
                old_dir: from.u32()?,
                old_name: from.string()?,
                new_dir: from.u32()?,
                new_name: from.string()?,
            },
            76 => Self::Unlinkat { fid: from.u32()?, name: from.string()?, flags: from.u32()? },
            100 => Self::Version { msize: from.u32()?, version: from.string()? },
            104 => {
                let (fid, _auth_fid) = (from.u32()?, from.u32()?);
                from.string()?; // The user's name: Linux gives the number.
                Self::Attach { fid, aname: from.string()?, uid: from.u32()? }
            }
            108 => Self::Flush { old_tag: from.u16()? },
            110 => Self::Walk { fid: from.u32()?, new_fid: from.u32()?, names: names(from)? },
            116 => Self::Read { fid: from.u32()?, offset: from.u64()?, count: from.u32()? },
            118 => {
                let (fid, offset, count) = (from.u32()?, from.u64()?, from.u32()?);
                Self::Write { fid, offset, data: from.take(usize::try_from(count).map_err(|_| Short)?)? }
            }
            120 => Self::Clunk { fid: from.u32()? },
            122 => Self::Remove { fid: from.u32()? },
            _ => Self::Unsupported,
        })
    }
}

fn names<'a>(from: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, Short> {
    let count = from.u16()?;
    if count > MAX_WALK {
        return Err(Short);
    }
    (0..count).map(|_| from.string()).collect()
}
