use crate::{BlockError, BlockFile, check_range};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

/// A [`BlockFile`] in the native file system, for tools and tests.
#[derive(Debug)]
pub struct StdFile {
    file: File,
}

impl StdFile {
    /// Takes an open file; its access mode decides whether writes succeed.
    pub fn new(file: File) -> Self {
        Self { file }
    }
}

fn failed(error: std::io::Error) -> BlockError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => BlockError::NoSpace,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => BlockError::ReadOnly,
        _ => BlockError::Io(error.to_string()),
    }
}

impl BlockFile for StdFile {
    fn len(&self) -> Result<u64, BlockError> {
        Ok(self.file.metadata().map_err(failed)?.len())
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        check_range(offset, buf.len(), self.len()?)?;
        self.file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        self.file.read_exact(buf).map_err(failed)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        self.file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        self.file.write_all(data).map_err(failed)
    }

    fn set_len(&mut self, len: u64) -> Result<(), BlockError> {
        self.file.set_len(len).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        self.file.sync_data().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_the_end_is_guarded() {
        let mut file = StdFile::new(tempfile::tempfile().unwrap());
        file.write_at(3, b"abc").unwrap();
        file.flush().unwrap();
        assert_eq!(file.len().unwrap(), 6);
        let mut all = [9; 6];
        file.read_at(0, &mut all).unwrap();
        assert_eq!(&all, b"\0\0\0abc");
        assert!(matches!(file.read_at(4, &mut all), Err(BlockError::OutOfRange { .. })));
        file.set_len(2).unwrap();
        assert_eq!(file.len().unwrap(), 2);
    }
}
