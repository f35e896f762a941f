//! Machines beside each other, their lifecycle, and the background that may be killed at any time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, WORK, are_long_wanted, at_prompt, browser, browser_without_debugger, run};
use driver::{Browser, Kind};
use e2e::Workbench;
use protocol::{DiskRequest, InstanceId, PageRequest, Problem, ProblemCode, Removable, State, Stream, TerminalSize};

async fn own_disks(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let first = workbench.launch().await.unwrap();
    let second = workbench.launch().await.unwrap();
    let mut consoles = [at_prompt(&workbench, &first).await, at_prompt(&workbench, &second).await];
    for (number, console) in consoles.iter_mut().enumerate() {
        console.exec(&format!("echo {number} > /root/own; sync"), SOON).await.unwrap();
    }
    let third = workbench.launch().await.unwrap();
    let mut newest = at_prompt(&workbench, &third).await;
    assert_eq!(newest.exec("cat /root/own 2>/dev/null; hostname", SOON).await.unwrap().text(), "alpine-3\n");
    for (number, console) in consoles.iter_mut().enumerate() {
        let own = console.exec("cat /root/own", SOON).await.unwrap();
        assert_eq!(own.text(), format!("{number}\n"));
    }
    let running = workbench.world().await.unwrap().instances;
    assert!(running.iter().all(|instance| instance.state == State::Running), "{running:?}");
}

#[test]
fn each_machine_has_its_own_disk_and_a_third_starts_beside_two_in_chromium() {
    run(own_disks(Kind::Chromium));
}

#[test]
fn each_machine_has_its_own_disk_and_a_third_starts_beside_two_in_firefox() {
    if are_long_wanted() {
        run(own_disks(Kind::Firefox));
    }
}

async fn lifecycle(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let id = workbench.launch().await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    let failing = console.exec("echo out; echo err >&2; exit 3", SOON).await.unwrap();
    assert_eq!((failing.text().as_str(), failing.status), ("out\nerr\n", 3));

    workbench.call(&PageRequest::Pause(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Paused], SOON).await.unwrap();
    workbench.call(&PageRequest::Resume(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Running], SOON).await.unwrap();

    // The guest restarts by itself, and its disk is there.
    console.exec("echo kept > /root/kept", SOON).await.unwrap();
    console.send(Stream::Shell, b"reboot\r").await.unwrap();
    let again = async || Ok(workbench.instance(&id).await.is_ok_and(|i| i.boot == 2 && i.state == State::Running));
    browser.wait_until("the second boot", BOOT, again).await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    assert_eq!(console.exec("cat /root/kept", SOON).await.unwrap().text(), "kept\n");

    // The user restarts it.
    workbench.call(&PageRequest::Restart(id.clone())).await.unwrap();
    let again = async || Ok(workbench.instance(&id).await.is_ok_and(|i| i.boot == 3 && i.state == State::Running));
    browser.wait_until("the third boot", BOOT, again).await.unwrap();
    let console = at_prompt(&workbench, &id).await;

    // The guest shuts down by itself.
    console.send(Stream::Shell, b"poweroff\r").await.unwrap();
    let stopped = workbench.wait_for_state(&id, &[State::Stopped], SOON).await.unwrap();
    assert_eq!(stopped.problem, None);

    // The plug is pulled, and it starts again all the same.
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    at_prompt(&workbench, &id).await;
    workbench.call(&PageRequest::ForceStop(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Stopped], SOON).await.unwrap();
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    let root = console.exec("cat /root/kept; grep ' / ' /proc/mounts", SOON).await.unwrap().text();
    assert!(root.starts_with("kept\n") && root.contains("ext4 rw"), "{root}");

    workbench.call(&PageRequest::Stop(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Stopped], SOON).await.unwrap();
    workbench.call(&PageRequest::Delete(id.clone())).await.unwrap();
    assert_eq!(workbench.world().await.unwrap().instances, []);
    let left = "const root = await navigator.storage.getDirectory();
        const instances = await root.getDirectoryHandle('instances');
        const names = []; for await (const name of instances.keys()) names.push(name); return names.length";
    let gone = async || Ok(browser.eval_async(left, vec![]).await?.as_u64() == Some(0));
    browser.wait_until("the deleted machine's files to be gone", SOON, gone).await.unwrap();
}

