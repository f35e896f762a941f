//! Files that a machine shares with its host: what becomes of them, whichever side writes them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::files::{downloaded, open_panel, wait_for_listed};
use common::{
    BOOT, MOUNTED, SOON, Variant, WORK, are_long_wanted, begin_upload, browser, browser_with, launched, run, started,
    stop, sum, text, upload,
};
use driver::{Browser, Kind};
use e2e::Workbench;
use protocol::{
    DiskReply, DiskRequest, FilePath, InstanceId, JobStage, PageRequest, ShareEntry, ShareListing, ShareRequest,
    ShareWhat, State, StorageKind,
};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Making thousands of files in the guest of a busy machine.
const MANY: Duration = Duration::from_secs(600);

fn path(text: &str) -> FilePath {
    FilePath::try_from(text.to_owned()).unwrap()
}

fn request(id: &InstanceId, what: ShareWhat) -> DiskRequest {
    DiskRequest::Share(ShareRequest { id: id.clone(), what })
}

async fn entries(workbench: &Workbench<'_>, id: &InstanceId, folder: &str) -> Vec<ShareEntry> {
    let (mut all, mut after) = (vec![], 0);
    loop {
        let what = ShareWhat::List { path: path(folder), after };
        let DiskReply::Share(ShareListing { entries, next }) = workbench.disks(request(id, what)).await.unwrap() else {
            panic!("no listing");
        };
        all.extend(entries);
        match next {
            Some(next) => after = next,
            None => return all,
        }
    }
}

async fn names(workbench: &Workbench<'_>, id: &InstanceId, folder: &str) -> Vec<String> {
    let mut names: Vec<_> = entries(workbench, id, folder).await.iter().map(|entry| entry.name.shown()).collect();
    names.sort();
    names
}

/// All files of the private file system below a machine's directory, and of uploads that are not over.
async fn stored(browser: &Browser) -> Vec<String> {
    let script = "
        const root = await navigator.storage.getDirectory();
        const found = [];
        const walk = async (directory, path) => {
            for await (const [name, handle] of directory.entries()) {
                found.push(path + name);
                if (handle.kind === 'directory') await walk(handle, `${path}${name}/`);
            }
        };
        for (const top of ['instances', 'jobs']) {
            // What is removed just while it is looked at is not gone yet.
            const changing = () => found.push(`${top}/changing`);
            await walk(await root.getDirectoryHandle(top, { create: true }), `${top}/`).catch(changing);
        }
        return found.sort();";
    serde_json::from_value(browser.eval_async(script, vec![]).await.unwrap()).unwrap()
}

/// A folder with so many files, as a tar beside it; returns the sum over all files' sums, in the order of their names.
fn tree(folder: &Path, count: u32) -> String {
    let mut sums = vec![];
    for number in 0..count {
        let name = format!("tree/d{}/f{number:04}", number % 37);
        let content = format!("{number} ").repeat(number as usize % 1500);
        let file = folder.join(&name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &content).unwrap();
        sums.push((name, sum(content.as_bytes())));
    }
    let packed =
        Command::new("tar").arg("-C").arg(folder).args(["-cf"]).arg(folder.join("tree.tar")).arg("tree").status();
    assert!(packed.unwrap().success());
    sums.sort();
    let lines: String = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    sum(lines.as_bytes())
}

