//! Disks, snapshots and storage through the pages, as their users see them: by role and name.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use block::MemoryFile;
use common::{BOOT, ConsolePage, SOON, are_long_wanted, new_tab_besides, run};
use driver::thirtyfour::By;
use driver::{Browser, Kind};
use e2e::Workbench;
use protocol::{DiskRequest, InstanceId, JobStage, PageRequest, State};
use qcow2::CreateOptions;
use std::process::Command;

const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";
const ESCAPE: &str = "\u{e00c}";

/// A stopped machine that has run once, made without its console's page.
async fn stopped_machine(browser: &Browser) -> InstanceId {
    let workbench = Workbench::open(browser).await.unwrap();
    let id = workbench.launch().await.unwrap();
    workbench.console(&id).await.unwrap().wait_for_prompt(BOOT).await.unwrap();
    workbench.call(&PageRequest::Stop(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Stopped], BOOT).await.unwrap();
    id
}

async fn take(browser: &Browser, id: &InstanceId, name: &str) {
    let request = DiskRequest::TakeSnapshot { id: id.clone(), name: name.to_owned(), memory: false };
    Workbench::here(browser).disks(request).await.unwrap();
}

async fn open_panel(browser: &Browser, id: &InstanceId) {
    browser.open(&format!("console/index.html?id={id}#disks")).await.unwrap();
    browser.by_role("complementary", "Disks").await.unwrap();
}

/// Waits until the tree has these rows, from top to bottom.
async fn wait_for_rows(browser: &Browser, wanted: &[&str]) {
    let same = async || Ok(browser.names("treeitem").await? == wanted);
    if let Err(error) = browser.wait_until(&format!("the tree to be {wanted:?}"), SOON, same).await {
        panic!("{error}\nThe tree is {:?}", browser.names("treeitem").await);
    }
}

/// Waits until the page shows this text.
async fn wait_for_text(browser: &Browser, wanted: &str) {
    let shown = async || {
        let text = browser.eval("return document.body.innerText", vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.contains(wanted)))
    };
    browser.wait_until(&format!("{wanted:?} on the page"), BOOT, shown).await.unwrap();
}

/// What the element that has the keyboard is called.
async fn focused(browser: &Browser) -> String {
    let name = browser.eval("return document.activeElement?.getAttribute('aria-label')", vec![]).await.unwrap();
    name.as_str().unwrap_or_default().to_owned()
}

async fn level(browser: &Browser, row: &str) -> String {
    let item = browser.by_role("treeitem", row).await.unwrap();
    item.attr("aria-level").await.unwrap().unwrap_or_default()
}

async fn snapshots(kind: Kind) {
    let browser = common::browser(kind).await;
    let id = stopped_machine(&browser).await;
    open_panel(&browser, &id).await;

    browser.click("button", "Take snapshot…").await.unwrap();
    browser.type_into("textbox", "Name", "first").await.unwrap();
    browser.click("button", "Take snapshot").await.unwrap();
    wait_for_rows(&browser, &["first", "You are here"]).await;

    // Back to it: what is left becomes a branch of its own.
    browser.click("treeitem", "first").await.unwrap();
    browser.click("button", "Restore… first").await.unwrap();
    assert!(
        browser.by_role("checkbox", "Keep the present state as a snapshot").await.unwrap().is_selected().await.unwrap()
    );
    browser.click("button", "Restore").await.unwrap();
    wait_for_rows(&browser, &["first", "Before restoring first", "You are here"]).await;
    assert_eq!((level(&browser, "first").await.as_str(), level(&browser, "You are here").await.as_str()), ("1", "2"));

    // By keys alone; Escape leaves the dialog, and not the panel.
    browser.click("treeitem", "You are here").await.unwrap();
    let keys = async |keys: &str| browser.driver().active_element().await.unwrap().send_keys(keys).await.unwrap();
    keys(UP).await;
    assert_eq!(focused(&browser).await, "Before restoring first");
    keys(UP).await;
    keys(DOWN).await;
    assert_eq!(focused(&browser).await, "Before restoring first");
    browser.click("button", "Rename… Before restoring first").await.unwrap();
    browser.by_role("dialog", "Rename Before restoring first").await.unwrap();
    keys(ESCAPE).await;
    let closed = async || Ok(browser.names("dialog").await?.is_empty());
    browser.wait_until("the dialog to be closed", SOON, closed).await.unwrap();
    browser.click("button", "Rename… Before restoring first").await.unwrap();
    browser.type_into("textbox", "Name", "later").await.unwrap();
    keys(common::RETURN).await;
    wait_for_rows(&browser, &["first", "later", "You are here"]).await;

    browser.click("button", "Delete… later").await.unwrap();
    browser.click("button", "Delete").await.unwrap();
    wait_for_rows(&browser, &["first", "You are here"]).await;
    let kept = Workbench::here(&browser).show_disks(&id).await.unwrap();
    assert_eq!(kept.snapshots.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["first"]);
    assert_eq!(kept.parent, Some(kept.snapshots[0].id.clone()));

    browser.click("treeitem", "first").await.unwrap();
    browser.click("button", "Clone first").await.unwrap();
    let before = browser.tabs().await.unwrap();
    browser.click("button", "Open alpine-2").await.unwrap();
    let opened = new_tab_besides(&browser, &before).await;
    browser.switch_to(&opened).await.unwrap();
    browser.by_role("heading", "alpine-2").await.unwrap();
}

