//! Warm states that were made here: what a machine was right after its first boot, kept for others that are made like it.
//!
//! ```text
//!  warm/NAME/memory           a saved memory
//!  warm/NAME/system.qcow2     the layer over the image that belongs to it
//!  warm/NAME/workspace.qcow2  the same of the workspace, if there is one
//!  warm/NAME/whole.json       written last: without it the rest counts for nothing
//! ```
//!
//! NAME is a digest of all that decides what such a machine is after its boot, so a state that fits no more is never found, and in time removed as
//! the oldest. Losing one costs a boot and nothing else.

use super::images::sha256;
use super::locks::{Lock, Structure};
use super::opfs::{Directory, SharedFile};
use super::{disk_problem, layers};
use crate::bridge::log;
use crate::storage::patiently;
use ::layers::{Base, Memory, Record};
use block::BlockFile;
use js_sys::Uint8Array;
use protocol::{LayerId, MachineSpec, Point, Problem, ProblemCode};
use serde::{Deserialize, Serialize};

/// How many are kept; the oldest make room.
const KEPT_MAX: usize = 4;
/// A machine with more memory, in MiB, is not worth the time that its first boot would stand still for it.
const MEMORY_MAX: u32 = 1024;
/// A larger layer is not that of a guest that has only booted, in bytes.
const LAYER_MAX: u64 = 64 << 20;
/// How much is copied at once, in bytes.
const PIECE: usize = 1 << 20;

const WHOLE: &str = "whole.json";
const MEMORY: &str = "memory";
const SYSTEM: &str = "system.qcow2";
const WORKSPACE: &str = "workspace.qcow2";

/// What is said of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// What the machines are like, for people.
    title: String,
    /// When it was made, in milliseconds since 1970.
    made: u64,
    /// The saved memory; none if such machines are better booted.
    memory: Option<Memory>,
    /// Whether there is a workspace.
    workspace: bool,
}

/// Where the state for machines like this one is, or would be.
#[derive(Debug)]
pub struct Place {
    name: String,
    title: String,
}

/// A state that can be gone on from.
#[derive(Debug)]
pub struct Kept {
    name: String,
    directory: Directory,
    /// The saved memory.
    pub memory: Memory,
    workspace: bool,
}

async fn all() -> Result<Directory, Problem> {
    Directory::open(&["warm"]).await
}

/// The directory of this name, and what is said of it, if it is whole.
async fn whole(name: &str) -> Result<Option<(Directory, Note)>, Problem> {
    let all = all().await?;
    if !all.entries().await?.iter().any(|entry| entry.directory && entry.name == name) {
        return Ok(None);
    }
    let directory = all.directory(name).await?;
    let Some(file) = directory.shared(WHOLE).await? else { return Ok(None) };
    let bytes = SharedFile::new(file)?.rest(0).map_err(|error| disk_problem("A warm state can’t be read", &error))?;
    let note = serde_json::from_slice(&Uint8Array::new(&bytes).to_vec()).ok();
    Ok(note.map(|note| (directory, note)))
}

async fn write(directory: &Directory, name: &str, bytes: &[u8]) -> Result<(), Problem> {
    let failed = |error| disk_problem("A warm state could not be kept", &error);
    let mut file = directory.locked(name).await?;
    file.set_len(0).map_err(failed)?;
    for (index, piece) in bytes.chunks(PIECE).enumerate() {
        file.write_at((index * PIECE) as u64, piece).map_err(failed)?;
    }
    file.flush().map_err(failed)
}

async fn read(directory: &Directory, name: &str) -> Result<Vec<u8>, Problem> {
    let gone = || Problem::new(ProblemCode::DiskDamaged, format!("{name} of a warm state is not there."));
    let file = SharedFile::new(directory.shared(name).await?.ok_or_else(gone)?)?;
    let bytes = file.rest(0).map_err(|error| disk_problem("A warm state can’t be read", &error))?;
    Ok(Uint8Array::new(&bytes).to_vec())
}

async fn copy_layer(layer: &LayerId, directory: &Directory, name: &str) -> Result<(), Problem> {
    let failed = |error| disk_problem("A warm state could not be kept", &error);
    // Upon a layer of the machine's own it would change, or go, with that machine.
    if !matches!(layers::base(&layers::header(layer).await?), Base::Image(_)) {
        return Err(Problem::new(ProblemCode::Refused, "The disks were frozen before the warm state could be kept."));
    }
    let file = layers::shared(layer).await?;
    if file.len().map_err(failed)? > LAYER_MAX {
        return Err(Problem::new(
            ProblemCode::Refused,
            "The guest has written too much for its warm state to be kept.",
        ));
    }
    let bytes = file.rest(0).map_err(failed)?;
    write(directory, name, &Uint8Array::new(&bytes).to_vec()).await
}

