//! What the workbench has called saved is there after the browser was killed at that very moment, whatever kind of change it was.
//!
//! Each round makes one change of each kind, kills the browser as soon as it is answered, and looks in the next browser. `SAVED_ROUNDS` has
//! it go round more often.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, are_long_wanted, at_prompt, browser_with, launched, run, started, stop};
use driver::{Browser, Kind};
use e2e::Workbench;
use protocol::{
    Access, Care, DiskRequest, Disks, InstanceId, MemoryMib, Minutes, PageRequest, Settings, State, Theme, World,
};
use std::path::Path;

/// So many rounds, unless `SAVED_ROUNDS` says otherwise.
const ROUNDS: u32 = 1;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Created,
    Renamed,
    SettingsSaved,
    AccessSet,
    CareSet,
    SnapshotTaken,
    SnapshotRenamed,
    SnapshotDeleted,
    WorkspaceMade,
    Cloned,
    Deleted,
    BroughtBack,
    Checkpointed,
    Suspended,
}

const CHANGES: [Change; 14] = [
    Change::Created,
    Change::Renamed,
    Change::SettingsSaved,
    Change::AccessSet,
    Change::CareSet,
    Change::SnapshotTaken,
    Change::SnapshotRenamed,
    Change::SnapshotDeleted,
    Change::WorkspaceMade,
    Change::Cloned,
    Change::Deleted,
    Change::BroughtBack,
    Change::Checkpointed,
    Change::Suspended,
];

/// What is known of the machines that the test works with.
struct Known {
    /// The machine that is changed; it stands still between changes.
    id: InstanceId,
    /// How many machines there are.
    machines: usize,
    number: u32,
}

/// How it is now, as far as changes are about it.
async fn now(workbench: &Workbench<'_>, known: &Known) -> (World, Disks) {
    let world = workbench.world().await.unwrap();
    let there = world.instance(&known.id).is_some();
    let disks = if there { workbench.show_disks(&known.id).await.unwrap() } else { Disks::default() };
    (world, disks)
}

fn settings(world: &World, number: u32) -> Settings {
    let memory = MemoryMib::try_from(if number.is_multiple_of(2) { 64 } else { 128 }).unwrap();
    Settings { memory, theme: Theme::Dark, ..world.settings.clone() }
}

fn care(number: u32) -> Care {
    Care { checkpoint: Minutes::try_from(if number.is_multiple_of(2) { 5 } else { 30 }).ok(), suspend: None }
}

/// Makes a change; when this is over it was called saved.
async fn make(workbench: &Workbench<'_>, change: Change, known: &mut Known) {
    known.number += 1;
    let (id, number) = (known.id.clone(), known.number);
    let call = async |request| drop(workbench.call(&request).await.unwrap());
    let disks = async |request| drop(workbench.disks(request).await.unwrap());
    let first = async || workbench.show_disks(&id).await.unwrap().snapshots[0].id.clone();
    match change {
        Change::Created => {
            call(PageRequest::Launch { template: None }).await;
            known.machines += 1;
        }
        Change::Renamed => call(PageRequest::Rename(id, format!("name-{number}"))).await,
        Change::SettingsSaved => {
            let world = workbench.world().await.unwrap();
            call(PageRequest::SaveSettings(settings(&world, number))).await;
        }
        Change::AccessSet => {
            let web = number.is_multiple_of(2);
            call(PageRequest::SetAccess(id, Access { web, ..Access::default() })).await;
        }
        Change::CareSet => call(PageRequest::SetCare(id, care(number))).await,
        Change::SnapshotTaken => {
            disks(DiskRequest::TakeSnapshot { id, name: format!("snapshot-{number}"), memory: false }).await;
        }
        Change::SnapshotRenamed => {
            let snapshot = first().await;
            disks(DiskRequest::RenameSnapshot { id, snapshot, name: format!("snapshot-{number}") }).await;
        }
        Change::SnapshotDeleted => disks(DiskRequest::DeleteSnapshot { id: id.clone(), snapshot: first().await }).await,
        Change::WorkspaceMade => {
            let bytes = (256 + u64::from(number)) << 20;
            disks(DiskRequest::SetWorkspace { id, bytes }).await;
        }
        Change::Cloned => {
            disks(DiskRequest::Clone { id, snapshot: None }).await;
            known.machines += 1;
        }
        Change::Deleted => {
            call(PageRequest::Remove(id)).await;
            known.machines -= 1;
        }
        Change::BroughtBack => {
            call(PageRequest::BringBack(id)).await;
            known.machines += 1;
        }
        Change::Checkpointed => {
            started(workbench, &id).await;
            call(PageRequest::SaveCheckpoint(id.clone())).await;
            let saved = async || Ok(workbench.instance(&id).await.unwrap().checkpoint.is_some());
            workbench.browser().wait_until("a checkpoint", BOOT, saved).await.unwrap();
        }
        Change::Suspended => {
            workbench.call(&PageRequest::GoBack(id.clone())).await.unwrap();
            workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
            call(PageRequest::Suspend(id.clone())).await;
            workbench.wait_for_state(&id, &[State::Suspended], BOOT).await.unwrap();
        }
    }
}

