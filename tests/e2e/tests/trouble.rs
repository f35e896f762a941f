//! Bad input and bad luck: each becomes a state and a sentence, disks stay valid, and a restart works.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, Variant, run};
use driver::Kind;
use e2e::Workbench;
use protocol::{DiskRequest, Instance, PageRequest, ProblemCode, Removable, State, Stream};
use std::fs;

/// Launches a machine in a damaged extension, and waits until it has crashed.
async fn crashed(variant: &Variant) -> Instance {
    let browser = variant.browser().await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let id = workbench.launch().await.unwrap();
    let instance = workbench.wait_for_state(&id, &[State::Crashed], BOOT).await.unwrap();
    assert!(instance.problem.as_ref().is_some_and(|problem| !problem.advice.is_empty()), "{instance:?}");
    instance
}

fn code(instance: &Instance) -> ProblemCode {
    instance.problem.as_ref().map(|problem| problem.code).unwrap()
}

fn message(instance: &Instance) -> &str {
    instance.problem.as_ref().map(|problem| problem.message.as_str()).unwrap()
}

#[test]
fn an_image_with_a_wrong_checksum_is_refused_and_leaves_nothing_behind() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        let templates: serde_json::Value =
            serde_json::from_slice(&fs::read(variant.path("images/templates.json")).unwrap()).unwrap();
        let image = templates[0]["image"]["path"].as_str().unwrap();
        let mut bytes = fs::read(variant.path(image)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(variant.path(image), bytes).unwrap();
        let browser = variant.browser().await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let id = workbench.launch().await.unwrap();
        let instance = workbench.wait_for_state(&id, &[State::Crashed], BOOT).await.unwrap();
        assert_eq!(code(&instance), ProblemCode::ImageDamaged);
        assert!(message(&instance).contains("SHA-256"), "{}", message(&instance));
        let left = "const root = await navigator.storage.getDirectory();
            const images = await root.getDirectoryHandle('images');
            const names = []; for await (const name of images.keys()) names.push(name); return names.length";
        assert_eq!(browser.eval_async(left, vec![]).await.unwrap().as_u64(), Some(0));
    });
}

/// Damages the layer that lies on another one; gives the names of all.
const DAMAGE_UPPER: &str = "
    const root = await navigator.storage.getDirectory();
    const layers = await root.getDirectoryHandle('layers');
    const names = [];
    for await (const name of layers.keys()) names.push(name);
    for (const name of names) {
        const handle = await layers.getFileHandle(name);
        const head = await (await handle.getFile()).slice(0, 4096).text();
        if (!names.some((other) => head.includes(other))) continue;
        const file = await handle.createWritable({ keepExistingData: true });
        await file.write({ type: 'write', position: 0, data: 'none' });
        await file.close();
    }
    return names.sort();";
const LAYERS: &str = "
    const root = await navigator.storage.getDirectory();
    const layers = await root.getDirectoryHandle('layers');
    const names = [];
    for await (const name of layers.keys()) names.push(name);
    return names.sort();";

#[test]
fn what_may_lie_below_a_damaged_layer_is_not_removed() {
    run(async {
        let browser = common::browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, _) = common::launched(&workbench).await;
        common::stop(&workbench, &id).await;
        let snapshot = DiskRequest::TakeSnapshot { id: id.clone(), name: "before".into(), memory: false };
        workbench.disks(snapshot).await.unwrap();
        // Now nothing but the damaged layer needs the one below it.
        let snapshot = workbench.show_disks(&id).await.unwrap().snapshots[0].id.clone();
        let before = browser.eval_async(DAMAGE_UPPER, vec![]).await.unwrap();
        assert_eq!(before.as_array().map(Vec::len), Some(2), "{before}");
        workbench.disks(DiskRequest::DeleteSnapshot { id: id.clone(), snapshot }).await.unwrap();
        let refused = workbench.disks(DiskRequest::Free(Removable::Leftovers)).await.unwrap_err();
        assert!(refused.to_string().contains("is missing or damaged"), "{refused}");
        assert_eq!(browser.eval_async(LAYERS, vec![]).await.unwrap(), before);
        // The machine says so too, and takes no harm.
        workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
        let instance = workbench.wait_for_state(&id, &[State::Running, State::Crashed], BOOT).await.unwrap();
        assert_eq!((instance.state, code(&instance)), (State::Crashed, ProblemCode::DiskDamaged));
        assert_eq!(browser.eval_async(LAYERS, vec![]).await.unwrap(), before);
    });
}

