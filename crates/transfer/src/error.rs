//! What can go wrong, as sentences for a user.

use crate::archive::ArchiveError;
use crate::disk::DiskError;
use block::BlockError;
use std::io;

/// Why something could not be brought in or out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Whoever was told of the progress broke off.
    #[error("it was cancelled")]
    Cancelled,
    /// What comes in needs more room than the caller gave.
    #[error("this needs more than the {room} bytes that are free for it")]
    NoRoom {
        /// The room given, in bytes.
        room: u64,
    },
    /// Compressed bytes can't be unpacked.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The file ends too early.
    #[error("the file is cut short; its end is missing")]
    Truncated,
    /// Whoever takes the bytes failed, in its own words.
    #[error("the file could not be written: {0}")]
    Output(String),
    /// A disk image that can't be taken.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An archive that can't be taken.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The image's format, as its crate says it.
    #[error(transparent)]
    Qcow2(qcow2::Error),
    /// Our own storage failed, or a disk's.
    #[error(transparent)]
    Storage(#[from] BlockError),
}

impl From<qcow2::Error> for Error {
    fn from(error: qcow2::Error) -> Self {
        match error {
            qcow2::Error::Cancelled => Self::Cancelled,
            qcow2::Error::Block(inner) => Self::Storage(inner),
            other => Self::Qcow2(other),
        }
    }
}

/// An [`Error`] on its way through somebody's `Read` or `Write`.
pub(crate) fn into_io(error: impl Into<Error>) -> io::Error {
    io::Error::other(error.into())
}

/// The error that travelled inside, if it was one of ours.
fn carried(error: &io::Error) -> Option<Error> {
    error.get_ref()?.downcast_ref::<Error>().cloned()
}

/// What a failed read of the user's file means: a failure of ours further down, an end that came too early, or damage.
pub(crate) fn from_input(error: io::Error) -> Error {
    carried(&error).unwrap_or_else(|| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Truncated,
        _ => Error::Damaged(error.to_string()),
    })
}

/// What a failed write to the caller's sink means.
pub(crate) fn from_output(error: io::Error) -> Error {
    carried(&error).unwrap_or_else(|| Error::Output(error.to_string()))
}
