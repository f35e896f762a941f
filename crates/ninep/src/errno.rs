//! What the guest is told when something can't be done: Linux's error numbers.

/// A Linux error number, as `Rlerror` carries it (`include/uapi/asm-generic/errno*.h` of Linux).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum Errno {
    /// `EPERM`
    #[error("this is not permitted")]
    Perm = 1,
    /// `ENOENT`
    #[error("there is no such file or folder")]
    NoEnt = 2,
    /// `EIO`
    #[error("the browser’s storage failed")]
    Io = 5,
    /// `EBADF`
    #[error("the file is not open for that")]
    BadF = 9,
    /// `EEXIST`
    #[error("there is a file or folder of that name already")]
    Exist = 17,
    /// `EXDEV`
    #[error("a file can’t be moved or linked between a read-only folder and another")]
    XDev = 18,
    /// `ENOTDIR`
    #[error("this is not a folder")]
    NotDir = 20,
    /// `EISDIR`
    #[error("this is a folder")]
    IsDir = 21,
    /// `EINVAL`
    #[error("the request makes no sense")]
    Inval = 22,
    /// `ENFILE`
    #[error("too many files are in use")]
    NFile = 23,
    /// `EFBIG`
    #[error("the file would be too large")]
    FBig = 27,
    /// `ENOSPC`
    #[error("no room is left for the shared files")]
    NoSpc = 28,
    /// `EROFS`
    #[error("the folder can only be read")]
    RoFs = 30,
    /// `EMLINK`
    #[error("the file has too many names")]
    MLink = 31,
    /// `ENAMETOOLONG`
    #[error("the name is too long")]
    NameTooLong = 36,
    /// `ENOTEMPTY`
    #[error("the folder is not empty")]
    NotEmpty = 39,
    /// `EPROTO`
    #[error("the message is not 9P2000.L")]
    Proto = 71,
    /// `EMSGSIZE`
    #[error("the message is too large")]
    MsgSize = 90,
    /// `EOPNOTSUPP`
    #[error("this is not supported")]
    OpNotSupp = 95,
    /// `ESTALE`
    #[error("the file is gone")]
    Stale = 116,
}

impl Errno {
    /// The number on the wire.
    pub fn code(self) -> u32 {
        self as u32
    }
}
