//! Merging layers that need not be apart, giving back what a kill has lost in them, and removing what nothing refers to.
//!
//! All of it happens under the right to change the structure, so nothing else may begin meanwhile; the host page ends the
//! worker as soon as anything else is to be done. Every step leaves all disks as they were, and is done again next time.

use super::patiently;
use super::report::{self, all_records};
use crate::bridge::log;
use crate::disks::locks::{Lock, Structure, busy_instances};
use crate::disks::opfs::{self, Directory};
use crate::disks::{disk_problem, image_problem, layers, records};
use ::layers::{Graph, Merge, Record};
use block::Disk;
use protocol::{ImageFile, InstanceId, Inventory, JobId, LayerId, Problem};
use qcow2::Qcow2;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// A larger layer is not merged while its machine has to stand still for it, in bytes.
const MERGE_STANDING_MAX: u64 = 64 << 20;

/// As [`tidy`], once the workers of all machines but the running ones have let go of their disks. The browser gives locks and
/// files free at some time after it has ended a worker.
pub async fn when_ended(inventory: &Inventory, running: &[InstanceId]) -> Result<u64, Problem> {
    for id in busy_instances().await? {
        if !running.contains(&id) {
            drop(Lock::instance(&id).await?);
        }
    }
    tidy(inventory).await
}

/// Merges and removes; returns how many bytes that freed.
pub async fn tidy(inventory: &Inventory) -> Result<u64, Problem> {
    // While files are exported or imported there are layers in use that no record names.
    let Some(_no_jobs) = Lock::try_take("jobs").await? else { return Ok(0) };
    // Before the next lock: it takes those of instances.
    let jobs = Directory::open(&["jobs"]).await?;
    for entry in jobs.entries().await? {
        super::share::clean_up(&jobs.directory(&entry.name).await?).await?;
    }
    let right = Structure::take().await?;
    let repaired = repair_leaks(&right, inventory).await?;
    let before = bytes(&right).await?;
    loop {
        let graph = layers::graph(&right).await?;
        let records = all_records(&right).await?;
        let tops = tops(&graph, &records)?;
        let busy = busy_layers(&graph, &records).await?;
        match graph.merge(&tops, &busy) {
            Some(step) => merge(&right, &step, &records, &packaged(inventory)).await?,
            None => break,
        }
    }
    remove_unused(&right, inventory).await?;
    Ok(repaired + before.saturating_sub(bytes(&right).await?))
}

/// The layers in which clusters are lost, with how many bytes: those of machines that were killed. What running machines have
/// open is not looked at, and one that can't be read is left to whoever opens it.
pub async fn leaking(right: &Structure) -> Result<Vec<(LayerId, u64)>, Problem> {
    let graph = layers::graph(right).await?;
    let records = all_records(right).await?;
    let kept = graph.reach(records.iter().flat_map(|(_, record)| record.tops()));
    let busy = busy_layers(&graph, &records).await?;
    let mut leaking = vec![];
    for id in kept.difference(&busy) {
        match qcow2::leaked_bytes(layers::shared(id).await?) {
            Ok(0) => {}
            Ok(bytes) => leaking.push((id.clone(), bytes)),
            Err(error) => log(&format!("the layer {id} was not looked through: {error}")),
        }
    }
    Ok(leaking)
}

/// Gives back clusters that a kill has lost; returns how many bytes that were. It can be cut short at any moment, like a
/// flush: only counts of what nothing refers to change.
async fn repair_leaks(right: &Structure, inventory: &Inventory) -> Result<u64, Problem> {
    let packaged = packaged(inventory);
    let mut repaired = 0;
    for (id, bytes) in leaking(right).await? {
        let mut image = patiently(async || layers::open(&id, &packaged).await).await?;
        match image.repair_leaks() {
            Ok(_) => repaired += bytes,
            Err(error) => log(&format!("the layer {id} was not repaired: {error}")),
        }
    }
    Ok(repaired)
}

