//! The catalog: what happened is in it, questions are answered, and losing it or the list of machines loses no machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, are_long_wanted, at_prompt, launched, run, stop, text};
use driver::{Browser, Kind};
use e2e::Workbench;
use profile::Bundle;
use protocol::{
    CatalogReply, CatalogRequest, EventFilter, EventKind, InstanceId, OWN_PROFILES, PageRequest, State, Table,
};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Control and Enter, as WebDriver writes them; the last releases the first.
const CONTROL_ENTER: &str = "\u{e009}\u{e007}\u{e000}";
const FILE: &str = "workbench-catalog.db";
/// So many rounds of killing the browser, unless `CATALOG_ROUNDS` says otherwise.
const ROUNDS: u32 = 2;

async fn table(workbench: &Workbench<'_>, request: CatalogRequest) -> Table {
    match workbench.catalog(request).await.unwrap() {
        CatalogReply::Table(table) => table,
        other => panic!("{other:?}"),
    }
}

/// The rows that a question is answered with.
async fn rows(workbench: &Workbench<'_>, sql: &str) -> Vec<Vec<String>> {
    workbench.rows(sql).await.unwrap()
}

/// The kinds of all events, oldest first.
async fn kinds(workbench: &Workbench<'_>) -> Vec<String> {
    let filter = EventFilter { limit: 1000, ..EventFilter::default() };
    let table = table(workbench, CatalogRequest::Events(filter)).await;
    table.rows.into_iter().rev().filter_map(|row| row[2].clone()).collect()
}

/// Names and sizes of what is in the root of the private file system.
async fn files(browser: &Browser) -> Vec<(String, u64)> {
    let script = "const root = await navigator.storage.getDirectory(); const found = [];
        for await (const [name, handle] of root.entries())
            if (handle.kind === 'file') found.push([name, (await handle.getFile()).size]);
        return found";
    serde_json::from_value(browser.eval_async(script, vec![]).await.unwrap()).unwrap()
}

/// A file of the private file system as text, if it is there.
async fn content(browser: &Browser, path: &[&str]) -> Option<String> {
    let script = "let place = await navigator.storage.getDirectory(); const path = arguments[0];
        try {
            for (const name of path.slice(0, -1)) place = await place.getDirectoryHandle(name);
            return await (await (await place.getFileHandle(path.at(-1))).getFile()).text();
        } catch { return null }";
    let found = browser.eval_async(script, vec![json!(path)]).await.unwrap();
    found.as_str().map(str::to_owned)
}

/// Waits until the page shows this text.
async fn wait_for_text(browser: &Browser, wanted: &str) {
    let shown = async || {
        let text = browser.eval("return document.body.innerText", vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.contains(wanted)))
    };
    if let Err(error) = browser.wait_until(&format!("{wanted:?} on the page"), BOOT, shown).await {
        let text = browser.eval("return document.body.innerText", vec![]).await;
        panic!("{error}\nThe page shows: {text:?}");
    }
}

async fn ask_in_page(browser: &Browser, sql: &str) {
    browser.type_into("textbox", "Question in SQL", sql).await.unwrap();
    browser.driver().active_element().await.unwrap().send_keys(CONTROL_ENTER).await.unwrap();
}

async fn downloaded(browser: &Browser, name: &str) -> String {
    let path = browser.downloads().join(name);
    let there = async || Ok(fs::read_to_string(&path).ok().filter(|text| !text.is_empty()));
    browser.wait_for(&format!("the download {name}"), SOON, there).await.unwrap()
}

/// Keeps a profile of the user's, as the console's panel does.
async fn keep_profile(browser: &Browser, name: &str, version: &str) {
    let about = format!("name = {name:?}\nversion = {version:?}\ndescription = \"Mine.\"\nsize-mib = 1\n");
    let scripts = ["apply.sh", "rollback.sh", "check.sh"].map(|path| (path.to_owned(), b":\n".to_vec()));
    let files = scripts.into_iter().chain([("profile.toml".to_owned(), about.into_bytes())]).collect();
    let tar = Bundle::new(files).unwrap().to_tar().unwrap();
    let script = "const root = await navigator.storage.getDirectory();
        const folder = await root.getDirectoryHandle(arguments[0], { create: true });
        const stream = await (await folder.getFileHandle(arguments[1], { create: true })).createWritable();
        await stream.write(new Uint8Array(arguments[2]));
        await stream.close()";
    let place = vec![json!(OWN_PROFILES), json!(format!("{name}.tar")), json!(tar)];
    browser.eval_async(script, place).await.unwrap();
}