async fn many(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let wanted = tree(folder.path(), 2_000);
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, MOUNTED).await;
    upload(&workbench, &id, "", &[&folder.path().join("tree.tar")]).await;

    let unpacked = "cd /mnt/host/share; time tar xf tree.tar 2>&1; find tree -type f | LC_ALL=C sort | xargs sha256sum | sha256sum";
    let said = console.exec(unpacked, MANY).await.unwrap().text();
    assert!(said.contains(&wanted), "{said}");
    println!("{kind:?}: tar x of 2000 files: {said}");

    // As a zip.
    let job = workbench.begin(request(&id, ShareWhat::Download(path("tree")))).await.unwrap();
    let outcome = workbench.wait_for_job(&job, WORK).await.unwrap();
    assert_eq!(outcome.message, "2000 files and 37 folders.");
    let file = outcome.file.unwrap();
    assert_eq!(file.name, "tree.zip");
    let save = "
        const root = await navigator.storage.getDirectory();
        const file = await (await (await root.getDirectoryHandle('exports')).getFileHandle(arguments[0])).getFile();
        const link = document.createElement('a');
        link.href = URL.createObjectURL(file);
        link.download = 'tree.zip';
        link.click();";
    browser.eval_async(save, vec![json!(job)]).await.unwrap();
    downloaded(&browser, "tree.zip", file.bytes).await;
    workbench.disks(DiskRequest::DismissJob(job)).await.unwrap();
    let out = tempfile::tempdir().unwrap();
    let zip = browser.downloads().join("tree.zip");
    let unzip = Command::new("unzip").arg("-q").arg(&zip).arg("-d").arg(out.path().join("tree")).status();
    assert!(unzip.unwrap().success());
    let compared = Command::new("diff").arg("-r").arg(folder.path().join("tree")).arg(out.path().join("tree")).status();
    assert!(compared.unwrap().success(), "the zip has other files");

    // Many names, in the guest, over the channel, and in the panel.
    let make = "mkdir /mnt/host/share/names; cd /mnt/host/share/names; seq -w 1 10000 | xargs touch; ls | sha256sum; ls | wc -l";
    let listed = console.exec(make, MANY).await.unwrap().text();
    let all: Vec<_> = (1..=10_000).map(|number| format!("{number:05}")).collect();
    assert_eq!(listed, format!("{}  -\n10000\n", sum(format!("{}\n", all.join("\n")).as_bytes())));
    assert_eq!(names(&workbench, &id, "names").await, all);
    open_panel(&browser, &id).await;
    browser.click("button", "Open names").await.unwrap();
    let counted = async || {
        let text = browser.eval("return document.querySelector('.side')?.innerText ?? ''", vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.contains("200 of 10000 items")))
    };
    browser.wait_until("ten thousand to be counted", SOON, counted).await.unwrap();
    browser.type_into("searchbox", "Find by name", "09999").await.unwrap();
    wait_for_listed(&browser, &["09999"]).await;
}

#[test]
fn thousands_of_files_are_right_in_chromium() {
    run(many(Kind::Chromium));
}

#[test]
fn thousands_of_files_are_right_in_firefox() {
    if are_long_wanted() {
        run(many(Kind::Firefox));
    }
}

async fn memory(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, MOUNTED).await;
    // Files that a process has open: one with a name, one that has lost it.
    let open = "cd /mnt/host/share; echo one > named; echo gone > nameless;
        (exec 3>> named 4<> nameless; rm nameless; echo ready > /tmp/ready
         until [ -e /tmp/go ]; do sleep 0.2; done; echo two >&3; echo four >&4; cat /proc/self/fd/4 > /tmp/nameless
         head -c 100 <&4 > /tmp/rest; echo done > /tmp/done) > /dev/null 2>&1 &
        until [ -e /tmp/ready ]; do sleep 0.1; done";
    text(&mut console, open).await;
    let take = DiskRequest::TakeSnapshot { id: id.clone(), name: "open".to_owned(), memory: true };
    workbench.disks(take).await.unwrap();
    // After the snapshot, and so not forgotten: the files are not the disks'.
    text(&mut console, "echo later > /mnt/host/share/later; sync").await;
    workbench.call(&PageRequest::ForceStop(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Stopped], BOOT).await.unwrap();
    assert_eq!(names(&workbench, &id, "").await, ["later", "named"]);
    let snapshot = workbench.show_disks(&id).await.unwrap().snapshots.remove(0).id;
    let restore = DiskRequest::RestoreSnapshot { id: id.clone(), snapshot, keep: None };
    workbench.disks(restore).await.unwrap();
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
    let mut console = workbench.console(&id).await.unwrap();
    let go = "touch /tmp/go; until [ -e /tmp/done ]; do sleep 0.1; done; cd /mnt/host/share; cat named later; ls | cat";
    assert_eq!(text(&mut console, go).await, "one\ntwo\nlater\nlater\nnamed\n");
    assert_eq!(text(&mut console, "cat /tmp/nameless").await, "four\n");
    stop(&workbench, &id).await;
    let mut console = started(&workbench, &id).await;
    assert_eq!(text(&mut console, &format!("{MOUNTED}; cat /mnt/host/share/named")).await, "one\ntwo\n");
}

