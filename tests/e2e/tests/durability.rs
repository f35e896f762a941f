//! Durability: the browser is killed at a random moment, again and again, with one profile, while the guest writes and
//! fsyncs numbered records and its disks' layers are frozen and merged. See `docs/durability.md` for what is promised.
//!
//! `DURABILITY_ROUNDS` says how many kills there are (5), `DURABILITY_SEED` which moments are chosen. The seed is printed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use block::{MemoryFile, RawDisk, StdFile};
use common::{BOOT, SOON, Variant, disk_images, run};
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use protocol::{DiskRequest, InstanceId, PageRequest, Problem, Reply, SnapshotId, State, Stream};
use qcow2::{Backing, Header, Qcow2};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ROUNDS: u32 = 5;
/// A kill comes at most so long after the guest has begun to write, or after layers began to be merged.
const KILL_WRITING_MS: u64 = 4_000;
const KILL_MERGING_MS: u64 = 1_500;
/// How long the guest may take to read everything that it wrote in a hundred rounds, on a busy machine.
const READING: Duration = Duration::from_secs(900);

/// In the guest: appends a record to the round's file (its argument), and says so only when `fsync` has returned. Besides
/// it rewrites files that nobody syncs, so that there is always something in flight.
const WRITER: &str = r#"n=0
while :; do
  n=$((n + 1))
  awk -v n=$n 'BEGIN { for (p = "x"; length(p) < 128; p = p p);
    for (k = 1; k <= n * 7919 % 100; k++) print n, k, p; print n, "end" }' |
    dd bs=64k conv=fsync 2>/dev/null >> /root/log/$1 || exit
  echo "kept $n."
  dd if=/bin/busybox of=/root/bulk.$((n % 4)) bs=64k count=$((n % 11)) 2>/dev/null
done"#;

/// In the guest: how many records each round's file has up to the first byte that is not as it was written.
const READER: &str = r#"cd /root/log && ls | grep -q . && awk '
BEGIN { for (p = "x"; length(p) < 128; p = p p); }
FNR == 1 { if (file) print file, done; file = FILENAME; done = k = bad = 0 }
bad { next }
$1 != done + 1 { bad = 1; next }
$2 == "end" { if (k == $1 * 7919 % 100) { done = $1; k = 0 } else bad = 1; next }
$2 != k + 1 || $3 != p { bad = 1; next }
{ k++ }
END { if (file) print file, done }' *"#;

/// What a kill hits, besides the guest's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hit {
    Nothing,
    TakeSnapshot,
    DeleteSnapshot,
    /// The machine is stopped, and a deleted snapshot's layers are being merged.
    Merging,
}

/// Half of the rounds hit the guest's writes alone. Five are enough for a snapshot to be taken and merged.
const HITS: [Hit; 8] = [
    Hit::TakeSnapshot,
    Hit::Nothing,
    Hit::Merging,
    Hit::Nothing,
    Hit::TakeSnapshot,
    Hit::Nothing,
    Hit::DeleteSnapshot,
    Hit::Nothing,
];

/// Numbers that look random, the same ones for the same seed (splitmix64).
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// What has been promised so far: what must be there after every kill to come.
#[derive(Default)]
struct Promised {
    /// The last record of each round of which the guest said that it was kept, or that was found later.
    records: BTreeMap<u32, u32>,
    /// Rounds whose records have been counted once: they can't become more.
    counted: BTreeSet<u32>,
    snapshots: BTreeSet<String>,
    /// Of which it is not known whether they were taken or deleted, because the kill came before the answer.
    open: BTreeSet<String>,
}

/// Whether `qemu-img` can judge. In CI it has to be there.
fn qemu_img_is_there() -> bool {
    let there = Command::new("qemu-img").arg("--version").output().is_ok();
    assert!(there || env::var_os("CI").is_none(), "qemu-img has to be installed in CI");
    there
}

/// Each layer, taken for itself, is valid: clusters may be leaked, nothing else. Returns how many clusters are.
fn check_images(profile: &Path) -> (usize, u64) {
    let found = disk_images(profile);
    assert!(!found.is_empty(), "the profile has no disk image at all");
    let mut leaks = 0;
    for path in &found {
        let mut file = StdFile::new(File::open(path).unwrap());
        let header = Header::read(&mut file).unwrap();
        // What lies below counts as empty: it is a file of its own.
        let below = header.backing.map(|_| RawDisk::new(MemoryFile::default()).unwrap());
        let below = below.map(|below| Box::new(below) as Box<dyn Backing>);
        let report = Qcow2::open_read_only(file, below).unwrap().check().unwrap();
        assert_eq!(report.corruptions, 0, "{}: {:?}", path.display(), report.problems);
        leaks += report.leaks;
        if qemu_img_is_there() {
            let image = json!({ "driver": "qcow2", "backing": null, "file": { "driver": "file", "filename": path } });
            let checked = Command::new("qemu-img").args(["check", &format!("json:{image}")]).output().unwrap();
            let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
            // 3: there are leaks, and nothing worse.
            assert!(matches!(checked.status.code(), Some(0 | 3)), "{}: {said}", path.display());
        }
    }
    (found.len(), leaks)
}

