//! The console's panel of the files that a machine shares with its host.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::files::{downloaded, open_panel, wait_for_listed};
use common::{MOUNTED, SOON, at_prompt, browser, run, sum, text};
use driver::thirtyfour::By;
use driver::{Browser, Kind};
use e2e::Workbench;
use std::fs;

const ESCAPE: &str = "\u{e00c}";

/// Chooses from the menu of a file.
async fn choose(browser: &Browser, file: &str, item: &str) {
    browser.click("button", &format!("More for {file}")).await.unwrap();
    browser.click("menuitem", &format!("{item} {file}")).await.unwrap();
}

async fn dismiss(browser: &Browser, title: &str) {
    browser.click("button", &format!("Dismiss {title}")).await.unwrap();
    let gone = async || Ok(!browser.names("button").await?.contains(&format!("Dismiss {title}")));
    browser.wait_until("the task to be gone", SOON, gone).await.unwrap();
}

async fn panel(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("noise.bin");
    let noise: Vec<u8> = (0..3_000_001_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&given, &noise).unwrap();
    let browser = browser(kind).await;
    let id = Workbench::open(&browser).await.unwrap().launch().await.unwrap();
    open_panel(&browser, &id).await;
    let workbench = Workbench::here(&browser);
    let mut console = at_prompt(&workbench, &id).await;
    text(&mut console, MOUNTED).await;

    // In, by the picker.
    let picker = browser.driver().find(By::Css(".side input[type=file]")).await.unwrap();
    picker.send_keys(given.to_str().unwrap()).await.unwrap();
    browser.by_role("button", "Dismiss Upload noise.bin to alpine-1").await.unwrap();
    wait_for_listed(&browser, &["noise.bin"]).await;
    let seen = text(&mut console, "cd /mnt/host/share; stat -c '%s %a %u' noise.bin; sha256sum < noise.bin").await;
    assert_eq!(seen, format!("3000001 644 0\n{}  -\n", sum(&noise)));
    dismiss(&browser, "Upload noise.bin to alpine-1").await;

    // In, by dropping it on the page.
    let drop = "
        const data = new DataTransfer();
        data.items.add(new File(['dropped'], 'dropped.txt'));
        for (const type of ['dragenter', 'dragover', 'drop'])
            document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));";
    browser.eval(drop, vec![]).await.unwrap();
    browser.by_role("button", "Dismiss Upload dropped.txt to alpine-1").await.unwrap();
    wait_for_listed(&browser, &["dropped.txt", "noise.bin"]).await;
    assert_eq!(text(&mut console, "cat /mnt/host/share/dropped.txt; rm /mnt/host/share/dropped.txt").await, "dropped");
    dismiss(&browser, "Upload dropped.txt to alpine-1").await;

    // Out, after the list has followed what the guest did.
    let write =
        "cd /mnt/host/share; mkdir -p docs; seq 100000 > docs/numbers.txt; rm noise.bin; sha256sum < docs/numbers.txt";
    let numbers = text(&mut console, write).await;
    wait_for_listed(&browser, &["docs"]).await;
    browser.click("button", "Open docs").await.unwrap();
    wait_for_listed(&browser, &["numbers.txt"]).await;
    choose(&browser, "numbers.txt", "Download").await;
    browser.click("button", "Save numbers.txt").await.unwrap();
    let bytes = downloaded(&browser, "numbers.txt", 588_895).await;
    assert_eq!(format!("{}  -\n", sum(&bytes)), numbers);
    dismiss(&browser, "Download numbers.txt from alpine-1").await;

    // Names.
    choose(&browser, "numbers.txt", "Rename…").await;
    browser.by_role("dialog", "Rename numbers.txt").await.unwrap();
    browser.type_into("textbox", "Name", "../out").await.unwrap();
    assert!(!browser.by_role("button", "Rename").await.unwrap().is_enabled().await.unwrap());
    browser.type_into("textbox", "Name", "first 100 000").await.unwrap();
    browser.click("button", "Rename").await.unwrap();
    wait_for_listed(&browser, &["first 100 000"]).await;
    browser.click("button", "New folder…").await.unwrap();
    browser.type_into("textbox", "Name", "first 100 000").await.unwrap();
    browser.click("button", "Create").await.unwrap();
    browser.by_role("alert", "").await.unwrap();
    browser.type_into("textbox", "Name", "more").await.unwrap();
    browser.click("button", "Create").await.unwrap();
    wait_for_listed(&browser, &["more", "first 100 000"]).await;
    assert_eq!(text(&mut console, "ls /mnt/host/share/docs | cat").await, "first 100 000\nmore\n");
    choose(&browser, "first 100 000", "Delete…").await;
    browser.click("button", "Delete").await.unwrap();
    wait_for_listed(&browser, &["more"]).await;

    // What a guest may call its files does not change what stands around them.
    text(
        &mut console,
        r"cd /mnt/host/share/docs; rmdir more; touch $(printf 'gpj\342\200\256exe') -- $(printf 'a\377b')",
    )
    .await;
    wait_for_listed(&browser, &["a\u{fffd}b", "gpj\u{fffd}exe"]).await;
    choose(&browser, "a\u{fffd}b", "Delete…").await;
    browser.click("button", "Delete").await.unwrap();
    wait_for_listed(&browser, &["gpj\u{fffd}exe"]).await;

    // The folder that is shown goes away.
    text(&mut console, "rm -r /mnt/host/share/docs").await;
    browser.by_role("heading", "Nothing here yet").await.unwrap();
    let gone =
        text(&mut console, "cd /; rmdir /mnt/host/share; echo x > /mnt/host/profiles/x; ls /mnt/host | cat").await;
    assert!(gone.contains("Read-only") && gone.ends_with("cache\nprofiles\nshare\n"), "{gone}");

    // Its keys.
    let closed = async || Ok(browser.names("complementary").await?.is_empty());
    browser.click("button", "New folder…").await.unwrap();
    browser.driver().active_element().await.unwrap().send_keys(ESCAPE).await.unwrap();
    browser.click("button", "Close files").await.unwrap();
    browser.wait_until("the panel to be closed", SOON, closed).await.unwrap();
    common::ConsolePage(&browser).type_text("\u{e009}\u{e008}e").await;
    browser.by_role("complementary", "Files").await.unwrap();
}

#[test]
fn files_go_in_and_out_in_the_panel_in_chromium() {
    run(panel(Kind::Chromium));
}

#[test]
fn files_go_in_and_out_in_the_panel_in_firefox() {
    run(panel(Kind::Firefox));
}
