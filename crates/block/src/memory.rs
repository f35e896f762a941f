use crate::{BlockError, BlockFile, check_range};

/// A [`BlockFile`] in memory, for tests and small temporary images.
#[derive(Debug, Clone, Default)]
pub struct MemoryFile {
    bytes: Vec<u8>,
    /// Writes and growth past this length fail with [`BlockError::NoSpace`].
    limit: Option<u64>,
}

impl MemoryFile {
    /// A file that holds `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, limit: None }
    }

    /// A file that refuses to grow past `limit` bytes, as a full storage does.
    pub fn with_limit(bytes: Vec<u8>, limit: u64) -> Self {
        Self { bytes, limit: Some(limit) }
    }

    /// The bytes as they are now.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the bytes out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn index(offset: u64) -> Result<usize, BlockError> {
        usize::try_from(offset).map_err(|_| BlockError::NoSpace)
    }
}

impl BlockFile for MemoryFile {
    fn len(&self) -> Result<u64, BlockError> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        check_range(offset, buf.len(), self.bytes.len() as u64)?;
        let start = Self::index(offset)?;
        buf.copy_from_slice(&self.bytes[start..start + buf.len()]);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        let end = offset.saturating_add(data.len() as u64);
        if end > self.bytes.len() as u64 {
            self.set_len(end)?;
        }
        let start = Self::index(offset)?;
        self.bytes[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> Result<(), BlockError> {
        let grows = len > self.bytes.len() as u64;
        if grows && self.limit.is_some_and(|limit| len > limit) {
            return Err(BlockError::NoSpace);
        }
        self.bytes.resize(Self::index(len)?, 0);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_past_the_end_grows_the_file_with_zeros() {
        let mut file = MemoryFile::default();
        file.write_at(4, b"xy").unwrap();
        assert_eq!(file.bytes(), b"\0\0\0\0xy");
    }

    #[test]
    fn a_read_past_the_end_names_the_range() {
        let mut file = MemoryFile::new(vec![0; 8]);
        let error = file.read_at(6, &mut [0; 4]).unwrap_err();
        assert_eq!(error, BlockError::OutOfRange { offset: 6, end: 10, len: 8 });
    }

    #[test]
    fn a_full_file_refuses_growth_and_keeps_its_bytes() {
        let mut file = MemoryFile::with_limit(b"abcd".to_vec(), 6);
        assert_eq!(file.write_at(4, b"xyz"), Err(BlockError::NoSpace));
        assert_eq!(file.bytes(), b"abcd");
        file.write_at(4, b"xy").unwrap();
        assert_eq!(file.bytes(), b"abcdxy");
    }
}