/// Sends a request and does not wait: its answer is looked for with [`answer`].
async fn send(browser: &Browser, request: DiskRequest) {
    let script =
        "window.answer = null; window.remote.call(arguments[0]).then((answer) => { window.answer = answer; });";
    browser.eval(script, vec![json!(PageRequest::Disks(request))]).await.unwrap();
}

/// Whether the request that was sent has been answered.
async fn answer(browser: &Browser) -> bool {
    let answer = browser.eval("return window.answer", vec![]).await.unwrap();
    if answer.is_null() {
        return false;
    }
    serde_json::from_value::<Result<Reply, Problem>>(answer).unwrap().expect("the request was refused");
    true
}

/// One machine over all rounds.
struct Rounds {
    kind: Kind,
    /// A copy, so that many rounds all have the same one, whatever is built meanwhile.
    extension: Variant,
    profile: tempfile::TempDir,
    moments: Moments,
    promised: Promised,
    id: Option<InstanceId>,
}

impl Rounds {
    fn new(kind: Kind, seed: u64) -> Self {
        let profile = tempfile::tempdir().unwrap();
        Self {
            kind,
            extension: Variant::of(kind),
            profile,
            moments: Moments(seed),
            promised: Promised::default(),
            id: None,
        }
    }

    /// Nothing that was promised about snapshots has been broken.
    async fn check_snapshots(&mut self, workbench: &Workbench<'_>, id: &InstanceId) -> Vec<(String, SnapshotId)> {
        let disks = workbench.show_disks(id).await.unwrap();
        let shown: BTreeSet<_> = disks.snapshots.iter().map(|snapshot| snapshot.name.clone()).collect();
        let promised = &mut self.promised;
        let lost: Vec<_> =
            promised.snapshots.difference(&shown).filter(|name| !promised.open.contains(*name)).collect();
        assert!(lost.is_empty(), "snapshots are lost: {lost:?}");
        let new: Vec<_> = shown.difference(&promised.snapshots).filter(|name| !promised.open.contains(*name)).collect();
        assert!(new.is_empty(), "snapshots are there again: {new:?}");
        promised.open.clear();
        promised.snapshots = shown;
        disks.snapshots.into_iter().map(|snapshot| (snapshot.name, snapshot.id)).collect()
    }

