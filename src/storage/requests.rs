//! What is done soon: snapshots, clones, sizes.

use super::{patiently, report};
use crate::disks::locks::{Lock, Structure};
use crate::disks::{image_problem, images, layers, records, warm};
use ::layers::Record;
use ::layers::slots::Stored;
use protocol::{
    DiskOrder, DiskReply, DiskRequest, ImageFile, Instance, InstanceId, NewSnapshot, Point, Problem, ProblemCode,
    Removable, SnapshotId, Subject,
};
use qcow2::{BackingFormat, BackingRef};

/// Does what is asked. `frozen` are the layers to begin from, if the instance's own worker has frozen them for it.
pub async fn answer(order: &DiskOrder, frozen: Option<Point>) -> Result<DiskReply, Problem> {
    let none = || Problem::new(ProblemCode::NotFound, "This machine does not exist any more.");
    let subject = || order.subject.as_ref().ok_or_else(none);
    match &order.request {
        DiskRequest::Show(_) => return report::disks(subject()?).await.map(DiskReply::Disks),
        DiskRequest::Storage => return report::storage(order).await.map(DiskReply::Storage),
        DiskRequest::TakeSnapshot { name, .. } => take(&subject()?.instance, new_snapshot(order, name)).await?,
        DiskRequest::RestoreSnapshot { snapshot, keep, .. } => {
            let keep = keep.as_ref().map(|name| new_snapshot(order, name));
            let memory = restore(&subject()?.instance, snapshot, keep).await?;
            return Ok(DiskReply::Restored { memory });
        }
        DiskRequest::RenameSnapshot { id, snapshot, name } => {
            change(id, |record| record.rename(snapshot, name)).await?
        }
        DiskRequest::DeleteSnapshot { id, snapshot } | DiskRequest::Free(Removable::Snapshot(id, snapshot)) => {
            change(id, |record| record.without(snapshot)).await?;
        }
        DiskRequest::Clone { snapshot, .. } => {
            let made = order.fresh.instance.clone();
            clone(&subject()?.instance, snapshot.as_ref(), frozen, &made).await?;
            return Ok(DiskReply::Instance(made));
        }
        DiskRequest::SaveTemplate { workspace, .. } => {
            let holder = order.fresh.instance.clone();
            save_template(&subject()?.instance, *workspace, &holder).await?;
            return Ok(DiskReply::Instance(holder));
        }
        DiskRequest::SetWorkspace { bytes, .. } => {
            set_workspace(subject()?, *bytes, &order.inventory.workspace).await?
        }
        DiskRequest::GrowSystem { bytes, .. } => grow_system(subject()?, *bytes).await?,
        DiskRequest::DismissJob(job) | DiskRequest::Free(Removable::Export(job)) => report::remove_export(job).await?,
        DiskRequest::Free(Removable::Warm(name)) => warm::remove(name).await?,
        DiskRequest::Share(request) => return super::share::answer(request).await,
        DiskRequest::Free(Removable::Leftovers) => super::tidy::tidy(&order.inventory).await.map(drop)?,
        DiskRequest::Export { .. } | DiskRequest::Import { .. } | DiskRequest::CancelJob(_) => {
            return Err(Problem::new(ProblemCode::Internal, "This is long work, and was not asked for as such."));
        }
    }
    Ok(DiskReply::Done)
}

fn new_snapshot(order: &DiskOrder, name: &str) -> NewSnapshot {
    NewSnapshot { id: order.fresh.snapshot.clone(), name: name.to_owned(), created: order.now, memory: false }
}

/// The right to work on a stopped instance's disks. Its worker may be just ending, or other work on them.
async fn stopped(instance: &Instance) -> Result<Lock, Problem> {
    Lock::instance(&instance.id).await
}

/// Freezes a stopped instance's disks, with a snapshot if one is given. Returns the layers that will not change any more.
pub async fn freeze(instance: &Instance, snapshot: Option<NewSnapshot>) -> Result<Point, Problem> {
    let _alone = stopped(instance).await?;
    freeze_held(&Structure::take().await?, instance, snapshot).await
}

/// As [`freeze`], for whoever does more before anything else may change.
async fn freeze_held(right: &Structure, instance: &Instance, snapshot: Option<NewSnapshot>) -> Result<Point, Problem> {
    let directory = records::directory(&instance.id).await?;
    let Stored { record, .. } = &records::existing(right, &directory).await?;
    let frozen = record.current.clone();
    freeze_record(right, instance, snapshot).await?;
    Ok(frozen)
}

async fn freeze_record(
    right: &Structure,
    instance: &Instance,
    snapshot: Option<NewSnapshot>,
) -> Result<Stored, Problem> {
    let directory = records::directory(&instance.id).await?;
    let stored = records::existing(right, &directory).await?;
    // What was saved with the disks fits the snapshot as it fits the present state.
    let memory = stored.record.memory.clone();
    let change = stored.record.freeze(snapshot, memory, layers::fresh);
    let change = change.map_err(|error| records::record_problem(&error))?;
    layers::create_overlays(right, &change.overlays).await?;
    records::store(right, &directory, Some(&stored), change.record).await
}

async fn take(instance: &Instance, snapshot: NewSnapshot) -> Result<(), Problem> {
    freeze(instance, Some(snapshot)).await.map(drop)
}

