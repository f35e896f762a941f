//! The runner's programs, in Alpine itself: what profiles bring and take away.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use apkrepo::{Key, Package};
use common::alpine::Alpine;
use common::{assert_same, catalog, lay, profile};
use profile::{MarkState, PackageKey, Reason, keys, marks};
use std::fs;
use std::io::{BufRead as _, BufReader};

const RUN: &str = "sh /mnt/host/profiles";

fn with(bundles: &[profile::Bundle]) -> Option<Alpine> {
    let alpine = Alpine::start()?;
    lay(&alpine.path("mnt/host/profiles"), bundles);
    Some(alpine)
}

fn state(alpine: &Alpine, name: &str) -> Option<(MarkState, String, Reason)> {
    let list = marks(&alpine.text(&format!("{RUN}/list.sh"))).unwrap();
    let mark = list.into_iter().find(|mark| mark.name.as_str() == name)?;
    Some((mark.state, mark.version.to_string(), mark.reason))
}

fn applied(version: &str, reason: Reason) -> Option<(MarkState, String, Reason)> {
    Some((MarkState::Applied, version.to_owned(), reason))
}

#[test]
fn the_catalog_is_right() {
    let profiles: Vec<_> = catalog().iter().map(|bundle| bundle.profile().clone()).collect();
    assert_eq!(profiles.len(), 10);
    for profile in &profiles {
        profile::order(&profile.name, &profiles, &[]).unwrap();
    }
}

#[test]
fn the_web_server_comes_and_goes_without_a_trace() {
    let Some(alpine) = with(&catalog()) else { return };
    let before = alpine.everything();
    println!("{}", alpine.text(&format!("{RUN}/apply.sh web-server")));
    assert_eq!(state(&alpine, "web-server"), applied("1.0", Reason::User));
    assert!(alpine.text("wget -q -O - http://127.0.0.1/").contains("The web server runs"));
    alpine.text(&format!("{RUN}/check.sh web-server"));

    let there = alpine.everything();
    assert!(alpine.text(&format!("{RUN}/apply.sh web-server")).contains("applied already"));
    assert_same(&alpine.everything(), &there, "applying it again changes nothing");

    assert_eq!(alpine.sh(&format!("{RUN}/apply.sh nginx")).status, 1, "nginx wants the same port");
    println!("{}", alpine.text(&format!("{RUN}/rollback.sh web-server")));
    assert_same(&alpine.everything(), &before, "");
    assert_eq!(state(&alpine, "web-server"), None);
    assert_ne!(alpine.sh("wget -q -O - -T 2 http://127.0.0.1/").status, 0);
    alpine.text(&format!("{RUN}/apply.sh web-server"));
    alpine.text("wget -q -O - http://127.0.0.1/");
}

/// A repository in the cache of packages, whose key is trusted because the test has put it where apk looks.
fn with_packages(alpine: &Alpine, packages: &[Package]) -> Key {
    let key = Key::new("test").unwrap();
    apkrepo::repository(&alpine.path("mnt/host/cache/alpine"), packages, &key).unwrap();
    fs::copy(key.public(), alpine.path("etc/apk/keys").join("test.rsa.pub")).unwrap();
    key
}

fn tool(name: &str) -> Package {
    Package::new(name, "1.0-r0").file(&format!("usr/bin/{name}"), format!("#!/bin/sh\necho {name}\n"), 0o755)
}

fn tools() -> Vec<Package> {
    vec![
        tool("base"),
        tool("left").depends("base"),
        tool("right").depends("base").file("etc/right/right.conf", "first\n", 0o644),
        tool("daemon").script(
            "pre-install",
            "#!/bin/sh\naddgroup -S daemon-x\nadduser -S -D -H -G daemon-x daemon-x\naddgroup daemon-x video\nexit 0\n",
        ),
    ]
}

fn needs(package: &str) -> String {
    format!("packages = {{ alpine = [{package:?}] }}")
}

