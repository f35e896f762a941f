//! Bad input and bad luck: each becomes a state and a sentence, disks stay valid, and a restart works.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, Variant, run};
use driver::Kind;
use e2e::Workbench;
use protocol::{Instance, PageRequest, ProblemCode, State, Stream};
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