/// Goes back to a snapshot; says whether the machine has a memory to go on with.
async fn restore(instance: &Instance, to: &SnapshotId, keep: Option<NewSnapshot>) -> Result<bool, Problem> {
    let _alone = stopped(instance).await?;
    let right = Structure::take().await?;
    let directory = records::directory(&instance.id).await?;
    let mut stored = records::existing(&right, &directory).await?;
    // Before anything is made: there must be something to go back to.
    stored.record.snapshot(to).map_err(|error| records::record_problem(&error))?;
    if keep.is_some() {
        stored = freeze_record(&right, instance, keep).await?;
    }
    let change = stored.record.restore(to, layers::fresh).map_err(|error| records::record_problem(&error))?;
    layers::create_overlays(&right, &change.overlays).await?;
    let stored = records::store(&right, &directory, Some(&stored), change.record).await?;
    Ok(stored.record.memory.is_some())
}

/// Changes a record but not what the disks hold, which may be done while the machine runs.
async fn change(
    id: &InstanceId,
    work: impl FnOnce(&Record) -> Result<Record, ::layers::RecordError>,
) -> Result<(), Problem> {
    let right = Structure::take().await?;
    let directory = records::directory(id).await?;
    let stored = records::existing(&right, &directory).await?;
    let record = work(&stored.record).map_err(|error| records::record_problem(&error))?;
    records::store(&right, &directory, Some(&stored), record).await.map(drop)
}

/// The layers of a snapshot, or of the present state, which is frozen for it.
pub async fn point(
    instance: &Instance,
    snapshot: Option<&SnapshotId>,
    frozen: Option<Point>,
) -> Result<Point, Problem> {
    match (snapshot, frozen) {
        (Some(id), _) => {
            let right = Structure::take().await?;
            let stored = records::existing(&right, &records::directory(&instance.id).await?).await?;
            let snapshot = stored.record.snapshot(id).map_err(|error| records::record_problem(&error))?;
            Ok(snapshot.point.clone())
        }
        (None, Some(frozen)) => Ok(frozen),
        (None, None) => freeze(instance, None).await,
    }
}

async fn clone(
    instance: &Instance,
    snapshot: Option<&SnapshotId>,
    frozen: Option<Point>,
    made: &InstanceId,
) -> Result<(), Problem> {
    let point = point(instance, snapshot, frozen).await?;
    let right = Structure::take().await?;
    let change = Record::cloned(&point, layers::fresh);
    layers::create_overlays(&right, &change.overlays).await?;
    let directory = records::directory(made).await?;
    records::store(&right, &directory, None, change.record).await.map(drop)
}

/// Keeps a stopped instance's disks for a template: what it has now is frozen, and the holder's record names it. Nothing is copied.
async fn save_template(instance: &Instance, workspace: bool, holder: &InstanceId) -> Result<(), Problem> {
    let _alone = stopped(instance).await?;
    // Held until the record names the layers: were the machine removed in between, they would be nobody's.
    let right = Structure::take().await?;
    let point = freeze_held(&right, instance, None).await?;
    let mut record = Record::new(point.system);
    record.current.workspace = point.workspace.filter(|_| workspace);
    let directory = records::directory(holder).await?;
    records::store(&right, &directory, None, record).await.map(drop)
}

async fn set_workspace(subject: &Subject, bytes: u64, empty: &ImageFile) -> Result<(), Problem> {
    let _alone = stopped(&subject.instance).await?;
    let right = Structure::take().await?;
    let directory = records::directory(&subject.instance.id).await?;
    let stored = records::existing(&right, &directory).await?;
    boots(&subject.instance, &stored.record)?;
    if let Some(layer) = &stored.record.current.workspace {
        return grow(layer, bytes, std::slice::from_ref(empty)).await;
    }
    images::base_image(empty).await?;
    let layer = layers::fresh();
    let backing = BackingRef { name: empty.name(), format: Some(BackingFormat::Qcow2) };
    layers::create(&layer, bytes, Some(backing)).await?;
    let mut record = stored.record.clone();
    record.current.workspace = Some(layer);
    records::store(&right, &directory, Some(&stored), record).await.map(drop)
}

async fn grow_system(subject: &Subject, bytes: u64) -> Result<(), Problem> {
    let _alone = stopped(&subject.instance).await?;
    let right = Structure::take().await?;
    let directory = records::directory(&subject.instance.id).await?;
    let stored = records::existing(&right, &directory).await?;
    boots(&subject.instance, &stored.record)?;
    grow(&stored.record.current.system, bytes, std::slice::from_ref(&subject.image)).await
}

/// A saved memory knows the disks as they were: with others it would be lost.
fn boots(instance: &Instance, record: &Record) -> Result<(), Problem> {
    if record.memory.is_none() {
        return Ok(());
    }
    let message = format!("{} would go on from a saved memory, which knows its disks as they are.", instance.name);
    Err(Problem::new(ProblemCode::Refused, message))
}

async fn grow(layer: &protocol::LayerId, bytes: u64, packaged: &[ImageFile]) -> Result<(), Problem> {
    let mut disk = patiently(async || layers::open(layer, packaged).await).await?;
    let now = disk.header().size;
    if bytes <= now {
        let message = format!("The disk has {} MiB already, and a disk can’t be made smaller.", now >> 20);
        return Err(Problem::new(ProblemCode::Refused, message));
    }
    let failed = |error| image_problem("The disk could not be made bigger", &error);
    disk.grow(bytes).map_err(failed)?;
    disk.close().map(drop).map_err(|error| failed(error.into()))
}