#[test]
fn packages_are_counted_by_apk_and_go_with_the_last_who_needs_them() {
    let bundles = [profile("one", "1.0", &needs("left"), ":", &[]), profile("two", "1.0", &needs("right"), ":", &[])];
    let Some(alpine) = with(&bundles) else { return };
    with_packages(&alpine, &tools());
    let before = alpine.everything();
    assert!(alpine.text(&format!("{RUN}/apply.sh one")).contains("All packages are in the cache"));
    alpine.text(&format!("{RUN}/apply.sh two"));
    assert_eq!(alpine.text("left; right; base"), "left\nright\nbase\n");
    alpine.text("echo mine >> /etc/right/right.conf");
    alpine.text(&format!("{RUN}/rollback.sh one"));
    assert_eq!(alpine.text("right; base; command -v left || echo gone"), "right\nbase\ngone\n");
    alpine.text(&format!("{RUN}/rollback.sh two"));
    assert_same(&alpine.everything(), &before, "");
}

#[test]
fn accounts_that_packages_bring_go_with_them() {
    let bundles =
        [profile("one", "1.0", &needs("daemon"), ":", &[]), profile("two", "1.0", &needs("daemon"), ":", &[])];
    let Some(alpine) = with(&bundles) else { return };
    with_packages(&alpine, &tools());
    let before = alpine.everything();
    alpine.text(&format!("{RUN}/apply.sh one && {RUN}/apply.sh two && {RUN}/rollback.sh one"));
    assert!(alpine.text("grep daemon-x /etc/passwd /etc/group").contains("/etc/group:video:x:27:root,daemon-x"));
    alpine.text(&format!("{RUN}/rollback.sh two"));
    assert_same(&alpine.everything(), &before, "");
}

#[test]
fn a_missing_package_leaves_the_machine_as_it_was_and_says_so() {
    let Some(alpine) = with(&[profile("one", "1.0", "packages = { alpine = ['base', 'nowhere'] }", ":", &[])]) else {
        return;
    };
    with_packages(&alpine, &tools());
    alpine.text("echo > /etc/apk/repositories");
    let before = alpine.everything();
    let done = alpine.sh(&format!("{RUN}/apply.sh one"));
    assert!(done.status == 1 && done.text.contains("nowhere (no such package)"), "{}", done.text);
    assert_same(&alpine.everything(), &before, "");
    assert_eq!(state(&alpine, "one").unwrap().0, MarkState::Failed);
    assert!(alpine.text("cat /var/log/workbench/one.log").contains("nowhere (no such package)"));
}

#[test]
fn apk_refuses_what_was_changed_after_it_was_signed_and_keys_that_nobody_trusts() {
    let Some(alpine) = with(&[profile("one", "1.0", &needs("left"), ":", &[])]) else { return };
    with_packages(&alpine, &tools());
    alpine.text("echo > /etc/apk/repositories");
    let before = alpine.everything();
    let package = alpine.path("mnt/host/cache/alpine/x86/left-1.0-r0.apk");
    let good = fs::read(&package).unwrap();
    let mut bad = good.clone();
    let last = bad.len() - 40;
    bad[last] ^= 1;
    fs::write(&package, &bad).unwrap();
    let done = alpine.sh(&format!("{RUN}/apply.sh one"));
    assert_eq!(done.status, 1, "{}", done.text);
    assert_same(&alpine.everything(), &before, &done.text);

    fs::write(&package, &good).unwrap();
    alpine.text("mv /etc/apk/keys/test.rsa.pub /root/");
    let done = alpine.sh(&format!("{RUN}/apply.sh one"));
    assert!(done.status == 1 && done.text.contains("UNTRUSTED"), "{}", done.text);
    // The user says that it is to be trusted, and means this one.
    alpine.text("mkdir /mnt/host/cache/keys; mv /root/test.rsa.pub /mnt/host/cache/keys/");
    let waiting = keys(&alpine.text(&format!("{RUN}/list.sh"))).unwrap();
    assert_eq!(waiting.iter().map(PackageKey::name).collect::<Vec<_>>(), ["test.rsa.pub"]);
    let trust = format!("{RUN}/trust.sh test.rsa.pub");
    assert_eq!(alpine.sh(&format!("{trust} {}", "0".repeat(64))).status, 1);
    alpine.text(&format!("{trust} {}", waiting[0].sha256()));
    assert_eq!(alpine.text(&format!("{RUN}/trust.sh")), "No key waits.\n");
    assert_same(&alpine.everything(), &before, &done.text);
    alpine.text(&format!("{RUN}/apply.sh one"));
}

