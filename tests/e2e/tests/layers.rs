//! Disks as layers: snapshots, clones and workspaces, as the background does them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use block::{BlockFile, MemoryFile, RawDisk, StdFile};
use common::{BOOT, are_long_wanted, browser, browser_with, disk_images, launched, run, started, stop, text};
use driver::{Browser, Kind};
use e2e::Workbench;
use protocol::{DiskReply, DiskRequest, InstanceId, PageRequest, Removable, SnapshotId, State};
use qcow2::{Header, Qcow2};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// Merging layers on a busy machine.
const TIDY: Duration = Duration::from_secs(60);

async fn take(workbench: &Workbench<'_>, id: &InstanceId, name: &str, memory: bool) -> SnapshotId {
    let request = DiskRequest::TakeSnapshot { id: id.clone(), name: name.to_owned(), memory };
    workbench.disks(request).await.unwrap();
    let disks = workbench.show_disks(id).await.unwrap();
    disks.snapshots.into_iter().find(|snapshot| snapshot.name == name).expect("the snapshot").id
}

async fn restore(workbench: &Workbench<'_>, id: &InstanceId, snapshot: &SnapshotId, keep: Option<&str>) {
    let keep = keep.map(str::to_owned);
    let request = DiskRequest::RestoreSnapshot { id: id.clone(), snapshot: snapshot.clone(), keep };
    let reply = workbench.disks(request).await.unwrap();
    assert!(matches!(reply, DiskReply::Restored { .. }), "{reply:?}");
}

/// The names of all layers' files.
async fn layers(browser: &Browser) -> Vec<String> {
    let script = "
        const root = await navigator.storage.getDirectory();
        const names = [];
        for await (const name of (await root.getDirectoryHandle('layers')).keys()) names.push(name);
        return names;";
    serde_json::from_value(browser.eval_async(script, vec![]).await.unwrap()).unwrap()
}

