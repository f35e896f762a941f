//! What disks, snapshots and everything else take up.

use crate::bridge::{log, problem};
use crate::disks::locks::Structure;
use crate::disks::opfs::Directory;
use crate::disks::warm::{self, Shown};
use crate::disks::{layers, records};
use crate::share::access;
use ::layers::{Graph, Record};
use protocol::{
    DiskOrder, Disks, InstanceId, Inventory, JobId, LayerId, Point, Problem, ProblemCode, Removable, SnapshotInfo,
    StorageItem, StorageKind, StorageReport, Subject,
};
use std::collections::{BTreeMap, BTreeSet};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{StorageEstimate, StorageManager};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = navigator, js_name = storage)]
    static STORAGE: StorageManager;
}

/// An instance's disks and snapshots.
pub async fn disks(subject: &Subject) -> Result<Disks, Problem> {
    let right = Structure::take().await?;
    let id = &subject.instance.id;
    let directory = records::directory(id).await?;
    let Some(stored) = records::load(&right, &directory).await? else {
        let system_size = subject.image.disk_bytes;
        return Ok(Disks { system_size, ..Disks::default() });
    };
    let record = stored.record;
    let graph = layers::graph(&right).await?;
    let system_size = layers::header(&record.current.system).await?.size;
    let workspace_size = match &record.current.workspace {
        Some(layer) => Some(layers::header(layer).await?.size),
        None => None,
    };
    let others = readable_records(&right).await?;
    let shared: BTreeSet<LayerId> = graph.reach(others.iter().filter(|(of, _)| of != id).flat_map(|(_, of)| of.tops()));
    let own = graph.reach(record.tops());
    let memories: BTreeMap<_, _> = record.memories().map(|memory| (&memory.file, memory.bytes)).collect();
    let waiting = directory.directory(records::INBOX).await?.entries().await?.len();
    Ok(Disks {
        system_size,
        workspace_size,
        parent: record.parent.clone(),
        bytes: above(&graph, &record, &record.current, record.parent.as_ref()),
        own_bytes: graph.bytes(own.difference(&shared)) + memories.values().sum::<u64>(),
        resumes: record.memory.is_some(),
        waiting_archives: u32::try_from(waiting).unwrap_or(u32::MAX),
        snapshots: record
            .snapshots
            .iter()
            .map(|snapshot| SnapshotInfo {
                id: snapshot.id.clone(),
                name: snapshot.name.clone(),
                created: snapshot.created,
                parent: snapshot.parent.clone(),
                bytes: above(&graph, &record, &snapshot.point, snapshot.parent.as_ref()),
                memory_bytes: snapshot.memory.as_ref().map(|memory| memory.bytes),
            })
            .collect(),
    })
}

/// What a point's layers take up, without those of the snapshot before it.
fn above(graph: &Graph, record: &Record, point: &Point, before: Option<&protocol::SnapshotId>) -> u64 {
    let tops = |point: &Point| std::iter::once(point.system.clone()).chain(point.workspace.clone()).collect::<Vec<_>>();
    let before = before.and_then(|id| record.snapshot(id).ok());
    let before = before.map(|snapshot| graph.reach(&tops(&snapshot.point))).unwrap_or_default();
    graph.bytes(graph.reach(&tops(point)).difference(&before))
}

/// The records of all instances that can be read: another machine's damage is no reason to show nothing.
pub async fn readable_records(right: &Structure) -> Result<Vec<(InstanceId, Record)>, Problem> {
    let mut all = vec![];
    for id in instances().await? {
        match records::load(right, &records::directory(&id).await?).await {
            Ok(Some(stored)) => all.push((id, stored.record)),
            Ok(None) => {}
            Err(problem) => log(&problem.message),
        }
    }
    Ok(all)
}

/// The instances that have a directory.
pub async fn instances() -> Result<Vec<InstanceId>, Problem> {
    let entries = Directory::open(&["instances"]).await?.entries().await?;
    Ok(entries.into_iter().filter_map(|entry| InstanceId::try_from(entry.name).ok()).collect())
}

