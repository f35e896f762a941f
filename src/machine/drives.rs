//! A machine's disks while it runs: opened from the instance's record, and frozen under it.

use super::disk::{DiskTrouble, GuestDisk};
use crate::disks::locks::{Lock, Structure};
use crate::disks::opfs::{Directory, SharedFile};
use crate::disks::{disk_problem, images, layers, records};
use ::layers::saved::{self, Saved};
use ::layers::slots::Stored;
use ::layers::{Memory, Record};
use block::{BlockError, BlockFile, Disk};
use futures_util::{TryFutureExt, try_join};
use js_sys::{ArrayBuffer, Uint8Array};
use protocol::{ImageFile, LayerId, MachineSpec, MemoryMib, NewSnapshot, Point, Problem, ProblemCode};
use qcow2::{BackingFormat, BackingRef};
use std::cell::RefCell;

/// A machine's disks, locked for it as long as it runs.
pub struct Drives {
    lock: RefCell<Option<Lock>>,
    directory: Directory,
    images: Vec<ImageFile>,
    /// The saved memory that fits the disks as they were opened.
    memory: Option<Memory>,
    /// The first disk.
    pub system: GuestDisk,
    /// The second one, if there is one.
    pub workspace: Option<GuestDisk>,
}

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
    /// v86's state.
    pub state: ArrayBuffer,
}

async fn open_disk(id: &LayerId, images: &[ImageFile]) -> Result<Box<dyn Disk>, Problem> {
    Ok(Box::new(layers::open(id, images).await?))
}

/// The first layer of a new machine's disk, an overlay on its template's image.
///
/// It lies for ever on the very image that it was made on, which its header names by SHA-256: a newer template does not
/// move it, because its clusters make sense only there.
async fn make(right: &Structure, directory: &Directory, image: &ImageFile) -> Result<Stored, Problem> {
    let layer = layers::fresh();
    let backing = BackingRef { name: images::image_name(image), format: Some(BackingFormat::Qcow2) };
    layers::create(&layer, image.disk_bytes, Some(backing)).await?;
    records::store(right, directory, None, Record::new(layer)).await
}

impl Drives {
    /// Opens the machine's disks, which are made first if it has never run. `trouble` is told what goes wrong with them.
    pub async fn open(spec: &MachineSpec, trouble: impl Fn(DiskTrouble) + Clone + 'static) -> Result<Self, Problem> {
        let named = |problem: Problem| Problem { message: format!("{}: {}", spec.name, problem.message), ..problem };
        let (lock, directory) = try_join!(Lock::instance(&spec.id), records::directory(&spec.id))?;
        let images = vec![spec.image.clone()];
        let open = async {
            let right = Structure::take().await?;
            let stored = match records::load(&right, &directory).await? {
                Some(stored) => stored,
                None => make(&right, &directory, &spec.image).await?,
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
            Ok((stored.record.memory, system, workspace))
        };
        let (memory, system, workspace) = open.map_err(named).await?;
        Ok(Self {
            lock: RefCell::new(Some(lock)),
            directory,
            images,
            memory,
            system: GuestDisk::new(system, trouble.clone()),
            workspace: workspace.map(|disk| GuestDisk::new(disk, trouble)),
        })
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
        let Some(memory) = &self.memory else { return Ok(None) };
        let damaged = |what: String| {
            Problem::new(ProblemCode::DiskDamaged, format!("The machine can’t go on from where it was: {what}."))
        };
        let file = self.directory.shared(&memory.file).await?;
        let file = file.ok_or_else(|| damaged("the saved memory is not there".to_owned()))?;
        let mut shared = SharedFile::new(file)?;
        let failed = |error| disk_problem("The saved memory can’t be read", &error);
        let len = shared.len().map_err(failed)?;
        let mut start = vec![0; len.min(256) as usize];
        shared.read_at(0, &mut start).map_err(failed)?;
        let Saved { serial, shell, share, state } =
            saved::find(&start, len).map_err(|error| damaged(error.to_string()))?;
        let mut part = |range: std::ops::Range<u64>| {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            shared.read_at(range.start, &mut bytes).map(|()| bytes).map_err(failed)
        };
        let (serial, shell, share) = (part(serial)?, part(shell)?, part(share)?);
        Ok(Some(SavedMemory {
            memory: memory.memory,
            serial,
            shell,
            share,
            state: shared.rest(state).map_err(failed)?,
        }))
    }

    /// The disks are about to change: a memory that was saved with them fits them no longer.
    pub async fn forget_saved_memory(&self) -> Result<(), Problem> {
        if self.memory.is_none() {
            return Ok(());
        }
        let right = Structure::take().await?;
        let stored = records::existing(&right, &self.directory).await?;
        records::store(&right, &self.directory, Some(&stored), stored.record.resumed()).await.map(drop)
    }

    /// Writes a memory to be kept with the snapshot.
    pub async fn save_memory(
        &self,
        snapshot: &NewSnapshot,
        memory: MemoryMib,
        [serial, shell, share]: [&[u8]; 3],
        state: &ArrayBuffer,
    ) -> Result<Memory, Problem> {
        let name = format!("memory-{}", snapshot.id);
        let head = saved::head(serial, shell, share);
        let head = head.map_err(|error| Problem::new(ProblemCode::Internal, format!("{error}.")))?;
        let write = async {
            let mut file = self.directory.locked(&name).await?;
            let failed = |error| disk_problem("The memory could not be saved", &error);
            file.set_len(0).map_err(failed)?;
            file.write_at(0, &head).map_err(failed)?;
            file.write_js(head.len() as u64, &Uint8Array::new(state)).map_err(failed)?;
            file.flush().map_err(failed)?;
            file.len().map_err(failed)
        };
        match write.await {
            Ok(bytes) => Ok(Memory { file: name, memory, bytes }),
            Err(problem) => {
                self.directory.remove(&name).await?;
                Err(problem)
            }
        }
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
        let current = change.record.current.clone();
        records::store(&right, &self.directory, Some(&stored), change.record).await.map_err(keep)?;
        let lost = |problem| (problem, true);
        let tops = std::iter::once(&current.system).chain(&current.workspace);
        for (disk, top) in self.all().zip(tops) {
            disk.take_out();
            disk.put_in(open_disk(top, &self.images).await.map_err(lost)?);
        }
        drop(right);
        Ok(frozen)
    }
}
