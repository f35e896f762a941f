//! A machine's disks while it runs: opened from the instance's record, and frozen under it.

use super::disk::{DiskTrouble, GuestDisk};
use super::memory::{NewMemory, SavedMemory};
use crate::bridge::log;
use crate::disks::images::base_image;
use crate::disks::locks::{Lock, Structure};
use crate::disks::opfs::Directory;
use crate::disks::warm::{Kept, Place};
use crate::disks::{layers, records};
use crate::package;
use crate::storage::{merge_below, patiently};
use ::layers::slots::Stored;
use ::layers::{Change, Memory, Record};
use block::{BlockError, Disk};
use futures_util::{TryFutureExt, try_join};
use js_sys::Uint8Array;
use protocol::{
    CheckpointUse, ImageFile, InstanceId, LayerId, MachineSpec, NewSnapshot, Point, Problem, ProblemCode, WarmState,
};
use qcow2::{BackingFormat, BackingRef};
use std::cell::RefCell;

/// A machine's disks, locked for it as long as it runs.
pub struct Drives {
    lock: RefCell<Option<Lock>>,
    directory: Directory,
    images: Vec<ImageFile>,
    /// The saved memory that fits the disks as they were opened.
    memory: Option<Memory>,
    /// What the disks are like, if they are new.
    pub warmth: Warmth,
    /// Where the state that the machine boots to is to be kept, if it is.
    pub place: Option<Place>,
    /// The first disk.
    pub system: GuestDisk,
    /// The second one, if there is one.
    pub workspace: Option<GuestDisk>,
}

/// What a machine's new disks are like.
#[derive(Debug)]
pub enum Warmth {
    /// As nobody has used them; or they are not new.
    Cold,
    /// As the packaged warm state has them.
    Packaged(WarmState),
    /// As a state has them that was kept of another machine's first boot.
    Kept(Kept),
}

/// A machine's new disks.
struct New {
    record: Record,
    warmth: Warmth,
    place: Option<Place>,
}

/// A layer that was just being tidied up is soon free: the browser gives a file free at some time after it has ended the worker.
async fn open_disk(id: &LayerId, images: &[ImageFile]) -> Result<Box<dyn Disk>, Problem> {
    Ok(Box::new(patiently(async || layers::open(id, images).await).await?))
}

/// The first layer of a new machine's disk, an overlay on its template's image, or on the disk that was saved as its template.
///
/// It lies for ever on the very image that it was made on, which its header names by SHA-256: a newer template does not
/// move it, because its clusters make sense only there.
///
/// Where the machine is to go on from a warm state, it is the one that belongs to it: what the guest had written when it was saved.
async fn make(
    right: &Structure,
    directory: &Directory,
    spec: &MachineSpec,
) -> Result<(Stored, Warmth, Option<Place>), Problem> {
    let New { mut record, warmth, place } = match &spec.base {
        Some(holder) => New { record: begin_like(right, holder).await?, warmth: Warmth::Cold, place: None },
        None => begin_on_image(right, spec).await?,
    };
    if let (Some((empty, bytes)), None) = (&spec.workspace, &record.current.workspace) {
        base_image(empty).await?;
        let layer = layers::fresh();
        let backing = BackingRef { name: empty.name(), format: Some(BackingFormat::Qcow2) };
        layers::create(&layer, *bytes, Some(backing)).await?;
        record.current.workspace = Some(layer);
    }
    let stored = records::store(right, directory, None, record).await?;
    Ok((stored, warmth, place))
}

/// A disk on the image, or as a warm state has it.
async fn begin_on_image(right: &Structure, spec: &MachineSpec) -> Result<New, Problem> {
    // Whatever is wrong with states that are kept is no reason not to boot.
    let place = Place::of(spec).await.inspect_err(|problem| log(&problem.message)).ok().flatten();
    let found = match &place {
        Some(place) => place.find().await.inspect_err(|problem| log(&problem.message)).ok().flatten(),
        None => None,
    };
    let place = place.filter(|_| found.is_none());
    if let Some(Some(kept)) = found {
        match kept.begin(right).await {
            Ok(record) => return Ok(New { record, warmth: Warmth::Kept(kept), place: None }),
            Err(problem) => {
                log(&problem.message);
                kept.discard().await;
            }
        }
    }
    let (layer, image) = (layers::fresh(), &spec.image);
    let written = match &spec.warm {
        Some(warm) => package::file(&warm.layer).await.inspect_err(|problem| log(&problem.message)).ok(),
        None => None,
    };
    match &written {
        Some(bytes) => layers::put(&layer, &Uint8Array::new(bytes).to_vec()).await?,
        None => {
            let backing = BackingRef { name: image.name(), format: Some(BackingFormat::Qcow2) };
            layers::create(&layer, image.disk_bytes, Some(backing)).await?;
        }
    }
    let warmth = spec.warm.clone().filter(|_| written.is_some()).map_or(Warmth::Cold, Warmth::Packaged);
    Ok(New { record: Record::new(layer), warmth, place })
}

