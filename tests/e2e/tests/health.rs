//! The console's panel that says how the machine is doing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, launched, new_tab_besides, run, stop};
use driver::{Browser, Kind};
use e2e::Workbench;
use std::fs;

/// The figures by their names.
async fn figure(browser: &Browser, name: &str) -> String {
    let script = "return [...document.querySelectorAll('.figure')]
        .find((figure) => figure.querySelector('dt').innerText === arguments[0])?.querySelector('dd').innerText ?? ''";
    browser.eval(script, vec![name.into()]).await.unwrap().as_str().unwrap().to_owned()
}

async fn wait_for(browser: &Browser, name: &str, what: impl Fn(&str) -> bool) -> String {
    let there = async || Ok(Some(figure(browser, name).await).filter(|text| what(text)));
    match browser.wait_for(&format!("another figure of {name}"), BOOT, there).await {
        Ok(text) => text,
        Err(error) => panic!("{error}\nIt is {:?}", figure(browser, name).await),
    }
}

fn percent(text: &str) -> Option<u32> {
    text.strip_suffix(" %")?.parse().ok()
}

async fn choose(browser: &Browser, field: &str, index: u32) {
    let script = "const field = document.getElementById(arguments[0]);
        field.selectedIndex = arguments[1];
        field.dispatchEvent(new Event('change', { bubbles: true }))";
    browser.eval(script, vec![field.into(), index.into()]).await.unwrap();
}

async fn log_has(browser: &Browser, wanted: &str) {
    let shown = async || {
        let text = browser.eval("return document.querySelector('.log').innerText", vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.contains(wanted)))
    };
    if let Err(error) = browser.wait_until(&format!("{wanted:?} in the log"), SOON, shown).await {
        let text = browser.eval("return document.querySelector('.log').innerText", vec![]).await;
        panic!("{error}\nThe log is {text:?}");
    }
}

async fn panel(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let before = browser.tabs().await.unwrap();
    let (id, _) = launched(&workbench).await;
    // The console that Launch has opened is the page that is seen.
    let console = new_tab_besides(&browser, &before).await;
    browser.switch_to(&console).await.unwrap();
    let page = common::ConsolePage(&browser);
    page.wait_for("#", BOOT).await;
    browser.click("button", "Health").await.unwrap();
    browser.by_role("complementary", "Health").await.unwrap();
    // An idle guest, then one that has something to do.
    wait_for(&browser, "Processor", |text| percent(text).is_some_and(|share| share < 50)).await;
    wait_for(&browser, "Memory in use", |text| text.ends_with(" MiB")).await;
    wait_for(&browser, "System disk", |text| text.contains(" free of ")).await;
    page_enter(&browser, "sha256sum /dev/zero &").await;
    wait_for(&browser, "Processor", |text| percent(text).is_some_and(|share| share > 60)).await;
    page_enter(&browser, "kill %1; cat /bin/* /lib/* > /root/much; sync").await;
    wait_for(&browser, "Disks", |text| text.contains("MiB/s") || text.contains("KiB/s")).await;

    // What is done without being asked is kept.
    choose(&browser, "care-checkpoint", 2).await;
    let kept = async || Ok(workbench_care(&browser).await == Some(5));
    browser.wait_until("a period of five minutes", SOON, kept).await.unwrap();
    browser.click("button", "Save checkpoint now").await.unwrap();
    log_has(&browser, "checkpoint saved").await;
    log_has(&browser, "the processor runs").await;
    browser.type_into("searchbox", "Search the log", "CHECKPOINT").await.unwrap();
    let only = "return [...document.querySelectorAll('.log p')].every((line) => /checkpoint/i.test(line.innerText))";
    let only = async || Ok(browser.eval(only, vec![]).await? == true);
    browser.wait_until("only lines with the searched word", SOON, only).await.unwrap();
    choose(&browser, "log-source", 1).await;
    browser.eval("document.querySelector('.log-tools input').value = ''", vec![]).await.unwrap();
    browser.click("button", "Save log").await.unwrap();
    let file = async || {
        let name = fs::read_dir(browser.downloads()).unwrap().flatten().map(|entry| entry.path());
        let mut logs = name.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
        Ok(logs.find_map(|path| fs::read_to_string(path).ok()).filter(|text| !text.trim().is_empty()))
    };
    let text = browser.wait_for("the saved log", SOON, file).await.unwrap();
    assert!(text.contains("Linux version") || text.contains("login") || text.contains('#'), "{text}");

    // A machine that does not run has no figures, and the panel says so.
    let workbench = Workbench::open(&browser).await.unwrap();
    stop(&workbench, &id).await;
    browser.open(&format!("console/index.html?id={id}")).await.unwrap();
    browser.click("button", "Health").await.unwrap();
    assert_eq!(figure(&browser, "Processor").await, "–");
}

/// Types into the terminal, which a press on it gives the keyboard.
async fn page_enter(browser: &Browser, command: &str) {
    browser.eval("document.querySelector('#panel-shell textarea').focus()", vec![]).await.unwrap();
    common::ConsolePage(browser).enter(command).await;
}

/// The period of checkpoints that the field shows after the background has answered.
async fn workbench_care(browser: &Browser) -> Option<u64> {
    let script = "const shown = document.querySelector('#care-checkpoint').selectedOptions[0].innerText;
        return Number(/\\d+/.exec(shown)?.[0] ?? 0)";
    browser.eval(script, vec![]).await.ok()?.as_u64()
}

#[test]
fn the_panel_says_how_the_machine_is_doing_in_chromium() {
    run(panel(Kind::Chromium));
}

#[test]
fn the_panel_says_how_the_machine_is_doing_in_firefox() {
    run(panel(Kind::Firefox));
}

async fn popup(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, _) = launched(&workbench).await;
    browser.open("popup/index.html").await.unwrap();
    let workbench = Workbench::here(&browser);
    let mut console = workbench.console(&id).await.unwrap();
    let share = async || {
        let about = browser.eval("return document.querySelector('.machine-about')?.innerText ?? ''", vec![]).await?;
        let share = about.as_str().unwrap_or_default().split(" · ").find_map(|word| word.strip_suffix(" CPU"));
        driver::Result::Ok(share.and_then(percent))
    };
    let idle = async || Ok(share().await?.is_some_and(|share| share < 50));
    browser.wait_until("a machine that has nothing to do", BOOT, idle).await.unwrap();
    console.exec("sha256sum /dev/zero > /dev/null &", SOON).await.unwrap();
    let busy = async || Ok(share().await?.is_some_and(|share| share > 60));
    browser.wait_until("a machine that is at work", SOON, busy).await.unwrap();
}

#[test]
fn the_popup_says_how_busy_a_machine_is_in_chromium() {
    run(popup(Kind::Chromium));
}

#[test]
fn the_popup_says_how_busy_a_machine_is_in_firefox() {
    run(popup(Kind::Firefox));
}
