//! Disks, files and whole machines going out to a file and coming in from one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, WORK, are_long_wanted, browser, exported, launched, run, started, stop, text};
use driver::thirtyfour::By;
use driver::{Browser, Kind};
use e2e::{Error, Workbench};
use protocol::{
    ArchiveFormat, DiskFormat, DiskName, DiskRequest, ExportWhat, ImportWhat, JobId, JobStage, Outcome, PageRequest,
    Problem, ProblemCode, State,
};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Hands a file over as the pages do, with a picker that the test fills in.
async fn begin_import(workbench: &Workbench<'_>, what: ImportWhat, file: &Path) -> JobId {
    let browser = workbench.browser();
    let picker = "
        document.getElementById('test-file')?.remove();
        const input = document.createElement('input');
        input.type = 'file';
        input.id = 'test-file';
        document.body.append(input);";
    browser.eval(picker, vec![]).await.unwrap();
    let input = browser.driver().find(By::Id("test-file")).await.unwrap();
    input.send_keys(file.canonicalize().unwrap().to_str().unwrap()).await.unwrap();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let job = workbench.begin(DiskRequest::Import { what, name }).await.unwrap();
    let hand_over = "
        const file = document.getElementById('test-file').files[0];
        window.fileChannel = new BroadcastChannel(`file:${arguments[0]}`);
        window.fileChannel.onmessage = ({ data }) => data === 'Wanted' && window.fileChannel.postMessage({ file });
        window.fileChannel.postMessage({ file });";
    browser.eval(hand_over, vec![json!(job)]).await.unwrap();
    job
}

async fn imported(workbench: &Workbench<'_>, what: ImportWhat, file: &Path) -> Result<Outcome, Problem> {
    let job = begin_import(workbench, what, file).await;
    let result = workbench.wait_for_job(&job, WORK).await;
    workbench.disks(DiskRequest::DismissJob(job)).await.unwrap();
    result.map_err(|error| match error {
        Error::Problem(problem) => problem,
        other => panic!("{other}"),
    })
}

/// All files of the private file system that hold machines' disks, with their sizes.
async fn stored(browser: &Browser) -> Vec<String> {
    let script = "
        const root = await navigator.storage.getDirectory();
        const found = [];
        const walk = async (directory, path) => {
            for await (const [name, handle] of directory.entries()) {
                if (handle.kind === 'directory') await walk(handle, `${path}${name}/`);
                else found.push(`${path}${name} ${(await handle.getFile()).size}`);
            }
        };
        await walk(root, '');
        return found.sort();";
    serde_json::from_value(browser.eval_async(script, vec![]).await.unwrap()).unwrap()
}