async fn history(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, _) = launched(&workbench).await;
    stop(&workbench, &id).await;
    workbench.call(&PageRequest::Rename(id.clone(), "web-1".to_owned())).await.unwrap();

    browser.open("history/index.html").await.unwrap();
    for wanted in ["Created", "Booted", "Stopped", "Renamed", "before: alpine-1"] {
        wait_for_text(&browser, wanted).await;
    }
    browser.by_role("img", "Time to start").await.unwrap();
    browser.by_role("img", "Storage in use").await.unwrap();
    let script = "const kind = document.getElementById('kind');
        kind.selectedIndex = [...kind.options].findIndex((option) => option.text === 'Booted');
        kind.dispatchEvent(new Event('change', { bubbles: true }))";
    browser.eval(script, vec![]).await.unwrap();
    let only = async || {
        let found =
            browser.eval("return [...document.querySelectorAll('.events .kind')].map((one) => one.innerText)", vec![]);
        Ok(found.await? == json!(["Booted"]))
    };
    browser.wait_until("only boots to be listed", SOON, only).await.unwrap();

    ask_in_page(&browser, "SELECT kind, name FROM events WHERE kind = 'renamed'").await;
    wait_for_text(&browser, "1 row").await;
    let headers =
        browser.eval("return [...document.querySelectorAll('.result th')].map((one) => one.innerText)", vec![]);
    assert_eq!(headers.await.unwrap(), json!(["kind\nVARCHAR", "name\nVARCHAR"]));
    browser.click("button", "Save as CSV").await.unwrap();
    assert_eq!(downloaded(&browser, "workbench.csv").await, "kind,name\r\nrenamed,web-1\r\n");

    ask_in_page(&browser, "DELETE FROM events").await;
    wait_for_text(&browser, "The history is read only here, so DELETE is not allowed.").await;
    ask_in_page(&browser, "SELECT nothing FROM events").await;
    wait_for_text(&browser, "Binder Error: Referenced column \"nothing\" not found").await;
    let workbench = Workbench::here(&browser);
    assert_eq!(kinds(&workbench).await.iter().filter(|kind| *kind == "booted").count(), 1);
    let machine = rows(&workbench, "SELECT name, state, last_boot_ms > 0 FROM instances").await;
    assert_eq!(machine, [["web-1", "stopped", "true"]]);
    assert_eq!(rows(&workbench, "SELECT disk FROM disks").await, [["system"]]);
    let packaged = rows(&workbench, "SELECT version, changed FROM profiles WHERE source = 'built-in' AND name = 'git'");
    assert_eq!(packaged.await, [["1.0", ""]]);
    keep_profile(&browser, "mine", "2.5").await;
    let own = "SELECT name, version, description, changed > (SELECT max(time) FROM events WHERE kind = 'booted')
        FROM profiles WHERE source = 'own'";
    assert_eq!(rows(&workbench, own).await, [["mine", "2.5", "Mine.", "true"]]);
}

#[test]
fn what_happened_is_shown_and_asked_for_in_chromium() {
    run(history(Kind::Chromium));
}

#[test]
fn what_happened_is_shown_and_asked_for_in_firefox() {
    run(history(Kind::Firefox));
}

async fn by_itself(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, _) = launched(&workbench).await;
    let waiting =
        "const { waiting } = await browser.storage.local.get('waiting'); return JSON.parse(waiting).events.length";
    assert!(browser.eval_async(waiting, vec![]).await.unwrap().as_u64() > Some(0), "nothing is saved while it boots");
    let saved = async || Ok(browser.eval_async(waiting, vec![]).await?.as_u64() == Some(0));
    browser.wait_until("what happened to be in the catalog", BOOT, saved).await.unwrap();
    let held = "return (await navigator.locks.query()).held.map((lock) => lock.name)";
    let ended = async || Ok(!browser.eval_async(held, vec![]).await?.as_array().unwrap().contains(&json!("catalog")));
    browser.wait_until("DuckDB's worker to be ended", BOOT, ended).await.unwrap();
    assert_eq!(workbench.instance(&id).await.unwrap().state, State::Running);
    assert_eq!(kinds(&workbench).await, ["created", "started", "booted", "storage"]);
}

