//! The runner in Debian, where apt brings the packages. It needs root, `debootstrap` and a Debian archive, and takes minutes: `PROFILES_DEBIAN=1` has it run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::alpine::Alpine;
use common::{assert_same, lay, profile, repository};
use profile::{MarkState, keys, marks};
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const RUN: &str = "sh /mnt/host/profiles";
/// Starts BusyBox's init in a copy of the system in `$1`.
const START: &str = "set -e; mount -t tmpfs -o size=700m disk $0; cp -a $1/. $0; cd $0
    mkdir -p mnt/host/profiles mnt/host/cache/debian mnt/host/cache/keys mnt/host/share workspace; : > etc/apt/sources.list
    echo '::respawn:/bin/sleep 1000000' > etc/inittab; cd /
    mount -t proc proc $0/proc; mount --rbind /dev $0/dev; mount -t tmpfs run $0/run; mount -t tmpfs tmp $0/tmp
    exec chroot $0 /bin/busybox init";
/// Files and packages, but for what apt and dpkg write by the way and for copies of earlier lists of accounts.
const EVERYTHING: &str = "cd /
    list() {
        find . -xdev \\( -path ./proc -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./mnt/host -o -path ./var/lib/workbench -o -path ./var/log \
            -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache -o -path './etc/*-' \\) -prune -o \"$@\" -print0 | sort -z
    }
    list -name '*' | xargs -0 stat -c '%N %a %u:%g'
    list -type f | xargs -0 sha256sum
    dpkg-query -W -f '${Status} ${Package}\\n'";

