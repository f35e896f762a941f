//! New machines go on from their template's warm state, and no two of them are alike.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;

use common::{BOOT, SOON, Variant, run};
use driver::Kind;
use e2e::{Console, Workbench};
use protocol::PageRequest;
use std::collections::BTreeSet;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Whether the guest has gone on from a state that was saved at its gate.
async fn is_warm(console: &mut Console<'_>) -> bool {
    console.exec("cat /proc/cmdline", SOON).await.unwrap().text().contains("workbench.warm")
}

async fn lines(console: &mut Console<'_>, command: &str) -> Vec<String> {
    console.exec(command, BOOT).await.unwrap().text().lines().map(|line| line.trim().to_owned()).collect()
}

async fn each_its_own(kind: Kind) {
    let browser = common::browser(kind).await;
    let workbench = Workbench::open(&browser).await.unwrap();
    let mut seen = vec![];
    for name in ["alpine-1", "alpine-2"] {
        let id = workbench.launch().await.unwrap();
        let mut console = workbench.console(&id).await.unwrap();
        console.wait_for_prompt(BOOT).await.unwrap();
        let random = "head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/boot_id; hostname; date +%s";
        let told = lines(&mut console, random).await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(is_warm(&mut console).await);
        let [random, boot, host, date] = &told[..] else { panic!("{told:?}") };
        assert_eq!(host, name);
        let date: u64 = date.parse().unwrap();
        assert!(now.abs_diff(date) <= 2, "the guest thinks it is {date}, it is {now}");
        let network = "until ip -4 address show dev eth0 | grep -q inet; do sleep 1; done
            cat /sys/class/net/eth0/address; ip -4 address show dev eth0 | grep -o 'inet [0-9.]*'";
        let network = lines(&mut console, network).await;
        seen.push([random.clone(), boot.clone(), network.concat()]);
        console.exec("echo kept > /root/kept; sync", SOON).await.unwrap();
    }
    for at in 0..3 {
        let values: BTreeSet<_> = seen.iter().map(|told| &told[at]).collect();
        assert_eq!(values.len(), seen.len(), "{seen:?}");
    }
    // The second one's disk is its own from then on, and it boots as any other does.
    let world = workbench.world().await.unwrap();
    let id = world.instances[1].id.clone();
    workbench.call(&PageRequest::Restart(id.clone())).await.unwrap();
    let again = async || Ok(workbench.world().await.is_ok_and(|world| world.instances[1].boot == 2));
    browser.wait_until("the machine to start again", BOOT, again).await.unwrap();
    let mut console = workbench.console(&id).await.unwrap();
    console.wait_for_prompt(BOOT).await.unwrap();
    assert!(!is_warm(&mut console).await);
    assert_eq!(lines(&mut console, "cat /root/kept; hostname").await, ["kept", "alpine-2"]);
}

#[test]
fn two_machines_of_one_warm_state_differ_in_chromium() {
    run(each_its_own(Kind::Chromium));
}

#[test]
fn two_machines_of_one_warm_state_differ_in_firefox() {
    run(each_its_own(Kind::Firefox));
}

#[test]
fn a_machine_boots_where_the_warm_state_is_damaged() {
    run(async {
        let variant = Variant::of(Kind::Chromium);
        let path = variant.path("images/warm-memory");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let browser = variant.browser().await;
        let workbench = Workbench::open(&browser).await.unwrap();
        let id = workbench.launch().await.unwrap();
        let mut console = workbench.console(&id).await.unwrap();
        console.wait_for_prompt(BOOT).await.unwrap();
        assert!(!is_warm(&mut console).await);
        let complaints = lines(&mut console, "dmesg | grep -i 'ext4.*error'; hostname").await;
        assert_eq!(complaints, ["alpine-1"]);
    });
}
