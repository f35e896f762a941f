//! A file that remembers what was done to it, so that a test can stop the world at any moment.

use super::noise;
use block::{BlockError, BlockFile, MemoryFile};
use std::cell::RefCell;
use std::rc::Rc;

/// What storage writes as a whole or not at all.
pub const SECTOR: usize = 512;

/// Something that was done to a file.
#[derive(Debug, Clone)]
pub enum Op {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Flush,
}

/// What was done, shared between the file and the test.
pub type Log = Rc<RefCell<Vec<Op>>>;

/// A file in memory that writes a log.
#[derive(Debug, Clone)]
pub struct Recorder {
    file: MemoryFile,
    pub log: Log,
}

impl Recorder {
    pub fn new(file: MemoryFile) -> Self {
        Self { file, log: Log::default() }
    }

    pub fn into_file(self) -> MemoryFile {
        self.file
    }
}

impl BlockFile for Recorder {
    fn len(&self) -> Result<u64, BlockError> {
        self.file.len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.file.read_at(offset, buf)
    }

    fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        self.log.borrow_mut().push(Op::Write(offset, data.to_vec()));
        self.file.write_at(offset, data)
    }

    fn set_len(&mut self, len: u64) -> Result<(), BlockError> {
        self.log.borrow_mut().push(Op::SetLen(len));
        self.file.set_len(len)
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        self.log.borrow_mut().push(Op::Flush);
        self.file.flush()
    }
}

/// How the world stops.
#[derive(Debug, Clone, Copy)]
pub enum Crash {
    /// The process is killed: what was done is done, and of the operation at hand a part of that many sectors.
    Kill { torn: usize },
    /// The power goes: what was flushed is there, and of the sectors written since some are (by this seed), some are not.
    PowerCut { seed: u64 },
}

/// The file as it is found after a crash in front of (or within) operation `at`.
pub fn after_crash(start: &MemoryFile, log: &[Op], at: usize, crash: Crash) -> MemoryFile {
    let mut file = start.clone();
    match crash {
        Crash::Kill { torn } => {
            log[..at].iter().for_each(|op| apply(&mut file, op));
            if let Some(Op::Write(offset, data)) = log.get(at) {
                // Up to the first, second ... border of a sector inside of the data.
                let len = (torn * SECTOR).saturating_sub(*offset as usize % SECTOR);
                if torn > 0 && len > 0 && len < data.len() {
                    file.write_at(*offset, &data[..len]).unwrap();
                }
            }
        }
        Crash::PowerCut { seed } => {
            let durable = log[..at].iter().rposition(|op| matches!(op, Op::Flush)).map_or(0, |flush| flush + 1);
            log[..durable].iter().for_each(|op| apply(&mut file, op));
            let mut coins = noise(1 << 10, seed).into_iter().cycle();
            // Some power cuts lose nearly everything, others nearly nothing.
            let odds = coins.next().unwrap();
            for op in &log[durable..at] {
                apply_in_part(&mut file, op, || coins.next().unwrap() > odds);
            }
        }
    }
    file
}

fn apply(file: &mut MemoryFile, op: &Op) {
    match op {
        Op::Write(offset, data) => file.write_at(*offset, data).unwrap(),
        Op::SetLen(len) => file.set_len(*len).unwrap(),
        Op::Flush => {}
    }
}

fn apply_in_part(file: &mut MemoryFile, op: &Op, mut survives: impl FnMut() -> bool) {
    match op {
        Op::Write(offset, data) => {
            let mut at = 0;
            while at < data.len() {
                let end = data.len().min(at + SECTOR - (*offset as usize + at) % SECTOR);
                if survives() {
                    file.write_at(offset + at as u64, &data[at..end]).unwrap();
                }
                at = end;
            }
        }
        op => {
            if survives() {
                apply(file, op);
            }
        }
    }
}
