//! The driver against real browsers, with an extension of a few lines.

#![allow(clippy::unwrap_used, reason = "clippy.toml excuses test functions, but not what several of them share")]

use driver::{Browser, Kind, LaunchOptions};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

const BACKGROUND: &str = "
    const api = globalThis.browser ?? globalThis.chrome;
    const born = Math.random();
    api.runtime.onMessage.addListener((message, sender, answer) => { answer({ born, message }); });";

const PAGE: &str = "<!doctype html><meta charset=utf-8><title>Test page</title><h1>Machines</h1>
    <label>Name <input id=name value=old></label>
    <button>Launch</button> <button aria-label=Delete>X</button> <button hidden>Hidden</button>
    <section aria-label=More><button>Stop</button></section> <button>Stop</button>
    <h2 id=heading>none</h2> <a id=export download=disk.img>Export</a> <script src=page.js></script>";

const PAGE_SCRIPT: &str = "
    console.error('the page has started');
    const heading = document.querySelector('#heading');
    document.querySelector('button').addEventListener('click',
      () => { heading.textContent = document.querySelector('#name').value; });
    // As a page does that keeps its fields' texts itself and is rendered at any time.
    const name = document.querySelector('#name');
    let kept = name.value;
    name.addEventListener('input', () => { kept = name.value; });
    name.addEventListener('keydown', () => { if (name.value !== kept) name.value = kept; });
    document.querySelector('#export').href = URL.createObjectURL(new Blob(['exported']));";

const ASK_BACKGROUND: &str = "return (globalThis.browser ?? globalThis.chrome).runtime.sendMessage(arguments[0]);";

const READ: &str = "
    const stored = await (globalThis.browser ?? globalThis.chrome).storage.local.get('key');
    const root = await navigator.storage.getDirectory();
    const file = await root.getFileHandle('file').then((handle) => handle.getFile()).then((file) => file.text(), () => null);
    const databases = (await indexedDB.databases()).map((database) => database.name);
    return { stored: stored.key ?? null, file, databases };";

const WRITE: &str = "
    await (globalThis.browser ?? globalThis.chrome).storage.local.set({ key: arguments[0] });
    const root = await navigator.storage.getDirectory();
    const writer = await (await root.getFileHandle('file', { create: true })).createWritable();
    await writer.write(arguments[0]);
    await writer.close();
    await new Promise((done, failed) => {
      const opening = indexedDB.open('database');
      opening.onsuccess = () => { opening.result.close(); done(); };
      opening.onerror = () => failed(opening.error);
    });";