/// Merges what the checkpoints of a running machine have left apart. The machine stands still, and has closed its disks.
pub async fn merge_below(right: &Structure, of: &InstanceId, packaged: &[ImageFile]) -> Result<(), Problem> {
    // As for all tidying up; the next checkpoint sees to it.
    let Some(_no_jobs) = Lock::try_take("jobs").await? else { return Ok(()) };
    let mut large = BTreeSet::new();
    loop {
        let graph = layers::graph(right).await?;
        let records = all_records(right).await?;
        let tops = tops(&graph, &records)?;
        let (own, others): (Vec<_>, Vec<_>) = records.iter().cloned().partition(|(id, _)| id == of);
        let own = graph.reach(own.iter().flat_map(|(_, record)| record.tops()));
        let mut busy = busy_layers(&graph, &others).await?;
        busy.extend(graph.garbage(&own));
        busy.extend(large.iter().cloned());
        let Some(step) = graph.merge(&tops, &busy) else { return Ok(()) };
        if graph.get(&step.layer).is_some_and(|layer| layer.bytes > MERGE_STANDING_MAX) {
            large.insert(step.layer);
        } else {
            merge(right, &step, &records, packaged).await?;
        }
    }
}

async fn bytes(right: &Structure) -> Result<u64, Problem> {
    let graph = layers::graph(right).await?;
    Ok(graph.bytes(&graph.garbage(&BTreeSet::new())))
}

/// The topmost layers of all disks; an error unless all is known that they lie on.
fn tops(graph: &Graph, records: &[(InstanceId, Record)]) -> Result<BTreeSet<LayerId>, Problem> {
    let tops: BTreeSet<LayerId> = records.iter().flat_map(|(_, record)| record.tops()).cloned().collect();
    layers::all_known(graph, &tops)?;
    Ok(tops)
}

/// The layers that running machines read and write.
async fn busy_layers(graph: &Graph, records: &[(InstanceId, Record)]) -> Result<BTreeSet<LayerId>, Problem> {
    let busy = busy_instances().await?;
    let current = records.iter().filter(|(id, _)| busy.contains(id)).map(|(_, record)| &record.current);
    Ok(graph.reach(current.flat_map(|point| std::iter::once(&point.system).chain(&point.workspace))))
}

async fn merge(
    right: &Structure,
    step: &Merge,
    records: &[(InstanceId, Record)],
    packaged: &[ImageFile],
) -> Result<(), Problem> {
    let failed = |error| image_problem("Two layers of a disk could not be merged", &error);
    let mut into = patiently(async || layers::open(&step.into, packaged).await).await?;
    let layer = layers::shared(&step.layer).await?;
    qcow2::merge_down(layer, &mut into, &mut |_, _| ControlFlow::Continue(())).map_err(failed)?;
    into.flush().map_err(|error| disk_problem("Two layers of a disk could not be merged", &error))?;
    drop(into);
    for child in &step.children {
        let below = layers::below(&layers::header(child).await?, packaged).await?;
        let directory = layers::directory().await?;
        let file = patiently(async || directory.locked(&layers::file_name(child)).await).await?;
        let mut image = Qcow2::open(file, below).map_err(failed)?;
        image.set_backing(&layers::backing_on(&step.into)).map_err(failed)?;
        image.close().map_err(|error| failed(error.into()))?;
    }
    for (id, record) in records.iter().filter(|(_, record)| record.tops().any(|top| *top == step.layer)) {
        let directory = records::directory(id).await?;
        let stored = records::existing(right, &directory).await?;
        let record = record.replaced(&step.layer, &step.into);
        records::store(right, &directory, Some(&stored), record).await?;
    }
    patiently(async || layers::remove(&step.layer).await).await
}

fn packaged(inventory: &Inventory) -> Vec<protocol::ImageFile> {
    let workspace = std::iter::once(inventory.workspace.clone());
    inventory.images.iter().map(|(_, image)| image.clone()).chain(workspace).collect()
}

/// A file that nothing refers to.
struct Unused {
    directory: Directory,
    name: String,
    bytes: u64,
}