/// Browsers refuse to read a file that has changed since it was looked up, and this one does all the time.
#[test]
fn tidying_up_beside_a_machine_that_writes_takes_nothing_from_it() {
    run(async {
        let browser = common::browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, mut console) = common::launched(&workbench).await;
        let snapshot = DiskRequest::TakeSnapshot { id: id.clone(), name: "before".into(), memory: false };
        workbench.disks(snapshot).await.unwrap();
        let snapshot = workbench.show_disks(&id).await.unwrap().snapshots[0].id.clone();
        workbench.disks(DiskRequest::DeleteSnapshot { id: id.clone(), snapshot }).await.unwrap();
        let write = "(while :; do date >> /root/written; sync; done) > /dev/null 2>&1 &";
        assert_eq!(console.exec(write, SOON).await.unwrap().status, 0);
        let layers = browser.eval_async(LAYERS, vec![]).await.unwrap();
        assert_eq!(layers.as_array().map(Vec::len), Some(2), "{layers}");
        for _ in 0..40 {
            // Where the header can't be read at all nothing is removed.
            let _ = workbench.disks(DiskRequest::Free(Removable::Leftovers)).await;
            assert_eq!(browser.eval_async(LAYERS, vec![]).await.unwrap(), layers);
        }
        assert_eq!(
            console
                .exec("echo 3 > /proc/sys/vm/drop_caches; find /usr -type f -exec cat {} + > /dev/null", BOOT)
                .await
                .unwrap()
                .status,
            0
        );
    });
}

/// Takes all addresses that WebAssembly memories can have in this page's process, and leaves them to be collected.
const TAKE_ALL: &str = "
    const held = [];
    try {
        while (held.length < 1e5) held.push(new WebAssembly.Memory({ initial: 0 }));
    } catch {}
    return held.length;";

#[test]
fn a_machine_starts_where_closed_pages_have_left_no_room_for_its_memory() {
    run(async {
        let browser = common::browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        // The host page stays open for another machine, and no page is opened for this one: the browser would collect for a page.
        common::launched(&workbench).await;
        let (id, _) = common::launched(&workbench).await;
        common::stop(&workbench, &id).await;
        let taken = browser.eval(TAKE_ALL, vec![]).await.unwrap().as_u64();
        assert!(taken.is_some_and(|taken| taken < 1e5 as u64), "{taken:?}");
        workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
        let instance = workbench.wait_for_state(&id, &[State::Running, State::Crashed], BOOT).await.unwrap();
        assert_eq!(instance.state, State::Running, "{instance:?}");
    });
}

#[test]
fn a_worker_without_its_program_is_a_crash_at_once() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        variant.replace("machine.js", "\"./wasm/workbench.js\"", "\"./lost/workbench.js\"");
        fs::create_dir(variant.path("lost")).unwrap();
        fs::copy(variant.path("wasm/workbench.js"), variant.path("lost/workbench.js")).unwrap();
        let instance = crashed(&variant).await;
        assert_eq!(code(&instance), ProblemCode::WorkerDied);
        assert!(
            message(&instance).contains("WebAssembly") || message(&instance).contains("fetch"),
            "{}",
            message(&instance)
        );
    });
}

#[test]
fn a_kernel_that_panics_is_a_crash_with_the_kernels_own_reason() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        variant.replace("images/templates.json", "root=/dev/sda", "root=/dev/nonexistent");
        // It boots instead of going on from its warm state.
        variant.replace("images/templates.json", "\"warm\"", "\"none\"");
        let instance = crashed(&variant).await;
        assert_eq!(code(&instance), ProblemCode::KernelPanic);
        assert!(message(&instance).contains("VFS"), "{}", message(&instance));
    });
}

/// What v86 does when its own WASM panics: an exception that nobody catches, out of a message handler.
const ENGINE_TRAP: &str = "
const listener = new BroadcastChannel('test');
listener.onmessage = () => { throw new WebAssembly.RuntimeError('unreachable'); };
";

