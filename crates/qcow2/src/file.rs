//! The image's file with its length remembered and reads past its end as zeros.

use crate::error::corrupt;
use block::{BlockError, BlockFile};

/// The image's file. Only this crate writes it while it is open, so its length is asked for once.
#[derive(Debug)]
pub(crate) struct ImageFile<F> {
    file: F,
    len: u64,
    /// Whether anything was written since the last flush.
    unflushed: bool,
    /// A write that tables hang on failed, so it is not known which of two tables the file refers to.
    broken: bool,
}

impl<F: BlockFile> ImageFile<F> {
    pub(crate) fn new(file: F) -> Result<Self, BlockError> {
        let len = file.len()?;
        Ok(Self { file, len, unflushed: false, broken: false })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn into_inner(self) -> F {
        self.file
    }

    /// Reads bytes of something that `what` names and that must begin inside of the file. What lies past the end reads
    /// as zeros, because the last cluster of an image need not be complete.
    pub(crate) fn read(&mut self, offset: u64, buf: &mut [u8], what: &str) -> Result<(), BlockError> {
        if offset >= self.len {
            return Err(corrupt(format!(
                "{what} at {offset} lies behind the end of the file, which has {} bytes",
                self.len
            )));
        }
        let here = usize::try_from(self.len - offset).map_or(buf.len(), |rest| rest.min(buf.len()));
        let (inside, outside) = buf.split_at_mut(here);
        outside.fill(0);
        self.file.read_at(offset, inside)
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        if self.broken {
            return Err(BlockError::Io(
                "an earlier write to the image's header failed; it has to be opened anew".into(),
            ));
        }
        self.unflushed = true;
        if let Err(error) = self.file.write_at(offset, data) {
            // A failed write may have grown the file before it failed.
            self.len = self.file.len()?;
            return Err(error);
        }
        self.len = self.len.max(offset.saturating_add(data.len() as u64));
        Ok(())
    }

    /// Writes something that decides which of two tables is the valid one. If that fails, nobody knows which, so nothing
    /// more is written until the image was opened anew.
    pub(crate) fn write_root(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        let written = self.write(offset, data);
        self.broken |= written.is_err();
        written
    }

    /// Shortens the file. What is written there later has to find zeros even after a power cut, so this is durable at once.
    pub(crate) fn cut(&mut self, len: u64) -> Result<(), BlockError> {
        self.file.set_len(len)?;
        self.len = len;
        self.unflushed = true;
        self.flush()
    }

    /// Makes what was written durable, unless it is already.
    pub(crate) fn flush(&mut self) -> Result<(), BlockError> {
        if self.unflushed {
            self.file.flush()?;
            self.unflushed = false;
        }
        Ok(())
    }
}
