//! New machines go on from their template's warm state, and no two of them are alike.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, Variant, at_prompt, run, text};
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use protocol::{
    DiskReply, DiskRequest, InstanceId, PageRequest, Plan, Removable, State, StorageItem, StorageKind, Stream,
    TemplateId,
};
use std::collections::BTreeSet;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Whether the guest has gone on from a state that was saved at its gate.
async fn is_warm(console: &mut Console<'_>) -> bool {
    console.exec("cat /proc/cmdline", SOON).await.unwrap().text().contains("workbench.warm")
}

async fn lines(console: &mut Console<'_>, command: &str) -> Vec<String> {
    console.exec(command, BOOT).await.unwrap().text().lines().map(|line| line.trim().to_owned()).collect()
}

async fn each_its_own(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let mut seen = vec![];
    for name in ["alpine-1", "alpine-2"] {
        let id = workbench.launch().await.unwrap();
        let mut console = workbench.console(&id).await.unwrap();
        console.wait_for_prompt(BOOT).await.unwrap();
        let random = "head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/boot_id; hostname; date +%s";
        let told = lines(&mut console, random).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(is_warm(&mut console).await);
        let [random, boot, host, date] = &told[..] else { panic!("{told:?}") };
        assert_eq!(host, name);
        let date: u64 = date.parse().unwrap();
        assert!(now.abs_diff(date) <= 2, "the guest thinks it is {date}, it is {now}");
        let network = "until ip -4 address show dev eth0 | grep -q inet; do sleep 1; done
            cat /sys/class/net/eth0/address; ip -4 address show dev eth0 | grep -o 'inet [0-9.]*'";
        let network = lines(&mut console, network).await;
        seen.push([random.clone(), boot.clone(), network.concat()]);
        console.exec("echo kept > /root/kept; sync", SOON).await.unwrap();
    }
    for at in 0..3 {
        let values: BTreeSet<_> = seen.iter().map(|told| &told[at]).collect();
        assert_eq!(values.len(), seen.len(), "{seen:?}");
    }
    // The second one's disk is its own from then on, and it boots as any other does.
    let world = workbench.world().await.unwrap();
    let id = world.instances[1].id.clone();
    workbench.call(&PageRequest::Restart(id.clone())).await.unwrap();
    let again = async || Ok(workbench.world().await.is_ok_and(|world| world.instances[1].boot == 2));
    browser.wait_until("the machine to start again", BOOT, again).await.unwrap();
    let mut console = workbench.console(&id).await.unwrap();
    console.wait_for_prompt(BOOT).await.unwrap();
    assert!(!is_warm(&mut console).await);
    assert_eq!(lines(&mut console, "cat /root/kept; hostname").await, ["kept", "alpine-2"]);
}

#[test]
fn two_machines_of_one_warm_state_differ_in_chromium() {
    run(each_its_own(Kind::Chromium));
}

#[test]
fn two_machines_of_one_warm_state_differ_in_firefox() {
    run(each_its_own(Kind::Firefox));
}

#[test]
fn a_machine_boots_where_the_warm_state_is_damaged() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        let path = variant.path("images/alpine-3.20-warm-memory");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let browser = variant.browser().await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let id = workbench.launch().await.unwrap();
        let mut console = workbench.console(&id).await.unwrap();
        console.wait_for_prompt(BOOT).await.unwrap();
        assert!(!is_warm(&mut console).await);
        let complaints = lines(&mut console, "dmesg | grep -i 'ext4.*error'; hostname").await;
        assert_eq!(complaints, ["alpine-1"]);
    });
}

/// A template whose machines the packaged state does not fit.
async fn roomy(workbench: &Workbench<'_>) -> TemplateId {
    let image = workbench.world().await.unwrap().templates[0].plan.image.clone();
    let plan = Plan {
        memory: 128.try_into().ok(),
        workspace: Some(256 << 20),
        cmdline: "net.ifnames=0".to_owned(),
        ..Plan::plain("Roomy", "", image)
    };
    let save = PageRequest::SaveTemplate { id: None, plan: Box::new(plan), like: None };
    workbench.call(&save).await.unwrap();
    workbench.world().await.unwrap().templates.last().unwrap().id.clone()
}

async fn launch(workbench: &Workbench<'_>, template: &TemplateId) -> InstanceId {
    let request = PageRequest::Launch { template: Some(template.clone()) };
    workbench.call(&request).await.unwrap().unwrap()
}

/// What the storage page shows of states that are kept.
async fn kept(workbench: &Workbench<'_>) -> Vec<StorageItem> {
    let DiskReply::Storage(report) = workbench.disks(DiskRequest::Storage).await.unwrap() else { panic!() };
    report.items.into_iter().filter(|item| item.kind == StorageKind::Warm).collect()
}

/// Turns over bits in the middle of all memories that are kept.
async fn damage(browser: &Browser) {
    let script = "
        const all = await (await navigator.storage.getDirectory()).getDirectoryHandle('warm');
        for await (const folder of all.values()) {
            const handle = await folder.getFileHandle('memory');
            const file = await handle.getFile();
            const middle = Math.floor(file.size / 2);
            const byte = new Uint8Array(await file.slice(middle, middle + 1).arrayBuffer());
            const out = await handle.createWritable({ keepExistingData: true });
            await out.write({ type: 'write', position: middle, data: byte.map((byte) => byte ^ 255) });
            await out.close();
        }
        return true;";
    browser.eval_async(script, vec![]).await.unwrap();
}