#[test]
fn a_machine_goes_on_with_the_files_that_it_had_open_in_chromium() {
    run(memory(Kind::Chromium));
}

#[test]
fn a_machine_goes_on_with_the_files_that_it_had_open_in_firefox() {
    if are_long_wanted() {
        run(memory(Kind::Firefox));
    }
}

async fn kept(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("letter.txt");
    fs::write(&given, "dear machine\n").unwrap();
    let id = {
        let browser = browser_with(kind, profile.path()).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, mut console) = launched(&workbench).await;
        let make = format!(
            "{MOUNTED}; cd /mnt/host/share; mkdir a; echo 1 > a/x; ln -s a/x link; mkfifo fifo; chmod 600 a/x; sync"
        );
        text(&mut console, &make).await;
        stop(&workbench, &id).await;

        // While it is off, another worker has the files.
        assert_eq!(names(&workbench, &id, "").await, ["a", "fifo", "link"]);
        assert_eq!(upload(&workbench, &id, "a", &[&given]).await, "One file.");
        let again = upload(&workbench, &id, "a", &[&given]).await;
        assert!(again.contains("letter.txt became letter (2).txt"), "{again}");
        workbench.disks(request(&id, ShareWhat::MakeFolder(path("b")))).await.unwrap();
        let problem = workbench.disks(request(&id, ShareWhat::MakeFolder(path("b")))).await.unwrap_err();
        assert!(problem.to_string().contains("already"), "{problem}");
        let rename = ShareWhat::Rename { from: path("link"), to: path("b/link") };
        workbench.disks(request(&id, rename)).await.unwrap();
        workbench.disks(request(&id, ShareWhat::Delete(path("fifo")))).await.unwrap();

        let mut console = started(&workbench, &id).await;
        let look =
            format!("{MOUNTED}; cd /mnt/host/share; cat a/x a/letter.txt; readlink b/link; stat -c %a a/x; ls a | cat");
        assert_eq!(text(&mut console, &look).await, "1\ndear machine\na/x\n600\nletter (2).txt\nletter.txt\nx\n");
        let DiskReply::Storage(report) = workbench.disks(DiskRequest::Storage).await.unwrap() else { panic!() };
        assert!(report.items.iter().any(|item| item.kind == StorageKind::Share && item.bytes >= 15), "{report:?}");
        // The browser goes away while more is written than was synchronised.
        let durable = "cd /mnt/host/share; (yes | head -c 40000000 > flood) & mkdir deep; cp a/letter.txt deep/kept; fsync deep/kept";
        assert_eq!(console.exec(durable, WORK).await.unwrap().status, 0);
        browser.kill();
        id
    };
    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    workbench.wait_for_state(&id, &[State::Stopped, State::Crashed], BOOT).await.unwrap();
    let mut console = started(&workbench, &id).await;
    let look = format!("{MOUNTED}; cd /mnt/host/share; cat deep/kept; ls a | cat");
    assert_eq!(text(&mut console, &look).await, "dear machine\nletter (2).txt\nletter.txt\nx\n");

    // A clone has files of its own: none.
    let DiskReply::Instance(clone) =
        workbench.disks(DiskRequest::Clone { id: id.clone(), snapshot: None }).await.unwrap()
    else {
        panic!("no clone")
    };
    assert_eq!(names(&workbench, &clone, "").await, [""; 0]);

    // With the machine go its files.
    workbench.call(&PageRequest::Delete(clone)).await.unwrap();
    stop(&workbench, &id).await;
    workbench.call(&PageRequest::Delete(id.clone())).await.unwrap();
    let nothing = async || Ok(stored(&browser).await.iter().all(|file| !file.starts_with("instances/")));
    browser.wait_until("nothing to be left of the machines", SOON, nothing).await.unwrap();
}

#[test]
fn files_are_kept_until_their_machine_is_deleted_in_chromium() {
    run(kept(Kind::Chromium));
}

#[test]
fn files_are_kept_until_their_machine_is_deleted_in_firefox() {
    run(kept(Kind::Firefox));
}

