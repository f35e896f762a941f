//! What the journeys share: browsers with the built extension, or with one that was damaged on purpose.

#![allow(dead_code, reason = "each test file is a program of its own and uses a part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "only tests use it, and a failure fails the test")]

pub mod files;
pub mod network;
pub mod packages;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use driver::thirtyfour::By;
use driver::{Browser, Kind, LaunchOptions};
use e2e::{Console, Workbench};
use protocol::{
    DiskRequest, ExportWhat, FilePath, InstanceId, JobId, Outcome, PageRequest, ShareRequest, ShareWhat, State,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::future::Future;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A machine boots in three seconds when it has the processor for itself; the tests' machine may be busy.
pub const BOOT: Duration = Duration::from_secs(120);
/// For what takes a moment.
pub const SOON: Duration = Duration::from_secs(30);
/// Reading and writing a disk of some hundred megabytes on a busy machine.
pub const WORK: Duration = Duration::from_secs(400);
/// Waits in the guest until the shared files are there: they are mounted behind the first prompt.
pub const MOUNTED: &str = "until grep -q ' /mnt/host 9p ' /proc/mounts; do sleep 0.1; done";
/// Has all tests run that take minutes.
const ALL_LONG: &str = "LONG_TESTS";
/// The Return key, as WebDriver writes it.
pub const RETURN: &str = "\u{e007}";

/// Runs a test to its end.
pub fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

/// Whether a test that takes minutes is to be run: this variable says so, or the one for all of them.
pub fn is_wanted(variable: &str) -> bool {
    let wanted = [variable, ALL_LONG].into_iter().any(|name| std::env::var_os(name).is_some());
    if !wanted {
        eprintln!("skipped: it takes minutes; {variable}=1 has it run, or `cargo xtask test --long`");
    }
    wanted
}

/// As [`is_wanted`], for a test that has no variable of its own.
pub fn are_long_wanted() -> bool {
    is_wanted(ALL_LONG)
}

/// The built extension for this kind of browser.
pub fn dist(kind: Kind) -> PathBuf {
    let name = match kind {
        Kind::Chromium => "chrome",
        Kind::Firefox => "firefox",
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist").join(name);
    path.canonicalize().expect("the extension is not built: run `cargo xtask build`")
}

/// A browser with the extension and a fresh profile.
pub async fn browser(kind: Kind) -> Browser {
    launch(LaunchOptions::new(kind, dist(kind))).await
}

/// A browser with a fresh profile whose service worker can be killed, but whose consoles' tabs are not seen.
pub async fn browser_without_debugger(kind: Kind) -> Browser {
    Browser::launch(LaunchOptions::new(kind, dist(kind))).await.unwrap()
}

pub async fn launch(options: LaunchOptions) -> Browser {
    Browser::launch(LaunchOptions { extension_tabs: true, ..options }).await.unwrap()
}

/// A browser with the extension and a profile that is kept.
pub async fn browser_with(kind: Kind, profile: &Path) -> Browser {
    launch(LaunchOptions::new(kind, dist(kind)).with_profile(profile)).await
}

/// A copy of the extension in which something can be changed.
pub struct Variant {
    folder: tempfile::TempDir,
    kind: Kind,
}

impl Variant {
    pub fn of(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&dist(kind), folder.path());
        Self { folder, kind }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Replaces a text that must be there.
    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(self.path(file), text.replace(from, to)).unwrap();
    }

    /// Adds to the end of a file.
    pub fn append(&self, file: &str, more: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        fs::write(self.path(file), text + more).unwrap();
    }

    pub async fn browser_with(&self, profile: &Path) -> Browser {
        launch(LaunchOptions::new(self.kind, self.folder.path()).with_profile(profile)).await
    }

    /// One in which tabs that the extension opens are seen.
    pub async fn browser_with_tabs(&self) -> Browser {
        launch(LaunchOptions::new(self.kind, self.folder.path())).await
    }

    pub async fn browser(&self) -> Browser {
        Browser::launch(LaunchOptions::new(self.kind, self.folder.path())).await.unwrap()
    }
}

/// All layers and images in a profile. Browsers keep the private file system's files under names of their own.
pub fn disk_images(profile: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(profile).unwrap().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            found.extend(disk_images(&path));
        } else if kind.is_file() {
            let mut magic = [0; 4];
            let read = fs::File::open(&path).and_then(|mut file| file.read_exact(&mut magic));
            if read.is_ok() && magic == *b"QFI\xfb" {
                found.push(path);
            }
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// The console page that is shown, as its user sees it.
pub struct ConsolePage<'a>(pub &'a Browser);

impl ConsolePage<'_> {
    /// Everything in the shell's terminal, with its scrollback.
    pub async fn text(&self) -> String {
        let text = self.0.eval("return window.workbenchTest?.text('shell') ?? ''", vec![]).await.unwrap();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the shell's terminal shows this.
    pub async fn wait_for(&self, wanted: &str, timeout: Duration) {
        let what = format!("{wanted:?} in the terminal");
        let there = async || Ok(self.text().await.contains(wanted));
        if let Err(error) = self.0.wait_until(&what, timeout, there).await {
            panic!("{error}\nThe terminal shows:\n{}", self.text().await);
        }
    }

    /// The same for a terminal with very many lines: looks at the newest only, so that looking takes no time of the page.
    pub async fn wait_for_newest(&self, wanted: &str, timeout: Duration) {
        let script = "return window.workbenchTest.text('shell', 100)";
        let there = async || Ok(self.0.eval(script, vec![]).await?.as_str().is_some_and(|text| text.contains(wanted)));
        self.0.wait_until(&format!("{wanted:?} in the terminal"), timeout, there).await.unwrap();
    }

    /// Types into what has the keyboard, as a person does: the page must have put it into the terminal.
    pub async fn type_text(&self, text: &str) {
        self.0.driver().active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    /// Types a command and a return.
    pub async fn enter(&self, command: &str) {
        self.type_text(&format!("{command}{RETURN}")).await;
    }
}

/// The tab that was not there before.
pub async fn new_tab_besides(browser: &Browser, before: &[driver::Tab]) -> driver::Tab {
    browser
        .wait_for("the console's tab", SOON, async || {
            Ok(browser.tabs().await?.into_iter().find(|tab| !before.contains(tab)))
        })
        .await
        .unwrap()
}

/// Begins to upload files as the panel does, with a picker that the test fills in.
pub async fn begin_upload(workbench: &Workbench<'_>, id: &InstanceId, into: &str, files: &[&Path]) -> JobId {
    let browser = workbench.browser();
    let picker = "
        document.getElementById('test-files')?.remove();
        const input = document.createElement('input');
        input.type = 'file';
        input.multiple = true;
        input.id = 'test-files';
        document.body.append(input);";
    browser.eval(picker, vec![]).await.unwrap();
    let input = browser.driver().find(By::Id("test-files")).await.unwrap();
    let paths: Vec<_> = files.iter().map(|file| file.canonicalize().unwrap().to_str().unwrap().to_owned()).collect();
    input.send_keys(paths.join("\n")).await.unwrap();
    let what = ShareWhat::Upload { into: FilePath::try_from(into.to_owned()).unwrap(), name: "files".to_owned() };
    let job = workbench.begin(DiskRequest::Share(ShareRequest { id: id.clone(), what })).await.unwrap();
    let hand_over = "
        const files = [...document.getElementById('test-files').files];
        window.fileChannel = new BroadcastChannel(`file:${arguments[0]}`);
        window.fileChannel.onmessage = ({ data }) => data === 'Wanted' && window.fileChannel.postMessage({ files });
        window.fileChannel.postMessage({ files });";
    browser.eval(hand_over, vec![json!(job)]).await.unwrap();
    job
}

pub async fn upload(workbench: &Workbench<'_>, id: &InstanceId, into: &str, files: &[&Path]) -> String {
    let job = begin_upload(workbench, id, into, files).await;
    let outcome = workbench.wait_for_job(&job, WORK).await.unwrap();
    workbench.disks(DiskRequest::DismissJob(job)).await.unwrap();
    outcome.message
}

/// A new machine at its prompt, and its console.
pub async fn launched<'a>(workbench: &Workbench<'a>) -> (InstanceId, Console<'a>) {
    let id = workbench.launch().await.unwrap();
    let console = at_prompt(workbench, &id).await;
    (id, console)
}

/// Starts a machine; returns its console at its prompt.
pub async fn started<'a>(workbench: &Workbench<'a>, id: &InstanceId) -> Console<'a> {
    workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
    workbench.wait_for_state(id, &[State::Running], BOOT).await.unwrap();
    at_prompt(workbench, id).await
}