#[test]
fn snapshots_are_taken_restored_renamed_deleted_and_cloned_in_the_panel_in_chromium() {
    run(snapshots(Kind::Chromium));
}

#[test]
fn snapshots_are_taken_restored_renamed_deleted_and_cloned_in_the_panel_in_firefox() {
    run(snapshots(Kind::Firefox));
}

async fn running(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let id = workbench.launch().await.unwrap();
    workbench.console(&id).await.unwrap().wait_for_prompt(BOOT).await.unwrap();
    open_panel(&browser, &id).await;
    browser.click("button", "Take snapshot…").await.unwrap();
    browser.type_into("textbox", "Name", "awake").await.unwrap();
    assert!(browser.by_role("checkbox", "With memory").await.unwrap().is_selected().await.unwrap());
    browser.click("button", "Take snapshot").await.unwrap();
    wait_for_rows(&browser, &["awake", "You are here"]).await;
    wait_for_text(&browser, "with memory").await;
    // What needs a stopped machine says so.
    browser.click("treeitem", "awake").await.unwrap();
    let restore = browser.by_role("button", "Restore… awake").await.unwrap();
    assert!(!restore.is_enabled().await.unwrap());
    wait_for_text(&browser, "Stop alpine-1 first.").await;
    browser.click("button", "Stop alpine-1").await.unwrap();
    let able =
        async || Ok(browser.by_role("button", "Restore… awake").await?.is_enabled().await.is_ok_and(|able| able));
    browser.wait_until("Restore to be possible", BOOT, able).await.unwrap();
    browser.click("button", "Create… workspace").await.unwrap();
    browser.type_into("textbox", "Size", "1").await.unwrap();
    browser.click("button", "Create").await.unwrap();
    browser.by_role("button", "Make bigger… workspace").await.unwrap();
    assert_eq!(workbench.show_disks(&id).await.unwrap().workspace_size, Some(1 << 30));
}

#[test]
fn a_running_machine_keeps_its_memory_in_a_snapshot_in_chromium() {
    run(running(Kind::Chromium));
}

#[test]
fn a_running_machine_keeps_its_memory_in_a_snapshot_in_firefox() {
    if are_long_wanted() {
        run(running(Kind::Firefox));
    }
}

async fn storage(kind: Kind) {
    let browser = common::browser(kind).await;
    browser.open("storage/index.html").await.unwrap();
    wait_for_text(&browser, "No machines yet").await;
    let id = stopped_machine(&browser).await;
    take(&browser, &id, "old").await;
    browser.open("storage/index.html").await.unwrap();
    let meter = browser.by_role("meter", "Storage in use").await.unwrap();
    assert!(meter.attr("aria-valuetext").await.unwrap().is_some_and(|text| text.contains(" of ")));
    let kinds = browser.by_role("list", "Usage by kind").await.unwrap().text().await.unwrap();
    assert!(kinds.contains("Base images") && kinds.contains("Snapshots"), "{kinds}");
    let machine = browser.by_role("listitem", "alpine-1").await.unwrap().text().await.unwrap();
    assert!(machine.contains("System disk") && machine.contains("Snapshot old"), "{machine}");

    // The page follows what happens elsewhere.
    take(&browser, &id, "new").await;
    browser.by_role("button", "Delete… snapshot new").await.unwrap();

    browser.click("button", "Delete… snapshot old").await.unwrap();
    browser.by_role("dialog", "Delete old?").await.unwrap();
    browser.click("button", "Delete").await.unwrap();
    let gone = async || Ok(!browser.names("button").await?.contains(&"Delete… snapshot old".to_owned()));
    browser.wait_until("the snapshot to be gone", SOON, gone).await.unwrap();
    let left = Workbench::here(&browser).show_disks(&id).await.unwrap().snapshots;
    assert_eq!(left.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["new"]);

    browser.click("button", "Delete… alpine-1").await.unwrap();
    browser.click("button", "Delete").await.unwrap();
    wait_for_text(&browser, "No machines yet").await;
}

