//! gzip and Zstandard on the way out.

use crate::unpack::Packing;
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::{self, Write};

/// gzip's level: what it loses to 6 in size is little on disks, and it is three times as fast.
const GZIP_LEVEL: u32 = 4;
/// How much goes into one Zstandard frame. The encoder takes whole buffers, so this bounds the memory.
const FRAME: usize = 4 << 20;

/// Packs what is written to it. The same bytes give the same file, always.
pub(crate) enum Packer<W: Write> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(ZstdWriter<W>),
}

impl<W: Write> Packer<W> {
    pub(crate) fn new(out: W, packing: Option<Packing>) -> Self {
        match packing {
            None => Self::Plain(out),
            Some(Packing::Gzip) => Self::Gzip(GzEncoder::new(out, Compression::new(GZIP_LEVEL))),
            Some(Packing::Zstd) => Self::Zstd(ZstdWriter { out, pending: Vec::new(), written: false }),
        }
    }

    /// Writes the end and gives the sink back.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
            Self::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(out) => out.flush(),
            Self::Zstd(out) => out.out.flush(),
        }
    }
}

/// Writes Zstandard frames of a few MiB each, one after the other.
pub(crate) struct ZstdWriter<W> {
    out: W,
    pending: Vec<u8>,
    written: bool,
}

impl<W: Write> ZstdWriter<W> {
    fn write_frame(&mut self) -> io::Result<()> {
        self.written = true;
        self.out.write_all(&compress_to_vec(self.pending.as_slice(), CompressionLevel::Fastest))?;
        self.pending.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<W> {
        if !self.pending.is_empty() || !self.written {
            self.write_frame()?;
        }
        Ok(self.out)
    }
}

impl<W: Write> Write for ZstdWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = bytes.len().min(FRAME - self.pending.len());
        self.pending.extend_from_slice(&bytes[..now]);
        if self.pending.len() == FRAME {
            self.write_frame()?;
        }
        Ok(now)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