fn run(program: &str, arguments: &[&str], folder: &Path) -> Vec<u8> {
    let done = Command::new(program).args(arguments).current_dir(folder).env("GNUPGHOME", folder.join("gpg")).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// A minimal Debian, made once.
fn system() -> PathBuf {
    let made = repository("target/guest/debian-for-tests");
    if !made.exists() {
        let part = made.with_extension("part");
        drop(fs::remove_dir_all(&part));
        fs::create_dir_all(&part).unwrap();
        let part = part.canonicalize().unwrap();
        run(
            "debootstrap",
            &["--variant=minbase", "--include=busybox-static", "bookworm", part.to_str().unwrap()],
            &part,
        );
        fs::rename(part, &made).unwrap();
    }
    made.canonicalize().unwrap()
}

/// A package with one program of its name, which says its name.
fn package(folder: &Path, name: &str, depends: &str, script: &str) {
    let tree = folder.join("tree").join(name);
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    fs::create_dir_all(tree.join("usr/bin")).unwrap();
    let needs = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
    let control = format!(
        "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: test <test@localhost>\n{needs}Description: {name}\n"
    );
    for (path, text, mode) in [
        ("DEBIAN/control", control, 0o644),
        ("DEBIAN/postinst", format!("#!/bin/sh\n{script}\nexit 0\n"), 0o755),
        (&format!("usr/bin/{name}")[..], format!("#!/bin/sh\necho {name}\n"), 0o755),
    ] {
        fs::write(tree.join(path), text).unwrap();
        fs::set_permissions(tree.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let deb = folder.join(format!("{name}.deb"));
    run("dpkg-deb", &["--root-owner-group", "-b", tree.to_str().unwrap(), deb.to_str().unwrap()], folder);
}

/// A signed repository in the machine's cache, and its key beside it.
fn bring_packages(debian: &Alpine) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    package(folder, "wbase", "", ":");
    package(folder, "wleft", "wbase", ":");
    package(folder, "wright", "wbase", "groupadd -r wright; useradd -r -g wright wright");
    let mut index = String::new();
    for name in ["wbase", "wleft", "wright"] {
        let deb = format!("{name}.deb");
        let bytes = fs::read(folder.join(&deb)).unwrap();
        let control = String::from_utf8(run("dpkg-deb", &["-f", &deb], folder)).unwrap();
        let sum = String::from_utf8(run("sha256sum", &[&deb], folder)).unwrap();
        index += &format!("{control}Filename: ./{deb}\nSize: {}\nSHA256: {}\n\n", bytes.len(), &sum[..64]);
        fs::copy(folder.join(&deb), debian.path("mnt/host/cache/debian").join(&deb)).unwrap();
    }
    fs::write(folder.join("Packages"), &index).unwrap();
    let sum = String::from_utf8(run("sha256sum", &["Packages"], folder)).unwrap();
    let date = String::from_utf8(run("date", &["-Ru"], folder)).unwrap();
    fs::write(folder.join("Release"), format!("Date: {date}SHA256:\n {} {} Packages\n", &sum[..64], index.len()))
        .unwrap();
    fs::create_dir(folder.join("gpg")).unwrap();
    fs::set_permissions(folder.join("gpg"), fs::Permissions::from_mode(0o700)).unwrap();
    run(
        "gpg",
        &["--batch", "--passphrase", "", "--quick-generate-key", "test@localhost", "rsa2048", "sign", "never"],
        folder,
    );
    run("gpg", &["--batch", "--clearsign", "-o", "InRelease", "Release"], folder);
    run("gpg", &["--batch", "--armor", "-o", "test.asc", "--export", "test@localhost"], folder);
    run("gpgconf", &["--kill", "gpg-agent"], folder);
    for file in ["Packages", "InRelease"] {
        fs::copy(folder.join(file), debian.path("mnt/host/cache/debian").join(file)).unwrap();
    }
    fs::copy(folder.join("test.asc"), debian.path("mnt/host/cache/keys/test.asc")).unwrap();
}

#[test]
fn apts_packages_are_signed_and_counted_and_go_with_the_last_who_needs_them() {
    if env::var_os("PROFILES_DEBIAN").is_none() {
        return eprintln!("skipped: it takes minutes; PROFILES_DEBIAN=1 has it run");
    }
    let system = system();
    let debian = Alpine::in_namespaces(tempfile::tempdir().unwrap(), START, &[system.as_os_str()]).unwrap();
    let needs = |package: &str| format!("packages = {{ debian = [{package:?}] }}");
    let bundles = [
        profile("one", "1.0", &needs("wleft"), "put page /opt/one\n", &[("page", "x")]),
        profile("two", "1.0", &needs("wright"), ":\n", &[]),
        profile("fails", "1.0", &needs("wright"), "put page /opt/fails; false\n", &[("page", "x")]),
        profile("lacks", "1.0", &needs("nowhere"), ":\n", &[]),
    ];
    lay(&debian.path("mnt/host/profiles"), &bundles);
    bring_packages(&debian);
    let before = debian.text(EVERYTHING);
    let same = |before: &str, said: &str| assert_same(&debian.text(EVERYTHING), before, said);

    // Nobody trusts the key yet.
    let done = debian.sh(&format!("{RUN}/apply.sh one"));
    assert!(done.status == 1 && done.text.contains("NO_PUBKEY"), "{}", done.text);
    same(&before, &done.text);
    let waiting = keys(&debian.text(&format!("{RUN}/list.sh"))).unwrap();
    assert_eq!(waiting[0].name(), "test.asc");
    debian.text(&format!("{RUN}/trust.sh test.asc {}", waiting[0].sha256()));
    let before = debian.text(EVERYTHING);

    for (name, why) in [("fails", "Taking back"), ("lacks", "Unable to locate package nowhere")] {
        let done = debian.sh(&format!("{RUN}/apply.sh {name}"));
        assert!(done.status == 1 && done.text.contains(why), "{}", done.text);
        same(&before, &done.text);
    }
    let said = debian.text(&format!("{RUN}/apply.sh one"));
    assert!(said.contains("All packages are in the cache"), "{said}");
    assert_eq!(debian.text("wleft; wbase"), "wleft\nwbase\n");
    let there = debian.text(EVERYTHING);
    assert!(debian.text(&format!("{RUN}/apply.sh one")).contains("applied already"));
    same(&there, "applying it again changes nothing");
    debian.text(&format!("{RUN}/apply.sh two && {RUN}/check.sh two && {RUN}/rollback.sh one"));
    assert_eq!(debian.text("wright; wbase; command -v wleft || echo gone"), "wright\nwbase\ngone\n");
    let said = debian.text(&format!("{RUN}/rollback.sh two"));
    same(&before, &said);
    let list = marks(&debian.text(&format!("{RUN}/list.sh"))).unwrap();
    assert!(list.iter().all(|mark| mark.state == MarkState::Failed), "{list:?}");

    // Put there by hand, a package stays when a profile that needs it goes.
    let own = "cd /mnt/host/cache/debian && dpkg -i wbase.deb > /dev/null";
    debian.text(own);
    let before = debian.text(EVERYTHING);
    debian.text(&format!("{RUN}/apply.sh one && {RUN}/rollback.sh one"));
    same(&before, "");
    let said = debian.text(&format!("{RUN}/apply.sh one"));
    same(&there, &said);
}