/// The records of all instances that have one. A damaged one is an error: what it needs is not known, so nothing may be
/// removed.
pub async fn all_records(right: &Structure) -> Result<Vec<(InstanceId, Record)>, Problem> {
    let mut all = vec![];
    for id in instances().await? {
        if let Some(stored) = records::load(right, &records::directory(&id).await?).await? {
            all.push((id, stored.record));
        }
    }
    Ok(all)
}

/// Removes a file that an export wrote.
pub async fn remove_export(job: &JobId) -> Result<(), Problem> {
    let exports = Directory::open(&["exports"]).await?;
    exports.remove(&format!("{job}.name")).await?;
    exports.remove(job.as_str()).await
}

async fn size(directory: &Directory, name: &str) -> Result<u64, Problem> {
    Ok(directory.shared(name).await?.map_or(0, |file| file.size() as u64))
}

/// What the storage is used for.
pub async fn storage(order: &DiskOrder) -> Result<StorageReport, Problem> {
    // Before the next lock: it takes those of instances.
    let shared = share_items(&order.inventory).await?;
    let right = Structure::take().await?;
    let mut graph = layers::graph(&right).await?;
    let records = readable_records(&right).await?;
    let mut items = vec![];
    // As below.
    let lost = super::tidy::leaking(&right).await.unwrap_or_default();
    for (id, bytes) in &lost {
        graph.take_off(id, *bytes);
    }
    let lost: u64 = lost.iter().map(|(_, bytes)| bytes).sum();
    for (id, record) in records.iter().filter(|(id, _)| order.inventory.known.contains(id)) {
        match order.inventory.templates.iter().find(|(holder, _)| holder == id) {
            Some((_, title)) => items.push(template_item(&graph, &records, id, title)),
            None => instance_items(&graph, id, record, &mut items),
        }
    }
    items.extend(shared);
    for Shown { name, title, bytes } in warm::list().await? {
        items.push(item(StorageKind::Warm, &title, None, bytes, Some(Removable::Warm(name))));
    }
    image_items(&graph, &records, &order.inventory, &mut items).await?;
    export_items(&mut items).await?;
    // With a record that can't be read nobody knows what is unused.
    let unused = super::tidy::unused_bytes(&right, &order.inventory).await.unwrap_or(0);
    for bytes in [unused, lost].into_iter().filter(|bytes| *bytes > 0) {
        items.push(item(StorageKind::Leftover, "", None, bytes, Some(Removable::Leftovers)));
    }
    let unlisted = super::tidy::unlisted_bytes(&right, &order.inventory).await.unwrap_or(0);
    if unlisted > 0 {
        items.push(item(StorageKind::Leftover, "Machines that are missing in the list", None, unlisted, None));
    }
    let (usage, quota) = estimate().await?;
    let known: u64 = items.iter().map(|item| item.bytes).sum();
    if usage > known {
        items.push(item(StorageKind::Other, "", None, usage - known, None));
    }
    Ok(StorageReport { usage, quota, items })
}

/// What the browser counts as used, and what it would let us use, in bytes.
pub async fn estimate() -> Result<(u64, u64), Problem> {
    let failed = |error| problem(ProblemCode::Internal, "The browser did not say how much storage is used", &error);
    let promise = STORAGE.with(StorageManager::estimate).map_err(failed)?;
    let estimate: StorageEstimate = JsFuture::from(promise).await.map_err(failed)?.unchecked_into();
    Ok((estimate.get_usage().unwrap_or(0.0) as u64, estimate.get_quota().unwrap_or(0.0) as u64))
}

fn item(
    kind: StorageKind,
    title: &str,
    instance: Option<&InstanceId>,
    bytes: u64,
    removable: Option<Removable>,
) -> StorageItem {
    StorageItem { kind, title: title.to_owned(), instance: instance.cloned(), bytes, removable }
}

/// A template's disks, as far as nothing else lies on them: the rest is counted there.
fn template_item(graph: &Graph, records: &[(InstanceId, Record)], holder: &InstanceId, title: &str) -> StorageItem {
    let (own, others): (Vec<_>, Vec<_>) = records.iter().partition(|(id, _)| id == holder);
    let reach = |records: &[&(InstanceId, Record)]| graph.reach(records.iter().flat_map(|(_, record)| record.tops()));
    let bytes = graph.bytes(reach(&own).difference(&reach(&others)));
    item(StorageKind::Template, title, None, bytes, None)
}