#[test]
fn what_happened_is_saved_when_it_is_quiet_and_duckdb_ends_again_in_chromium() {
    run(by_itself(Kind::Chromium));
}

#[test]
fn what_happened_is_saved_when_it_is_quiet_and_duckdb_ends_again_in_firefox() {
    if are_long_wanted() {
        run(by_itself(Kind::Firefox));
    }
}

/// What is done to the catalog's file, in a page.
const DAMAGES: [(&str, &str); 3] = [
    ("truncated", "bytes.slice(0, Math.floor(bytes.length / 2) + 100)"),
    ("zeroed", "new Uint8Array(bytes.length)"),
    ("random", "bytes.map((_, at) => (at * 2654435761) >>> 13)"),
];

async fn damage(browser: &Browser, how: &str) -> u64 {
    let script = format!(
        "const root = await navigator.storage.getDirectory();
        const handle = await root.getFileHandle('{FILE}');
        const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
        const damaged = {how};
        const stream = await handle.createWritable();
        await stream.write(damaged);
        await stream.close();
        return damaged.length"
    );
    browser.eval_async(&script, vec![]).await.unwrap().as_u64().unwrap()
}

async fn damaged(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let browser = common::browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, "echo kept > /root/kept; sync").await;
    stop(&workbench, &id).await;
    workbench.catalog(CatalogRequest::Save).await.unwrap();
    browser.close().await.unwrap();
    for (at, (name, how)) in DAMAGES.into_iter().enumerate() {
        let browser = common::browser_with(kind, profile.path()).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let bytes = damage(&browser, how).await;
        assert_eq!(rows(&workbench, "SELECT id, name FROM instances").await, [[id.as_str(), "alpine-1"]], "{name}");
        let world = workbench.world().await.unwrap();
        assert_eq!(world.tellings.len(), at + 1, "{name}: {:?}", world.tellings);
        assert!(world.tellings[at].message.starts_with("The catalog was damaged"), "{name}");
        let kept: Vec<_> = files(&browser)
            .await
            .into_iter()
            .filter(|(name, _)| name.starts_with("catalog-damaged-") && name.ends_with(".db"))
            .collect();
        assert_eq!(kept.len(), at + 1, "{name}: {kept:?}");
        assert!(
            kept.iter().any(|(file, size)| world.tellings[at].message.contains(file) && *size == bytes),
            "{name}: {kept:?}"
        );
        assert_eq!(kinds(&workbench).await, ["rebuilt"], "{name}");
        workbench.catalog(CatalogRequest::Save).await.unwrap();
        browser.close().await.unwrap();
    }
    let browser = common::browser_with(kind, profile.path()).await;
    browser.open("history/index.html").await.unwrap();
    wait_for_text(&browser, "The catalog was damaged").await;
    let first = browser.eval("document.querySelector('.telling button').click()", vec![]);
    first.await.unwrap();
    let workbench = Workbench::here(&browser);
    let less = async || Ok(workbench.world().await.is_ok_and(|world| world.tellings.len() == DAMAGES.len() - 1));
    browser.wait_until("the notice to be put away", SOON, less).await.unwrap();
    let mut console = common::started(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /root/kept").await, "kept\n");
}

#[test]
fn a_damaged_catalog_is_kept_told_and_made_anew_in_chromium() {
    run(damaged(Kind::Chromium));
}

#[test]
fn a_damaged_catalog_is_kept_told_and_made_anew_in_firefox() {
    if are_long_wanted() {
        run(damaged(Kind::Firefox));
    }
}

/// Waits until what lies beside the machine's disks says this.
async fn wait_for_description(browser: &Browser, id: &InstanceId, wanted: &str) {
    let path = ["instances", id.as_str(), "machine.json"];
    let there = async || Ok(content(browser, &path).await.is_some_and(|text| text.contains(wanted)));
    browser.wait_until(&format!("{wanted} beside the disks"), SOON, there).await.unwrap();
}