/// The console of a machine that has started, at its prompt.
pub async fn at_prompt<'a>(workbench: &Workbench<'a>, id: &InstanceId) -> Console<'a> {
    let mut console = workbench.console(id).await.unwrap();
    console.wait_for_prompt(BOOT).await.unwrap();
    console
}

/// Shuts a machine down.
pub async fn stop(workbench: &Workbench<'_>, id: &InstanceId) {
    workbench.call(&PageRequest::Stop(id.clone())).await.unwrap();
    workbench.wait_for_state(id, &[State::Stopped], BOOT).await.unwrap();
}

/// What a command in the guest prints.
pub async fn text(console: &mut Console<'_>, command: &str) -> String {
    console.exec(command, WORK).await.unwrap().text()
}

/// How much of an exported file is asked for at once, in bytes.
const PIECE: u64 = 4 << 20;

/// Writes what was exported to a file of the test.
pub async fn exported(workbench: &Workbench<'_>, id: &InstanceId, what: ExportWhat, to: &Path) -> Outcome {
    let request = DiskRequest::Export { id: id.clone(), snapshot: None, what };
    let job = workbench.begin(request).await.unwrap();
    let outcome = workbench.wait_for_job(&job, WORK).await.unwrap();
    let file = outcome.file.clone().expect("a file");
    let mut bytes = vec![];
    while (bytes.len() as u64) < file.bytes {
        let script = "
            const [job, from, count] = arguments;
            const root = await navigator.storage.getDirectory();
            const file = await (await (await root.getDirectoryHandle('exports')).getFileHandle(job)).getFile();
            const reader = new FileReader();
            const read = new Promise((resolve) => (reader.onload = resolve));
            reader.readAsDataURL(file.slice(from, from + count));
            await read;
            return reader.result.split(',')[1];";
        let arguments = vec![json!(job), json!(bytes.len()), json!(PIECE)];
        let piece = workbench.browser().eval_async(script, arguments).await.unwrap();
        bytes.extend(STANDARD.decode(piece.as_str().unwrap()).unwrap());
    }
    fs::write(to, bytes).unwrap();
    workbench.disks(DiskRequest::DismissJob(job)).await.unwrap();
    outcome
}

/// SHA-256, as the guest's `sha256sum` prints it.
pub fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