fn qemu_img(arguments: &[&str]) {
    let output = Command::new("qemu-img").args(arguments).output().expect("qemu-img: install qemu-utils");
    assert!(output.status.success(), "qemu-img {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn path(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

async fn disks(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    // A pattern over the whole disk's free room, of which the guest knows the sum.
    let made = "dd if=/dev/urandom of=/root/random bs=64k count=100 2>/dev/null; sync; sha256sum < /root/random";
    let sum = text(&mut console, made).await;
    stop(&workbench, &id).await;

    // What every program for disks reads, and holds the same whatever the form.
    let raw = path(&folder, "disk.img");
    let forms = [
        (DiskFormat::Qcow2, "disk.qcow2"),
        (DiskFormat::Qcow2Deflate, "small.qcow2"),
        (DiskFormat::Qcow2Zstd, "zstd.qcow2"),
    ];
    for (format, name) in forms {
        let file = path(&folder, name);
        let outcome = exported(&workbench, &id, ExportWhat::Disk(DiskName::System, format), &file).await;
        assert_eq!(outcome.file.unwrap().name, "alpine-1.qcow2");
        qemu_img(&["check", file.to_str().unwrap()]);
    }
    let packed = path(&folder, "disk.img.zst");
    exported(&workbench, &id, ExportWhat::Disk(DiskName::System, DiskFormat::RawZstd), &packed).await;
    assert!(Command::new("zstd").args(["-qdf"]).arg(&packed).status().unwrap().success());
    for (_, name) in forms {
        qemu_img(&[
            "compare",
            "-f",
            "qcow2",
            "-F",
            "raw",
            path(&folder, name).to_str().unwrap(),
            raw.to_str().unwrap(),
        ]);
    }

    // Disks that qemu-img made come in, and boot.
    let small = path(&folder, "small.qcow2");
    let small = small.to_str().unwrap();
    let makes: [(&str, &[&str]); 3] = [
        ("clusters-4k.qcow2", &["-O", "qcow2", "-o", "cluster_size=4k"]),
        ("clusters-2m.qcow2", &["-O", "qcow2", "-o", "cluster_size=2M"]),
        ("packed.qcow2", &["-c", "-O", "qcow2"]),
    ];
    for (name, options) in makes {
        let file = path(&folder, name);
        qemu_img(&[&["convert"], options, &[small, file.to_str().unwrap()]].concat());
        let made = imported(&workbench, ImportWhat::Disk, &file).await.unwrap().made.expect("a machine");
        let mut console = started(&workbench, &made.id).await;
        assert_eq!(text(&mut console, "sha256sum < /root/random").await, sum, "{name}");
        stop(&workbench, &made.id).await;
        workbench.call(&PageRequest::Delete(made.id)).await.unwrap();
    }
    assert!(Command::new("gzip").arg("-1").arg(&raw).status().unwrap().success());
    let made = imported(&workbench, ImportWhat::Disk, &path(&folder, "disk.img.gz")).await.unwrap();
    let made = made.made.expect("a machine");
    assert_eq!(made.name, "disk");
    let mut console = started(&workbench, &made.id).await;
    assert_eq!(text(&mut console, "sha256sum < /root/random").await, sum);
}

#[test]
fn disks_go_out_and_come_in_as_other_programs_have_them_in_chromium() {
    run(disks(Kind::Chromium));
}

#[test]
fn disks_go_out_and_come_in_as_other_programs_have_them_in_firefox() {
    if are_long_wanted() {
        run(disks(Kind::Firefox));
    }
}

/// A disk of which every byte is known, without the guest's file system in between.
async fn bytes(kind: Kind) {
    const SIZE: usize = 256 << 20;
    // It is made in the guest once and written many times: its pipes are slow.
    const PIECE: usize = 1 << 20;
    const LINE: &[u8] = b"VM Workbench\n";
    let folder = tempfile::tempdir().unwrap();
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, _) = launched(&workbench).await;
    stop(&workbench, &id).await;
    workbench.disks(DiskRequest::SetWorkspace { id: id.clone(), bytes: SIZE as u64 }).await.unwrap();
    let mut console = started(&workbench, &id).await;
    let write = format!(
        "umount /workspace; yes 'VM Workbench' | head -c {PIECE} > /tmp/piece
        for n in $(seq {}); do cat /tmp/piece; done > /dev/sdb; sync",
        SIZE / PIECE
    );
    text(&mut console, &write).await;
    stop(&workbench, &id).await;
    let written = path(&folder, "written.img");
    fs::write(&written, LINE.iter().copied().cycle().take(PIECE).collect::<Vec<u8>>().repeat(SIZE / PIECE)).unwrap();
    let out = path(&folder, "workspace.qcow2");
    let what = ExportWhat::Disk(DiskName::Workspace, DiskFormat::Qcow2Deflate);
    let outcome = exported(&workbench, &id, what, &out).await;
    assert_eq!(outcome.file.unwrap().name, "alpine-1-workspace.qcow2");
    qemu_img(&["check", out.to_str().unwrap()]);
    qemu_img(&["compare", "-f", "qcow2", "-F", "raw", out.to_str().unwrap(), written.to_str().unwrap()]);
}

#[test]
fn an_exported_disk_has_the_very_bytes_that_the_guest_wrote_in_chromium() {
    if are_long_wanted() {
        run(bytes(Kind::Chromium));
    }
}

#[test]
fn an_exported_disk_has_the_very_bytes_that_the_guest_wrote_in_firefox() {
    if are_long_wanted() {
        run(bytes(Kind::Firefox));
    }
}

async fn machines(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "alpine.machine.tar");
    {
        let browser = browser(kind).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, mut console) = launched(&workbench).await;
        text(&mut console, "echo one > /root/mark; sync").await;
        let take = DiskRequest::TakeSnapshot { id: id.clone(), name: "first".to_owned(), memory: true };
        workbench.disks(take).await.unwrap();
        text(&mut console, "echo two > /root/mark; sync").await;
        // While it runs; and into the browser that it came from, beside itself.
        exported(&workbench, &id, ExportWhat::Machine, &file).await;
        let made = imported(&workbench, ImportWhat::Machine, &file).await.unwrap().made.unwrap();
        let mut copy = started(&workbench, &made.id).await;
        assert_eq!(text(&mut copy, "cat /root/mark; hostname").await, "two\nalpine-2\n");
        assert_eq!(text(&mut console, "cat /root/mark; hostname").await, "two\nalpine-1\n");
    }
    // Into another browser.
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let made = imported(&workbench, ImportWhat::Machine, &file).await.unwrap().made.unwrap();
    let disks = workbench.show_disks(&made.id).await.unwrap();
    assert_eq!(disks.snapshots[0].name, "first");
    let back = disks.snapshots[0].id.clone();
    let restore = DiskRequest::RestoreSnapshot { id: made.id.clone(), snapshot: back, keep: None };
    workbench.disks(restore).await.unwrap();
    workbench.call(&PageRequest::Start(made.id.clone())).await.unwrap();
    workbench.wait_for_state(&made.id, &[State::Running], BOOT).await.unwrap();
    let mut console = workbench.console(&made.id).await.unwrap();
    assert_eq!(text(&mut console, "cat /root/mark; hostname").await, "one\nalpine-1\n");
}

