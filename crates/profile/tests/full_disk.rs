//! What the runner leaves when the machine's disk fills up in the midst of its work: everything as it was before.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use apkrepo::{Key, Package};
use common::alpine::Alpine;
use common::{assert_same, lay, profile};
use profile::{MarkState, marks};
use std::fs;

const RUN: &str = "sh /mnt/host/profiles";
/// Room for the system and for all that the profiles bring.
const DISK_MIB: u32 = 32;

/// Bytes that nothing makes smaller.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn full_of(alpine: &Alpine, kib: u32) {
    alpine.text(&format!(
        "rm -f /fill; set -- $(stat -f -c '%a %S' /); dd if=/dev/zero of=/fill bs=1024 count=$(($1 * $2 / 1024 - {kib})) 2> /dev/null"
    ));
}

#[test]
fn a_disk_that_fills_up_in_the_midst_leaves_the_machine_as_it_was() {
    let needs = |more: &str, package: &str| format!("{more}packages = {{ alpine = [{package:?}] }}");
    let page = "x".repeat(300_000);
    let apply =
        "directory /opt/top; put page /opt/top/page; put page /etc/motd; line 'a line' /etc/hosts; owned /opt/made
        dd if=/dev/zero of=/opt/made bs=1024 count=600; put page /opt/top/again
        [ \"$(stat -c %s /opt/made)\" = 614400 ]\n";
    let bundles = [
        profile("base", "1.0", &needs("", "base"), "put page /opt/base\n", &[("page", &page)]),
        profile("top", "1.0", &needs("depends = ['base']\n", "top"), apply, &[("page", &page)]),
    ];
    let Some(alpine) = Alpine::on_disk_of(DISK_MIB) else { return };
    lay(&alpine.path("mnt/host/profiles"), &bundles);
    let user = "#!/bin/sh\naddgroup -S top\nadduser -S -D -H -G top top\nexit 0\n";
    let files = |package: Package, count: u32| {
        (0..count)
            .fold(package, |package, number| package.file(&format!("usr/share/{number}"), noise(40_000, number), 0o644))
    };
    let packages = [
        Package::new("base", "1.0-r0").file("usr/bin/base", noise(500_000, 1), 0o755),
        files(Package::new("top", "1.0-r0").depends("under").script("pre-install", user), 20),
        Package::new("under", "1.0-r0").file("usr/lib/under", noise(900_000, 2), 0o755),
    ];
    let key = Key::new("test").unwrap();
    apkrepo::repository(&alpine.path("mnt/host/cache/alpine"), &packages, &key).unwrap();
    fs::copy(key.public(), alpine.path("etc/apk/keys/test.rsa.pub")).unwrap();
    alpine.text("mkdir -p /opt; : > /etc/apk/repositories");

    // Room for the reserve of 1 MiB and a little, then more and more of what is to come.
    let (mut told, mut kib) = (0, 2048);
    loop {
        full_of(&alpine, kib);
        let before = alpine.everything();
        let done = alpine.sh(&format!("{RUN}/apply.sh top"));
        if done.status == 0 {
            break;
        }
        assert_same(&alpine.everything(), &before, &format!("{kib} KiB were free\n{}", done.text));
        let list = marks(&alpine.text(&format!("{RUN}/list.sh"))).unwrap();
        assert!(list.iter().all(|mark| mark.state == MarkState::Failed && mark.name.as_str() == "top"), "{list:?}");
        let log = alpine.text("cat /var/log/workbench/top.log");
        assert_eq!(log, done.text, "the log is whole");
        assert!(log.contains("No space left on device") || log.contains("are free on the machine's disk"), "{log}");
        told += 1;
        kib += 380;
    }
    assert!(told > 4, "it had room from the beginning");
    alpine.text(&format!("top=$(stat -c %s /opt/top/again) && [ $top = 300000 ] && {RUN}/rollback.sh top"));
    assert_eq!(alpine.text("ls /opt"), "");
}
