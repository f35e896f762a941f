//! Opens an image that somebody may have made with bad intentions, reads and writes it, and sees whether promises are kept:
//!
//! - nothing panics, takes memory without bounds, or goes on for ever;
//! - what can be opened before can be opened after;
//! - an image that a check finds sound is a disk, and sound afterwards.

use crate::templates;
use block::{BlockError, Disk, MemoryFile};
use qcow2::{Backing, ClusterPacking, ExportOptions, ExportPlan, Header, Qcow2, Sink, export_raw};

/// A hostile image may not grow further than this: tables that point far away would fill the memory.
const ROOM: u64 = 8 << 20;
/// Disks up to this size are compared with an array.
const MODEL_SIZE: u64 = 1 << 20;

/// Takes numbers off the input; when it is used up, zeros.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut taken = [0; N];
        let len = self.0.len().min(N);
        taken[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    fn number(&mut self) -> u64 {
        u32::from_le_bytes(self.take()).into()
    }
}

/// The input is an image, followed by 64 bytes that say what to do with it.
pub fn image_as_is(input: &[u8]) {
    let (image, steps) = input.split_at(input.len().saturating_sub(64));
    use_image(image.to_vec(), Bytes(steps));
}

/// The input says which valid image to take, what to overwrite in it, and what to do with it.
pub fn patched_image(input: &[u8]) {
    let mut bytes = Bytes(input);
    let templates = templates::all();
    let mut image = templates[bytes.byte() as usize % templates.len()].clone();
    for _ in 0..bytes.byte() % 8 {
        patch(&mut image, &mut bytes);
    }
    use_image(image, bytes);
}

/// Overwrites something, most often where the tables are.
fn patch(image: &mut [u8], bytes: &mut Bytes<'_>) {
    let header = Header::read(&mut MemoryFile::new(image.to_vec()));
    let at = match (bytes.byte() % 6, header) {
        (0, _) => bytes.byte().into(),
        (1, Ok(header)) => header.l1_offset + bytes.number() % 16 * 8,
        (2, Ok(header)) => header.refcount_table_offset + bytes.number() % 16 * 8,
        (3, Ok(header)) => entry_offset(image, header.l1_offset, bytes) + bytes.number() % 32 * 8,
        (4, Ok(header)) => entry_offset(image, header.refcount_table_offset, bytes) + bytes.number() % 64,
        _ => bytes.number() % image.len() as u64,
    };
    let value: Vec<u8> = match bytes.byte() % 5 {
        0 => vec![bytes.byte()],
        // A place in the file, with flags: something that lies in the place of something else.
        1 => {
            let cluster = bytes.number() % (image.len() as u64 / 512 + 4) * 512;
            (cluster | (u64::from(bytes.byte() & 0xc1) << 56)).to_be_bytes().into()
        }
        2 => {
            ((u64::from(bytes.byte()) << 62) | (bytes.number() << 9) | u64::from(bytes.byte() & 1)).to_be_bytes().into()
        }
        3 => (bytes.number() as u32).to_be_bytes().into(),
        _ => bytes.take::<8>().into(),
    };
    let at = (at as usize).min(image.len());
    let end = (at + value.len()).min(image.len());
    image[at..end].copy_from_slice(&value[..end - at]);
}

/// What the 64-bit entry of a table in the image points at.
fn entry_offset(image: &[u8], table: u64, bytes: &mut Bytes<'_>) -> u64 {
    let at = (table + bytes.number() % 4 * 8) as usize;
    let entry = image.get(at..at + 8).and_then(|entry| entry.try_into().ok()).map_or(0, u64::from_be_bytes);
    entry & 0x00ff_ffff_ffff_fe00
}

/// What lies below an image that names a backing file.
struct Below;

impl Backing for Below {
    fn size(&self) -> u64 {
        100_000
    }

    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        assert!(offset + buf.len() as u64 <= 100_000, "reads stay inside of the backing disk");
        buf.iter_mut().zip(offset..).for_each(|(byte, at)| *byte = (at / 512) as u8 | 1);
        Ok(())
    }
}

fn below(file: &mut MemoryFile) -> Option<Box<dyn Backing>> {
    Header::read(file).ok()?.backing.map(|_| Box::new(Below) as Box<dyn Backing>)
}