#[test]
fn the_storage_page_tells_what_takes_up_room_and_frees_it_in_chromium() {
    run(storage(Kind::Chromium));
}

#[test]
fn the_storage_page_tells_what_takes_up_room_and_frees_it_in_firefox() {
    run(storage(Kind::Firefox));
}

/// Gives the page's place for files this one, as a choice in the browser's own dialog or as a drop on the page.
async fn give(browser: &Browser, name: &str, bytes: &[u8], drop: bool) {
    let script = "const [base64, name, drop] = arguments;
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], name));
        if (drop) {
            for (const type of ['dragenter', 'dragover', 'drop'])
                document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
        } else {
            const field = document.querySelector('input[type=file]');
            field.files = data.files;
            field.dispatchEvent(new Event('change', { bubbles: true }));
        }";
    browser.eval(script, vec![STANDARD.encode(bytes).into(), name.into(), drop.into()]).await.unwrap();
}

fn empty_disk() -> Vec<u8> {
    let mut file = MemoryFile::default();
    qcow2::create(&mut file, &CreateOptions::new(64 << 20)).unwrap();
    file.bytes().to_vec()
}

async fn files(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    browser.open("storage/index.html#import").await.unwrap();
    wait_for_text(&browser, "No machines yet").await;
    assert_eq!(focused(&browser).await, "Import a disk or a machine");

    // What is no disk is refused where it was given.
    give(&browser, "letter.qcow2", b"QFI\xfb, she wrote", false).await;
    browser.click("button", "Import").await.unwrap();
    browser.by_role("alert", "").await.unwrap();
    browser.click("button", "Dismiss Import letter.qcow2").await.unwrap();
    let none = async || Ok(workbench.world().await.is_ok_and(|world| world.jobs.is_empty()));
    browser.wait_until("the failed task to be dismissed", SOON, none).await.unwrap();

    give(&browser, "tools.qcow2", &empty_disk(), true).await;
    browser.by_role("dialog", "Import tools.qcow2").await.unwrap();
    browser.click("button", "Import").await.unwrap();
    browser.by_role("button", "Dismiss Import tools.qcow2").await.unwrap();
    let made = workbench.world().await.unwrap().instances.remove(0);
    browser.click("button", "Dismiss Import tools.qcow2").await.unwrap();

    // And out again.
    open_panel(&browser, &made.id).await;
    browser.click("button", &format!("Export… {}", made.name)).await.unwrap();
    browser.click("button", "Export").await.unwrap();
    let file = format!("{}.qcow2", made.name);
    browser.click("button", &format!("Save {file}")).await.unwrap();
    browser.by_role("button", &format!("Save again {file}")).await.unwrap();
    let saved = browser.downloads().join(&file);
    let bytes = workbench.world().await.unwrap().jobs.into_iter().find_map(|job| match job.stage {
        JobStage::Done(outcome) => Some(outcome.file?.bytes),
        _ => None,
    });
    let whole = async || Ok(std::fs::metadata(&saved).is_ok_and(|file| Some(file.len()) == bytes));
    browser.wait_until("the file among the downloads", SOON, whole).await.unwrap();
    assert!(std::fs::read(&saved).unwrap().starts_with(b"QFI\xfb"));
    // The popup shows it too.
    browser.open("popup/index.html").await.unwrap();
    wait_for_text(&browser, "Done: save the file").await;
    browser.open("storage/index.html").await.unwrap();
    browser.click("button", &format!("Remove {file}")).await.unwrap();
    browser.wait_until("the exported file to be forgotten", SOON, none).await.unwrap();
}

#[test]
fn a_disk_comes_in_and_goes_out_through_the_pages_in_chromium() {
    run(files(Kind::Chromium));
}

#[test]
fn a_disk_comes_in_and_goes_out_through_the_pages_in_firefox() {
    run(files(Kind::Firefox));
}

/// A tar archive with one file.
fn archive(name: &str, text: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let packed = Command::new("tar").arg("-C").arg(folder.path()).args(["-cf", "-", name]).output().unwrap();
    assert!(packed.status.success());
    packed.stdout
}

