//! A machine's memory in a file: written when it is suspended or a snapshot keeps it, and read when it goes on.

use crate::disks::disk_problem;
use crate::disks::opfs::{Directory, LockedFile, SharedFile};
use crate::package;
use ::layers::Memory;
use ::layers::saved::{self, Beside, Saved};
use block::{BlockError, BlockFile};
use js_sys::{ArrayBuffer, Uint8Array};
use protocol::{MemoryMib, Problem, ProblemCode, WarmState};
use std::io::{self, Read, Write};

/// How much of a file or of a state is in this module's memory at once, in bytes.
const PIECE: u64 = 1 << 20;

/// A machine's memory as it was saved.
pub struct SavedMemory {
    /// Memory that the machine has to have.
    pub memory: MemoryMib,
    /// What the first serial port had put out.
    pub serial: Vec<u8>,
    /// What the virtio console had put out.
    pub shell: Vec<u8>,
    /// What the guest had open of the shared files; empty if there were none to open.
    pub share: Vec<u8>,
    /// Whether it had a network card.
    pub network: bool,
    /// v86's state.
    pub state: ArrayBuffer,
}

/// A machine's memory that is to be saved.
pub struct NewMemory {
    /// Memory that the machine has.
    pub memory: MemoryMib,
    /// What the first serial port and the virtio console have put out, and what the guest has open of the shared files.
    pub beside: [Vec<u8>; 3],
    /// Whether it has a network card.
    pub network: bool,
    /// v86's state.
    pub state: ArrayBuffer,
}

/// JavaScript's bytes, read piece by piece.
struct Source {
    bytes: Uint8Array,
    at: u32,
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = (self.bytes.length() - self.at).min(buf.len() as u32);
        self.bytes.subarray(self.at, self.at + count).copy_to(&mut buf[..count as usize]);
        self.at += count;
        Ok(count as usize)
    }
}

/// A file, written from an offset on. What goes wrong is kept as it is: the compressor's errors say less.
struct Sink<'a> {
    file: &'a mut LockedFile,
    at: u64,
    failed: &'a mut Option<BlockError>,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.file.write_at(self.at, bytes) {
            *self.failed = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SavedMemory {
    /// Reads what the record names.
    pub async fn load(directory: &Directory, memory: &Memory) -> Result<Self, Problem> {
        let damaged = |what: String| {
            Problem::new(ProblemCode::DiskDamaged, format!("The machine can’t go on from where it was: {what}."))
        };
        let file = directory.shared(&memory.file).await?;
        let file = file.ok_or_else(|| damaged("the saved memory is not there".to_owned()))?;
        let mut shared = SharedFile::new(file)?;
        let failed = |error| disk_problem("The saved memory can’t be read", &error);
        let len = shared.len().map_err(failed)?;
        let mut part = |range: std::ops::Range<u64>| {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            shared.read_at(range.start, &mut bytes).map(|()| bytes).map_err(failed)
        };
        let found = saved::find(&part(0..len.min(256))?, len).map_err(|error| damaged(error.to_string()))?;
        if found.crc32.is_some() {
            let pieces = (found.serial.start..len).step_by(PIECE as usize);
            let sum = saved::checksum(pieces.map(|at| part(at..len.min(at + PIECE))))?;
            found.check(sum).map_err(|error| damaged(error.to_string()))?;
        }
        let Saved { serial, shell, share, network, state, .. } = found;
        let (serial, shell, share) = (part(serial)?, part(shell)?, part(share)?);
        Ok(Self { memory: memory.memory, serial, shell, share, network, state: shared.rest(state).map_err(failed)? })
    }

    /// Reads what is packaged with a template.
    pub async fn packaged(warm: &WarmState) -> Result<Self, Problem> {
        let file = package::file(&warm.state).await?;
        let bytes = Uint8Array::new(&file);
        let len = u64::from(bytes.length());
        let part = |range: std::ops::Range<u64>| bytes.subarray(range.start as u32, range.end as u32).to_vec();
        let damaged = |error: saved::SavedError| {
            Problem::new(ProblemCode::ImageDamaged, format!("The template’s warm state can’t be used: {error}."))
        };
        let found = saved::find(&part(0..len.min(256)), len).map_err(damaged)?;
        let pieces = (found.serial.start..len).step_by(PIECE as usize);
        let sum = saved::checksum(pieces.map(|at| Ok::<_, Problem>(part(at..len.min(at + PIECE)))))?;
        found.check(sum).map_err(damaged)?;
        let Saved { serial, shell, network, state, .. } = found;
        let (serial, shell) = (part(serial), part(shell));
        Ok(Self { memory: warm.memory, serial, shell, share: vec![], network, state: file.slice(state as u32) })
    }
}

impl NewMemory {
    /// Writes it to a file of this name, durably or not at all.
    pub async fn save(&self, directory: &Directory, name: String) -> Result<Memory, Problem> {
        let write = async {
            let mut file = directory.locked(&name).await?;
            self.write(&mut file).map_err(|error| disk_problem("The memory could not be saved", &error))
        };
        match write.await {
            Ok(bytes) => Ok(Memory { file: name, memory: self.memory, bytes }),
            Err(problem) => {
                directory.remove(&name).await?;
                Err(problem)
            }
        }
    }

    fn write(&self, file: &mut LockedFile) -> Result<u64, BlockError> {
        let unwritten = |error: io::Error| BlockError::Io(error.to_string());
        let beside: Beside<'_> = self.beside.each_ref().map(|part| &part[..]);
        let blank = saved::blank(beside, self.network).map_err(unwritten)?;
        file.set_len(0)?;
        file.write_at(0, &blank)?;
        let mut failed = None;
        let sink = Sink { file, at: blank.len() as u64, failed: &mut failed };
        let line = saved::write(beside, self.network, Source { bytes: Uint8Array::new(&self.state), at: 0 }, sink);
        let line = line.map_err(|error| failed.take().unwrap_or_else(|| unwritten(error)))?;
        file.write_at(0, &line)?;
        file.flush()?;
        file.len()
    }
}
