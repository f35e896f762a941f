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