#[test]
fn a_machine_travels_with_its_snapshots_in_one_file_in_chromium() {
    run(machines(Kind::Chromium));
}

#[test]
fn a_machine_travels_with_its_snapshots_in_one_file_in_firefox() {
    if are_long_wanted() {
        run(machines(Kind::Firefox));
    }
}

async fn workspaces(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, _) = launched(&workbench).await;
    stop(&workbench, &id).await;
    workbench.disks(DiskRequest::SetWorkspace { id: id.clone(), bytes: 512 << 20 }).await.unwrap();
    let mut console = started(&workbench, &id).await;
    let made = "cd /workspace; mkdir -p project/src; echo 'fn main() {}' > project/src/main.rs;
        ln -s src/main.rs project/link; printf '#!/bin/sh\\n' > project/run; chmod 755 project/run; sync";
    text(&mut console, made).await;

    // From the running machine, and from the stopped one.
    for stopped in [false, true] {
        if stopped {
            stop(&workbench, &id).await;
        }
        let out = path(&folder, &format!("out-{stopped}"));
        fs::create_dir(&out).unwrap();
        let tar = out.join("files.tar.gz");
        exported(&workbench, &id, ExportWhat::Workspace(ArchiveFormat::TarGzip), &tar).await;
        assert!(Command::new("tar").arg("-xzf").arg(&tar).arg("-C").arg(&out).status().unwrap().success());
        assert_eq!(fs::read_to_string(out.join("project/link")).unwrap(), "fn main() {}\n");
        let zip = out.join("files.zip");
        let outcome = exported(&workbench, &id, ExportWhat::Workspace(ArchiveFormat::Zip), &zip).await;
        assert_eq!(outcome.message, "2 files and 2 directories.");
        assert!(Command::new("python3").args(["-m", "zipfile", "-t"]).arg(&zip).status().unwrap().success());
    }
}

#[test]
fn a_workspaces_files_go_out_of_a_running_and_a_stopped_machine_in_chromium() {
    run(workspaces(Kind::Chromium));
}

#[test]
fn a_workspaces_files_go_out_of_a_running_and_a_stopped_machine_in_firefox() {
    run(workspaces(Kind::Firefox));
}

