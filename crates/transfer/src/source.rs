//! A file that can be read at random, as a stream.

use crate::error::{Error, into_io};
use crate::progress::Count;
use block::{BlockError, BlockFile};
use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// How much is read at a time. In a browser each read of a user's file costs a fraction of a millisecond however short it is.
const BUFFER: usize = 256 << 10;

/// Reads a [`BlockFile`] from front to back, with a buffer of 256 KiB, and seeks in it.
///
/// The file's length is taken once. Errors of the file come out of [`io::Error`] again as [`Error::Storage`].
pub struct FileReader<'a> {
    file: &'a mut dyn BlockFile,
    len: u64,
    /// Where the buffer begins in the file.
    start: u64,
    buffer: Vec<u8>,
    /// How much of the buffer was handed out.
    used: usize,
    count: Count,
}

impl<'a> FileReader<'a> {
    /// Reads from the file's beginning.
    pub fn new(file: &'a mut dyn BlockFile) -> Result<Self, BlockError> {
        let len = file.len()?;
        Ok(Self { file, len, start: 0, buffer: Vec::new(), used: 0, count: Count::default() })
    }

    /// The file's length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes read from the file so far, those of earlier passes included.
    pub(crate) fn count(&self) -> Count {
        self.count.clone()
    }

    /// Goes back to the beginning.
    pub(crate) fn restart(&mut self) {
        self.go_to(0);
    }

    fn position(&self) -> u64 {
        self.start + self.used as u64
    }

    fn go_to(&mut self, to: u64) {
        let inside = to.checked_sub(self.start).and_then(|inside| usize::try_from(inside).ok());
        match inside.filter(|inside| *inside <= self.buffer.len()) {
            Some(inside) => self.used = inside,
            None => {
                self.start = to;
                self.used = 0;
                self.buffer.clear();
            }
        }
    }
}

impl BufRead for FileReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            let at = self.position();
            let now = self.len.saturating_sub(at).min(BUFFER as u64) as usize;
            self.buffer.resize(now, 0);
            self.start = at;
            self.used = 0;
            // Not even nothing may be read past the end.
            if now > 0
                && let Err(error) = self.file.read_at(at, &mut self.buffer)
            {
                self.buffer.clear();
                return Err(into_io(error));
            }
            self.count.add(now as u64);
        }
        Ok(&self.buffer[self.used..])
    }

    fn consume(&mut self, amount: usize) {
        self.used = (self.used + amount).min(self.buffer.len());
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let now = ready.len().min(buf.len());
        buf[..now].copy_from_slice(&ready[..now]);
        self.consume(now);
        Ok(now)
    }
}

impl Seek for FileReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position().checked_add_signed(by),
        };
        let target = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.go_to(target);
        Ok(target)
    }
}

/// A file of the caller's that is being filled: it may not outgrow its room, and what is half done need not be durable.
pub(crate) struct Filling<'a> {
    file: &'a mut dyn BlockFile,
    room: u64,
    /// Set when the room given was too small, which is something else than a full storage.
    over: &'a Cell<bool>,
}

impl<'a> Filling<'a> {
    pub(crate) fn new(file: &'a mut dyn BlockFile, room: u64, over: &'a Cell<bool>) -> Self {
        Self { file, room, over }
    }

    fn check(&self, len: u64) -> Result<(), BlockError> {
        if len <= self.room {
            return Ok(());
        }
        self.over.set(true);
        Err(BlockError::NoSpace)
    }
}

impl BlockFile for Filling<'_> {
    fn len(&self) -> Result<u64, BlockError> {
        self.file.len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.file.read_at(offset, buf)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        self.check(offset.saturating_add(data.len() as u64))?;
        self.file.write_at(offset, data)
    }

    fn set_len(&mut self, len: u64) -> Result<(), BlockError> {
        self.check(len)?;
        self.file.set_len(len)
    }

    /// Does nothing: whoever fills the file flushes it once, at the end, and a file that is not complete is thrown away.
    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
}

/// Fills a buffer as far as the stream goes and returns how far that was.
pub(crate) fn read_full(input: &mut (impl Read + ?Sized), buf: &mut [u8]) -> Result<usize, Error> {
    let mut filled = 0;
    while filled < buf.len() {
        match input.read(&mut buf[filled..]) {
            Ok(0) => break,
            Ok(now) => filled += now,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(crate::error::from_input(error)),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use block::MemoryFile;

    #[test]
    fn a_seek_lands_where_it_says_inside_and_outside_of_the_buffer() {
        let bytes: Vec<u8> = (0..700_000u32).map(|at| (at / 7) as u8).collect();
        let mut file = MemoryFile::new(bytes.clone());
        let mut reader = FileReader::new(&mut file).unwrap();
        let mut got = [0; 10];
        for at in [0, 5, 300_000, 299_990, 2, 699_990] {
            reader.seek(SeekFrom::Start(at)).unwrap();
            reader.read_exact(&mut got).unwrap();
            assert_eq!(got, bytes[at as usize..][..10], "at {at}");
        }
        assert_eq!(reader.read(&mut got).unwrap(), 0);
        assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), 699_997);
        assert_eq!(reader.read(&mut got).unwrap(), 3);
        reader.seek(SeekFrom::Start(1 << 40)).unwrap();
        assert_eq!(reader.read(&mut got).unwrap(), 0, "past the end there is nothing");
    }

    #[test]
    fn a_file_being_filled_stops_at_its_room() {
        let mut file = MemoryFile::default();
        let over = Cell::new(false);
        let mut filling = Filling::new(&mut file, 8, &over);
        filling.write_at(0, &[1; 8]).unwrap();
        assert!(!over.get());
        assert_eq!(filling.write_at(7, &[1; 2]), Err(BlockError::NoSpace));
        assert_eq!(filling.set_len(9), Err(BlockError::NoSpace));
        assert!(over.get());
    }
}