/// The times of the kernel's first messages, which no two boots have in common, and what each machine must have for itself.
const WHOSE: &str = "until ip -4 address show dev eth0 | grep -q inet; do sleep 1; done
    dmesg | head -n 60 | md5sum; hostname; cat /proc/sys/kernel/random/boot_id /sys/class/net/eth0/address";

async fn kept_of_a_first_boot(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let template = roomy(&workbench).await;
    assert_eq!(kept(&workbench).await, []);

    // What is typed at a guest that boots is its own, and comes to it behind the gate.
    let first = launch(&workbench, &template).await;
    workbench.wait_for_state(&first, &[State::Running], BOOT).await.unwrap();
    let mut console = workbench.console(&first).await.unwrap();
    console.send(Stream::Shell, b"echo early > /root/early\r").await.unwrap();
    console.wait_for_prompt(BOOT).await.unwrap();
    let booted = lines(&mut console, WHOSE).await;
    assert_eq!(booted[1], "roomy-1");
    let typed = text(&mut console, "cat /root/early; echo of the first > /workspace/own; sync").await;
    assert_eq!(typed, "early\n");
    let [item] = &kept(&workbench).await[..] else { panic!() };
    assert_eq!(item.title, "128 MiB, workspace of 256 MiB");
    assert!(item.bytes > 1 << 20, "{item:?}");

    let second = launch(&workbench, &template).await;
    let mut console = at_prompt(&workbench, &second).await;
    let warm = lines(&mut console, WHOSE).await;
    assert_eq!((&warm[0], warm[1].as_str()), (&booted[0], "roomy-2"), "it has not booted by itself");
    assert!(warm[2] != booted[2] && warm[3] != booted[3], "{warm:?} {booted:?}");
    let own = "ls /root/early /workspace/own 2> /dev/null; grep -c ' /workspace ext4 rw' /proc/mounts; grep -o 'MemTotal: *1' /proc/meminfo | wc -l
        df -m /workspace | awk 'END { print ($2 > 200) }'";
    assert_eq!(lines(&mut console, own).await, ["1", "1", "1"]);

    // A damaged one is thrown away, and the machine boots.
    damage(&browser).await;
    let third = launch(&workbench, &template).await;
    let mut console = at_prompt(&workbench, &third).await;
    let again = lines(&mut console, WHOSE).await;
    assert!(again[0] != booted[0] && again[1] == "roomy-3", "{again:?}");
    assert_eq!(text(&mut console, "dmesg | grep -ci 'ext4.*error'").await, "0\n");
    assert_eq!(kept(&workbench).await, []);

    // The next one is kept in its place, until the user wants the room.
    let fourth = launch(&workbench, &template).await;
    at_prompt(&workbench, &fourth).await;
    let [item] = &kept(&workbench).await[..] else { panic!() };
    let Some(Removable::Warm(name)) = &item.removable else { panic!("{item:?}") };
    workbench.disks(DiskRequest::Free(Removable::Warm(name.clone()))).await.unwrap();
    assert_eq!(kept(&workbench).await, []);
}

#[test]
fn a_first_boot_is_kept_for_machines_of_the_same_template_in_chromium() {
    run(kept_of_a_first_boot(Kind::Chromium));
}

#[test]
fn a_first_boot_is_kept_for_machines_of_the_same_template_in_firefox() {
    run(kept_of_a_first_boot(Kind::Firefox));
}

/// What the disks of all states that are kept lie on, by the headers of their layers (docs/formats.md: qcow2's own).
async fn below(browser: &Browser) -> Vec<String> {
    let script = "
        const found = [];
        const all = await (await navigator.storage.getDirectory()).getDirectoryHandle('warm', { create: true });
        for await (const folder of all.values()) {
            const bytes = await (await (await folder.getFileHandle('system.qcow2')).getFile()).arrayBuffer();
            const header = new DataView(bytes);
            const name = new Uint8Array(bytes, Number(header.getBigUint64(8)), header.getUint32(16));
            found.push(new TextDecoder().decode(name));
        }
        return found;";
    serde_json::from_value(browser.eval_async(script, vec![]).await.unwrap()).unwrap()
}

#[test]
fn what_is_kept_lies_on_the_image_also_if_the_machine_is_frozen_while_it_boots() {
    run(async {
        let browser = common::browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let template = roomy(&workbench).await;
        let image = |name: &String| name.len() == 64 + ".qcow2".len();
        let first = launch(&workbench, &template).await;
        workbench.wait_for_state(&first, &[State::Running], BOOT).await.unwrap();
        let take = DiskRequest::TakeSnapshot { id: first.clone(), name: "booting".to_owned(), memory: false };
        workbench.disks(take).await.unwrap();
        at_prompt(&workbench, &first).await;
        assert!(below(&browser).await.iter().all(image), "{:?}", below(&browser).await);
        // The next one is kept, unless the first one was before it could be frozen.
        let second = launch(&workbench, &template).await;
        at_prompt(&workbench, &second).await;
        let kept = below(&browser).await;
        assert!(kept.len() == 1 && kept.iter().all(image), "{kept:?}");
    });
}