/// Changes all kinds of things, then does what `then` says.
fn busy(then: &str) -> String {
    format!(
        "directory /opt/busy/deep 700
        put page /opt/busy/deep/page 640
        put page /etc/motd
        echo made | put - /etc/busy.conf
        line 'busy  line with $signs * and  spaces' /etc/hosts
        owned /var/busy/made
        mkdir -p /var/busy/made
        {then}
        "
    )
}

#[test]
fn a_failure_halfway_takes_back_what_was_done_and_what_was_brought_for_it() {
    let bundles = [
        profile("base", "1.0", &needs("base"), "put page /opt/base", &[("page", "base")]),
        profile(
            "top",
            "1.0",
            "depends = ['base']\npackages = { alpine = ['left'] }",
            &busy("false"),
            &[("page", "page")],
        ),
    ];
    let Some(alpine) = with(&bundles) else { return };
    with_packages(&alpine, &tools());
    alpine.text("mkdir /var/busy");
    let before = alpine.everything();
    let done = alpine.sh(&format!("{RUN}/apply.sh top"));
    assert_eq!(done.status, 1, "{}", done.text);
    assert_same(&alpine.everything(), &before, &done.text);
    assert_eq!((state(&alpine, "base"), state(&alpine, "top").unwrap().0), (None, MarkState::Failed));
}

#[test]
fn what_was_killed_halfway_is_put_right_by_the_next_run() {
    let bundles = [
        profile("top", "1.0", &needs("left"), &busy("sleep 1000"), &[("page", "page")]),
        profile("other", "1.0", "", ":", &[]),
    ];
    let Some(alpine) = with(&bundles) else { return };
    with_packages(&alpine, &tools());
    alpine.text("mkdir /var/busy");
    let before = alpine.everything();
    let apply = alpine.spawn(&format!("{RUN}/apply.sh top 2>&1"));
    alpine.text("for try in $(seq 300); do [ -d /var/busy/made ] && exit; sleep 0.1; done; exit 1");
    let second = alpine.sh(&format!("{RUN}/apply.sh other"));
    assert_eq!(second.status, 75, "one at a time: {}", second.text);
    // All of it at once, as a power cut does.
    alpine.text("for process in /proc/[0-9]*; do id=${process#/proc/}; case $(tr '\\0' ' ' < $process/cmdline) in *hook.sh*|*apply.sh*|'sleep 1000 ') [ $id = $$ ] || kill -9 $id;; esac; done 2> /dev/null; :");
    drop(apply.wait_with_output());
    assert_eq!(state(&alpine, "top").unwrap().0, MarkState::Applying);
    let done = alpine.sh(&format!("{RUN}/apply.sh other"));
    assert!(done.status == 0 && done.text.contains("cut short"), "{}", done.text);
    assert_eq!(state(&alpine, "top"), None);
    alpine.text(&format!("{RUN}/rollback.sh other"));
    assert_same(&alpine.everything(), &before, &done.text);
}

#[test]
fn a_run_that_is_canceled_takes_back_what_it_has_done() {
    let bundles = [profile("top", "1.0", &needs("left"), &busy("echo now; sleep 1000"), &[("page", "page")])];
    let Some(alpine) = with(&bundles) else { return };
    with_packages(&alpine, &tools());
    alpine.text("mkdir /var/busy");
    let before = alpine.everything();
    let mut apply = alpine.spawn(&format!("{RUN}/apply.sh top 2>&1"));
    let mut lines = BufReader::new(apply.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "now"));
    alpine.text(&format!("{RUN}/cancel.sh"));
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(apply.wait().unwrap().code(), Some(130), "{rest:?}");
    assert_same(&alpine.everything(), &before, &rest.join("\n"));
    assert_eq!(state(&alpine, "top"), None);
}

