//! A machine whose run is cut short goes back to its last checkpoint, or boots, as its user chooses.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, are_long_wanted, at_prompt, browser_with, launched, run, started, stop, text};
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use protocol::{Care, Checkpoint, Instance, InstanceId, Minutes, PageRequest, State, Stream};
use std::time::Duration;

/// What a line prints in the shell itself, whose variables are in its memory only.
async fn typed(console: &mut Console<'_>, line: &str, number: u32) -> String {
    let typed = format!("echo :beg''in{number}; {line}; echo :e''nd{number}\r");
    console.send(Stream::Shell, typed.as_bytes()).await.unwrap();
    let shown = console.wait_for(Stream::Shell, &format!(":end{number}"), BOOT).await.unwrap().replace('\r', "");
    let begun = shown.split_once(&format!(":begin{number}\n")).unwrap().1;
    begun.split_once(":end").unwrap().0.to_owned()
}

/// Saves a checkpoint, and waits until every page can know of it.
async fn save(workbench: &Workbench<'_>, id: &InstanceId) -> Checkpoint {
    let before = workbench.instance(id).await.unwrap().checkpoint;
    workbench.call(&PageRequest::SaveCheckpoint(id.clone())).await.unwrap();
    let another = async || {
        let Instance { checkpoint, problem, .. } = workbench.instance(id).await.unwrap();
        assert_eq!(problem, None);
        Ok(checkpoint.filter(|_| checkpoint != before))
    };
    workbench.browser().wait_for("another checkpoint", BOOT, another).await.unwrap()
}

/// The names in a directory of the private file system that begin so.
async fn names(browser: &Browser, directory: &[&str], beginning: &str) -> Vec<String> {
    let script = "let place = await navigator.storage.getDirectory();
        for (const name of arguments[0]) place = await place.getDirectoryHandle(name);
        const found = [];
        for await (const name of place.keys()) if (name.startsWith(arguments[1])) found.push(name);
        return found";
    let found = browser.eval_async(script, vec![directory.into(), beginning.into()]).await.unwrap();
    serde_json::from_value(found).unwrap()
}

async fn interrupted(workbench: &Workbench<'_>, id: &InstanceId) -> Instance {
    let instance = workbench.instance(id).await.unwrap();
    assert!(instance.is_interrupted(), "{instance:?}");
    instance
}

async fn choice(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    typed(&mut console, "kept=before; echo disk > /root/early; sync", 1).await;
    let first = save(&workbench, &id).await;
    println!("{kind}: the machine stood still for {} ms, {} bytes", first.pause, first.bytes);
    // One more, in place of the first: what lies between them is merged, and the first one's memory is gone.
    typed(&mut console, "kept=then; echo disk > /root/then; sync", 2).await;
    let layers = names(&browser, &["layers"], "").await.len();
    save(&workbench, &id).await;
    assert_eq!(names(&browser, &["instances", id.as_str()], "memory-").await.len(), 1);
    assert_eq!(names(&browser, &["layers"], "").await.len(), layers, "the layers between two checkpoints stay apart");
    assert_eq!(typed(&mut console, "kept=after; echo disk > /root/late; sync; echo up", 3).await, "up\n");
    browser.kill();

    // Back to the second one: memory and disk are as they were then.
    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let instance = interrupted(&workbench, &id).await;
    let name = instance.name;
    browser.open(&format!("console/index.html?id={id}")).await.unwrap();
    // The same controls are in the bar, so they are not found by their names alone.
    let choices = "return [...document.querySelectorAll('.card-choices button')].map((one) => one.ariaLabel).join()";
    let both = format!("Go back to checkpoint {name},Start {name}");
    let offered = async || Ok(browser.eval(choices, vec![]).await? == both.as_str());
    browser.wait_until("the choice", SOON, offered).await.unwrap();
    let cover = "return document.querySelector('.card').innerText";
    let said = browser.eval(cover, vec![]).await.unwrap();
    let said = said.as_str().unwrap();
    assert!(said.contains("was interrupted") && said.contains("Whatever the machine has done since is lost"), "{said}");
    browser.eval("document.querySelector('.card-choices .button.primary').click()", vec![]).await.unwrap();
    let workbench = Workbench::open(&browser).await.unwrap();
    workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    assert_eq!(typed(&mut console, "echo $kept; ls /root | cat", 4).await, "then\nearly\nthen\n");
    assert_eq!(text(&mut console, "dmesg | grep -ciE 'ext4-fs.*(error|corrupt)'").await, "0\n");

    // Cut short again before there is another one, and booted this time: the disk has all that was written.
    typed(&mut console, "echo disk > /root/later; sync; echo done", 5).await;
    browser.kill();
    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    assert!(interrupted(&workbench, &id).await.way_back().is_some());
    let mut console = started(&workbench, &id).await;
    assert_eq!(typed(&mut console, "echo $kept; ls /root | cat", 6).await, "\nearly\nlater\nthen\n");

    // A run that ends in good order leaves no way back, and nothing behind.
    stop(&workbench, &id).await;
    assert_eq!(workbench.instance(&id).await.unwrap().way_back(), None);
    assert!(workbench.call(&PageRequest::GoBack(id.clone())).await.is_err());
    started(&workbench, &id).await;
    assert_eq!(names(&browser, &["instances", id.as_str()], "memory-").await, Vec::<String>::new());
}