/// What must be refused, as files of the test: for a disk, for a machine and for a workspace.
fn hostile(folder: &tempfile::TempDir) -> (Vec<PathBuf>, Vec<PathBuf>, Vec<PathBuf>) {
    let write = |name: &str, bytes: &[u8]| {
        fs::write(path(folder, name), bytes).unwrap();
        path(folder, name)
    };
    let qcow2 = path(folder, "good.qcow2");
    qemu_img(&["create", "-q", "-f", "qcow2", qcow2.to_str().unwrap(), "64M"]);
    let good = fs::read(&qcow2).unwrap();
    let mut everywhere = good.clone();
    everywhere[40..72].fill(0xff);
    let huge = path(folder, "three-tib.qcow2");
    qemu_img(&["create", "-q", "-f", "qcow2", huge.to_str().unwrap(), "3T"]);
    let mut encrypted = good.clone();
    encrypted[35] = 1;
    let disks = vec![
        write("empty.img", b""),
        write("odd.img", &[1; 1000]),
        write("cut.qcow2", &good[..200]),
        write("everywhere.qcow2", &everywhere),
        huge,
        write("encrypted.qcow2", &encrypted),
    ];
    let machines = vec![write("no-machine.tar", &[0; 10240]), write("cut.machine.tar", &good)];
    let tar = |name: &str, script: &str| {
        let file = path(folder, name);
        let code = format!(
            "import tarfile, sys\nwith tarfile.open(sys.argv[1], 'w') as t:\n  e = tarfile.TarInfo('x')\n  {script}\n  t.addfile(e)"
        );
        assert!(Command::new("python3").args(["-c", &code]).arg(&file).status().unwrap().success());
        file
    };
    let bomb = path(folder, "bomb.zip");
    let code = "import zipfile, sys\nwith zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:\n  \
        z.writestr('zeros', bytes(600 << 20))";
    assert!(Command::new("python3").args(["-c", code]).arg(&bomb).status().unwrap().success());
    let archives = vec![
        tar("up.tar", "e.name = '../x'"),
        tar("absolute.tar", "e.name = '/etc/passwd'"),
        tar("device.tar", "e.type = tarfile.CHRTYPE"),
        bomb,
        write("empty.tar", b""),
    ];
    (disks, machines, archives)
}

async fn refused(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let (disks, machines, archives) = hostile(&folder);
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, "echo safe > /root/mark; sync").await;
    stop(&workbench, &id).await;
    workbench.disks(DiskRequest::SetWorkspace { id: id.clone(), bytes: 512 << 20 }).await.unwrap();
    let before = stored(&browser).await;
    let (disk, machine, archive) = (ImportWhat::Disk, ImportWhat::Machine, ImportWhat::Workspace(id.clone()));
    for (what, files) in [(disk, disks), (machine, machines), (archive, archives)] {
        for file in files {
            let problem = imported(&workbench, what.clone(), &file).await.unwrap_err();
            println!("{kind:?}: {}", problem.message);
            assert_eq!(problem.code, ProblemCode::BadFile, "{}: {}", file.display(), problem.message);
        }
    }
    let same = async || Ok(stored(&browser).await == before);
    browser.wait_until("nothing half-made", SOON, same).await.unwrap();
    assert_eq!(workbench.world().await.unwrap().instances.len(), 1);
    let mut console = started(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /root/mark; ls -A --color=never /workspace").await, "safe\nlost+found\n");
}

#[test]
fn hostile_files_are_refused_and_leave_nothing_in_chromium() {
    run(refused(Kind::Chromium));
}

#[test]
fn hostile_files_are_refused_and_leave_nothing_in_firefox() {
    if are_long_wanted() {
        run(refused(Kind::Firefox));
    }
}

async fn archives(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let files = path(&folder, "files");
    fs::create_dir_all(files.join("a/b")).unwrap();
    fs::write(files.join("a/b/text"), "unpacked\n").unwrap();
    fs::write(files.join("binary"), (0..=255).cycle().take(3 << 20).collect::<Vec<u8>>()).unwrap();
    let tar = path(&folder, "files.tar.gz");
    assert!(Command::new("tar").arg("-C").arg(&files).arg("-czf").arg(&tar).arg(".").status().unwrap().success());
    let zip = path(&folder, "files.zip");
    let code = "import shutil, sys; shutil.make_archive(sys.argv[1][:-4], 'zip', sys.argv[2])";
    assert!(Command::new("python3").args(["-c", code]).arg(&zip).arg(&files).status().unwrap().success());
    let sum = Command::new("sha256sum").arg(files.join("binary")).output().unwrap().stdout;
    let sum = String::from_utf8(sum[..64].to_vec()).unwrap();
    let check =
        "sha256sum /workspace/binary | cut -c1-64; cat /workspace/a/b/text; rm -r /workspace/a /workspace/binary; sync";
    let unpacked = format!("{sum}\nunpacked\n");

    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, _) = launched(&workbench).await;
    stop(&workbench, &id).await;
    let none = imported(&workbench, ImportWhat::Workspace(id.clone()), &tar).await.unwrap_err();
    assert!(none.message.contains("has no workspace"), "{}", none.message);
    workbench.disks(DiskRequest::SetWorkspace { id: id.clone(), bytes: 512 << 20 }).await.unwrap();

    // Into the stopped machine: it waits for the next start. Into the running one: at once.
    imported(&workbench, ImportWhat::Workspace(id.clone()), &tar).await.unwrap();
    assert_eq!(workbench.show_disks(&id).await.unwrap().waiting_archives, 1);
    let mut console = started(&workbench, &id).await;
    let empty = async || Ok(workbench.show_disks(&id).await.is_ok_and(|disks| disks.waiting_archives == 0));
    browser.wait_until("the archive to be unpacked", WORK, empty).await.unwrap();
    assert_eq!(text(&mut console, check).await, unpacked);
    imported(&workbench, ImportWhat::Workspace(id.clone()), &zip).await.unwrap();
    browser.wait_until("the archive to be unpacked", WORK, empty).await.unwrap();
    assert_eq!(text(&mut console, check).await, unpacked);
    assert_eq!(workbench.instance(&id).await.unwrap().problem, None);
}