#[test]
fn what_is_needed_comes_along_and_goes_with_the_last_who_needs_it() {
    let bundles = [
        profile("base", "1.0", "", "put page /opt/base", &[("page", "base")]),
        profile("one", "1.0", "depends = ['base']", ":", &[]),
        profile("two", "1.0", "depends = ['base']", ":", &[]),
    ];
    let Some(alpine) = with(&bundles) else { return };
    alpine.text(&format!("{RUN}/apply.sh one && {RUN}/apply.sh two"));
    assert_eq!(state(&alpine, "base"), applied("1.0", Reason::Dependency));
    assert_eq!(alpine.sh(&format!("{RUN}/rollback.sh base")).status, 3, "it is needed");
    alpine.text(&format!("{RUN}/rollback.sh one"));
    assert_eq!(state(&alpine, "base"), applied("1.0", Reason::Dependency));
    alpine.text(&format!("{RUN}/rollback.sh two"));
    assert_eq!(state(&alpine, "base"), None);
    // Asked for by itself, it stays.
    alpine.text(&format!("{RUN}/apply.sh one && {RUN}/apply.sh base && {RUN}/rollback.sh one"));
    assert_eq!(state(&alpine, "base"), applied("1.0", Reason::User));
}

#[test]
fn a_newer_version_takes_the_place_of_the_older_one_or_the_older_one_stays() {
    let version = |version: &str, apply: &str| profile("thing", version, "", apply, &[("page", version)]);
    let Some(alpine) = with(&[version("1.0", "put page /opt/page; put page /opt/old")]) else { return };
    let before = alpine.everything();
    alpine.text(&format!("{RUN}/apply.sh thing"));
    let first = alpine.everything();
    lay(&alpine.path("mnt/host/profiles"), &[version("1.1", "put page /opt/page; false")]);
    let done = alpine.sh(&format!("{RUN}/apply.sh thing"));
    assert_eq!(done.status, 1, "{}", done.text);
    assert_same(&alpine.everything(), &first, &done.text);
    assert_eq!(state(&alpine, "thing"), applied("1.0", Reason::User));
    lay(&alpine.path("mnt/host/profiles"), &[version("1.1", "put page /opt/page")]);
    alpine.text(&format!("{RUN}/apply.sh thing"));
    assert_eq!(alpine.text("cat /opt/page; ls /opt"), "1.1page\n");
    assert_eq!(state(&alpine, "thing"), applied("1.1", Reason::User));
    alpine.text(&format!("{RUN}/rollback.sh thing"));
    assert_same(&alpine.everything(), &before, "");
}

#[test]
fn what_the_user_has_changed_is_kept_beside() {
    let Some(alpine) =
        with(&[profile("thing", "1.0", "", "put page /etc/motd; put page /opt/page", &[("page", "x\n")])])
    else {
        return;
    };
    let motd = alpine.text("cat /etc/motd");
    alpine.text(&format!("{RUN}/apply.sh thing; echo mine >> /etc/motd"));
    assert!(alpine.text(&format!("{RUN}/check.sh thing")).contains("/etc/motd was changed"));
    alpine.text(&format!("{RUN}/rollback.sh thing"));
    assert_eq!(alpine.text("cat /etc/motd"), motd);
    assert_eq!(alpine.text("cat /etc/motd.workbench-changed; ls /opt"), "x\nmine\n");
}

#[test]
fn a_profile_that_has_no_room_is_not_begun() {
    let bundles = [profile("big", "1.0", "", "put page /opt/page", &[("page", "x")])];
    let Some(alpine) = with(&bundles) else { return };
    alpine.text("mkdir -p /var/lib/workbench && mount -t tmpfs -o size=1m small /var/lib/workbench");
    let done = alpine.sh(&format!("{RUN}/apply.sh big"));
    assert!(done.status == 1 && done.text.contains("needs 1 MiB, and only"), "{}", done.text);
    assert_eq!(alpine.text("ls /opt"), "");
}