/// Disks on those of a saved template.
async fn begin_like(right: &Structure, holder: &InstanceId) -> Result<Record, Problem> {
    let gone = || Problem::new(ProblemCode::DiskDamaged, "The disk of the template is not there.");
    let stored = records::load(right, &records::directory(holder).await?).await?.ok_or_else(gone)?;
    let Change { overlays, record } = Record::cloned(&stored.record.current, layers::fresh);
    layers::create_overlays(right, &overlays).await?;
    Ok(record)
}

/// Does with the checkpoint what is to be done with it at a start.
async fn begin_with(
    right: &Structure,
    directory: &Directory,
    stored: Stored,
    what: CheckpointUse,
) -> Result<Stored, Problem> {
    match (what, &stored.record.checkpoint) {
        (CheckpointUse::Keep, _) | (CheckpointUse::Drop, None) => Ok(stored),
        (CheckpointUse::Drop, Some(checkpoint)) => {
            let file = checkpoint.memory.file.clone();
            let stored = records::store(right, directory, Some(&stored), stored.record.without_checkpoint()).await?;
            remove_if_unused(directory, &stored, &file).await?;
            Ok(stored)
        }
        (CheckpointUse::GoBack, _) => {
            let change = stored.record.back_to_checkpoint(layers::fresh);
            let change = change.map_err(|error| records::record_problem(&error))?;
            layers::create_overlays(right, &change.overlays).await?;
            records::store(right, directory, Some(&stored), change.record).await
        }
    }
}

async fn remove_if_unused(directory: &Directory, stored: &Stored, file: &str) -> Result<(), Problem> {
    match stored.record.memories().any(|kept| kept.file == file) {
        true => Ok(()),
        false => directory.remove(file).await,
    }
}

impl Drives {
    /// Opens the machine's disks, which are made first if it has never run. `trouble` is told what goes wrong with them. `prepared` becomes
    /// the first one if they are as the warm state has them.
    pub async fn open(
        spec: &MachineSpec,
        prepared: Option<GuestDisk>,
        trouble: impl Fn(DiskTrouble) + Clone + 'static,
    ) -> Result<Self, Problem> {
        let named = |problem: Problem| Problem { message: format!("{}: {}", spec.name, problem.message), ..problem };
        let (lock, directory) = try_join!(Lock::instance(&spec.id), records::directory(&spec.id))?;
        let images: Vec<_> =
            std::iter::once(&spec.image).chain(spec.workspace.as_ref().map(|(empty, _)| empty)).cloned().collect();
        let open = async {
            let right = Structure::take().await?;
            let (stored, warmth, place) = match records::load(&right, &directory).await? {
                Some(stored) => (begin_with(&right, &directory, stored, spec.checkpoint).await?, Warmth::Cold, None),
                None => make(&right, &directory, spec).await?,
            };
            let Point { system, workspace } = &stored.record.current;
            let workspace = async {
                match workspace {
                    Some(id) => open_disk(id, &images).await.map(Some),
                    None => Ok(None),
                }
            };
            let (system, workspace) = try_join!(open_disk(system, &images), workspace)?;
            // Only now may layers be merged again: what is open counts as in use.
            drop(right);
            Ok((stored.record.memory, warmth, place, system, workspace))
        };
        let (memory, warmth, place, system, workspace) = open.map_err(named).await?;
        let system = match prepared.filter(|_| matches!(warmth, Warmth::Packaged(_))) {
            Some(prepared) => {
                prepared.put_in(system);
                prepared
            }
            None => GuestDisk::new(system, trouble.clone()),
        };
        Ok(Self {
            lock: RefCell::new(Some(lock)),
            directory,
            images,
            memory,
            warmth,
            place,
            system,
            workspace: workspace.map(|disk| GuestDisk::new(disk, trouble)),
        })
    }

    /// The disks are new, and as a warm state has them.
    pub fn is_warm(&self) -> bool {
        !matches!(self.warmth, Warmth::Cold)
    }

    /// Keeps the machine's state for others that are made like it. The disks as in [`Self::freeze`].
    pub async fn keep_warm(&self, memory: &NewMemory) -> Result<(), (Problem, bool)> {
        let keep = |problem| (problem, false);
        let Some(place) = &self.place else { return Ok(()) };
        let right = Structure::take().await.map_err(keep)?;
        let stored = records::existing(&right, &self.directory).await.map_err(keep)?;
        self.all().for_each(GuestDisk::take_out);
        let current = &stored.record.current;
        let kept = place.keep(&right, current, async |directory, name| memory.save(directory, name).await).await;
        self.go_on_upon(current).await.map_err(|problem| (problem, true))?;
        kept.map_err(keep)
    }

    /// Where archives wait to be unpacked into the workspace.
    pub async fn inbox(&self) -> Result<Directory, Problem> {
        self.directory.directory(records::INBOX).await
    }

    /// All disks.
    pub fn all(&self) -> impl Iterator<Item = &GuestDisk> {
        std::iter::once(&self.system).chain(&self.workspace)
    }