impl Place {
    /// The place for machines like this, if theirs is to be kept.
    pub async fn of(spec: &MachineSpec) -> Result<Option<Self>, Problem> {
        let Some(key) = spec.keep_warm.as_ref().filter(|_| spec.memory.mib() <= MEMORY_MAX) else { return Ok(None) };
        let workspace = spec.workspace.as_ref().map(|(empty, bytes)| (&empty.sha256, bytes));
        let decides = format!("{key} {:?} {} {workspace:?} {}", spec.image.sha256, spec.memory.mib(), spec.cmdline);
        let name = sha256(&Uint8Array::from(decides.as_bytes()).buffer()).await?;
        let mut title = format!("{} MiB", spec.memory.mib());
        if let Some((_, bytes)) = workspace {
            let gib = bytes >> 30;
            title += &match gib << 30 == *bytes {
                true => format!(", workspace of {gib} GiB"),
                false => format!(", workspace of {} MiB", bytes >> 20),
            };
        }
        Ok(Some(Self { name, title }))
    }

    /// What is kept there; `Some(None)` says that nothing is to be kept, as such machines are better booted.
    pub async fn find(&self) -> Result<Option<Option<Kept>>, Problem> {
        let Some((directory, note)) = whole(&self.name).await? else { return Ok(None) };
        let Note { memory, workspace, .. } = note;
        Ok(Some(memory.map(|memory| Kept { name: self.name.clone(), directory, memory, workspace })))
    }

    /// Keeps a machine's state: the layers of its disks, which are closed, and what `memory` writes. Does nothing if it is there already, or
    /// another one is just being kept.
    pub async fn keep(
        &self,
        _right: &Structure,
        disks: &Point,
        memory: impl AsyncFnOnce(&Directory, String) -> Result<Memory, Problem>,
    ) -> Result<(), Problem> {
        self.put(async |directory| {
            let memory = memory(directory, MEMORY.to_owned()).await?;
            copy_layer(&disks.system, directory, SYSTEM).await?;
            if let Some(workspace) = &disks.workspace {
                copy_layer(workspace, directory, WORKSPACE).await?;
            }
            Ok((Some(memory), disks.workspace.is_some()))
        })
        .await
    }

    /// Notes that machines like this one are better booted.
    pub async fn give_up(&self) -> Result<(), Problem> {
        self.put(async |_| Ok((None, false))).await
    }

    async fn put(
        &self,
        what: impl AsyncFnOnce(&Directory) -> Result<(Option<Memory>, bool), Problem>,
    ) -> Result<(), Problem> {
        let Some(_lock) = Lock::try_take("warm").await? else { return Ok(()) };
        if whole(&self.name).await?.is_some() {
            return Ok(());
        }
        let all = all().await?;
        let directory = all.directory(&self.name).await?;
        let put = async {
            let (memory, workspace) = what(&directory).await?;
            let made = js_sys::Date::now() as u64;
            let note = Note { title: self.title.clone(), made, memory, workspace };
            let text = serde_json::to_vec(&note);
            let text = text.map_err(|error| Problem::new(ProblemCode::Internal, format!("{error}.")))?;
            write(&directory, WHOLE, &text).await
        };
        let put = put.await;
        if put.is_err() {
            all.remove(&self.name).await?;
        }
        put?;
        make_room(&all).await
    }
}

/// Removes the oldest, and what is not whole. Under the lock `warm`.
async fn make_room(all: &Directory) -> Result<(), Problem> {
    let mut kept = vec![];
    for entry in all.entries().await? {
        kept.push((whole(&entry.name).await?.map_or(0, |(_, note)| note.made), entry.name));
    }
    kept.sort_unstable();
    let old = kept.len().saturating_sub(KEPT_MAX);
    for (at, (made, name)) in kept.into_iter().enumerate() {
        if at < old || made == 0 {
            patiently(async || all.remove(&name).await).await?;
        }
    }
    Ok(())
}

impl Kept {
    /// The disks of a new machine, as the state has them. Nothing names their layers yet.
    pub async fn begin(&self, _right: &Structure) -> Result<Record, Problem> {
        let system = layers::fresh();
        layers::put(&system, &read(&self.directory, SYSTEM).await?).await?;
        let mut record = Record::new(system);
        if self.workspace {
            let workspace = layers::fresh();
            layers::put(&workspace, &read(&self.directory, WORKSPACE).await?).await?;
            record.current.workspace = Some(workspace);
        }
        Ok(record)
    }

    /// Where the memory is.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// It can't be used, so that the next machine is to make a better one.
    pub async fn discard(&self) {
        if let Err(problem) = remove(&self.name).await {
            log(&problem.message);
        }
    }
}

/// One that is kept, as the storage page shows it.
#[derive(Debug)]
pub struct Shown {
    /// By which it can be removed.
    pub name: String,
    /// What the machines are like.
    pub title: String,
    /// In bytes.
    pub bytes: u64,
}

/// All that are kept.
pub async fn list() -> Result<Vec<Shown>, Problem> {
    let mut list = vec![];
    for entry in all().await?.entries().await? {
        let Some((directory, note)) = whole(&entry.name).await? else { continue };
        let mut bytes = 0;
        for file in directory.entries().await? {
            bytes += directory.shared(&file.name).await?.map_or(0, |file| file.size() as u64);
        }
        if note.memory.is_some() {
            list.push(Shown { name: entry.name, title: note.title, bytes });
        }
    }
    Ok(list)
}

/// Removes one. Machines that have begun with it need it no more.
pub async fn remove(name: &str) -> Result<(), Problem> {
    // It comes from a page, and is no path.
    if !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let _lock = Lock::take("warm").await?;
    let all = all().await?;
    patiently(async || all.remove(name).await).await
}