    /// The guest runs on a file system without errors, and every record is there.
    async fn check_records(&mut self, console: &mut Console<'_>) {
        let errors = console.exec("dmesg | grep -iE 'ext4-fs.*(error|corrupt)|I/O error'", SOON).await.unwrap();
        assert_eq!(errors.text(), "");
        let counts = console.exec(READER, READING).await.unwrap().text();
        let found: BTreeMap<u32, u32> = counts
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(round, count)| (round.parse().expect(&counts), count.parse().expect(&counts)))
            .collect();
        let promised = &mut self.promised;
        for (round, last) in &mut promised.records {
            let count = found.get(round).copied().unwrap_or(0);
            assert!(count >= *last, "of the {last} records of round {round}, {count} are there");
            if promised.counted.insert(*round) {
                *last = count;
            }
            assert_eq!(count, *last, "round {round} has more records than it had");
        }
    }

    /// A machine at its prompt, the same one in all rounds.
    async fn boot<'a>(&mut self, workbench: &Workbench<'a>) -> (InstanceId, Console<'a>) {
        let (id, mut console) = match self.id.clone() {
            Some(id) => {
                workbench.call(&PageRequest::Start(id.clone())).await.unwrap();
                workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
                let console = workbench.console(&id).await.unwrap();
                (id, console)
            }
            None => {
                let id = workbench.launch().await.unwrap();
                self.id = Some(id.clone());
                let console = workbench.console(&id).await.unwrap();
                (id, console)
            }
        };
        console.wait_for_prompt(BOOT).await.unwrap();
        (id, console)
    }

    /// Reads what the guest says, and does what this round is to hit, until it is cut off.
    async fn watch(
        promised: &mut Promised,
        (browser, console): (&Browser, &mut Console<'_>),
        round: u32,
        (mut request, at): (Option<(String, DiskRequest)>, Duration),
    ) {
        let (started, mut asked, mut text) = (Instant::now(), None, String::new());
        loop {
            text.push_str(&String::from_utf8_lossy(&console.read(Stream::Shell).await.unwrap()));
            let last = text.rsplit("kept ").find_map(|rest| rest.split_once('.')?.0.parse().ok());
            if let Some(last) = last {
                promised.records.insert(round, last);
            }
            if started.elapsed() >= at
                && let Some((name, request)) = request.take()
            {
                promised.open.insert(name.clone());
                send(browser, request).await;
                asked = Some(name);
            }
            if let Some(name) = &asked
                && answer(browser).await
            {
                promised.open.remove(name);
                // It is there now if it was not, and gone if it was.
                if !promised.snapshots.remove(name) {
                    promised.snapshots.insert(name.clone());
                }
                asked = None;
            }
        }
    }

    /// Lets the guest write until a kill in the midst of it.
    async fn writing(&mut self, browser: Browser, round: u32, hit: Hit, snapshots: &[(String, SnapshotId)]) {
        let workbench = Workbench::here(&browser);
        let (id, mut console) = self.boot(&workbench).await;
        let prepare = format!("mkdir -p /root/log && cat > /tmp/write <<'END'\n{WRITER}\nEND\n");
        assert_eq!(console.exec(&prepare, SOON).await.unwrap().status, 0);
        self.check_records(&mut console).await;
        let kill = Duration::from_millis(self.moments.below(KILL_WRITING_MS));
        let act = Duration::from_millis(self.moments.below(kill.as_millis() as u64 + 1));
        let which = self.moments.below(snapshots.len().max(1) as u64) as usize;
        let request = match (hit, snapshots.get(which)) {
            (Hit::DeleteSnapshot, Some((name, snapshot))) => {
                Some((name.clone(), DiskRequest::DeleteSnapshot { id, snapshot: snapshot.clone() }))
            }
            (Hit::TakeSnapshot | Hit::DeleteSnapshot, _) => {
                let name = format!("round {round}");
                Some((name.clone(), DiskRequest::TakeSnapshot { id, name, memory: false }))
            }
            _ => None,
        };
        console.forget(Stream::Shell);
        console.send(Stream::Shell, format!("sh /tmp/write {round}\r").as_bytes()).await.unwrap();
        console.wait_for(Stream::Shell, "kept 1.", SOON).await.unwrap();
        self.promised.records.insert(round, 1);
        tokio::select! {
            () = tokio::time::sleep(kill) => {}
            () = Self::watch(&mut self.promised, (&browser, &mut console), round, (request, act)) => {}
        }
        browser.kill();
    }

    /// Deletes a snapshot of the stopped machine, and kills the browser while that is tidied up.
    async fn merging(&mut self, browser: Browser, id: &InstanceId, snapshots: &[(String, SnapshotId)]) {
        let kill = Duration::from_millis(self.moments.below(KILL_MERGING_MS));
        let which = self.moments.below(snapshots.len() as u64) as usize;
        let (name, snapshot) = &snapshots[which];
        self.promised.open.insert(name.clone());
        send(&browser, DiskRequest::DeleteSnapshot { id: id.clone(), snapshot: snapshot.clone() }).await;
        tokio::time::sleep(kill).await;
        browser.kill();
    }

    async fn round(&mut self, round: u32) {
        let browser = self.extension.browser_with(self.profile.path()).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let hit = HITS[round as usize % HITS.len()];
        let snapshots = match self.id.clone() {
            Some(id) => self.check_snapshots(&workbench, &id).await,
            None => vec![],
        };
        match (hit, self.id.clone()) {
            (Hit::Merging, Some(id)) if !snapshots.is_empty() => self.merging(browser, &id, &snapshots).await,
            _ => self.writing(browser, round, hit, &snapshots).await,
        }
        let (images, leaks) = check_images(self.profile.path());
        let last = self.promised.records.get(&round);
        let kept = self.promised.snapshots.len();
        println!(
            "{:?}, round {round}, {hit:?}: {last:?} records, {kept} snapshots; {images} images, {leaks} clusters leaked",
            self.kind
        );
    }

    /// After the last kill: everything is there, and it can be gone back to any snapshot.
    async fn finish(&mut self) {
        let browser = self.extension.browser_with(self.profile.path()).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let id = self.id.clone().unwrap();
        let snapshots = self.check_snapshots(&workbench, &id).await;
        let (_, mut console) = self.boot(&workbench).await;
        self.check_records(&mut console).await;
        let Some((name, snapshot)) = snapshots.last().cloned() else { return };
        workbench.call(&PageRequest::Stop(id.clone())).await.unwrap();
        workbench.wait_for_state(&id, &[State::Stopped], BOOT).await.unwrap();
        let back = DiskRequest::RestoreSnapshot { id: id.clone(), snapshot, keep: None };
        workbench.disks(back).await.unwrap();
        let (_, mut console) = self.boot(&workbench).await;
        let errors = console.exec("dmesg | grep -iE 'ext4-fs.*(error|corrupt)|I/O error'", SOON).await.unwrap();
        assert_eq!(errors.text(), "", "{name}");
        browser.close().await.unwrap();
        check_images(self.profile.path());
    }
}

async fn rounds(kind: Kind) {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("DURABILITY_SEED").unwrap_or_else(now);
    println!("{kind:?}: DURABILITY_SEED={seed}");
    let mut rounds = Rounds::new(kind, seed);
    for round in 0..number("DURABILITY_ROUNDS").unwrap_or(ROUNDS) {
        rounds.round(round).await;
    }
    rounds.finish().await;
}

#[test]
fn what_was_synced_outlives_the_killed_browser_in_chromium() {
    run(rounds(Kind::Chromium));
}

#[test]
fn what_was_synced_outlives_the_killed_browser_in_firefox() {
    run(rounds(Kind::Firefox));
}