async fn archives(kind: Kind) {
    let browser = common::browser(kind).await;
    let id = stopped_machine(&browser).await;
    let workbench = Workbench::here(&browser);
    workbench.disks(DiskRequest::SetWorkspace { id: id.clone(), bytes: 1 << 30 }).await.unwrap();
    open_panel(&browser, &id).await;
    browser.by_role("button", "Make bigger… workspace").await.unwrap();

    // While the machine is off, the archive waits.
    give(&browser, "early.tar", &archive("early", "one"), false).await;
    browser.click("button", "Dismiss Import early.tar into alpine-1").await.unwrap();
    wait_for_text(&browser, "One archive waits to be unpacked at the next start.").await;
    browser
        .driver()
        .find(By::Css(".controls button[aria-label='Start alpine-1']"))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    let console = ConsolePage(&browser);
    console.wait_for("alpine-1:~#", BOOT).await;

    // While it runs, an archive that is dropped on the terminal is unpacked at once.
    browser.click("button", "Close disks").await.unwrap();
    give(&browser, "late.tar", &archive("late", "two"), true).await;
    browser.click("button", "Dismiss Import late.tar into alpine-1").await.unwrap();
    let mut guest = workbench.console(&id).await.unwrap();
    let unpacked = "until [ -e /workspace/early ] && [ -e /workspace/late ]; do sleep 1; done; cat /workspace/early /workspace/late";
    assert_eq!(guest.exec(unpacked, BOOT).await.unwrap().text(), "onetwo");

    // And out again, of the running machine.
    browser.click("button", "Export… alpine-1").await.unwrap();
    let format = browser.by_role("combobox", "Format").await.unwrap();
    format.send_keys("zip").await.unwrap();
    browser.click("button", "Export").await.unwrap();
    browser.click("button", "Save alpine-1-workspace.zip").await.unwrap();
    let saved = browser.downloads().join("alpine-1-workspace.zip");
    let there = async || Ok(std::fs::read(&saved).is_ok_and(|bytes| bytes.starts_with(b"PK") && bytes.len() > 100));
    browser.wait_until("the file among the downloads", SOON, there).await.unwrap();
}

#[test]
fn files_go_into_the_workspace_and_out_of_it_in_the_panel_in_chromium() {
    run(archives(Kind::Chromium));
}

#[test]
fn files_go_into_the_workspace_and_out_of_it_in_the_panel_in_firefox() {
    run(archives(Kind::Firefox));
}

async fn from_the_popup(kind: Kind) {
    let browser = common::browser(kind).await;
    let id = stopped_machine(&browser).await;
    let console = browser.new_tab(&format!("console/index.html?id={id}")).await.unwrap();
    browser.by_role("heading", "alpine-1").await.unwrap();
    let choose = async |item: &str| {
        let popup = browser.new_tab("popup/index.html").await.unwrap();
        browser.click("button", "More for alpine-1").await.unwrap();
        browser.click("menuitem", item).await.unwrap();
        popup
    };
    // The console that is open shows the disks.
    choose("Snapshots… alpine-1").await;
    browser.switch_to(&console).await.unwrap();
    browser.by_role("complementary", "Disks").await.unwrap();
    // Its shortcut closes and opens them.
    browser.click("button", "Close disks").await.unwrap();
    let closed = async || Ok(browser.names("complementary").await?.is_empty());
    browser.wait_until("the panel to be closed", SOON, closed).await.unwrap();
    ConsolePage(&browser).type_text("\u{e009}\u{e008}d").await;
    browser.by_role("complementary", "Disks").await.unwrap();

    let popup = choose("Clone alpine-1").await;
    wait_for_text(&browser, "alpine-2 is a clone of alpine-1.").await;
    let before = browser.tabs().await.unwrap();
    browser.switch_to(&popup).await.unwrap();
    browser.click("button", "More for alpine-2").await.unwrap();
    browser.click("menuitem", "Snapshots… alpine-2").await.unwrap();
    let opened = new_tab_besides(&browser, &before).await;
    browser.switch_to(&opened).await.unwrap();
    browser.by_role("complementary", "Disks").await.unwrap();
}

#[test]
fn the_popup_leads_to_the_disks_whether_the_console_is_open_or_not_in_chromium() {
    run(from_the_popup(Kind::Chromium));
}

#[test]
fn the_popup_leads_to_the_disks_whether_the_console_is_open_or_not_in_firefox() {
    if are_long_wanted() {
        run(from_the_popup(Kind::Firefox));
    }
}
