//! A machine's lid: suspended, the browser closed, opened again, and everything goes on where it was.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{
    BOOT, SOON, Variant, are_long_wanted, browser, browser_with, exported, launched, run, started, stop, text,
};
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use protocol::{DiskFormat, DiskName, DiskRequest, ExportWhat, InstanceId, PageRequest, ProblemCode, State, Stream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that only an open descriptor leads to, bytes that nobody has synced, a variable, and `top` on the other terminal.
const BEGIN: &str = "exec 7>/root/gone 8</root/gone; rm /root/gone; printf 'unsaved ' >&7; \
    mkdir -p /root/tree; for n in $(seq 200); do echo $n > /root/tree/$n; done; kept=yes";
const GO_ON: &str = "printf data >&7; cat <&8; echo \" $kept\"; cat /root/tree/* | wc -l";

/// What a line prints in the shell itself: [`Console::exec`] has one of its own for each command.
async fn typed(console: &mut Console<'_>, line: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let typed = format!("echo :beg''in{number}; {line}; echo :e''nd{number}\r");
    console.send(Stream::Shell, typed.as_bytes()).await.unwrap();
    let shown = console.wait_for(Stream::Shell, &format!(":end{number}"), BOOT).await.unwrap().replace('\r', "");
    let begun = shown.split_once(&format!(":begin{number}\n")).unwrap().1;
    begun.split_once(":end").unwrap().0.to_owned()
}

async fn suspend(workbench: &Workbench<'_>, id: &InstanceId) {
    workbench.call(&PageRequest::Suspend(id.clone())).await.unwrap();
    let suspended = workbench.wait_for_state(id, &[State::Suspended], BOOT).await.unwrap();
    assert_eq!(suspended.problem, None);
}

/// `top` has drawn itself anew since the terminal was forgotten.
async fn wait_for_top(console: &mut Console<'_>) {
    console.forget(Stream::Serial);
    for _ in 0..2 {
        console.wait_for(Stream::Serial, "Load average", SOON).await.unwrap();
        console.forget(Stream::Serial);
    }
}

/// Whether the guest's clock is right within a second.
async fn clock_is_right(console: &mut Console<'_>) -> bool {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let before = now();
    let said: u64 = text(console, "date +%s").await.trim().parse().unwrap();
    (before - 1..=now() + 1).contains(&said)
}

async fn lid(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    typed(&mut console, BEGIN).await;
    console.send(Stream::Serial, b"\rtop -d 1\r").await.unwrap();
    wait_for_top(&mut console).await;
    let up: f64 = text(&mut console, "cut -d' ' -f1 /proc/uptime").await.trim().parse().unwrap();
    suspend(&workbench, &id).await;
    browser.close().await.unwrap();

    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    assert_eq!(workbench.instance(&id).await.unwrap().state, State::Suspended);
    let mut console = started(&workbench, &id).await;
    assert_eq!(typed(&mut console, GO_ON).await, "unsaved data yes\n200\n");
    wait_for_top(&mut console).await;
    let now: f64 = text(&mut console, "cut -d' ' -f1 /proc/uptime").await.trim().parse().unwrap();
    assert!(now > up, "the guest was started anew: up {up} s before, {now} s now");
    let right = async || Ok(clock_is_right(&mut console).await);
    browser.wait_until("the guest's clock to be right", SOON, right).await.unwrap();

    // Once more in the same browser, from a pause; and what is resumed is not kept twice.
    workbench.call(&PageRequest::Pause(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Paused], SOON).await.unwrap();
    suspend(&workbench, &id).await;
    workbench.call(&PageRequest::Resume(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
    let mut console = workbench.console(&id).await.unwrap();
    assert_eq!(typed(&mut console, "echo $kept; sync; dmesg | grep -ciE 'ext4-fs.*(error|corrupt)'").await, "yes\n0\n");
    assert_eq!(memories(&browser, &id).await, 0);
    stop(&workbench, &id).await;
    let mut console = started(&workbench, &id).await;
    assert_eq!(
        typed(&mut console, "echo $kept; ls /root/tree | wc -l; dmesg | grep -c 'recovery complete'").await,
        "\n200\n0\n"
    );
    stop(&workbench, &id).await;
    is_consistent(&workbench, &id).await;
    browser.close().await.unwrap();
}

/// What others say of the machine's disk.
async fn is_consistent(workbench: &Workbench<'_>, id: &InstanceId) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (image, raw) = (path("disk.qcow2"), path("disk.raw"));
    let disk = ExportWhat::Disk(DiskName::System, DiskFormat::Qcow2);
    exported(workbench, id, disk, Path::new(&image)).await;
    judged("qemu-img", &["check", &image]);
    judged("qemu-img", &["convert", "-O", "raw", &image, &raw]);
    judged("e2fsck", &["-f", "-n", &raw]);
}

fn judged(judge: &str, arguments: &[&str]) {
    let output = Command::new(judge).args(arguments).output().unwrap_or_else(|error| panic!("{judge}: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{judge} {arguments:?}: {said}");
}

/// How many saved memories the machine's directory has.
async fn memories(browser: &Browser, id: &InstanceId) -> u64 {
    let script = "const root = await navigator.storage.getDirectory();
        const instances = await root.getDirectoryHandle('instances');
        const own = await instances.getDirectoryHandle(arguments[0]);
        let count = 0;
        for await (const name of own.keys()) if (name.startsWith('memory-')) count += 1;
        return count";
    browser.eval_async(script, vec![id.as_str().into()]).await.unwrap().as_u64().unwrap()
}

#[test]
fn a_suspended_machine_goes_on_after_the_browser_was_closed_in_chromium() {
    run(lid(Kind::Chromium));
}

#[test]
fn a_suspended_machine_goes_on_after_the_browser_was_closed_in_firefox() {
    run(lid(Kind::Firefox));
}

async fn given_up(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    typed(&mut console, "echo disk > /root/kept; sync; kept=memory").await;
    suspend(&workbench, &id).await;

    // Its memory is given up: it boots with its disk as it was, and the file is gone.
    workbench.call(&PageRequest::Boot(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
    let mut console = common::at_prompt(&workbench, &id).await;
    assert_eq!(typed(&mut console, "echo $kept; cat /root/kept").await, "\ndisk\n");
    assert_eq!(memories(&browser, &id).await, 0);
    typed(&mut console, "kept=memory").await;
    suspend(&workbench, &id).await;

    // What does not fit a saved memory is refused.
    let bigger = DiskRequest::SetWorkspace { id: id.clone(), bytes: 256 << 20 };
    match workbench.disks(bigger).await {
        Err(e2e::Error::Problem(problem)) => assert_eq!(problem.code, ProblemCode::Refused),
        other => panic!("{other:?}"),
    }

    // A snapshot of a suspended machine has its memory; going back to it is to be suspended again.
    let snapshot = DiskRequest::TakeSnapshot { id: id.clone(), name: "asleep".to_owned(), memory: false };
    workbench.disks(snapshot).await.unwrap();
    let disks = workbench.show_disks(&id).await.unwrap();
    assert!(disks.snapshots[0].memory_bytes.is_some_and(|bytes| bytes > 0), "{disks:?}");

    // Its memory is given up, and it boots with its disk as it was.
    workbench.call(&PageRequest::Boot(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
    let mut console = common::at_prompt(&workbench, &id).await;
    assert_eq!(typed(&mut console, "echo $kept; cat /root/kept").await, "\ndisk\n");
    stop(&workbench, &id).await;

    let back = DiskRequest::RestoreSnapshot { id: id.clone(), snapshot: disks.snapshots[0].id.clone(), keep: None };
    workbench.disks(back).await.unwrap();
    assert_eq!(workbench.instance(&id).await.unwrap().state, State::Suspended);
    let mut console = started(&workbench, &id).await;
    assert_eq!(typed(&mut console, "echo $kept").await, "memory\n");
}

#[test]
fn a_suspended_machines_memory_is_kept_by_a_snapshot_or_given_up_in_chromium() {
    run(given_up(Kind::Chromium));
}

#[test]
fn a_suspended_machines_memory_is_kept_by_a_snapshot_or_given_up_in_firefox() {
    if are_long_wanted() {
        run(given_up(Kind::Firefox));
    }
}

/// Storage without room for a memory.
const FULL: &str = "
const write = FileSystemSyncAccessHandle.prototype.write;
FileSystemSyncAccessHandle.prototype.write = function (data, options) {
  // Disks are written in whole sectors.
  if (data.byteLength > 4096 && options?.at % 512 !== 0) throw new DOMException('no room', 'QuotaExceededError');
  return write.call(this, data, options);
};
";

async fn no_room(kind: Kind) {
    let variant = Variant::of(kind);
    variant.append("machine.js", FULL);
    let browser = variant.browser_with_tabs().await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    typed(&mut console, "kept=yes").await;
    workbench.call(&PageRequest::Suspend(id.clone())).await.unwrap();
    let stays = async || {
        let instance = workbench.instance(&id).await.ok();
        Ok(instance.filter(|instance| instance.state == State::Running && instance.problem.is_some()))
    };
    let instance = browser.wait_for("the machine to stay up", SOON, stays).await.unwrap();
    assert_eq!(instance.problem.unwrap().code, ProblemCode::NoSpace);
    assert_eq!(typed(&mut console, "echo $kept").await, "yes\n");
    assert_eq!(memories(&browser, &id).await, 0);
}

#[test]
fn a_machine_that_cannot_be_suspended_stays_up_in_chromium() {
    run(no_room(Kind::Chromium));
}

async fn damaged(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    console.exec("echo disk > /root/kept; sync", SOON).await.unwrap();
    suspend(&workbench, &id).await;
    let damage = "const root = await navigator.storage.getDirectory();
        const instances = await root.getDirectoryHandle('instances');
        const own = await instances.getDirectoryHandle(arguments[0]);
        for await (const [name, handle] of own.entries()) if (name.startsWith('memory-')) {
            const file = await handle.createWritable({ keepExistingData: true });
            await file.write({ type: 'write', position: 1000000, data: new Uint8Array(64).fill(7) });
            await file.close();
        }";
    browser.eval_async(damage, vec![id.as_str().into()]).await.unwrap();
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    let what = workbench.wait_for_state(&id, &[State::Running], Duration::from_secs(20)).await;
    match what {
        Err(e2e::Error::Problem(problem)) => assert_eq!(problem.code, ProblemCode::DiskDamaged),
        other => panic!("{other:?}"),
    }
    // It says what is wrong, and boots the next time.
    let mut console = started(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /root/kept").await, "disk\n");
}

#[test]
fn a_damaged_memory_is_told_and_the_machine_boots_in_chromium() {
    run(damaged(Kind::Chromium));
}