    /// Makes everything that was written durable; the first failure is told.
    pub fn retry(&self) -> Result<(), BlockError> {
        self.all().try_for_each(GuestDisk::retry)
    }

    /// Makes everything durable and gives the files free, whatever goes wrong; the first failure is told.
    pub fn close(&self) -> Result<(), BlockError> {
        let results: Vec<_> = self.all().map(GuestDisk::close).collect();
        self.lock.borrow_mut().take();
        results.into_iter().collect()
    }

    /// The saved memory from which the machine is to go on, if there is one.
    pub async fn saved_memory(&self) -> Result<Option<SavedMemory>, Problem> {
        match &self.memory {
            Some(memory) => SavedMemory::load(&self.directory, memory).await.map(Some),
            None => Ok(None),
        }
    }

    /// The disks are about to change: a memory that was saved with them fits them no longer.
    pub async fn forget_saved_memory(&self) -> Result<(), Problem> {
        let Some(memory) = &self.memory else { return Ok(()) };
        let right = Structure::take().await?;
        let stored = records::existing(&right, &self.directory).await?;
        let stored = records::store(&right, &self.directory, Some(&stored), stored.record.resumed()).await?;
        remove_if_unused(&self.directory, &stored, &memory.file).await
    }

    /// Writes a memory to be kept with the snapshot.
    pub async fn save_with(&self, snapshot: &NewSnapshot, memory: &NewMemory) -> Result<Memory, Problem> {
        memory.save(&self.directory, format!("memory-{}", snapshot.id)).await
    }

    /// Writes a memory with which the machine goes on at its next start. The disks must be durable, and must not change any more.
    pub async fn suspend(&self, boot: u32, memory: &NewMemory) -> Result<(), Problem> {
        let saved = memory.save(&self.directory, format!("memory-suspended-{boot}")).await?;
        let right = Structure::take().await?;
        let stored = records::existing(&right, &self.directory).await?;
        records::store(&right, &self.directory, Some(&stored), stored.record.suspended(saved)).await.map(drop)
    }

    /// Freezes the disks, which must be durable and must not be used meanwhile. On failure they are as they were, or, where
    /// even that can't be, closed: that is what the flag beside the problem says.
    pub async fn freeze(
        &self,
        snapshot: Option<NewSnapshot>,
        memory: Option<Memory>,
    ) -> Result<Point, (Problem, bool)> {
        let keep = |problem| (problem, false);
        let right = Structure::take().await.map_err(keep)?;
        // Read anew: snapshots may have been renamed or deleted while the machine ran.
        let stored = records::existing(&right, &self.directory).await.map_err(keep)?;
        let frozen = stored.record.current.clone();
        let change = stored.record.freeze(snapshot, memory, layers::fresh);
        let change = change.map_err(|error| keep(records::record_problem(&error)))?;
        layers::create_overlays(&right, &change.overlays).await.map_err(keep)?;
        let stored = records::store(&right, &self.directory, Some(&stored), change.record).await.map_err(keep)?;
        self.all().for_each(GuestDisk::take_out);
        self.go_on_upon(&stored.record.current).await.map_err(|problem| (problem, true))?;
        drop(right);
        Ok(frozen)
    }

    /// Writes a memory to which the machine can go back, with its disks as they are now, in place of the one before; and merges what
    /// that one kept apart. The disks as in [`Self::freeze`]. Returns the memory's size in bytes.
    pub async fn checkpoint(&self, id: &InstanceId, at: u64, memory: &NewMemory) -> Result<u64, (Problem, bool)> {
        let keep = |problem| (problem, false);
        let saved = memory.save(&self.directory, format!("memory-checkpoint-{at}")).await.map_err(keep)?;
        let bytes = saved.bytes;
        let right = Structure::take().await.map_err(keep)?;
        let stored = records::existing(&right, &self.directory).await.map_err(keep)?;
        let change = stored.record.check_point(saved, at, layers::fresh);
        layers::create_overlays(&right, &change.overlays).await.map_err(keep)?;
        let before = stored.record.checkpoint.as_ref().map(|before| before.memory.file.clone());
        let stored = records::store(&right, &self.directory, Some(&stored), change.record).await.map_err(keep)?;
        self.all().for_each(GuestDisk::take_out);
        // What can't be merged or removed now is when the machine has ended.
        if let Err(problem) = merge_below(&right, id, &self.images).await {
            log(&problem.message);
        }
        self.go_on_upon(&stored.record.current).await.map_err(|problem| (problem, true))?;
        if let Some(file) = before
            && let Err(problem) = remove_if_unused(&self.directory, &stored, &file).await
        {
            log(&problem.message);
        }
        drop(right);
        Ok(bytes)
    }

    async fn go_on_upon(&self, current: &Point) -> Result<(), Problem> {
        let tops = std::iter::once(&current.system).chain(&current.workspace);
        for (disk, top) in self.all().zip(tops) {
            disk.put_in(open_disk(top, &self.images).await?);
        }
        Ok(())
    }
}
