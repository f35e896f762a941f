//! The main job, end to end: Launch, a shell, everything closed, and it is still there.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, ConsolePage, SOON, browser_with, new_tab_besides, run};
use driver::{Browser, Kind};
use std::time::Duration;

/// Opens the popup's page and waits for the machine's line to say so.
async fn wait_for_state(browser: &Browser, state: &str, timeout: Duration) {
    let what = format!("alpine-1 to be {state}");
    let shown = async || {
        let text =
            browser.eval("return document.querySelector('[aria-label=\"alpine-1\"]')?.innerText", vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.contains(state)))
    };
    browser.wait_until(&what, timeout, shown).await.unwrap();
}

async fn open_console(browser: &Browser, button: &str) {
    let before = browser.tabs().await.unwrap();
    browser.click("button", button).await.unwrap();
    let console = new_tab_besides(browser, &before).await;
    browser.switch_to(&console).await.unwrap();
}

fn uptime(text: &str) -> f64 {
    let line = text.lines().rev().find(|line| line.starts_with("up ")).unwrap_or_default();
    line.split(' ').nth(1).and_then(|seconds| seconds.parse().ok()).unwrap_or_else(|| panic!("no uptime in {text}"))
}

async fn main_job(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let browser = browser_with(kind, profile.path()).await;
    browser.open("popup/index.html").await.unwrap();
    open_console(&browser, "Launch").await;
    let console = ConsolePage(&browser);
    console.wait_for("alpine-1:~#", BOOT).await;
    console.enter("echo persisted > /root/mark; sync; echo up $(cat /proc/uptime)").await;
    console.wait_for("\nup ", SOON).await;
    let before = uptime(&console.text().await);

    browser.close_all_extension_pages().await.unwrap();
    browser.open("popup/index.html").await.unwrap();
    wait_for_state(&browser, "Running", SOON).await;
    open_console(&browser, "Open console of alpine-1").await;
    console.wait_for("alpine-1:~#", SOON).await;
    console.enter("clear; echo up $(cat /proc/uptime)").await;
    let later = async || {
        let text = console.text().await;
        Ok(text.lines().any(|line| line.starts_with("up ")) && uptime(&text) > before)
    };
    browser.wait_until("the machine's uptime to have gone on", SOON, later).await.unwrap();

    browser.open("popup/index.html").await.unwrap();
    browser.click("button", "Stop alpine-1").await.unwrap();
    wait_for_state(&browser, "Stopped", BOOT).await;
    browser.close().await.unwrap();

    let browser = browser_with(kind, profile.path()).await;
    browser.open("popup/index.html").await.unwrap();
    wait_for_state(&browser, "Stopped", SOON).await;
    browser.click("button", "Start alpine-1").await.unwrap();
    wait_for_state(&browser, "Running", SOON).await;
    open_console(&browser, "Open console of alpine-1").await;
    let console = ConsolePage(&browser);
    console.wait_for("alpine-1:~#", BOOT).await;
    console.enter("cat /root/mark").await;
    console.wait_for("\npersisted\n", SOON).await;
    browser.close().await.unwrap();
}

#[test]
fn a_machine_outlives_its_pages_and_its_disk_the_browser_in_chromium() {
    run(main_job(Kind::Chromium));
}

#[test]
fn a_machine_outlives_its_pages_and_its_disk_the_browser_in_firefox() {
    run(main_job(Kind::Firefox));
}

async fn mirrored(kind: Kind) {
    let browser = common::browser(kind).await;
    browser.open("popup/index.html").await.unwrap();
    open_console(&browser, "Launch").await;
    let console = ConsolePage(&browser);
    console.wait_for("alpine-1:~#", BOOT).await;
    let first = browser.tab().await.unwrap();
    let query = browser.eval("return location.search", vec![]).await.unwrap();
    let page = format!("console/index.html{}", query.as_str().unwrap());

    // The second tab is shown what there was, and what is typed in it appears in the first.
    let second = browser.new_tab(&page).await.unwrap();
    console.wait_for("alpine-1:~#", SOON).await;
    console.enter("echo grüße-$((40+2))").await;
    console.wait_for("\ngrüße-42\n", SOON).await;
    browser.switch_to(&first).await.unwrap();
    console.wait_for("\ngrüße-42\n", SOON).await;
    console.enter("echo back-$((40+2))").await;
    console.wait_for("\nback-42\n", SOON).await;
    let shown = console.text().await;
    browser.switch_to(&second).await.unwrap();
    console.wait_for("\nback-42\n", SOON).await;
    assert_eq!(console.text().await.trim_end(), shown.trim_end());
}

#[test]
fn two_tabs_on_one_machine_mirror_each_other_in_chromium() {
    run(mirrored(Kind::Chromium));
}

#[test]
fn two_tabs_on_one_machine_mirror_each_other_in_firefox() {
    run(mirrored(Kind::Firefox));
}

async fn options(kind: Kind) {
    let browser = common::browser(kind).await;
    browser.open("options/index.html").await.unwrap();
    let saved = async |what: &str| {
        let says = async || {
            let text = browser.eval("return document.body.innerText", vec![]).await?;
            Ok(text.as_str().is_some_and(|text| text.contains("Saved")))
        };
        browser.wait_until(what, SOON, says).await.unwrap();
    };
    let choose = async |label: &str| {
        // The radio buttons themselves are hidden under their labels.
        let script = "for (const label of document.querySelectorAll('label'))
            if (label.innerText.trim() === arguments[0]) return label.click();
            throw new Error('no label ' + arguments[0])";
        browser
            .wait_until(label, SOON, async || Ok(browser.eval(script, vec![label.into()]).await.is_ok()))
            .await
            .unwrap();
    };
    choose("128 MiB").await;
    saved("the memory to be saved").await;
    choose("Dark").await;
    let dark = async || {
        let theme = browser.eval("return document.documentElement.dataset.theme", vec![]).await?;
        Ok(theme.as_str() == Some("dark"))
    };
    browser.wait_until("the page to be dark", SOON, dark).await.unwrap();

    let workbench = e2e::Workbench::here(&browser);
    let id = workbench.launch().await.unwrap();
    let mut console = workbench.console(&id).await.unwrap();
    console.wait_for_prompt(BOOT).await.unwrap();
    let total = console.exec("grep MemTotal /proc/meminfo", SOON).await.unwrap().text();
    let kib: u64 = total.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap();
    assert!((100_000..131_072).contains(&kib), "{total}");
    let badge = browser.eval_async("return browser.action.getBadgeText({})", vec![]).await.unwrap();
    assert_eq!(badge.as_str(), Some("1"), "the toolbar's badge counts the machines that run");
}

#[test]
fn what_is_chosen_in_the_options_holds_for_the_next_machine_in_chromium() {
    run(options(Kind::Chromium));
}

#[test]
fn what_is_chosen_in_the_options_holds_for_the_next_machine_in_firefox() {
    run(options(Kind::Firefox));
}