/// Writes the extension as each browser wants it.
fn extension(kind: Kind) -> TempDir {
    let background = match kind {
        Kind::Chromium => json!({ "service_worker": "background.js" }),
        Kind::Firefox => json!({ "scripts": ["background.js"] }),
    };
    let manifest = json!({
        "manifest_version": 3,
        "name": "Driver's test",
        "version": "1",
        "permissions": ["storage"],
        "background": background,
        "browser_specific_settings": { "gecko": { "id": "driver@test.invalid" } },
    });
    let dir = tempfile::tempdir().unwrap();
    let manifest = manifest.to_string();
    let files = [
        ("manifest.json", manifest.as_str()),
        ("background.js", BACKGROUND),
        ("page.html", PAGE),
        ("page.js", PAGE_SCRIPT),
    ];
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// The page, open in a fresh browser. The folder must live as long as the browser.
async fn launch(kind: Kind) -> (Browser, TempDir) {
    let extension = extension(kind);
    let browser = open_page(LaunchOptions::new(kind, extension.path())).await;
    (browser, extension)
}

async fn open_page(options: LaunchOptions) -> Browser {
    let browser = Browser::launch(options).await.unwrap();
    browser.open("page.html").await.unwrap();
    browser
}

/// Makes a test of a function for each browser.
macro_rules! in_both_browsers {
    ($($name:ident)*) => {
        mod chromium {
            $(#[tokio::test]
            async fn $name() {
                super::$name(driver::Kind::Chromium).await;
            })*
        }
        mod firefox {
            $(#[tokio::test]
            async fn $name() {
                super::$name(driver::Kind::Firefox).await;
            })*
        }
    };
}

in_both_browsers! {
    elements_are_found_by_role_and_name
    an_absent_or_ambiguous_element_is_told_with_those_that_are_there
    what_is_stored_is_there_after_close_and_relaunch
    the_background_script_can_be_ended_and_starts_again
    kill_leaves_no_process_and_no_file_behind
    the_page_has_the_size_and_the_colours_that_were_asked_for
    pages_of_the_extension_can_all_be_closed
    a_failed_wait_tells_what_was_waited_for_and_what_the_page_said
    downloads_arrive_without_a_question
}

async fn elements_are_found_by_role_and_name(kind: Kind) {
    let (browser, _extension) = launch(kind).await;
    assert_eq!(browser.names("button").await.unwrap(), ["Launch", "Delete", "Stop", "Stop"]);

    browser.type_into("textbox", "Name", "alpine").await.unwrap();
    browser.click("button", "Launch").await.unwrap();
    browser.by_role("heading", "alpine").await.unwrap();

    let more = browser.by_role("region", "More").await.unwrap();
    browser.by_role_in(&more, "button", "Stop").await.unwrap().click().await.unwrap();
    browser.close().await.unwrap();
}

async fn an_absent_or_ambiguous_element_is_told_with_those_that_are_there(kind: Kind) {
    let extension = extension(kind);
    let patience = Duration::from_millis(100);
    let browser = open_page(LaunchOptions { patience, ..LaunchOptions::new(kind, extension.path()) }).await;
    let either = browser.by_role("button", "Stop").await.unwrap_err().to_string();
    assert!(either.contains("2 elements have the role button and the name \"Stop\""), "{either}");
    let absent = browser.by_role("button", "Hidden").await.unwrap_err().to_string();
    assert!(absent.contains("in vain for the button \"Hidden\""), "{absent}");
    assert!(absent.contains("of this role are [\"Launch\", \"Delete\", \"Stop\", \"Stop\"]"), "{absent}");
    browser.close().await.unwrap();
}

async fn what_is_stored_is_there_after_close_and_relaunch(kind: Kind) {
    let (extension, profile) = (extension(kind), tempfile::tempdir().unwrap());
    let options = LaunchOptions::new(kind, extension.path()).with_profile(profile.path().join("profile"));

    let browser = open_page(options.clone()).await;
    let nothing = json!({ "stored": null, "file": null, "databases": [] });
    assert_eq!(browser.eval_async(READ, vec![]).await.unwrap(), nothing);
    browser.eval_async(WRITE, vec![json!("kept")]).await.unwrap();
    browser.close().await.unwrap();

    let browser = open_page(options).await;
    let kept = json!({ "stored": "kept", "file": "kept", "databases": ["database"] });
    assert_eq!(browser.eval_async(READ, vec![]).await.unwrap(), kept);
    browser.close().await.unwrap();
}

async fn the_background_script_can_be_ended_and_starts_again(kind: Kind) {
    let (browser, _extension) = launch(kind).await;
    let ask = async |word: &str| browser.eval_async(ASK_BACKGROUND, vec![json!(word)]).await.unwrap();
    let first = ask("hello").await;
    assert_eq!(first["message"], "hello");

    assert!(browser.kill_service_worker().await.unwrap());
    let ended = async || browser.service_worker_running().await.map(|running| !running);
    browser.wait_until("the background script to end", Duration::from_secs(10), ended).await.unwrap();
    assert!(!browser.kill_service_worker().await.unwrap(), "there was nothing left to end");

    let second = ask("again").await;
    assert_eq!(second["message"], "again");
    assert_ne!(first["born"], second["born"], "it is the same background script");
    assert!(browser.service_worker_running().await.unwrap());
    browser.close().await.unwrap();
}

async fn kill_leaves_no_process_and_no_file_behind(kind: Kind) {
    let (browser, _extension) = launch(kind).await;
    let scratch = browser.downloads().parent().unwrap().to_owned();
    assert!(scratch.exists());
    let marked = || processes_that_mention(scratch.to_str().unwrap());
    assert!(marked().len() > 2 && browser.processes().len() > 4);

    browser.kill();
    assert!(!scratch.exists());
    // Crash reporters end by themselves when their browser has.
    let started = std::time::Instant::now();
    while !marked().is_empty() {
        assert!(started.elapsed() < PATIENCE, "left behind: {:?}", marked());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The processes whose environment or arguments contain a text. Zombies have neither.
fn processes_that_mention(text: &str) -> Vec<String> {
    let contains = |path| fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text));
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let ours = processes.filter(|path| contains(path.join("environ")) || contains(path.join("cmdline")));
    ours.map(|path| fs::read_to_string(path.join("cmdline")).unwrap_or_default().replace('\0', " ")).collect()
}

async fn the_page_has_the_size_and_the_colours_that_were_asked_for(kind: Kind) {
    const LOOK: &str = "return [innerWidth, innerHeight, matchMedia('(prefers-color-scheme: dark)').matches]";
    let extension = extension(kind);
    let options = LaunchOptions { window: (640, 500), dark: true, ..LaunchOptions::new(kind, extension.path()) };
    let browser = open_page(options).await;
    assert_eq!(browser.eval(LOOK, vec![]).await.unwrap(), json!([640, 500, true]));

    let picture = extension.path().join("page.png");
    browser.screenshot(&picture).await.unwrap();
    // Width and height are the first fields of a PNG file's first chunk (PNG specification, 11.2.2).
    let png = fs::read(picture).unwrap();
    assert_eq!((&png[16..20], &png[20..24]), (&640_u32.to_be_bytes()[..], &500_u32.to_be_bytes()[..]));
    browser.close().await.unwrap();

    let (light, _extension) = launch(kind).await;
    assert_eq!(light.eval(LOOK, vec![]).await.unwrap(), json!([1280, 800, false]));
    light.close().await.unwrap();
}

async fn pages_of_the_extension_can_all_be_closed(kind: Kind) {
    let (browser, _extension) = launch(kind).await;
    let first = browser.tab().await.unwrap();
    let second = browser.new_tab("page.html?second").await.unwrap();
    assert_eq!(browser.tab().await.unwrap(), second);
    browser.switch_to(&first).await.unwrap();
    assert_eq!(browser.eval("return location.href", vec![]).await.unwrap(), Value::from(browser.url("page.html")));

    browser.close_all_extension_pages().await.unwrap();
    assert_eq!(browser.eval("return location.href", vec![]).await.unwrap(), "about:blank");
    let targets = browser.targets().await.unwrap();
    assert!(!targets.iter().any(|target| target.kind == "page" && target.url.contains("page.html")), "{targets:?}");
    browser.close().await.unwrap();
}

async fn a_failed_wait_tells_what_was_waited_for_and_what_the_page_said(kind: Kind) {
    let (browser, _extension) = launch(kind).await;
    let never = browser.wait_until("a machine to boot", Duration::ZERO, async || Ok(false)).await;
    let text = never.unwrap_err().to_string();
    for part in ["waited 0 s in vain for a machine to boot", "page.html", "Machines", "the page has started"] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let throws = browser.eval("throw new Error('a reason')", vec![]).await.unwrap_err().to_string();
    assert!(throws.contains("failed to run throw new Error('a reason'): "), "{throws}");
    assert!(throws.contains("a reason\n") && !throws.contains("Stacktrace"), "{throws}");
    browser.close().await.unwrap();
}

async fn downloads_arrive_without_a_question(kind: Kind) {
    let (browser, _extension) = launch(kind).await;
    browser.click("link", "Export").await.unwrap();
    let file = browser.downloads().join("disk.img");
    let arrived = async || Ok(fs::read(&file).is_ok_and(|bytes| bytes == b"exported"));
    browser.wait_until("the download", PATIENCE, arrived).await.unwrap();
    browser.close().await.unwrap();
}