fn use_image(image: Vec<u8>, mut bytes: Bytes<'_>) {
    let limit = image.len() as u64 + ROOM;
    let mut file = MemoryFile::with_limit(image, limit);
    let backing = below(&mut file);
    let Ok(mut reader) = Qcow2::open_read_only(file.clone(), backing) else {
        let backing = below(&mut file);
        assert!(Qcow2::open(file, backing).is_err(), "what can't be read can't be written");
        return;
    };
    let report = reader.check();
    read_all_ways(&mut reader, &mut bytes);
    let backing = below(&mut file);
    if let Ok(disk) = Qcow2::open(file, backing) {
        let sound = report.is_ok_and(|report| report.corruptions == 0);
        let mut file = change(disk, &mut bytes, sound);
        let backing = below(&mut file);
        let mut reader = Qcow2::open_read_only(file, backing).expect("it could be opened before");
        if sound {
            assert_eq!(reader.check().expect("it could be checked before").corruptions, 0);
        }
    }
}

/// Counts bytes, and fails when there are more than anybody wants to wait for.
struct Counter(u64);

impl Sink for Counter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BlockError> {
        self.0 += bytes.len() as u64;
        if self.0 > ROOM { Err(BlockError::NoSpace) } else { Ok(()) }
    }

    fn write_zeros(&mut self, _: u64) -> Result<(), BlockError> {
        Ok(())
    }
}

fn read_all_ways(disk: &mut Qcow2<MemoryFile>, bytes: &mut Bytes<'_>) {
    let size = Disk::size(disk);
    for _ in 0..bytes.byte() % 4 {
        let (offset, len) = range(size, bytes);
        let _ = Disk::read(disk, offset, &mut vec![0; len]);
        let _ = disk.source(offset);
    }
    let _ = disk.allocated_bytes();
    // An export reads everything and packs it, which is slow: not every time.
    if size <= MODEL_SIZE && bytes.byte().is_multiple_of(8) {
        let _ = export_raw(disk, &mut Counter(0));
        let packing = if bytes.byte() & 1 == 0 { ClusterPacking::Deflate(1) } else { ClusterPacking::Zstd };
        let options = ExportOptions { packing: Some(packing), ..ExportOptions::default() };
        if let Ok(plan) = ExportPlan::new(disk, options) {
            let _ = plan.write(disk, &mut Counter(0));
        }
    }
}

/// A range of at most 64 KiB, often near the disk's beginning or end.
fn range(size: u64, bytes: &mut Bytes<'_>) -> (u64, usize) {
    let at = match bytes.byte() % 3 {
        0 => bytes.number() % 262_144,
        1 => size.saturating_sub(bytes.number() % 70_000),
        _ => bytes.number() << (bytes.byte() % 32),
    };
    let at = if size == 0 { 0 } else { at % size };
    (at, (bytes.number() % 65_536).min(size - at) as usize)
}

/// Changes the disk. As long as nothing fails, a sound image has to behave like an array.
fn change(mut disk: Qcow2<MemoryFile>, bytes: &mut Bytes<'_>, sound: bool) -> MemoryFile {
    let mut model = sound.then(|| whole(&mut disk)).flatten();
    for _ in 0..bytes.byte() % 16 {
        let done = step(&mut disk, bytes, model.as_mut());
        if done.is_err() {
            model = None;
        }
    }
    if let (Some(model), Some(found)) = (&model, whole(&mut disk)) {
        assert!(found == *model, "the disk holds something else than what was written");
    }
    let _ = disk.flush();
    let _ = disk.flush();
    disk.into_file()
}

fn whole(disk: &mut Qcow2<MemoryFile>) -> Option<Vec<u8>> {
    let size = Disk::size(disk);
    let mut bytes = vec![0; size.min(MODEL_SIZE) as usize];
    (size <= MODEL_SIZE && Disk::read(disk, 0, &mut bytes).is_ok()).then_some(bytes)
}

fn step(disk: &mut Qcow2<MemoryFile>, bytes: &mut Bytes<'_>, model: Option<&mut Vec<u8>>) -> Result<(), qcow2::Error> {
    let size = Disk::size(disk);
    let (at, len) = range(size, bytes);
    match bytes.byte() % 8 {
        0..=2 => {
            let value = bytes.byte();
            disk.write(at, &vec![value; len])?;
            if let Some(model) = model {
                model[at as usize..][..len].fill(value);
            }
        }
        3 => {
            disk.write_zeros(at, len as u64)?;
            if let Some(model) = model {
                model[at as usize..][..len].fill(0);
            }
        }
        4 => {
            disk.discard(at, len as u64)?;
            if let Some(model) = model {
                // What a discard does is not known to the byte; it has to be one of two things.
                let found = whole(disk).ok_or(qcow2::Error::Cancelled)?;
                assert!(found.iter().zip(&*model).all(|(new, old)| new == old || *new == 0));
                *model = found;
            }
        }
        5 => disk.flush()?,
        6 => {
            let size = size.saturating_add(bytes.number() % 100 * 512);
            disk.grow(size)?;
            if let Some(model) = model {
                model.resize(size as usize, 0);
            }
        }
        _ => drop(disk.repair_leaks()?),
    }
    Ok(())
}
