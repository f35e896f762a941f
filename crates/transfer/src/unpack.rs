//! gzip (RFC 1952) and Zstandard (RFC 8878) on the way in.

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, Read};

/// The largest window that a Zstandard frame may ask for: what `zstd` itself unpacks without being asked twice (`--long=27`).
const MAX_WINDOW: u64 = 128 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a whole file is packed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// gzip, of one or several members.
    Gzip,
    /// Zstandard, of one or several frames.
    Zstd,
}

impl Packing {
    /// Recognises packed bytes by how they begin.
    pub(crate) fn detect(head: &[u8]) -> Option<Self> {
        if head.starts_with(&GZIP_MAGIC) {
            Some(Self::Gzip)
        } else if head.starts_with(&ZSTD_MAGIC) || is_skippable(head) {
            Some(Self::Zstd)
        } else {
            None
        }
    }
}

/// A skippable frame's magic number is one of sixteen (RFC 8878, 3.1.2).
fn is_skippable(head: &[u8]) -> bool {
    head.first().is_some_and(|first| first & 0xf0 == 0x50) && head.get(1..4) == Some(&[0x2a, 0x4d, 0x18])
}

/// Formats that users might try and that are not read, by how they begin. For each the name to refuse it by.
pub(crate) fn foreign(head: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 11] = [
        (b"\xfd7zXZ\0", "an xz file"),
        (b"BZh", "a bzip2 file"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"KDMV", "a VMDK disk image"),
        (b"# Disk DescriptorFile", "a VMDK disk image"),
        (b"vhdxfile", "a VHDX disk image"),
        (b"conectix", "a VHD disk image"),
        (b"<<< ", "a VDI disk image"),
        (b"QED\0", "a QED disk image"),
        (b"LZIP", "an lzip file"),
    ];
    KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

/// A stream that may be packed.
pub(crate) enum Unpacked<R> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<ZstdReader<R>>),
}

impl<R: BufRead> Unpacked<R> {
    pub(crate) fn new(input: R, packing: Option<Packing>) -> Self {
        match packing {
            None => Self::Plain(input),
            Some(Packing::Gzip) => Self::Gzip(Box::new(MultiGzDecoder::new(input))),
            Some(Packing::Zstd) => Self::Zstd(Box::new(ZstdReader::new(input))),
        }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(buf),
            Self::Gzip(input) => input.read(buf),
            Self::Zstd(input) => input.read(buf),
        }
    }
}

/// Reads Zstandard frames one after the other and compares their checksums.
pub(crate) struct ZstdReader<R> {
    input: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> ZstdReader<R> {
    pub(crate) fn new(input: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self { input, decoder, inside: false }
    }

    /// Begins the next frame, or says that there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.input.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let mut magic = [0; 4];
            self.input.read_exact(&mut magic)?;
            if !is_skippable(&magic) {
                let frame = (&magic[..]).chain(&mut self.input);
                self.decoder.init(frame).map_err(invalid)?;
                self.inside = true;
                return Ok(true);
            }
            let mut len = [0; 4];
            self.input.read_exact(&mut len)?;
            let len = u64::from(u32::from_le_bytes(len));
            if io::copy(&mut self.input.by_ref().take(len), &mut io::sink())? < len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn check_sum(&self) -> io::Result<()> {
        match self.decoder.get_checksum_from_data() {
            Some(sum) if Some(sum) != self.decoder.get_calculated_checksum() => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of a Zstandard frame is wrong"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.input, one).map_err(invalid)?;
            }
            let now = self.decoder.read(buf)?;
            if now > 0 {
                return Ok(now);
            }
            self.check_sum()?;
            self.inside = false;
        }
    }
}

/// What the decoder says is about the bytes, unless the reader below it failed.
fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(now) = source {
        if let Some(inner) = now.downcast_ref::<io::Error>() {
            if let Some(ours) = inner.get_ref().and_then(|inner| inner.downcast_ref::<crate::Error>()) {
                return io::Error::other(ours.clone());
            }
            if inner.kind() == io::ErrorKind::UnexpectedEof {
                return io::ErrorKind::UnexpectedEof.into();
            }
        }
        source = now.source();
    }
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Packer;
    use std::io::Write;

    fn packed(bytes: &[u8], packing: Option<Packing>) -> Vec<u8> {
        let mut packer = Packer::new(Vec::new(), packing);
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Unpacked::new(bytes, Packing::detect(bytes)).read_to_end(&mut out).map(|_| out)
    }

    fn sample() -> Vec<u8> {
        (0..3_000_000u32).map(|at| (at / 1000 * (at % 3)) as u8).collect()
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        for bytes in [sample(), Vec::new(), vec![7]] {
            for packing in [None, Some(Packing::Gzip), Some(Packing::Zstd)] {
                assert!(unpacked(&packed(&bytes, packing)).unwrap() == bytes, "{packing:?}, {} bytes", bytes.len());
            }
        }
    }

    #[test]
    fn members_and_frames_are_read_one_after_the_other() {
        for packing in [Packing::Gzip, Packing::Zstd] {
            let twice = [packed(b"one ", Some(packing)), packed(b"two", Some(packing))].concat();
            assert_eq!(unpacked(&twice).unwrap(), b"one two");
        }
        let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        let framed = [&skippable[..], &packed(b"data", Some(Packing::Zstd)), skippable].concat();
        assert_eq!(unpacked(&framed).unwrap(), b"data");
    }

    #[test]
    fn a_missing_end_and_a_wrong_sum_are_errors() {
        for packing in [Packing::Gzip, Packing::Zstd] {
            let whole = packed(&sample(), Some(packing));
            for cut in [whole.len() - 1, whole.len() / 2, 12] {
                assert!(unpacked(&whole[..cut]).is_err(), "{packing:?} cut to {cut} bytes");
            }
            let sum = if packing == Packing::Gzip { whole.len() - 8 } else { whole.len() - 4 };
            let mut wrong = whole;
            wrong[sum] ^= 1;
            assert!(unpacked(&wrong).is_err(), "{packing:?} with a wrong sum");
        }
    }
}
