//! A user's file becomes a fresh qcow2 image.

use super::boots::Boots;
use super::detect::{Format, HEAD, detect, detect_unpacked};
use super::target::{CLUSTER, Target};
use super::{DiskError, MAX_VIRTUAL_SIZE, Packing};
use crate::error::Error;
use crate::progress::{Count, OnProgress, Ticker};
use crate::source::{FileReader, Filling, read_full};
use crate::unpack::Unpacked;
use block::{BlockError, BlockFile, Disk};
use qcow2::{Header, Qcow2, Source};
use std::cell::Cell;
use std::io::Read;

/// How much is read and looked at in one go.
const CHUNK: usize = 16 * CLUSTER;

/// What an import may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that the target and the scratch file may have together.
    pub room: u64,
    /// The largest virtual disk, in bytes; [`MAX_VIRTUAL_SIZE`] is the most that makes sense.
    pub max_virtual_size: u64,
}

impl Limits {
    /// Only the room is limited, and the disk's size by what machines can address.
    pub fn room(room: u64) -> Self {
        Self { room, max_virtual_size: MAX_VIRTUAL_SIZE }
    }
}

/// What was brought in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// What the file was, when unpacked.
    pub format: Format,
    /// What it was packed with.
    pub packing: Option<Packing>,
    /// The disk's size in bytes.
    pub virtual_size: u64,
    /// The new image's length in bytes.
    pub written: u64,
    /// What is on it.
    pub boots: Boots,
    /// Internal snapshots that were not taken along.
    pub snapshots_left_out: u32,
}

/// Reads a disk image out of `source` into `target`, as a qcow2 image with clusters of 64 KiB that stands alone.
///
/// What the source is, is told by its content. Zeros, and what a qcow2 image does not hold, take no room. `scratch` is used
/// only for a packed qcow2 image, which has to be unpacked before it can be read; it is empty afterwards. What both files held
/// before is lost. If it fails, both are empty.
///
/// Progress counts bytes: of the source if that is read in order, else of the virtual disk.
pub fn import(
    source: &mut dyn BlockFile,
    target: &mut dyn BlockFile,
    scratch: &mut dyn BlockFile,
    limits: &Limits,
    on_progress: &mut OnProgress<'_>,
) -> Result<Imported, Error> {
    let over = Cell::new(false);
    let result = run(source, target, scratch, limits, &over, on_progress);
    let cleared = scratch.set_len(0);
    let result = result.and_then(|mut imported| {
        cleared?;
        target.flush()?;
        imported.written = target.len()?;
        Ok(imported)
    });
    result.map_err(|error| {
        // The reason why it failed is worth more than a second failure.
        let _ = target.set_len(0);
        if over.get() { Error::NoRoom { room: limits.room } } else { error }
    })
}

fn run(
    source: &mut dyn BlockFile,
    target: &mut dyn BlockFile,
    scratch: &mut dyn BlockFile,
    limits: &Limits,
    over: &Cell<bool>,
    on_progress: &mut OnProgress<'_>,
) -> Result<Imported, Error> {
    let len = source.len()?;
    let mut head = vec![0; len.min(HEAD as u64) as usize];
    source.read_at(0, &mut head)?;
    let packing = Packing::detect(&head);
    let format = if packing.is_some() { None } else { Some(detect(&head)?) };
    if format == Some(Format::Qcow2) {
        let mut ticker = Ticker::new(on_progress, Count::default(), None);
        return flatten(source, Filling::new(target, limits.room, over), limits, &mut |done, size| {
            ticker.tick_of(done, size)
        });
    }
    let reader = FileReader::new(source)?;
    let count = reader.count();
    let mut unpacked = Unpacked::new(reader, packing);
    let mut first = vec![0; CHUNK];
    let filled = read_full(&mut unpacked, &mut first)?;
    let format = match format {
        Some(format) => format,
        None => detect_unpacked(&first[..filled.min(HEAD)])?,
    };
    let stream = Chunks { first: Some(filled), buffer: first, input: unpacked };
    if format == Format::Raw {
        let mut ticker = Ticker::new(on_progress, count, Some(len));
        // How long a packed disk is, is known when it has been unpacked.
        let size = if packing.is_none() { len } else { 0 };
        let target = Target::new(Filling::new(target, limits.room, over), size, limits.max_virtual_size)?;
        let (virtual_size, boots) = copy_raw(stream, target, &mut ticker)?;
        return Ok(Imported { format, packing, virtual_size, written: 0, boots, snapshots_left_out: 0 });
    }
    // Unpacking is the first half of the work, flattening the second.
    let total = len.saturating_mul(2);
    let mut ticker = Ticker::new(on_progress, count, Some(total));
    unpack(stream, Filling::new(scratch, limits.room, over), &mut ticker)?;
    let room = limits.room.saturating_sub(scratch.len()?);
    let target = Filling::new(target, room, over);
    let imported = flatten(scratch, target, limits, &mut |done, size| {
        let part = u128::from(done) * u128::from(len) / u128::from(size.max(1));
        ticker.tick_of(len.saturating_add(part as u64), total)
    })?;
    Ok(Imported { packing, ..imported })
}