/// Everything that no instance needs: layers, memories and images that no record reaches.
async fn unused(right: &Structure, inventory: &Inventory) -> Result<Vec<Unused>, Problem> {
    let mut unused = vec![];
    let graph = layers::graph(right).await?;
    let records = all_records(right).await?;
    let kept = graph.reach(&tops(&graph, &records)?);
    let directory = layers::directory().await?;
    for id in graph.garbage(&kept) {
        let bytes = graph.get(&id).map_or(0, |layer| layer.bytes);
        unused.push(Unused { directory: directory.clone(), name: layers::file_name(&id), bytes });
    }
    // A running machine writes a memory before its record names it.
    let busy = busy_instances().await?;
    for (id, record) in records.iter().filter(|(id, _)| !busy.contains(id)) {
        let directory = records::directory(id).await?;
        let memories: BTreeSet<_> = record.memories().map(|memory| &memory.file).collect();
        for entry in directory.entries().await? {
            if entry.name.starts_with("memory-") && !memories.contains(&entry.name) {
                unused.push(file(&directory, entry.name).await?);
            }
        }
    }
    let images = Directory::open(&["images"]).await?;
    let mut needed = graph.images(&kept);
    needed.extend(packaged(inventory).iter().map(ImageFile::name));
    for entry in images.entries().await? {
        // One that ends so is just being put in place.
        if !needed.contains(&entry.name) && !entry.name.ends_with(".part") {
            unused.push(file(&images, entry.name).await?);
        }
    }
    Ok(unused)
}

async fn file(directory: &Directory, name: String) -> Result<Unused, Problem> {
    let bytes = directory.shared(&name).await?.map_or(0, |file| file.size() as u64);
    Ok(Unused { directory: directory.clone(), name, bytes })
}

async fn remove_unused(right: &Structure, inventory: &Inventory) -> Result<(), Problem> {
    for Unused { directory, name, .. } in unused(right, inventory).await? {
        patiently(async || directory.remove(&name).await).await?;
    }
    // What is left of machines that were deleted while something of theirs was still open: without a record, and in no list.
    let busy = busy_instances().await?;
    for id in report::instances().await? {
        let known = inventory.known.contains(&id) || busy.contains(&id);
        if !known && records::load(right, &records::directory(&id).await?).await?.is_none() {
            patiently(async || opfs::remove_instance(&id).await).await?;
        }
    }
    // Work that was cut short by the browser's end: none goes on now.
    let jobs = Directory::open(&["jobs"]).await?;
    for entry in jobs.entries().await? {
        patiently(async || jobs.remove(&entry.name).await).await?;
    }
    Ok(())
}

/// What files that nothing refers to take up, in bytes.
pub async fn unused_bytes(right: &Structure, inventory: &Inventory) -> Result<u64, Problem> {
    Ok(unused(right, inventory).await?.iter().map(|file| file.bytes).sum())
}

/// What instances that are in no list take up by themselves, in bytes. They are never removed: a list can be lost, and what it
/// named is worth more than the room.
pub async fn unlisted_bytes(right: &Structure, inventory: &Inventory) -> Result<u64, Problem> {
    let graph = layers::graph(right).await?;
    let records = all_records(right).await?;
    let (known, unknown): (Vec<_>, Vec<_>) = records.iter().partition(|(id, _)| inventory.known.contains(id));
    let kept = graph.reach(known.iter().flat_map(|(_, record)| record.tops()));
    let unlisted = graph.reach(unknown.iter().flat_map(|(_, record)| record.tops()));
    Ok(graph.bytes(unlisted.difference(&kept)))
}

/// Removes what a job that was cut short has made so far, once its worker has ended.
pub async fn discard(job: &JobId) -> Result<(), Problem> {
    let _ended = Lock::job(job).await?;
    let jobs = Directory::open(&["jobs"]).await?;
    super::share::clean_up(&jobs.directory(job.as_str()).await?).await?;
    patiently(async || jobs.remove(job.as_str()).await).await
}