/// Lets a storage worker be slow in asking for the shared files' content to be written.
const BRAKE: &str = "
const postWell = BroadcastChannel.prototype.postMessage;
BroadcastChannel.prototype.postMessage = function (message) {
  if (message?.op?.Write) for (const end = performance.now() + 400; performance.now() < end; );
  return postWell.call(this, message);
};
";

async fn cancelled(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("big.bin");
    fs::write(&given, vec![7; 64 << 20]).unwrap();
    let variant = Variant::of(kind);
    variant.append("storage.js", BRAKE);
    let browser = variant.browser().await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, MOUNTED).await;
    let job = begin_upload(&workbench, &id, "", &[&given]).await;
    let at_it = async || {
        let Ok(world) = workbench.world().await else { return Ok(false) };
        let stage = world.jobs.into_iter().find(|one| one.id == job).map(|one| one.stage);
        Ok(matches!(stage, Some(JobStage::Working { done: 1.., total: Some(67_108_864), .. })))
    };
    browser.wait_until("progress", SOON, at_it).await.unwrap();
    let begun = entries(&workbench, &id, "").await;
    assert!(begun.iter().all(|entry| protocol::is_unfinished(&entry.name)) && begun.len() == 1, "{begun:?}");
    workbench.disks(DiskRequest::CancelJob(job)).await.unwrap();
    let nothing = async || Ok(entries(&workbench, &id, "").await.is_empty());
    browser.wait_until("nothing half-made", SOON, nothing).await.unwrap();
    assert_eq!(text(&mut console, "ls -a /mnt/host/share | wc -l").await, "2\n");
    let jobs = async || Ok(stored(&browser).await.iter().all(|file| !file.starts_with("jobs/")));
    browser.wait_until("no work to be left", SOON, jobs).await.unwrap();
}

#[test]
fn a_cancelled_upload_leaves_nothing_in_chromium() {
    run(cancelled(Kind::Chromium));
}

#[test]
fn a_cancelled_upload_leaves_nothing_in_firefox() {
    run(cancelled(Kind::Firefox));
}

/// A machine worker whose shared files, which have numbers for names, find no room while the test says so.
const FULL: &str = "
const createWell = FileSystemFileHandle.prototype.createSyncAccessHandle;
FileSystemFileHandle.prototype.createSyncAccessHandle = async function (...options) {
  const access = await createWell.apply(this, options);
  if (/^[0-9]+$/.test(this.name)) access.isShared = true;
  return access;
};
const writeWell = FileSystemSyncAccessHandle.prototype.write;
FileSystemSyncAccessHandle.prototype.write = function (...args) {
  if (this.isShared && self.isFull) throw new DOMException('There is no room.', 'QuotaExceededError');
  return writeWell.apply(this, args);
};
new BroadcastChannel('test-full').onmessage = ({ data }) => (self.isFull = data);
";

async fn full(kind: Kind) {
    let variant = Variant::of(kind);
    variant.append("machine.js", FULL);
    let browser = variant.browser().await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, &format!("{MOUNTED}; echo before > /mnt/host/share/before; sync")).await;
    let set = "const channel = new BroadcastChannel('test-full'); channel.postMessage(arguments[0]);";
    browser.eval(set, vec![json!(true)]).await.unwrap();
    let fill = "cd /mnt/host/share; until dd if=/dev/zero of=big bs=4096 count=100 2>&1 | grep -o 'No space left on device'; do sleep 0.2; done";
    assert_eq!(text(&mut console, fill).await, "No space left on device\n");
    assert_eq!(workbench.instance(&id).await.unwrap().state, State::Running, "the machine goes on");
    browser.eval(set, vec![json!(false)]).await.unwrap();
    let room = "cd /mnt/host/share; until dd if=/dev/zero of=big bs=4096 count=100 2>/dev/null; do sleep 0.2; done;
        cat before; stat -c %s big";
    assert_eq!(text(&mut console, room).await, "before\n409600\n");
}

#[test]
fn a_full_storage_is_told_to_the_guest_and_loses_nothing_in_chromium() {
    run(full(Kind::Chromium));
}

#[test]
fn a_full_storage_is_told_to_the_guest_and_loses_nothing_in_firefox() {
    run(full(Kind::Firefox));
}