#[test]
fn a_machine_is_paused_restarted_stopped_and_deleted_in_chromium() {
    run(lifecycle(Kind::Chromium));
}

#[test]
fn a_machine_is_paused_restarted_stopped_and_deleted_in_firefox() {
    run(lifecycle(Kind::Firefox));
}

/// How many machines have files.
async fn folders(browser: &Browser) -> driver::Result<u64> {
    let count = "const root = await navigator.storage.getDirectory();
        const instances = await root.getDirectoryHandle('instances');
        let count = 0; for await (const _ of instances.keys()) count += 1; return count";
    Ok(browser.eval_async(count, vec![]).await?.as_u64().unwrap_or_default())
}

async fn undo(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = common::launched(&workbench).await;
    console.exec("echo kept > /root/kept; sync", SOON).await.unwrap();
    common::stop(&workbench, &id).await;
    let delete = async || {
        browser.open("popup/index.html").await.unwrap();
        browser.click("button", "More for alpine-1").await.unwrap();
        browser.click("menuitem", "Delete alpine-1").await.unwrap();
        browser.by_role("button", "Bring back alpine-1").await.unwrap();
        assert_eq!(Workbench::here(&browser).world().await.unwrap().instances, []);
    };

    // It comes back with its disk.
    delete().await;
    browser.click("button", "Bring back alpine-1").await.unwrap();
    browser.by_role("button", "Start alpine-1").await.unwrap();
    let workbench = Workbench::open(&browser).await.unwrap();
    let mut console = common::started(&workbench, &id).await;
    assert_eq!(common::text(&mut console, "cat /root/kept").await, "kept\n");
    common::stop(&workbench, &id).await;

    // What lies about meanwhile is tidied up, but not its files; then they are.
    delete().await;
    let workbench = Workbench::open(&browser).await.unwrap();
    workbench.disks(DiskRequest::Free(Removable::Leftovers)).await.unwrap();
    assert_eq!(folders(&browser).await.unwrap(), 1);
    browser.open("popup/index.html").await.unwrap();
    browser.click("button", "Delete alpine-1 for good").await.unwrap();
    let gone = async || Ok(folders(&browser).await? == 0);
    browser.wait_until("the machine's files to be gone", SOON, gone).await.unwrap();
    assert_eq!(Workbench::open(&browser).await.unwrap().world().await.unwrap().removed, []);
}

#[test]
fn a_deleted_machine_can_be_brought_back_in_chromium() {
    run(undo(Kind::Chromium));
}

#[test]
fn a_deleted_machine_can_be_brought_back_in_firefox() {
    run(undo(Kind::Firefox));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    run(async {
        let browser = browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let stranger = InstanceId::from_random(1);
        let refused = workbench.call(&PageRequest::Start(stranger)).await.unwrap_err();
        let e2e::Error::Problem(Problem { code, .. }) = refused else { panic!("{refused}") };
        assert_eq!(code, ProblemCode::NotFound);
    });
}

/// The page's age in milliseconds when it shows a running machine; at most what it was when this was asked.
const RUNNING_SHOWN: &str = "return await new Promise((resolve) => {
  const look = () =>
    document.body?.innerText.includes('Running') ? resolve(performance.now()) : requestAnimationFrame(look);
  look();
})";

