//! Machines on the LAN inside the browser: they find each other, keep their addresses, and lose nothing but a moment if the LAN's worker dies.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::network::{address, pings, transfer, until};
use common::{BOOT, SOON, Variant, are_long_wanted, browser, browser_with, launched, run, started, stop, text};
use driver::{Browser, Kind};
use e2e::Workbench;
use protocol::{InstanceId, PageRequest, State};

/// A number from the environment.
fn number(name: &str, usual: u32) -> u32 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

async fn two_machines(kind: Kind) {
    let browser = browser(kind).await;
    // How much is transferred, and how many more machines there are beside the two.
    let (mib, more) = (number("LAN_MIB", 4), number("LAN_GUESTS", 2).saturating_sub(2));
    let workbench = Workbench::open(&browser).await.unwrap();
    let (_, mut first) = launched(&workbench).await;
    let (second_id, mut second) = launched(&workbench).await;
    let (one, two) = (address(&mut first).await, address(&mut second).await);
    assert_ne!(one, two);
    assert_eq!(one.rsplit_once('.').unwrap().0, two.rsplit_once('.').unwrap().0, "one browser, one network");
    assert_eq!(text(&mut first, "cat /sys/class/net/eth0/mtu; hostname").await, "65000\nalpine-1\n");
    // The first two of the features that its card and its kernel have agreed on (virtio 1.2, 5.1.3): the card sees to checksums.
    assert_eq!(text(&mut first, "cut -c 1-2 /sys/class/net/eth0/device/features").await, "11\n");

    pings(&mut first, "alpine-2.lan").await;
    pings(&mut second, "alpine-1").await;
    pings(&mut second, "gateway.lan").await;
    let reversed = text(&mut second, &format!("nslookup {one}")).await;
    assert!(reversed.contains("alpine-1.lan"), "{reversed}");
    transfer(&mut first, &mut second, "alpine-2.lan", mib).await;
    transfer(&mut second, &mut first, "alpine-1.lan", mib).await;
    // A lease that is renewed is the same.
    let anew = until("[ -s /run/resolv.conf ] && ping -c 1 -W 1 gateway.lan > /dev/null");
    let renew = format!("rm /run/resolv.conf && kill -USR1 $(cat /run/udhcpc.eth0.pid) && {{ {anew}; }}");
    assert_eq!(second.exec(&renew, SOON).await.unwrap().status, 0, "the lease was not renewed");
    assert_eq!(address(&mut second).await, two);
    let mut others = vec![];
    for _ in 0..more {
        others.push(launched(&workbench).await.1);
    }
    let count = others.len() + 2;
    for (number, console) in [&mut first, &mut second].into_iter().chain(&mut others).enumerate() {
        address(console).await;
        for other in (1..=count).filter(|other| more > 0 && *other != number + 1) {
            pings(console, &format!("alpine-{other}.lan")).await;
        }
    }

    // It is asked to leave: nothing answers in its place, and its name is nobody's.
    stop(&workbench, &second_id).await;
    let gone = first.exec("nslookup alpine-2.lan; ping -c 1 -W 2 alpine-2.lan", SOON).await.unwrap();
    assert!(gone.status != 0 && gone.text().contains("NXDOMAIN"), "{}", gone.text());
}

#[test]
fn two_machines_find_each_other_and_exchange_files_in_chromium() {
    run(two_machines(Kind::Chromium));
}

#[test]
fn two_machines_find_each_other_and_exchange_files_in_firefox() {
    run(two_machines(Kind::Firefox));
}

async fn restarted(browser: &Browser, workbench: &Workbench<'_>, id: &InstanceId) {
    let before = workbench.instance(id).await.unwrap().boot;
    workbench.call(&PageRequest::Restart(id.clone())).await.unwrap();
    let again =
        async || Ok(workbench.instance(id).await.is_ok_and(|now| now.boot > before && now.state == State::Running));
    browser.wait_until("the next boot", BOOT, again).await.unwrap();
}

