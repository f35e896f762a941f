use block::BlockError;
use std::ops::ControlFlow;

/// Is told how many bytes of how many are done, and says whether to go on.
pub type Progress<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// Why an image could not be made, opened or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first bytes are not those of a qcow2 file.
    #[error("this file is not a qcow2 disk image")]
    NotQcow2,
    /// Only versions 2 and 3 exist.
    #[error("this disk image has qcow2 version {0}; versions 2 and 3 can be opened")]
    Version(u32),
    /// The image uses something that this crate does not read (or not for writing).
    #[error("this disk image uses {0}, which is not supported")]
    Unsupported(String),
    /// The image, or what was asked for, is larger than this crate handles.
    #[error("{what} is {value}, more than the {limit} that can be handled")]
    TooLarge {
        /// What is too large, as the subject of the sentence.
        what: &'static str,
        /// The value found.
        value: u64,
        /// The largest value accepted.
        limit: u64,
    },
    /// What was asked for can't be done to any image.
    #[error("{0}")]
    Invalid(String),
    /// The header names a backing file, but none was given to read from.
    #[error("this disk is a layer over \"{0}\", which is missing")]
    BackingMissing(String),
    /// A backing disk was given to an image that stands alone.
    #[error("this disk stands alone, but a disk to put it on was given")]
    BackingUnexpected,
    /// Whoever was told of the progress broke off.
    #[error("it was cancelled")]
    Cancelled,
    /// Reading or writing the file failed, or what it says can't be true.
    #[error(transparent)]
    Block(#[from] BlockError),
}

impl From<Error> for BlockError {
    fn from(error: Error) -> Self {
        match error {
            Error::Block(inner) => inner,
            other => BlockError::Io(other.to_string()),
        }
    }
}

/// Says that the image is damaged.
pub(crate) fn corrupt(what: impl Into<String>) -> BlockError {
    BlockError::Corrupt(what.into())
}