/// An instance's present disks, its snapshots and saved memories. A layer that several share counts once, for the oldest.
fn instance_items(graph: &Graph, id: &InstanceId, record: &Record, items: &mut Vec<StorageItem>) {
    let mut counted = BTreeSet::new();
    let mut own = |tops: &[&LayerId]| {
        let reached = graph.reach(tops.iter().copied());
        let bytes = graph.bytes(reached.difference(&counted));
        counted.extend(reached);
        bytes
    };
    for snapshot in &record.snapshots {
        let tops: Vec<_> = std::iter::once(&snapshot.point.system).chain(&snapshot.point.workspace).collect();
        let removable = Some(Removable::Snapshot(id.clone(), snapshot.id.clone()));
        items.push(item(StorageKind::Snapshot, &snapshot.name, Some(id), own(&tops), removable));
    }
    items.push(item(StorageKind::Disk, "", Some(id), own(&[&record.current.system]), None));
    if let Some(layer) = &record.current.workspace {
        items.push(item(StorageKind::Workspace, "", Some(id), own(&[layer]), None));
    }
    memory_items(id, record, items);
}

/// An instance's saved memories. One that only a snapshot has goes with that snapshot.
fn memory_items(id: &InstanceId, record: &Record, items: &mut Vec<StorageItem>) {
    let uses = |file: &str| record.memories().filter(|memory| memory.file == file).count();
    let mut counted = BTreeSet::new();
    for snapshot in &record.snapshots {
        let Some(memory) = &snapshot.memory else { continue };
        if counted.insert(&memory.file) {
            let alone = uses(&memory.file) == 1;
            let removable = alone.then(|| Removable::Snapshot(id.clone(), snapshot.id.clone()));
            items.push(item(StorageKind::Memory, &snapshot.name, Some(id), memory.bytes, removable));
        }
    }
    if let Some(memory) = record.memory.as_ref().filter(|memory| !counted.contains(&memory.file)) {
        items.push(item(StorageKind::Memory, "", Some(id), memory.bytes, None));
    }
}

/// What machines share with the host. Files that nobody can look at just now are not counted.
async fn share_items(inventory: &Inventory) -> Result<Vec<StorageItem>, Problem> {
    let mut items = vec![];
    for id in instances().await?.iter().filter(|id| inventory.known.contains(id)) {
        let bytes = access::used(id).await.unwrap_or(0);
        if bytes > 0 {
            items.push(item(StorageKind::Share, "", Some(id), bytes, None));
        }
    }
    Ok(items)
}

async fn image_items(
    graph: &Graph,
    records: &[(InstanceId, Record)],
    inventory: &Inventory,
    items: &mut Vec<StorageItem>,
) -> Result<(), Problem> {
    let used = graph.images(&graph.reach(records.iter().flat_map(|(_, record)| record.tops())));
    let directory = Directory::open(&["images"]).await?;
    for entry in directory.entries().await? {
        let bytes = size(&directory, &entry.name).await?;
        let packaged = inventory.images.iter().find(|(_, image)| image.name() == entry.name);
        let title = match packaged {
            Some((title, _)) => title.clone(),
            None if entry.name == inventory.workspace.name() => "Empty workspace".to_owned(),
            None if used.contains(&entry.name) => "Image of an earlier version".to_owned(),
            None => continue,
        };
        items.push(item(StorageKind::Image, &title, None, bytes, None));
    }
    Ok(())
}

async fn export_items(items: &mut Vec<StorageItem>) -> Result<(), Problem> {
    let directory = Directory::open(&["exports"]).await?;
    for entry in directory.entries().await? {
        let Ok(job) = JobId::try_from(entry.name.clone()) else { continue };
        let title = match directory.shared(&format!("{job}.name")).await? {
            Some(name) => {
                let text = JsFuture::from(name.text()).await;
                text.ok().and_then(|text| text.as_string()).unwrap_or_default()
            }
            None => String::new(),
        };
        let bytes = size(&directory, &entry.name).await?;
        items.push(item(StorageKind::Export, &title, None, bytes, Some(Removable::Export(job))));
    }
    Ok(())
}
