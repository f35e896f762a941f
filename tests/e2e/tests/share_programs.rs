//! What programs in a guest rely on when they use the shared files: the right bytes, locks, and that what was closed is kept.
//!
//! They take minutes: `SHARE_PROGRAMS=1` has them run. `FSX_OPERATIONS` says how many operations are tried at random (2000), `FSX_SEED` which; `SHARE_ROUNDS` how often the browser is killed (2).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, MOUNTED, browser, browser_with, is_wanted, launched, run, started, text, upload};
use driver::Kind;
use e2e::{Console, Workbench};
use protocol::{InstanceId, State, Stream};
use std::env;
use std::path::Path;
use std::time::Duration;

/// A hundred thousand operations on a busy machine.
const LONG: Duration = Duration::from_secs(3_600);

fn number(variable: &str, usual: u32) -> u32 {
    env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// Puts the tests' own programs into the machine, by way of the shared files.
async fn bring_programs(workbench: &Workbench<'_>, id: &InstanceId, console: &mut Console<'_>, names: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let programs: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
    for program in &programs {
        let mut source = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest").join(program.file_name().unwrap());
        source.set_extension("c");
        guest_build::tools::compile(&source, program).unwrap();
    }
    upload(workbench, id, "", &programs.iter().map(|program| &**program).collect::<Vec<_>>()).await;
    text(console, &format!("cd /mnt/host/share && chmod 755 {0} && mv {0} /usr/bin/; cd", names.join(" "))).await;
}

async fn programs(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, MOUNTED).await;
    bring_programs(&workbench, &id, &mut console, &["fsx", "counter"]).await;

    let (operations, seed) = (number("FSX_OPERATIONS", 2_000), number("FSX_SEED", 1));
    let done = console.exec(&format!("fsx /mnt/host/share/x {operations} {seed}"), LONG).await.unwrap();
    println!("{kind:?}, seed {seed}: {}", done.text());
    assert!(done.status == 0 && done.text().contains("no difference"), "{}", done.text());
    // On the machine's disk the same program maps what it writes as well, so it can tell a difference there too.
    let disk = console.exec(&format!("fsx /root/x 500 {seed}"), LONG).await.unwrap();
    assert!(disk.status == 0 && disk.text().contains(" 0 shared mappings refused"), "{}", disk.text());

    // Two programs, and POSIX's locks between them.
    let both =
        "cd /mnt/host/share; counter n 300 > /tmp/a & counter n 300 > /tmp/b; wait; sort -n /tmp/a /tmp/b | tail -n 1";
    assert_eq!(text(&mut console, both).await, "600\n");
    // Two shells, and the locks of flock.
    let add = "for time in $(seq 50); do ( flock 9; read -r n < m; echo $((n + 1)) > m ) 9> lock; done";
    let shells = format!(
        "cd /mnt/host/share; echo 0 > m; ( {add} ) & {add}; wait; cat m; flock lock sh -c 'flock -n lock true || echo kept out'; rm m n lock"
    );
    assert_eq!(text(&mut console, &shells).await, "100\nkept out\n");
    browser.close().await.unwrap();
}

#[test]
fn programs_find_the_bytes_that_they_wrote_and_keep_each_other_out_in_chromium() {
    if is_wanted("SHARE_PROGRAMS") {
        run(programs(Kind::Chromium));
    }
}

#[test]
fn programs_find_the_bytes_that_they_wrote_and_keep_each_other_out_in_firefox() {
    if is_wanted("SHARE_PROGRAMS") {
        run(programs(Kind::Firefox));
    }
}

/// In the guest: makes files, and says so of each when its last close, or `fsync`, has returned. Some are written beside their place and renamed, as
/// careful programs do; besides, one file is always being written.
const WRITER: &str = r"cd /mnt/host/share && mkdir $1 && cd $1 || exit
while :; do head -c 3000000 /dev/zero > ../flood; done &
n=0
while :; do
  n=$((n + 1))
  case $((n % 3)) in
    0) seq $n $((n + n * 7919 % 3000)) | dd of=$n bs=64k conv=fsync 2> /dev/null ;;
    1) seq $n $((n + n * 7919 % 3000)) > $n ;;
    2) seq $n $((n + n * 7919 % 3000)) > new && mv new $n ;;
  esac || exit
  echo kept $n.
done";

/// In the guest: says which of the first files of a round are not as they were written.
const READER: &str = r"cd /mnt/host/share/$1 || exit
n=0
while [ $n -lt $2 ]; do
  n=$((n + 1))
  seq $n $((n + n * 7919 % 3000)) | cmp -s - $n || echo lost $n: $(stat -c %s $n 2>&1)
done
echo read $n";

/// The number of the last file that is known to have been closed.
fn kept(shown: &str) -> u32 {
    let lines =
        shown.lines().rev().filter_map(|line| line.trim().strip_prefix("kept ")?.strip_suffix('.')?.parse().ok());
    lines.max().unwrap_or(0)
}

async fn killed(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let mut id: Option<InstanceId> = None;
    let mut before: Option<(u32, u32)> = None;
    for round in 0..=number("SHARE_ROUNDS", 2) {
        let browser = browser_with(kind, profile.path()).await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let mut console = match &id {
            None => {
                let (new, mut console) = launched(&workbench).await;
                let lay = format!(
                    "{MOUNTED}; cat > /root/writer <<'END'\n{WRITER}\nEND\ncat > /root/reader <<'END'\n{READER}\nEND\nsync"
                );
                text(&mut console, &lay).await;
                id = Some(new);
                console
            }
            Some(id) => {
                workbench.wait_for_state(id, &[State::Stopped, State::Crashed], BOOT).await.unwrap();
                let mut console = started(&workbench, id).await;
                text(&mut console, MOUNTED).await;
                console
            }
        };
        if let Some((round, count)) = before {
            let read = console.exec(&format!("sh /root/reader {round} {count}"), LONG).await.unwrap().text();
            assert_eq!(read, format!("read {count}\n"), "what was closed before the kill in round {round}");
            println!("{kind:?}, round {round}: {count} files were closed, and are there");
        }
        // Somewhere behind a number of files that differs from round to round.
        let wanted = 20 + round * 37 % 60;
        console.forget(Stream::Shell);
        console.send(Stream::Shell, format!("sh /root/writer {round}\n").as_bytes()).await.unwrap();
        let shown = console.wait_for(Stream::Shell, &format!("kept {wanted}."), LONG).await.unwrap();
        browser.kill();
        before = Some((round, kept(&shown)));
    }
}

#[test]
fn a_killed_browser_loses_no_file_that_was_closed_in_chromium() {
    if is_wanted("SHARE_PROGRAMS") {
        run(killed(Kind::Chromium));
    }
}

#[test]
fn a_killed_browser_loses_no_file_that_was_closed_in_firefox() {
    if is_wanted("SHARE_PROGRAMS") {
        run(killed(Kind::Firefox));
    }
}