async fn lost(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let browser = common::browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, "echo kept > /root/kept; sync").await;
    stop(&workbench, &id).await;
    workbench.call(&PageRequest::Rename(id.clone(), "web-7".to_owned())).await.unwrap();
    wait_for_description(&browser, &id, "web-7").await;
    // One that an earlier version has made: nothing beside its disks says what it is.
    let (old, _) = launched(&workbench).await;
    stop(&workbench, &old).await;
    // Its boot is described as well; what is described last shows that nothing more will be.
    workbench.call(&PageRequest::Rename(old.clone(), "old-8".to_owned())).await.unwrap();
    wait_for_description(&browser, &old, "old-8").await;
    let remove = "const root = await navigator.storage.getDirectory();
        const place = await (await root.getDirectoryHandle('instances')).getDirectoryHandle(arguments[0]);
        await place.removeEntry('machine.json'); await browser.storage.local.clear()";
    browser.eval_async(remove, vec![json!(old)]).await.unwrap();
    browser.close().await.unwrap();

    let browser = common::browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let world = workbench.world().await.unwrap();
    let mut names: Vec<_> = world.instances.iter().map(|one| (one.name.clone(), one.state)).collect();
    names.sort_by_key(|(name, _)| name.clone());
    let expected = ["recovered-machine", "web-7"].map(|name| (name.to_owned(), State::Stopped));
    assert_eq!(names, expected);
    let told = &world.tellings[0].message;
    assert!(told.starts_with("The list of machines was lost. 2 machines were found again"), "{told}");
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    let mut console = at_prompt(&workbench, &id).await;
    assert_eq!(text(&mut console, "cat /root/kept; hostname").await, "kept\nweb-7\n");
    assert_eq!(kinds(&workbench).await.iter().filter(|kind| *kind == "recovered").count(), 2);
}

#[test]
fn machines_come_back_when_the_list_is_lost_in_chromium() {
    run(lost(Kind::Chromium));
}

#[test]
fn machines_come_back_when_the_list_is_lost_in_firefox() {
    if are_long_wanted() {
        run(lost(Kind::Firefox));
    }
}

/// Kills the browser right after it has said that something is saved.
async fn round(kind: Kind, profile: &Path, round: u32, machine: &mut Option<InstanceId>, promised: &mut Vec<String>) {
    let browser = common::browser_with(kind, profile).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    if let Some(id) = &machine {
        let world = workbench.world().await.unwrap();
        assert_eq!(Some(&world.instance(id).unwrap().name), promised.last(), "round {round}");
        let filter = EventFilter { kinds: vec![EventKind::Renamed], limit: 1000, ..EventFilter::default() };
        let table = table(&workbench, CatalogRequest::Events(filter)).await;
        let mut names: Vec<_> = table.rows.iter().rev().filter_map(|row| row[4].clone()).collect();
        assert_eq!(&names.len(), &promised.len(), "round {round}: {names:?}");
        names.dedup();
        assert_eq!(&names, promised, "round {round}");
    }
    let id = match machine.clone() {
        Some(id) => id,
        None => {
            let id = workbench.launch().await.unwrap();
            workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
            stop(&workbench, &id).await;
            machine.insert(id).clone()
        }
    };
    let name = format!("name-{round}");
    workbench.call(&PageRequest::Rename(id, name.clone())).await.unwrap();
    // Either the list has said it, or the catalog as well.
    if round.is_multiple_of(2) {
        workbench.catalog(CatalogRequest::Save).await.unwrap();
    }
    browser.kill();
    promised.push(name);
}

async fn rounds(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let (mut machine, mut promised) = (None, vec![]);
    let rounds = std::env::var("CATALOG_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    for number in 0..=rounds {
        round(kind, profile.path(), number, &mut machine, &mut promised).await;
    }
    println!("{kind:?}: {rounds} rounds");
}

#[test]
fn what_was_called_saved_outlives_the_killed_browser_in_chromium() {
    run(rounds(Kind::Chromium));
}

#[test]
fn what_was_called_saved_outlives_the_killed_browser_in_firefox() {
    if are_long_wanted() {
        run(rounds(Kind::Firefox));
    }
}