#[test]
fn a_machine_goes_back_to_its_last_checkpoint_or_boots_in_chromium() {
    run(choice(Kind::Chromium));
}

#[test]
fn a_machine_goes_back_to_its_last_checkpoint_or_boots_in_firefox() {
    if are_long_wanted() {
        run(choice(Kind::Firefox));
    }
}

async fn by_itself(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let minute = Minutes::try_from(1).ok();
    let (id, mut console) = launched(&workbench).await;
    let care = Care { checkpoint: minute, suspend: None };
    workbench.call(&PageRequest::SetCare(id.clone(), care)).await.unwrap();
    let saved = async || Ok(workbench.instance(&id).await?.checkpoint.is_some());
    let saved = async || saved().await.map_err(|error: e2e::Error| panic!("{error}"));
    browser.wait_until("a checkpoint that nobody asked for", BOOT, saved).await.unwrap();

    // A machine that has something to do is no idle one; one that has nothing to do is suspended.
    let care = Care { checkpoint: None, suspend: minute };
    workbench.call(&PageRequest::SetCare(id.clone(), care)).await.unwrap();
    console.exec("end=$(( $(date +%s) + 70 )); while [ $(date +%s) -lt $end ]; do :; done", BOOT).await.unwrap();
    assert_eq!(workbench.instance(&id).await.unwrap().state, State::Running);
    workbench.wait_for_state(&id, &[State::Suspended], BOOT + Duration::from_secs(60)).await.unwrap();
    assert_eq!(workbench.instance(&id).await.unwrap().problem, None);
}

/// In one browser only: what decides is the same WebAssembly in both.
#[test]
fn checkpoints_and_suspending_come_by_themselves_in_chromium() {
    if are_long_wanted() {
        run(by_itself(Kind::Chromium));
    }
}

async fn reset(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    let boot = workbench.instance(&id).await.unwrap().boot;
    typed(&mut console, "kept=yes; echo disk > /root/kept; sync", 1).await;
    workbench.call(&PageRequest::Reset(id.clone())).await.unwrap();
    let anew = async || {
        let instance = workbench.instance(&id).await.unwrap();
        Ok(instance.boot == boot + 1 && instance.state == State::Running)
    };
    browser.wait_until("the machine to run anew", SOON, anew).await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    assert_eq!(typed(&mut console, "echo $kept; cat /root/kept", 2).await, "\ndisk\n");
}

#[test]
fn a_reset_boots_the_machine_at_once_in_chromium() {
    run(reset(Kind::Chromium));
}