#[test]
fn archives_are_unpacked_into_running_machines_and_wait_for_stopped_ones_in_chromium() {
    run(archives(Kind::Chromium));
}

#[test]
fn archives_are_unpacked_into_running_machines_and_wait_for_stopped_ones_in_firefox() {
    run(archives(Kind::Firefox));
}

/// Lets a storage worker's writes be slow or fail when the test says so.
const BRAKE: &str = "
const writeWell = FileSystemSyncAccessHandle.prototype.write;
let written = 0;
FileSystemSyncAccessHandle.prototype.write = function (...args) {
  written += args[0].byteLength;
  if (BRAKE === 'full' && written > 2 << 20) throw new DOMException('There is no room.', 'QuotaExceededError');
  if (BRAKE === 'slow' && written > 1 << 20) for (const end = performance.now() + 500; performance.now() < end; );
  return writeWell.apply(this, args);
};
";

/// A browser whose storage workers have this brake, and a disk of a few megabytes that could be imported.
async fn with_brake(kind: Kind, brake: &str, folder: &tempfile::TempDir) -> (common::Variant, Browser, PathBuf) {
    let variant = common::Variant::of(kind);
    variant.append("storage.js", &BRAKE.replace("BRAKE", &format!("'{brake}'")));
    let browser = variant.browser().await;
    let disk = path(folder, "noise.img");
    let noise: Vec<u8> = (0..8_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&disk, noise).unwrap();
    (variant, browser, disk)
}

async fn full(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let (_variant, browser, disk) = with_brake(kind, "full", &folder).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let problem = imported(&workbench, ImportWhat::Disk, &disk).await.unwrap_err();
    assert_eq!(problem.code, ProblemCode::NoSpace, "{}", problem.message);
    let nothing = async || Ok(stored(&browser).await.iter().all(|file| !file.contains("layers/")));
    browser.wait_until("nothing half-made", SOON, nothing).await.unwrap();
    assert!(workbench.world().await.unwrap().instances.is_empty());
}

#[test]
fn a_storage_that_fills_up_in_the_middle_of_an_import_leaves_nothing_in_chromium() {
    run(full(Kind::Chromium));
}

#[test]
fn a_storage_that_fills_up_in_the_middle_of_an_import_leaves_nothing_in_firefox() {
    run(full(Kind::Firefox));
}

async fn cancelled(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let (_variant, browser, disk) = with_brake(kind, "slow", &folder).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let job = begin_import(&workbench, ImportWhat::Disk, &disk).await;
    let at_it = async || {
        let Ok(world) = workbench.world().await else { return Ok(false) };
        let stage = world.jobs.into_iter().find(|one| one.id == job).map(|one| one.stage);
        Ok(matches!(stage, Some(JobStage::Working { done: 1.., .. })))
    };
    browser.wait_until("progress", SOON, at_it).await.unwrap();
    workbench.disks(DiskRequest::CancelJob(job)).await.unwrap();
    assert!(workbench.world().await.unwrap().jobs.is_empty());
    let nothing = async || Ok(stored(&browser).await.iter().all(|file| !file.starts_with("jobs/")));
    browser.wait_until("nothing half-made", SOON, nothing).await.unwrap();
    assert!(workbench.world().await.unwrap().instances.is_empty());
}

#[test]
fn a_cancelled_import_leaves_nothing_in_chromium() {
    run(cancelled(Kind::Chromium));
}

#[test]
fn a_cancelled_import_leaves_nothing_in_firefox() {
    run(cancelled(Kind::Firefox));
}
