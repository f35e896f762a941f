//! Reading.

use super::pax::{self, Pax};
use super::{Attributes, BLOCK, TarKind, padding};
use crate::error::{Error, from_input};
use crate::source::{FileReader, read_full};
use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};
use tar::Header;

/// The longest name, link or list of pax records that is taken into memory, in bytes. Linux's longest path has 4096.
const MAX_EXTENSION: u64 = 64 << 10;
/// How many such headers may come before one entry: a longer row only makes work.
const MAX_EXTENSIONS: u32 = 16;

/// Why a tar stream can't be read on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TarError {
    /// The stream below failed or ended.
    Stream(Error),
    /// The bytes are no tar.
    Format(&'static str),
}

impl From<Error> for TarError {
    fn from(error: Error) -> Self {
        Self::Stream(error)
    }
}

/// An entry of a tar, before its data. Nothing of it has been judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TarEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: TarKind,
    /// Bytes of data that follow.
    pub(crate) size: u64,
    pub(crate) attributes: Attributes,
}

/// A stream in which bytes can be left out.
pub(crate) trait Skip: Read {
    /// Passes over bytes; an error if there are not so many.
    fn skip(&mut self, count: u64) -> Result<(), Error>;
}

impl Skip for FileReader<'_> {
    fn skip(&mut self, count: u64) -> Result<(), Error> {
        let at = self.stream_position().map_err(from_input)?;
        let to = at.checked_add(count).filter(|to| *to <= self.len()).ok_or(Error::Truncated)?;
        self.seek(SeekFrom::Start(to)).map_err(from_input)?;
        Ok(())
    }
}

impl<R: io::BufRead> Skip for crate::unpack::Unpacked<R> {
    fn skip(&mut self, count: u64) -> Result<(), Error> {
        let skipped = io::copy(&mut self.by_ref().take(count), &mut io::sink()).map_err(from_input)?;
        if skipped < count { Err(Error::Truncated) } else { Ok(()) }
    }
}

/// Reads entries one after the other; between two calls of [`TarReader::next`] it is the `Read` of the entry's data.
pub(crate) struct TarReader<R> {
    input: R,
    /// Data of the entry that was not read yet.
    left: u64,
    /// What comes between that data and the next header.
    padding: u64,
}