/// The change is there.
async fn look(workbench: &Workbench<'_>, change: Change, known: &Known) {
    let (world, disks) = now(workbench, known).await;
    let number = known.number;
    assert_eq!(world.instances.len(), known.machines, "{change:?}");
    let instance = world.instance(&known.id);
    assert_eq!(instance.is_some(), change != Change::Deleted, "{change:?}");
    let Some(instance) = instance else { return };
    let snapshot = format!("snapshot-{number}");
    let there = match change {
        Change::Created | Change::Cloned | Change::Deleted | Change::BroughtBack => true,
        Change::Renamed => instance.name == format!("name-{number}"),
        Change::SettingsSaved => world.settings == settings(&world, number),
        Change::AccessSet => instance.access.web == number.is_multiple_of(2),
        Change::CareSet => instance.care == care(number),
        Change::SnapshotTaken => disks.snapshots.iter().any(|one| one.name == snapshot),
        Change::SnapshotRenamed => disks.snapshots[0].name == snapshot,
        Change::SnapshotDeleted => disks.snapshots.is_empty(),
        Change::WorkspaceMade => disks.workspace_size == Some((256 + u64::from(number)) << 20),
        Change::Checkpointed => instance.is_interrupted() && instance.way_back().is_some(),
        Change::Suspended => instance.state == State::Suspended && disks.resumes,
    };
    assert!(there, "{change:?} is missing: {instance:?} {disks:?} {:?}", world.settings);
}

async fn opened(kind: Kind, profile: &Path) -> Browser {
    let browser = browser_with(kind, profile).await;
    Workbench::open(&browser).await.unwrap();
    browser
}

async fn rounds(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let rounds = std::env::var("SAVED_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let mut browser = opened(kind, profile.path()).await;
    let (id, _) = launched(&Workbench::here(&browser)).await;
    stop(&Workbench::here(&browser), &id).await;
    let mut known = Known { id, machines: 1, number: 0 };
    for round in 1..=rounds {
        for change in CHANGES {
            make(&Workbench::here(&browser), change, &mut known).await;
            browser.kill();
            browser = opened(kind, profile.path()).await;
            look(&Workbench::here(&browser), change, &known).await;
        }
        println!("{kind}: round {round}, {} changes", CHANGES.len());
        let workbench = Workbench::here(&browser);
        // It goes on, with all that was changed; and the machines that were made on the way are deleted.
        started(&workbench, &known.id).await;
        stop(&workbench, &known.id).await;
        for other in workbench.world().await.unwrap().instances.iter().filter(|one| one.id != known.id) {
            workbench.call(&PageRequest::Delete(other.id.clone())).await.unwrap();
        }
        known.machines = 1;
    }
    let workbench = Workbench::here(&browser);
    workbench.call(&PageRequest::Start(known.id.clone())).await.unwrap();
    workbench.wait_for_state(&known.id, &[State::Running], SOON).await.unwrap();
    at_prompt(&workbench, &known.id).await;
}

#[test]
fn each_kind_of_change_outlives_the_killed_browser_in_chromium() {
    run(rounds(Kind::Chromium));
}

#[test]
fn each_kind_of_change_outlives_the_killed_browser_in_firefox() {
    if are_long_wanted() {
        run(rounds(Kind::Firefox));
    }
}