async fn kept(kind: Kind) {
    let profile = tempfile::tempdir().unwrap();
    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    let before = address(&mut console).await;
    let mac = text(&mut console, "cat /sys/class/net/eth0/address").await;
    restarted(&browser, &workbench, &id).await;
    let mut console = common::at_prompt(&workbench, &id).await;
    assert_eq!(address(&mut console).await, before);
    stop(&workbench, &id).await;
    browser.close().await.unwrap();

    let browser = browser_with(kind, profile.path()).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    // Another one that comes first does not get its address.
    let (_, mut other) = launched(&workbench).await;
    assert_ne!(address(&mut other).await, before);
    let mut console = started(&workbench, &id).await;
    assert_eq!(address(&mut console).await, before);
    assert_eq!(text(&mut console, "cat /sys/class/net/eth0/address").await, mac);
    pings(&mut other, "alpine-1.lan").await;
}

#[test]
fn a_machine_keeps_its_address_when_it_and_the_browser_are_started_anew_in_chromium() {
    run(kept(Kind::Chromium));
}

#[test]
fn a_machine_keeps_its_address_when_it_and_the_browser_are_started_anew_in_firefox() {
    if are_long_wanted() {
        run(kept(Kind::Firefox));
    }
}

async fn suspended(kind: Kind) {
    let browser = browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (id, mut sleeper) = launched(&workbench).await;
    let (_, mut other) = launched(&workbench).await;
    let before = address(&mut sleeper).await;
    address(&mut other).await;
    pings(&mut other, "alpine-1.lan").await;
    let boot = text(&mut sleeper, "cat /proc/sys/kernel/random/boot_id").await;
    workbench.call(&PageRequest::Suspend(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Suspended], BOOT).await.unwrap();
    let asleep = other.exec("ping -c 1 -W 2 alpine-1.lan", SOON).await.unwrap();
    assert_ne!(asleep.status, 0, "{}", asleep.text());

    // It is reached before it has said anything itself.
    workbench.call(&PageRequest::Resume(id.clone())).await.unwrap();
    workbench.wait_for_state(&id, &[State::Running], BOOT).await.unwrap();
    pings(&mut other, &before).await;
    pings(&mut other, "alpine-1.lan").await;
    let mut sleeper = workbench.console(&id).await.unwrap();
    assert_eq!(address(&mut sleeper).await, before);
    pings(&mut sleeper, "alpine-2.lan").await;
    assert_eq!(text(&mut sleeper, "cat /proc/sys/kernel/random/boot_id").await, boot, "it was not resumed");
    transfer(&mut sleeper, &mut other, "alpine-2.lan", 1).await;
}

#[test]
fn a_resumed_machine_is_on_the_lan_again_in_chromium() {
    run(suspended(Kind::Chromium));
}

#[test]
fn a_resumed_machine_is_on_the_lan_again_in_firefox() {
    if are_long_wanted() {
        run(suspended(Kind::Firefox));
    }
}

/// The lan worker ends without a word, once, when a page says so.
const MORTAL: &str = "\nnew BroadcastChannel('test-lan').onmessage = () => self.close();\n";

async fn worker_dies(kind: Kind) {
    let variant = Variant::of(kind);
    variant.append("lan.js", MORTAL);
    let browser = variant.browser_with_tabs().await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let (_, mut first) = launched(&workbench).await;
    let (_, mut second) = launched(&workbench).await;
    let before = [address(&mut first).await, address(&mut second).await];
    pings(&mut first, "alpine-2.lan").await;
    browser.eval("new BroadcastChannel('test-lan').postMessage('end')", vec![]).await.unwrap();
    let dead = first.exec(&until("! ping -c 1 -W 1 alpine-2.lan > /dev/null"), BOOT).await.unwrap();
    assert_eq!(dead.status, 0, "the LAN’s worker did not end");
    // It is replaced, and everything is as it was.
    pings(&mut first, &before[1]).await;
    pings(&mut second, "alpine-1.lan").await;
    assert_eq!([address(&mut first).await, address(&mut second).await], before);
    transfer(&mut first, &mut second, "alpine-2.lan", 1).await;
}

#[test]
fn a_lan_worker_that_dies_is_replaced_in_chromium() {
    run(worker_dies(Kind::Chromium));
}

#[test]
fn a_lan_worker_that_dies_is_replaced_in_firefox() {
    if are_long_wanted() {
        run(worker_dies(Kind::Firefox));
    }
}
