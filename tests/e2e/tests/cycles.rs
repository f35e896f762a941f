//! A machine that is started and stopped, or suspended and resumed, again and again leaves nothing behind: no memory, worker or lock.
//!
//! The popup is open all the time, so that the host page, which would else be closed with the last machine, is the same from the first cycle to
//! the last. Memory is what the kernel says of the processes that have the extension's pages and workers (proportional set size without files,
//! which they share with other browsers), after the browser was told to collect its garbage; what all of the browser's processes have is printed
//! beside it, since some of them grow by themselves. It is looked at for a while, because processes give back in their own time, and after more
//! than one cycle, because it differs from one to the next by some MiB: what is left behind stays. `CYCLES` and `LID_CYCLES` say how many cycles.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::network::address;
use common::{BOOT, at_prompt, new_tab_besides, run};
use driver::{Browser, Kind};
use e2e::Workbench;
use protocol::{InstanceId, PageRequest, State};
use std::fs;
use std::time::Duration;

/// So many cycles, unless the environment says otherwise.
const CYCLES: (&str, u32) = ("CYCLES", 5);
const LID_CYCLES: (&str, u32) = ("LID_CYCLES", 3);
/// So many go before memory is looked at: what the browser compiles and keeps comes with the first ones.
const WARM_UP: u32 = 2;
/// After so many cycles memory is looked at, at the beginning and at the end.
const LOOKS: u32 = 3;
/// How much more memory there may be at the end, as a share of what there was.
const MORE_MAX: f64 = 0.05;
/// How long the browser may take to give back what nobody uses, and workers to end.
const COLLECTED: Duration = Duration::from_secs(90);

/// What is left when no machine runs.
#[derive(Debug)]
struct Left {
    /// Their scripts.
    workers: Vec<String>,
    locks: Vec<String>,
}

async fn left(browser: &Browser) -> Left {
    let targets = browser.targets().await.unwrap();
    let locks = "return (await navigator.locks.query()).held.map((lock) => lock.name).sort()";
    let locks = browser.eval_async(locks, vec![]).await.unwrap();
    Left {
        workers: targets.into_iter().filter(|target| target.kind == "worker").map(|target| target.url).collect(),
        locks: serde_json::from_value(locks).unwrap(),
    }
}

/// The memory of the extension's processes, which have its pages and workers, in KiB, and that of all the browser's processes.
fn memory(browser: &Browser) -> (u64, u64) {
    let of = |id: u32| {
        // A process may end at any moment.
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        let own =
            text.lines().filter_map(|line| line.strip_prefix("Pss_Anon:").or_else(|| line.strip_prefix("Pss_Shmem:")));
        own.map(|size| size.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default()).sum::<u64>()
    };
    let is_own = |id: u32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        // The browser writes its processes' arguments anew, with spaces between them.
        line.split(|&byte| byte == 0 || byte == b' ').any(|argument| argument == b"--extension-process")
    };
    let all = browser.processes();
    let sum = |ids: &mut dyn Iterator<Item = u32>| ids.map(of).sum();
    (sum(&mut all.iter().copied().filter(|&id| is_own(id))), sum(&mut all.iter().copied()))
}

/// The least memory that is seen until it does not get less any more for some looks, or is as little as wanted.
async fn settled(browser: &Browser, wanted: u64) -> u64 {
    let mut least = u64::MAX;
    let mut steady = 0;
    let looked = async || {
        browser.collect_garbage().await?;
        let (now, _) = memory(browser);
        steady = if now < least { 0 } else { steady + 1 };
        least = least.min(now);
        Ok(least <= wanted || (wanted == 0 && steady > 20))
    };
    // That it stays more is what the test is about, and told there.
    let _ = browser.wait_until("the memory to be given back", COLLECTED, looked).await;
    least
}

async fn started(workbench: &Workbench<'_>, id: &InstanceId) {
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    workbench.wait_for_state(id, &[State::Running], BOOT).await.unwrap();
}

async fn start_and_stop(workbench: &Workbench<'_>, id: &InstanceId) {
    started(workbench, id).await;
    // It has been on the LAN before it is stopped.
    address(&mut at_prompt(workbench, id).await).await;
    workbench.call(&PageRequest::Stop(id.clone())).await.unwrap();
    workbench.wait_for_state(id, &[State::Stopped], BOOT).await.unwrap();
}

async fn suspend_and_resume(workbench: &Workbench<'_>, id: &InstanceId) {
    started(workbench, id).await;
    workbench.call(&PageRequest::Suspend(id.clone())).await.unwrap();
    workbench.wait_for_state(id, &[State::Suspended], BOOT).await.unwrap();
}

async fn cycles(kind: Kind, (variable, usual): (&str, u32), cycle: impl AsyncFn(&Workbench<'_>, &InstanceId)) {
    let count = std::env::var(variable).map_or(usual, |text| text.parse().unwrap());
    let browser = common::browser(kind).await;
    browser.open("popup/index.html").await.unwrap();
    let workbench = Workbench::here(&browser);
    let (own, before) = (browser.tab().await.unwrap(), browser.tabs().await.unwrap());
    let id = workbench.launch().await.unwrap();
    let console = new_tab_besides(&browser, &before).await;
    browser.switch_to(&console).await.unwrap();
    browser.close_tab().await.unwrap();
    browser.switch_to(&own).await.unwrap();
    // The LAN's worker is there as long as the host page, from when a machine first needs it; and so is the one that answers for disks.
    address(&mut at_prompt(&workbench, &id).await).await;
    workbench.call(&PageRequest::Stop(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Stopped], BOOT).await.unwrap();
    workbench.show_disks(&id).await.unwrap();
    for _ in 0..WARM_UP {
        cycle(&workbench, &id).await;
    }
    let mut before = 0;
    for _ in 0..LOOKS {
        cycle(&workbench, &id).await;
        before = before.max(settled(&browser, 0).await);
    }
    assert!(before > 0, "the kernel tells no memory of processes");
    let had = left(&browser).await;
    for number in 1..=count {
        cycle(&workbench, &id).await;
        if number.is_multiple_of(10) {
            let (own, all) = memory(&browser);
            println!("{kind}: {number} cycles, {own} of {all} KiB");
        }
    }
    let most = (before as f64 * (1.0 + MORE_MAX)) as u64;
    let mut after = settled(&browser, most).await;
    for _ in 1..LOOKS {
        if after > most {
            cycle(&workbench, &id).await;
            after = after.min(settled(&browser, most).await);
        }
    }
    // A worker that has nothing to do any more ends after a while.
    let gone = async || {
        let has = left(&browser).await;
        Ok(has.workers.len() <= had.workers.len() && has.locks == had.locks)
    };
    let waited = browser.wait_until("what is left to be what was left before", COLLECTED, gone).await;
    let has = left(&browser).await;
    println!("{kind}: {count} cycles: {before} KiB before, {after} KiB after; {has:?}");
    assert!(waited.is_ok(), "something is left: {has:?} after {had:?}");
    assert!(after <= most, "{before} KiB before, {after} KiB after {count} cycles");
}

#[test]
fn starting_and_stopping_leaves_nothing_behind_in_chromium() {
    run(cycles(Kind::Chromium, CYCLES, async |workbench, id| start_and_stop(workbench, id).await));
}

#[test]
fn suspending_and_resuming_leaves_nothing_behind_in_chromium() {
    run(cycles(Kind::Chromium, LID_CYCLES, async |workbench, id| suspend_and_resume(workbench, id).await));
}
