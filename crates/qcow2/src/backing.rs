//! A disk that is only read: what an overlay lies on, what an export copies.

use block::{BlockError, BlockFile, Disk, RawDisk};

/// What is known of a stretch of a disk without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// How many bytes the answer is about; at least one, at most what was asked for.
    pub len: u64,
    /// Whether these bytes are known to be zeros. `false` promises nothing.
    pub zero: bool,
}

/// A disk for reading. `&mut self` because the storage underneath moves file positions and fills caches.
pub trait Backing {
    /// The disk's size in bytes.
    fn size(&self) -> u64;

    /// Fills `buf` from the bytes at `offset`; fails if they reach past the disk's end.
    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError>;

    /// What is known of the bytes from `offset` on, looking at no more than `len` (at least one) of them.
    fn extent(&mut self, offset: u64, len: u64) -> Result<Extent, BlockError> {
        let _ = offset;
        Ok(Extent { len, zero: false })
    }
}

impl<B: Backing + ?Sized> Backing for Box<B> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        (**self).read(offset, buf)
    }

    fn extent(&mut self, offset: u64, len: u64) -> Result<Extent, BlockError> {
        (**self).extent(offset, len)
    }
}

impl<F: BlockFile> Backing for RawDisk<F> {
    fn size(&self) -> u64 {
        Disk::size(self)
    }

    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        Disk::read(self, offset, buf)
    }
}

/// Reads from the layer below; past its end, or if there is none, everything is zeros.
pub(crate) fn read_or_zeros(
    backing: Option<&mut (dyn Backing + 'static)>,
    offset: u64,
    buf: &mut [u8],
) -> Result<(), BlockError> {
    let Some(backing) = backing else {
        buf.fill(0);
        return Ok(());
    };
    let rest = backing.size().saturating_sub(offset);
    let here = usize::try_from(rest).map_or(buf.len(), |rest| rest.min(buf.len()));
    let (inside, outside) = buf.split_at_mut(here);
    outside.fill(0);
    if inside.is_empty() { Ok(()) } else { backing.read(offset, inside) }
}

/// What is known of a stretch of the layer below, or of the nothing below the last one.
pub(crate) fn extent_or_zeros(
    backing: Option<&mut (dyn Backing + 'static)>,
    offset: u64,
    len: u64,
) -> Result<Extent, BlockError> {
    let Some(backing) = backing else { return Ok(Extent { len, zero: true }) };
    let rest = backing.size().saturating_sub(offset);
    if rest == 0 { Ok(Extent { len, zero: true }) } else { backing.extent(offset, len.min(rest)) }
}
