//! An instance's record of its layers, in its two slots.

use super::disk_problem;
use super::locks::Structure;
use super::opfs::{Directory, SharedFile};
use block::BlockFile;
use futures_util::try_join;
use layers::slots::{SlotError, Stored, encode, pick};
use layers::{Record, RecordError};
use protocol::{InstanceId, Problem, ProblemCode, sentence};

/// The slots' names.
pub const SLOTS: [&str; 2] = ["disks.0", "disks.1"];
/// Where archives wait to be unpacked into the workspace, in the instance's directory.
pub const INBOX: &str = "inbox";
/// Longer than any slot that we write.
const SLOT_MAX: u64 = 4 << 20;

/// What a record that can't be changed so means to the user.
pub fn record_problem(error: &RecordError) -> Problem {
    let code = match error {
        RecordError::NoSnapshot | RecordError::NoCheckpoint => ProblemCode::NotFound,
        RecordError::TooManySnapshots => ProblemCode::Refused,
    };
    Problem::new(code, sentence(error))
}

fn slot_problem(error: &SlotError) -> Problem {
    Problem::new(ProblemCode::DiskDamaged, format!("The machine’s disks can’t be opened: {error}."))
}

/// The directory of an instance's own files.
pub async fn directory(id: &InstanceId) -> Result<Directory, Problem> {
    Directory::open(&["instances", id.as_str()]).await
}

async fn slot(directory: &Directory, name: &str) -> Result<Vec<u8>, Problem> {
    let Some(file) = directory.shared(name).await? else { return Ok(vec![]) };
    let mut file = SharedFile::new(file)?;
    let failed = |error| disk_problem("The list of the machine’s layers can’t be read", &error);
    let mut bytes = vec![0; file.len().map_err(failed)?.min(SLOT_MAX) as usize];
    file.read_at(0, &mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The instance's record, or `None` if its disks have yet to be made.
pub async fn load(_right: &Structure, directory: &Directory) -> Result<Option<Stored>, Problem> {
    let [first, second] = SLOTS;
    let (first, second) = try_join!(slot(directory, first), slot(directory, second))?;
    pick([&first, &second]).map_err(|error| slot_problem(&error))
}

/// The record of an instance whose disks have been made.
pub async fn existing(right: &Structure, directory: &Directory) -> Result<Stored, Problem> {
    let none = || Problem::new(ProblemCode::NotFound, "This machine has no disks yet: start it once.");
    load(right, directory).await?.ok_or_else(none)
}

/// Stores the record after `before`, which stays until this one is durable.
pub async fn store(
    _right: &Structure,
    directory: &Directory,
    before: Option<&Stored>,
    record: Record,
) -> Result<Stored, Problem> {
    let (slot, sequence) = before.map_or((0, 1), |before| (before.next_slot, before.sequence + 1));
    let bytes = encode(&record, sequence).map_err(|error| slot_problem(&error))?;
    let failed = |error| disk_problem("The list of the machine’s layers can’t be stored", &error);
    let mut file = directory.locked(SLOTS[slot]).await?;
    file.set_len(bytes.len() as u64).map_err(failed)?;
    file.write_at(0, &bytes).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok(Stored { record, sequence, next_slot: 1 - slot })
}