/// A stream in pieces of [`CHUNK`] bytes, of which the first was read already.
struct Chunks<R> {
    first: Option<usize>,
    buffer: Vec<u8>,
    input: R,
}

impl<R: Read> Chunks<R> {
    fn next(&mut self) -> Result<&[u8], Error> {
        let filled = match self.first.take() {
            Some(filled) => filled,
            None => read_full(&mut self.input, &mut self.buffer)?,
        };
        Ok(&self.buffer[..filled])
    }
}

/// Copies a disk's bytes and returns its size and what is on it.
fn copy_raw<R: Read>(
    mut stream: Chunks<R>,
    mut target: Target<'_>,
    ticker: &mut Ticker<'_, '_>,
) -> Result<(u64, Boots), Error> {
    let mut offset = 0;
    loop {
        let bytes = stream.next()?;
        if bytes.is_empty() {
            break;
        }
        let end = offset + bytes.len() as u64;
        target.ensure(end)?;
        target.put(offset, bytes)?;
        offset = end;
        ticker.tick()?;
    }
    if offset != target.size() {
        // The file became shorter while it was read.
        return Err(Error::Truncated);
    }
    Ok((offset, target.finish()?))
}

/// Unpacks a stream into the scratch file.
fn unpack<R: Read>(mut stream: Chunks<R>, mut scratch: Filling<'_>, ticker: &mut Ticker<'_, '_>) -> Result<(), Error> {
    scratch.set_len(0)?;
    let mut offset = 0;
    loop {
        let bytes = stream.next()?;
        if bytes.is_empty() {
            return Ok(());
        }
        scratch.write_at(offset, bytes)?;
        offset += bytes.len() as u64;
        ticker.tick()?;
    }
}

/// Copies what a qcow2 image holds.
fn flatten(
    source: &mut dyn BlockFile,
    target: Filling<'_>,
    limits: &Limits,
    tick: &mut dyn FnMut(u64, u64) -> Result<(), Error>,
) -> Result<Imported, Error> {
    let header = Header::read(source)?;
    if let Some(backing) = header.backing {
        return Err(DiskError::Layer(backing.name).into());
    }
    if header.corrupt {
        return Err(DiskError::MarkedDamaged.into());
    }
    let size = header.size;
    let mut target = Target::new(target, size, limits.max_virtual_size)?;
    let mut image = Qcow2::open_read_only(ReadOnly(source), None)?;
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    while offset < size {
        let zeros = zeros_from(&mut image, offset, size)?;
        if zeros > 0 {
            offset += zeros;
        } else {
            let now = (size - offset).min(CHUNK as u64);
            check_inside(&mut image, offset, now)?;
            let bytes = &mut buffer[..now as usize];
            Disk::read(&mut image, offset, bytes)?;
            target.put(offset, bytes)?;
            offset += now;
        }
        tick(offset, size)?;
    }
    let boots = target.finish()?;
    let snapshots_left_out = header.snapshots;
    Ok(Imported { format: Format::Qcow2, packing: None, virtual_size: size, written: 0, boots, snapshots_left_out })
}

/// How many bytes of whole target clusters, from the beginning of one on, the image does not hold.
fn zeros_from(image: &mut Qcow2<ReadOnly<'_>>, offset: u64, size: u64) -> Result<u64, BlockError> {
    let (source, len) = image.source(offset)?;
    let end = offset + len;
    Ok(match source {
        Source::Data(_) | Source::Compressed => 0,
        Source::Zero | Source::Below if end >= size => len,
        Source::Zero | Source::Below => len & !(CLUSTER as u64 - 1),
    })
}

/// Refuses data that the file is too short for. (Reading it would give zeros: other programs leave the last cluster of an
/// image incomplete where it is past the disk's end.)
fn check_inside(image: &mut Qcow2<ReadOnly<'_>>, mut offset: u64, len: u64) -> Result<(), Error> {
    let end = offset + len;
    while offset < end {
        let (source, run) = image.source(offset)?;
        let run = run.min(end - offset);
        if let Source::Data(at) = source
            && at.saturating_add(run) > image.file_len()
        {
            return Err(DiskError::CutShort { at, len: image.file_len() }.into());
        }
        offset += run;
    }
    Ok(())
}

/// A borrowed file that an image may read.
struct ReadOnly<'a>(&'a mut dyn BlockFile);

impl BlockFile for ReadOnly<'_> {
    fn len(&self) -> Result<u64, BlockError> {
        self.0.len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.0.read_at(offset, buf)
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }

    fn set_len(&mut self, _: u64) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
}