/// Kills the service worker while a machine runs and a console is open.
#[test]
fn nothing_that_runs_notices_that_the_service_worker_was_killed() {
    run(async {
        let browser = browser_without_debugger(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let id = workbench.launch().await.unwrap();
        let control = browser.tab().await.unwrap();
        let mut console = at_prompt(&workbench, &id).await;
        console.exec("echo $$ > /tmp/alive", SOON).await.unwrap();
        for round in 0..3 {
            assert_eq!(workbench.instance(&id).await.unwrap().state, State::Running);
            assert!(browser.kill_service_worker().await.unwrap(), "no service worker was there to be killed");
            let lost = async || Ok(workbench.losses().await.is_ok_and(|losses| losses > round));
            browser.wait_until("the service worker to be gone", SOON, lost).await.unwrap();
            let still = console.exec("cat /tmp/alive >/dev/null && echo alive", SOON).await.unwrap();
            assert_eq!(still.text(), "alive\n");
            let popup = browser.new_tab("popup/index.html").await.unwrap();
            let shows = async || Ok(browser.eval_async(RUNNING_SHOWN, vec![]).await?.as_f64());
            let after = browser.wait_for("the popup to show the machine", SOON, shows).await.unwrap();
            // How long it is depends on what else the machine does, so it is told and not tested.
            println!("the popup showed the machine at most {after:.0} ms after it was opened (wanted: 1000)");
            browser.switch_to(&popup).await.unwrap();
            browser.close_tab().await.unwrap();
            browser.switch_to(&control).await.unwrap();
        }
        let instance = workbench.instance(&id).await.unwrap();
        assert_eq!((instance.state, instance.boot), (State::Running, 1));
    });
}

async fn resize(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let id = workbench.launch().await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    // The machine's own console tab is a viewer too, and the smallest size counts.
    for (cols, rows) in [(40, 20), (33, 11)] {
        console.resize(TerminalSize { cols, rows }).await.unwrap();
        let wanted = format!("{rows} {cols}\n");
        let mut size = String::new();
        for _ in 0..20 {
            size = console.exec("stty size </dev/hvc0", SOON).await.unwrap().text();
            if size == wanted {
                break;
            }
        }
        assert_eq!(size, wanted);
        // The serial terminal hears of it by the agent.
        let serial = format!("until [ \"$(stty size < /dev/ttyS0)\" = '{rows} {cols}' ]; do sleep 0.2; done");
        assert_eq!(console.exec(&serial, WORK).await.unwrap().status, 0);
    }
}

#[test]
fn the_terminals_size_reaches_the_guest_in_chromium() {
    run(resize(Kind::Chromium));
}

#[test]
fn the_terminals_size_reaches_the_guest_in_firefox() {
    run(resize(Kind::Firefox));
}

/// Changes the machine's name in what pages were told last, opens the popup in a frame, and gives the names that it shows one after the
/// other, until the true one is there.
const NAMES_SHOWN: &str = "
    const api = globalThis.chrome ?? browser;
    const { shown } = await api.storage.session.get('shown');
    const was = JSON.parse(shown);
    was.instances[0].name = 'as-it-was';
    await api.storage.session.set({ shown: JSON.stringify(was), rows: [['as-it-was', 'Stopped']] });
    const names = [];
    const frame = document.createElement('iframe');
    frame.src = '/popup/index.html';
    document.body.append(frame);
    await new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }));
    await new Promise((resolve) => {
        const look = () => {
            const name = frame.contentDocument.querySelector('.machine-name')?.textContent;
            if (name && name !== names.at(-1)) names.push(name);
            if (name === arguments[0]) resolve();
        };
        new MutationObserver(look).observe(frame.contentDocument, { childList: true, characterData: true, subtree: true });
        look();
    });
    return names;";

#[test]
fn the_popup_shows_what_was_until_the_background_is_awake() {
    run(async {
        let browser = browser(Kind::Chromium).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let (id, _) = common::launched(&workbench).await;
        common::stop(&workbench, &id).await;
        let name = workbench.instance(&id).await.unwrap().name;
        // A page that does not speak with the background, and so does not wake it.
        browser.close_all_extension_pages().await.unwrap();
        browser.open("licenses.html").await.unwrap();
        browser.kill_service_worker().await.unwrap();
        let asleep = async || Ok(!browser.service_worker_running().await?);
        browser.wait_until("the service worker to be gone", SOON, asleep).await.unwrap();
        let names = browser.eval_async(NAMES_SHOWN, vec![name.clone().into()]).await.unwrap();
        assert_eq!(names, serde_json::json!(["as-it-was", name]));
    });
}
