//! Git itself on the shared files: Debian's for the guests' processor, as an Alpine package for the profile of that name.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use apkrepo::Package;
use common::packages::{LAID, lay_packages};
use common::{browser, is_wanted, launched, run, sum, text, upload};
use driver::Kind;
use e2e::Workbench;
use protocol::ProfileVerb;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Applying the profile and cloning, on a busy machine.
const LONG: Duration = Duration::from_secs(900);

/// A package with Git and its libraries, without what it needs for other machines' repositories.
fn git() -> Result<Package, String> {
    let work = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guest/git");
    fs::create_dir_all(&work).unwrap();
    let tree = guest_build::unpacked("git", &work.canonicalize().unwrap()).map_err(|error| error.to_string())?;
    let library = |name: &str| format!("usr/lib/i386-linux-gnu/{name}");
    let libraries = ["ld-linux", "libc.so", "libpcre2-8", "libz.so", "libpthread.so"].map(library);
    let mut kept: Vec<_> = libraries.iter().map(String::as_str).collect();
    kept.extend(["usr/bin/git", "usr/lib/ld-linux.so.2", "usr/share/git-core/templates/"]);
    let package = Package::new("git", "2.0.0-r0").folder(&tree).map_err(|error| error.to_string())?;
    Ok(package.only(&kept).without(&["usr/bin/git-shell"]).link("lib/ld-linux.so.2", "/usr/lib/ld-linux.so.2"))
}

/// A repository with so many files in one file, and the checksum of the list of all files' checksums.
fn bundle(folder: &Path, count: u32) -> String {
    let mut lines = vec![];
    for number in 0..count {
        let name = format!("d{}/f{number:04}", number % 37);
        let content = format!("{number}\n").repeat(number as usize % 400 + 1);
        let file = folder.join("tree").join(&name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &content).unwrap();
        lines.push(format!("{}  ./{name}\n", sum(content.as_bytes())));
    }
    let run = |arguments: &[&str]| {
        let me = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"];
        let done = Command::new("git").args(me).args(arguments).current_dir(folder.join("tree")).output().unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run(&["init", "-q"]);
    run(&["add", "."]);
    run(&["commit", "-q", "-m", "all"]);
    run(&["bundle", "create", "-q", "../tree.bundle", "--all"]);
    lines.sort_by(|a, b| a[66..].cmp(&b[66..]));
    sum(lines.concat().as_bytes())
}

async fn clone(kind: Kind) {
    let git = match git() {
        Ok(git) => git,
        Err(error) => return eprintln!("skipped: Debian’s Git can’t be had: {error}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let wanted = bundle(folder.path(), 2_000);
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    text(&mut console, LAID).await;
    text(&mut console, ": > /etc/apk/repositories").await;
    lay_packages(&workbench, &id, &mut console, &[git]).await;
    let done = workbench.profile(&id, ProfileVerb::Apply, "git", LONG).await.unwrap();
    assert_eq!(done.ended, Some(Ok(())), "{:#?}", done.log);
    upload(&workbench, &id, "", &[&folder.path().join("tree.bundle")]).await;

    let clone = "cd /mnt/host/share && time git -c init.defaultBranch=main clone -q tree.bundle tree && cd tree && git fsck --strict 2>&1 && git status --porcelain";
    let done = console.exec(clone, LONG).await.unwrap();
    println!("{kind:?}: git clone of 2000 files: {}", done.text());
    assert_eq!(done.status, 0, "{}", done.text());
    let sums = "cd /mnt/host/share/tree; find . -path ./.git -prune -o -type f -print | LC_ALL=C sort | xargs sha256sum | sha256sum; git status --porcelain | wc -l";
    assert_eq!(console.exec(sums, LONG).await.unwrap().text(), format!("{wanted}  -\n0\n"));
    // Work in it: a commit, and back to what was before.
    let work = "cd /mnt/host/share/tree; git config user.name me; git config user.email me@localhost; echo more >> d1/f0001 && git rm -q d2/f0002 &&
        git commit -qam more && git status --porcelain | wc -l && git checkout -q HEAD~1 && find d2/f0002 && git log --oneline --all | wc -l";
    let done = console.exec(work, LONG).await.unwrap();
    assert_eq!((done.status, done.text()), (0, "0\nd2/f0002\n2\n".to_owned()));
    browser.close().await.unwrap();
}

#[test]
fn git_clones_two_thousand_files_in_chromium() {
    if is_wanted("SHARE_GIT") {
        run(clone(Kind::Chromium));
    }
}

#[test]
fn git_clones_two_thousand_files_in_firefox() {
    if is_wanted("SHARE_GIT") {
        run(clone(Kind::Firefox));
    }
}