async fn snapshots(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, "echo one > /root/mark; sync").await;

    // Of a running machine, which goes on and notices nothing.
    let first = take(&workbench, &id, "first", false).await;
    text(&mut console, "echo two > /root/mark; sync").await;
    stop(&workbench, &id).await;
    let second = take(&workbench, &id, "second", false).await;
    let mut console = started(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /root/mark; echo three > /root/mark; sync").await, "two\n");
    stop(&workbench, &id).await;

    let disks = workbench.show_disks(&id).await.unwrap();
    assert_eq!(disks.parent.as_ref(), Some(&second));
    assert_eq!(disks.snapshots.iter().map(|one| one.parent.clone()).collect::<Vec<_>>(), [None, Some(first.clone())]);
    assert!(disks.snapshots.iter().all(|one| one.bytes > 0 && one.memory_bytes.is_none()), "{disks:?}");

    // Back to the first, with the third kept; then on to the third again.
    restore(&workbench, &id, &first, Some("third")).await;
    let mut console = started(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /root/mark").await, "one\n");
    stop(&workbench, &id).await;
    let disks = workbench.show_disks(&id).await.unwrap();
    let third = disks.snapshots[2].clone();
    assert_eq!((third.name.as_str(), third.parent.as_ref()), ("third", Some(&second)));
    restore(&workbench, &id, &third.id, None).await;

    // Without the two in the middle of the tree: their layers become one, and nothing is lost.
    let before = layers(&browser).await.len();
    for snapshot in [&first, &second] {
        let request = DiskRequest::DeleteSnapshot { id: id.clone(), snapshot: snapshot.clone() };
        workbench.disks(request).await.unwrap();
    }
    browser.wait_until("two layers", TIDY, async || Ok(layers(&browser).await.len() == 2)).await.unwrap();
    assert!(before > 2, "{before}");
    let mut console = started(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /root/mark; dmesg | grep -i 'ext4-fs.*error'").await, "three\n");
}

#[test]
fn snapshots_are_taken_restored_and_merged_in_chromium() {
    run(snapshots(Kind::Chromium));
}

#[test]
fn snapshots_are_taken_restored_and_merged_in_firefox() {
    run(snapshots(Kind::Firefox));
}

async fn memory(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    // What is only in the memory: a process, and what it counts.
    text(&mut console, "echo kept > /tmp/only; (while sleep 1; do date > /tmp/alive; done) & echo started").await;
    let snapshot = take(&workbench, &id, "running", true).await;
    assert_eq!(
        text(&mut console, "cat /tmp/only; echo changed > /tmp/only; echo x > /root/later; sync").await,
        "kept\n"
    );
    stop(&workbench, &id).await;
    let info = workbench.show_disks(&id).await.unwrap().snapshots.remove(0);
    println!("{kind:?}: memory of {} bytes, layers of {}", info.memory_bytes.unwrap(), info.bytes);

    restore(&workbench, &id, &snapshot, None).await;
    assert!(workbench.show_disks(&id).await.unwrap().resumes);
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
    let mut console = workbench.console(&id).await.unwrap();
    let seen =
        text(&mut console, "cat /tmp/only; ls /root; rm -f /tmp/alive; until [ -e /tmp/alive ]; do sleep 1; done")
            .await;
    assert_eq!(seen, "kept\n");
    assert!(!workbench.show_disks(&id).await.unwrap().resumes, "a memory fits the disks only once");
    stop(&workbench, &id).await;
    // The next start is a boot again.
    let mut console = started(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /tmp/only 2>&1 | head -c 3").await, "cat");
}

#[test]
fn a_machine_goes_on_from_a_snapshot_with_its_memory_in_chromium() {
    run(memory(Kind::Chromium));
}

#[test]
fn a_machine_goes_on_from_a_snapshot_with_its_memory_in_firefox() {
    if are_long_wanted() {
        run(memory(Kind::Firefox));
    }
}

async fn clones(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, "echo original > /root/mark; sync").await;
    let clone = DiskRequest::Clone { id: id.clone(), snapshot: None };
    let DiskReply::Instance(made) = workbench.disks(clone).await.unwrap() else { panic!("no instance") };
    text(&mut console, "echo changed > /root/mark; sync").await;
    let mut copy = started(&workbench, &made).await;
    assert_eq!(text(&mut copy, "cat /root/mark; hostname; echo own > /root/mark; sync").await, "original\nalpine-2\n");
    assert_eq!(text(&mut console, "cat /root/mark").await, "changed\n");

    // The original goes away, and what the clone lies on stays.
    stop(&workbench, &id).await;
    workbench.call(&PageRequest::Delete(id.clone())).await.unwrap();
    assert_eq!(
        text(&mut copy, "echo 3 > /proc/sys/vm/drop_caches; cat /root/mark /etc/hostname").await,
        "own\nalpine\n"
    );
    stop(&workbench, &made).await;
    browser.wait_until("one layer", TIDY, async || Ok(layers(&browser).await.len() == 1)).await.unwrap();
    let mut copy = started(&workbench, &made).await;
    assert_eq!(text(&mut copy, "cat /root/mark").await, "own\n");
}

#[test]
fn a_clone_goes_its_own_way_and_outlives_the_original_in_chromium() {
    run(clones(Kind::Chromium));
}

#[test]
fn a_clone_goes_its_own_way_and_outlives_the_original_in_firefox() {
    if are_long_wanted() {
        run(clones(Kind::Firefox));
    }
}

async fn workspace(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let id = {
        let browser = browser_with(kind, profile.path()).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, _) = launched(&workbench).await;
        let sized = |gib: u64| DiskRequest::SetWorkspace { id: id.clone(), bytes: gib << 30 };
        assert!(workbench.disks(sized(1)).await.is_err(), "it runs");
        stop(&workbench, &id).await;
        workbench.disks(sized(1)).await.unwrap();
        let mut console = started(&workbench, &id).await;
        text(&mut console, "until df -m /workspace | grep -q ' 9[0-9][0-9] '; do sleep 1; done").await;
        text(&mut console, "echo mine > /workspace/file; sync").await;
        stop(&workbench, &id).await;
        assert!(workbench.disks(sized(1)).await.is_err(), "it has this size already");
        workbench.disks(sized(4)).await.unwrap();
        let grown = DiskRequest::GrowSystem { id: id.clone(), bytes: 1 << 30 };
        workbench.disks(grown).await.unwrap();
        browser.close().await.unwrap();
        id
    };
    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let disks = workbench.show_disks(&id).await.unwrap();
    assert_eq!((disks.system_size, disks.workspace_size), (1 << 30, Some(4 << 30)));
    let mut console = started(&workbench, &id).await;
    let grown = "until [ $(df -m /workspace | awk 'END{print $2}') -gt 3800 ]; do sleep 1; done;
        until [ $(df -m / | awk 'END{print $2}') -gt 900 ]; do sleep 1; done; cat /workspace/file";
    assert_eq!(text(&mut console, grown).await, "mine\n");
}

#[test]
fn a_workspace_is_made_kept_and_grown_in_chromium() {
    run(workspace(Kind::Chromium));
}

#[test]
fn a_workspace_is_made_kept_and_grown_in_firefox() {
    if are_long_wanted() {
        run(workspace(Kind::Firefox));
    }
}

/// How many clusters of the layers in a profile are lost, and how many bytes the layers have. A file in the midst of a change says nothing.
fn lost(profile: &Path) -> Option<(u64, u64)> {
    let mut sums = (0, 0);
    for path in disk_images(profile) {
        let mut file = StdFile::new(File::open(path).unwrap());
        let header = Header::read(&mut file).ok()?;
        if header.backing.is_some() {
            sums.1 += file.len().unwrap();
            let below = Box::new(RawDisk::new(MemoryFile::default()).unwrap());
            let report = Qcow2::open_read_only(file, Some(below)).ok()?.check().ok()?;
            sums.0 += if report.corruptions == 0 { report.leaks } else { return None };
        }
    }
    Some(sums)
}

/// Does to a profile's only layer what a kill does that comes between counting new clusters and referring to them.
fn lose(profile: &Path, clusters: u64) {
    let mut layers = disk_images(profile);
    layers.retain(|path| Header::read(&mut StdFile::new(File::open(path).unwrap())).unwrap().backing.is_some());
    let [layer] = &layers[..] else { panic!("one layer: {layers:?}") };
    let mut file = StdFile::new(File::options().read(true).write(true).open(layer).unwrap());
    let header = Header::read(&mut file).unwrap();
    let size = header.geometry.cluster_size();
    let end = file.len().unwrap().div_ceil(size);
    let mut block = [0; 8];
    file.read_at(header.refcount_table_offset, &mut block).unwrap();
    for cluster in end..end + clusters {
        file.write_at(u64::from_be_bytes(block) + 2 * cluster, &1u16.to_be_bytes()).unwrap();
    }
    file.set_len((end + clusters) * size).unwrap();
}

/// What a kill has lost in a layer is shown as room that can be freed, and is given back once the machine's disks are free.
async fn leaks(kind: Kind) {
    const CLUSTERS: u64 = 48;
    let profile = tempfile::tempdir().unwrap();
    let (id, sum) = {
        let browser = browser_with(kind, profile.path()).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, mut console) = launched(&workbench).await;
        let sum = text(&mut console, "head -c 3000000 /dev/urandom > /root/bytes; sync; sha256sum < /root/bytes").await;
        stop(&workbench, &id).await;
        browser.close().await.unwrap();
        (id, sum)
    };
    let (none, before) = lost(profile.path()).unwrap();
    assert_eq!(none, 0, "a machine that was stopped has lost nothing");
    lose(profile.path(), CLUSTERS);
    assert_eq!(lost(profile.path()).unwrap().0, CLUSTERS);

    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let DiskReply::Storage(report) = workbench.disks(DiskRequest::Storage).await.unwrap() else { panic!("no report") };
    let freeable = report.items.iter().filter(|item| item.removable == Some(Removable::Leftovers));
    assert_eq!(freeable.map(|item| item.bytes).sum::<u64>(), CLUSTERS * 64 * 1024);
    workbench.disks(DiskRequest::Free(Removable::Leftovers)).await.unwrap();
    let whole = before.next_multiple_of(64 * 1024);
    assert_eq!(lost(profile.path()), Some((0, whole)), "the file is as short again as it was");

    lose(profile.path(), CLUSTERS);
    let mut console = started(&workbench, &id).await;
    assert_eq!(text(&mut console, "sha256sum < /root/bytes").await, sum);
    stop(&workbench, &id).await;
    let repaired = async || Ok(lost(profile.path()).is_some_and(|(clusters, _)| clusters == 0));
    browser.wait_until("the lost clusters to be given back", TIDY, repaired).await.unwrap();
}

#[test]
fn what_a_kill_has_lost_is_given_back_in_chromium() {
    run(leaks(Kind::Chromium));
}

#[test]
fn what_a_kill_has_lost_is_given_back_in_firefox() {
    run(leaks(Kind::Firefox));
}
