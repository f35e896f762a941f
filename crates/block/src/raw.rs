use crate::{BlockError, BlockFile, Disk, check_range};

/// A disk whose bytes are the file's bytes.
#[derive(Debug)]
pub struct RawDisk<F> {
    file: F,
    size: u64,
}

impl<F: BlockFile> RawDisk<F> {
    /// Takes a file of any length; a last, incomplete sector of 512 bytes is not part of the disk.
    pub fn new(file: F) -> Result<Self, BlockError> {
        let size = file.len()? & !511;
        Ok(Self { file, size })
    }

    /// Gives the file back.
    pub fn into_file(self) -> F {
        self.file
    }
}

impl<F: BlockFile> Disk for RawDisk<F> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        check_range(offset, buf.len(), self.size)?;
        self.file.read_at(offset, buf)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        check_range(offset, data.len(), self.size)?;
        self.file.write_at(offset, data)
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryFile;

    #[test]
    fn a_disk_never_grows() {
        let mut disk = RawDisk::new(MemoryFile::new(vec![7; 1030])).unwrap();
        assert_eq!(disk.size(), 1024);
        assert!(matches!(disk.write(1020, &[1; 8]), Err(BlockError::OutOfRange { .. })));
        disk.write(1020, &[1; 4]).unwrap();
        let mut end = [0; 8];
        disk.read(1016, &mut end).unwrap();
        assert_eq!(end, [7, 7, 7, 7, 1, 1, 1, 1]);
    }
}
