//! Writing.

use super::{Attributes, BLOCK, TarKind, padding};
use std::io::{self, Write};
use tar::{EntryType, Header};

/// Writes a tar that GNU tar, bsdtar and busybox unpack. Names and links of more than 100 bytes and numbers that don't fit are
/// written GNU's way, since busybox passes over pax records.
pub(crate) struct TarWriter<W> {
    out: W,
    /// Data of the entry that was not written yet.
    left: u64,
    padding: u64,
}

impl<W: Write> TarWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, left: 0, padding: 0 }
    }

    /// Begins an entry; `size` bytes of data have to follow.
    pub(crate) fn entry(
        &mut self,
        kind: TarKind,
        name: &[u8],
        link: &[u8],
        size: u64,
        attributes: &Attributes,
    ) -> io::Result<()> {
        self.end_entry()?;
        let mut header = Header::new_gnu();
        header.set_entry_type(entry_type(kind)?);
        header.set_mode(attributes.mode);
        header.set_uid(attributes.uid);
        header.set_gid(attributes.gid);
        header.set_mtime(attributes.mtime);
        header.set_size(size);
        if name.len() > header.as_old().name.len() {
            self.long(b'L', name)?;
        }
        if link.len() > header.as_old().linkname.len() {
            self.long(b'K', link)?;
        }
        let old = header.as_old_mut();
        put(&mut old.name, name);
        put(&mut old.linkname, link);
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        (self.left, self.padding) = (size, padding(size));
        Ok(())
    }

    /// A header of its own for what does not fit.
    fn long(&mut self, letter: u8, text: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        put(&mut header.as_old_mut().name, b"././@LongLink");
        header.set_entry_type(EntryType::new(letter));
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let size = text.len() as u64 + 1;
        header.set_size(size);
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        self.out.write_all(text)?;
        self.zeros(1 + padding(size))
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        self.out.write_all(&[0; BLOCK + 1][..count as usize])
    }

    fn end_entry(&mut self) -> io::Result<()> {
        if self.left > 0 {
            return Err(io::Error::other("an entry of the archive has less data than was announced"));
        }
        let padding = std::mem::take(&mut self.padding);
        self.zeros(padding)
    }

    /// Writes the mark of the end and gives the sink back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.end_entry()?;
        self.out.write_all(&[0; 2 * BLOCK])?;
        Ok(self.out)
    }
}

impl<W: Write> Write for TarWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::other("an entry of the archive has more data than was announced"));
        }
        let written = self.out.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn entry_type(kind: TarKind) -> io::Result<EntryType> {
    match kind {
        TarKind::File => Ok(EntryType::Regular),
        TarKind::Directory => Ok(EntryType::Directory),
        TarKind::Symlink => Ok(EntryType::Symlink),
        TarKind::HardLink => Ok(EntryType::Link),
        _ => Err(io::Error::other("such an entry is not written")),
    }
}

/// Fills a field; what does not fit was written before.
fn put(field: &mut [u8], text: &[u8]) {
    let len = text.len().min(field.len());
    field[..len].copy_from_slice(&text[..len]);
}