async fn trap(kind: Kind) {
    let variant = Variant::of(kind);
    variant.append("machine.js", ENGINE_TRAP);
    let browser = variant.browser().await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let id = workbench.launch().await.unwrap();
    let mut console = workbench.console(&id).await.unwrap();
    console.wait_for_prompt(BOOT).await.unwrap();
    console.exec("echo kept > /root/kept; sync", SOON).await.unwrap();
    browser.eval("new BroadcastChannel('test').postMessage(1)", vec![]).await.unwrap();
    let instance = workbench.wait_for_state(&id, &[State::Crashed], SOON).await.unwrap();
    assert_eq!(code(&instance), ProblemCode::EngineTrap);
    assert!(message(&instance).contains("unreachable"), "{}", message(&instance));
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    let mut console = workbench.console(&id).await.unwrap();
    console.wait_for_prompt(BOOT).await.unwrap();
    assert_eq!(console.exec("cat /root/kept", SOON).await.unwrap().text(), "kept\n");
}

#[test]
fn an_engine_that_traps_is_a_crash_and_a_restart_finds_the_disk_in_chromium() {
    run(trap(Kind::Chromium));
}

#[test]
fn an_engine_that_traps_is_a_crash_and_a_restart_finds_the_disk_in_firefox() {
    run(trap(Kind::Firefox));
}

#[test]
fn a_worker_that_dies_is_noticed() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        variant.append("machine.js", "\nnew BroadcastChannel('test').onmessage = () => self.close();\n");
        let browser = variant.browser().await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let id = workbench.launch().await.unwrap();
        let mut console = workbench.console(&id).await.unwrap();
        console.wait_for_prompt(BOOT).await.unwrap();
        browser.eval("new BroadcastChannel('test').postMessage(1)", vec![]).await.unwrap();
        let instance = workbench.wait_for_state(&id, &[State::Crashed], BOOT).await.unwrap();
        assert_eq!(code(&instance), ProblemCode::WorkerDied);
        workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
        workbench.console(&id).await.unwrap().wait_for_prompt(BOOT).await.unwrap();
    });
}

#[test]
fn a_worker_that_can_not_be_loaded_is_a_crash() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        fs::write(variant.path("machine.js"), "this is no JavaScript").unwrap();
        assert_eq!(code(&crashed(&variant).await), ProblemCode::WorkerDied);
    });
}

#[test]
fn a_browser_without_private_storage_is_told_so() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        let refuse = "navigator.storage.getDirectory = () => \
            Promise.reject(new DOMException('It was denied.', 'SecurityError'));\n";
        let machine = fs::read_to_string(variant.path("machine.js")).unwrap();
        fs::write(variant.path("machine.js"), machine + refuse).unwrap();
        assert_eq!(code(&crashed(&variant).await), ProblemCode::NoStorage);
    });
}

/// A write that the browser refuses for want of room pauses the machine; when there is room again it goes on, and nothing
/// is lost.
#[test]
fn a_full_storage_pauses_the_machine_and_room_lets_it_go_on() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        variant.append(
            "machine.js",
            "
const write = FileSystemSyncAccessHandle.prototype.write;
new BroadcastChannel('test').onmessage = ({ data: full }) => {
  FileSystemSyncAccessHandle.prototype.write = full
    ? () => { throw new DOMException('There is no room.', 'QuotaExceededError'); }
    : write;
};
",
        );
        let browser = variant.browser().await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let id = workbench.launch().await.unwrap();
        let mut console = workbench.console(&id).await.unwrap();
        console.wait_for_prompt(BOOT).await.unwrap();
        browser
            .eval("window.full = new BroadcastChannel('test'); window.full.postMessage(true)", vec![])
            .await
            .unwrap();
        console.send(Stream::Shell, b"seq 1 20000 > /root/numbers; sync; echo do''ne\r").await.unwrap();
        let instance = workbench.wait_for_state(&id, &[State::Paused], SOON).await.unwrap();
        assert_eq!(code(&instance), ProblemCode::NoSpace);

        // As long as there is no room it stays paused, with the reason.
        workbench.call(&PageRequest::Resume(id.clone())).await.unwrap();
        let instance = workbench.wait_for_state(&id, &[State::Paused], SOON).await.unwrap();
        assert_eq!(code(&instance), ProblemCode::NoSpace);

        browser.eval("window.full.postMessage(false)", vec![]).await.unwrap();
        let resumed = async || {
            workbench.call(&PageRequest::Resume(id.clone())).await.ok();
            Ok(workbench.instance(&id).await.is_ok_and(|instance| instance.state == State::Running))
        };
        browser.wait_until("the machine to go on", SOON, resumed).await.unwrap();
        console.wait_for(Stream::Shell, "done", SOON).await.unwrap();
        let numbers = console.exec("echo 3 > /proc/sys/vm/drop_caches; seq 1 20000 | cmp - /root/numbers", SOON);
        assert_eq!(numbers.await.unwrap().status, 0);
    });
}