impl<R: Skip> TarReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0 }
    }

    /// The next entry, or nothing after the mark of the end. A tar that ends without this mark is cut short.
    pub(crate) fn next(&mut self) -> Result<Option<TarEntry>, TarError> {
        let mut pax = Pax::default();
        let (mut long_name, mut long_link) = (None, None);
        for _ in 0..=MAX_EXTENSIONS {
            let Some(header) = self.header()? else { return Ok(None) };
            match header.as_old().linkflag[0] {
                b'L' => long_name = Some(self.extension()?),
                b'K' => long_link = Some(self.extension()?),
                b'x' => pax = pax::parse(&self.extension()?).ok_or(TarError::Format("its pax records are damaged"))?,
                b'g' => self.global()?,
                // A label of the whole archive.
                b'V' => self.pass()?,
                _ => return self.entry(&header, pax, long_name, long_link).map(Some),
            }
        }
        Err(TarError::Format("an entry has too many extensions"))
    }

    /// Gives the stream back, behind what was read of it.
    pub(crate) fn into_inner(self) -> R {
        self.input
    }

    /// Passes over what is left of the entry.
    fn pass(&mut self) -> Result<(), TarError> {
        let rest = self.left.checked_add(self.padding).ok_or(TarError::Format("a size in it is impossible"))?;
        (self.left, self.padding) = (0, 0);
        Ok(self.input.skip(rest)?)
    }

    /// The next header with a right sum, or nothing at the mark of the end. What follows it in the stream is its data.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        self.pass()?;
        let mut block = [0; BLOCK];
        if read_full(&mut self.input, &mut block)? < BLOCK {
            return Err(Error::Truncated.into());
        }
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        if header.cksum().ok() != Some(checksum(&block)) {
            return Err(TarError::Format("the checksum of a header is wrong"));
        }
        let size = header.entry_size().map_err(|_| TarError::Format("a size in it is no number"))?;
        self.begin(size);
        Ok(Some(header))
    }

    fn begin(&mut self, size: u64) {
        (self.left, self.padding) = (size, padding(size));
    }

    /// The data of a header that only says something of the next one.
    fn extension(&mut self) -> Result<Vec<u8>, TarError> {
        if self.left > MAX_EXTENSION {
            return Err(TarError::Format("a name in it is too long"));
        }
        let mut bytes = vec![0; self.left as usize];
        if read_full(self, &mut bytes)? < bytes.len() {
            return Err(Error::Truncated.into());
        }
        Ok(bytes)
    }

    /// Records for all entries that follow: comments and times, of which nothing is used. Names and sizes make no sense there.
    fn global(&mut self) -> Result<(), TarError> {
        let pax = pax::parse(&self.extension()?).ok_or(TarError::Format("its pax records are damaged"))?;
        if pax.path.is_some() || pax.link.is_some() || pax.size.is_some() || pax.sparse {
            return Err(TarError::Format("it gives all entries the same name or size"));
        }
        Ok(())
    }

    fn entry(
        &mut self,
        header: &Header,
        pax: Pax,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<TarEntry, TarError> {
        let number = |value: io::Result<u64>| value.map_err(|_| TarError::Format("a number in a header is none"));
        if let Some(size) = pax.size {
            self.begin(size);
        }
        let name = pax.path.or(long_name.map(c_string)).unwrap_or_else(|| header.path_bytes().into_owned());
        let link = pax.link.or(long_link.map(c_string));
        let link = link.unwrap_or_else(|| header.link_name_bytes().map_or_else(Vec::new, Cow::into_owned));
        let attributes = Attributes {
            mode: number(header.mode().map(u64::from))? as u32 & 0o7777,
            uid: pax.uid.map_or_else(|| number(header.uid()), Ok)?,
            gid: pax.gid.map_or_else(|| number(header.gid()), Ok)?,
            mtime: pax.mtime.map_or_else(|| number(header.mtime()), Ok)?,
        };
        let kind = if pax.sparse { TarKind::Sparse } else { kind(header.as_old().linkflag[0], &name) };
        Ok(TarEntry { name, link, kind, size: self.left, attributes })
    }
}

impl<R: Skip> Read for TarReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let now = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        if now == 0 {
            return Ok(0);
        }
        let read = self.input.read(&mut buf[..now])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Whether some bytes begin with a tar's header.
pub(crate) fn looks_like_tar(head: &[u8]) -> bool {
    let Some(block) = head.get(..BLOCK) else { return false };
    let Ok(block) = <&[u8; BLOCK]>::try_from(block) else { return false };
    block != &[0; BLOCK] && Header::from_byte_slice(block).cksum().ok() == Some(checksum(block))
}

/// The sum of a header's bytes, those of the sum itself as spaces.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let field = 148..156;
    (0..).zip(block).map(|(at, byte)| if field.contains(&at) { u32::from(b' ') } else { u32::from(*byte) }).sum()
}

/// GNU ends long names with a zero.
fn c_string(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

fn kind(letter: u8, name: &[u8]) -> TarKind {
    match letter {
        // The oldest tars know a directory only by the end of its name.
        0 | b'0' | b'7' if name.last() == Some(&b'/') => TarKind::Directory,
        0 | b'0' | b'7' => TarKind::File,
        b'1' => TarKind::HardLink,
        b'2' => TarKind::Symlink,
        b'3' => TarKind::CharacterDevice,
        b'4' => TarKind::BlockDevice,
        b'5' => TarKind::Directory,
        b'6' => TarKind::Fifo,
        b'S' => TarKind::Sparse,
        other => TarKind::Other(other),
    }
}
