//! From a machine of one browser into one of another by SSH: Debian's Dropbear for the guests' processor, as a package of theirs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/peers.rs"]
#[allow(dead_code, reason = "peers.rs uses the rest")]
mod peers;

use common::network::{pings, succeeds};
use common::packages::{LAID, debian, lay_packages};
use common::{is_wanted, run, text};
use driver::{Kind, Network};
use e2e::Workbench;
use e2e::peers::pair;
use peers::{machine, side};
use protocol::ProfileVerb;
use std::time::Duration;

/// Installing packages and making keys, on a busy machine.
const LONG: Duration = Duration::from_secs(900);

/// From a machine of the first kind of browser into one of the second.
async fn by_ssh(one: Kind, two: Kind) {
    let files = ["usr/sbin/dropbear", "usr/bin/dbclient", "usr/bin/dropbearkey"];
    let dropbear = match debian("dropbear", "dropbear-bin", &files) {
        Ok(package) => [package.link("usr/bin/ssh", "dbclient")],
        Err(error) => return eprintln!("skipped: Debian’s packages can’t be had: {error}"),
    };
    let network = Network::new(2).unwrap();
    let ann = side(one, &network, 1, "ann", "popup/index.html").await;
    let bob = side(two, &network, 2, "bob", "network/index.html").await;
    let ((ann_machine, _), (bob_machine, _)) = (machine(&ann).await, machine(&bob).await);
    let (ann_page, bob_page) = (Workbench::here(&ann.browser), Workbench::here(&bob.browser));
    let mut ann_console = ann_page.console(&ann_machine).await.unwrap();
    let mut bob_console = bob_page.console(&bob_machine).await.unwrap();
    text(&mut ann_console, LAID).await;
    text(&mut bob_console, LAID).await;
    lay_packages(&ann_page, &ann_machine, &mut ann_console, &dropbear).await;
    lay_packages(&bob_page, &bob_machine, &mut bob_console, &dropbear).await;

    // The client, and a key of its own, which the other side's user lets in.
    let add = "apk add --no-network --allow-untrusted --repositories-file /dev/null -X /mnt/host/cache/alpine dropbear";
    let added = ann_console.exec(add, LONG).await.unwrap();
    assert_eq!(added.status, 0, "{}", added.text());
    let make = "mkdir -p ~/.ssh && dropbearkey -t ed25519 -f ~/.ssh/id_dropbear > /tmp/key 2> /dev/null && grep '^ssh-' /tmp/key";
    let key = ann_console.exec(make, LONG).await.unwrap();
    assert!(key.status == 0 && key.text().starts_with("ssh-ed25519 "), "{}", key.text());
    text(&mut bob_console, &format!("echo '{}' > /mnt/host/share/authorized_keys; sync", key.text().trim())).await;
    let applied = bob_page.profile(&bob_machine, ProfileVerb::Apply, "ssh", LONG).await.unwrap();
    assert_eq!(applied.ended, Some(Ok(())), "{:#?}", applied.log);

    pair(&ann, &bob).await.unwrap();
    // Pairing has opened another page on each side.
    let mut ann_console = ann_page.console(&ann_machine).await.unwrap();
    let mut bob_console = bob_page.console(&bob_machine).await.unwrap();
    pings(&mut ann_console, "alpine-1.bob.lan").await;
    succeeds(&mut ann_console, "nc -w 5 alpine-1.bob.lan 22 < /dev/null | grep -q '^SSH-2.0-dropbear'").await;
    let there = "ssh -y alpine-1.bob.lan 'echo yes; touch /tmp/was-here' < /dev/null";
    let said = ann_console.exec(there, LONG).await.unwrap();
    assert!(said.status == 0 && said.text().contains("yes\n"), "{}", said.text());
    succeeds(&mut bob_console, "[ -e /tmp/was-here ]").await;
    // Whose key is not known is refused, and asked for no password.
    let stranger = "rm ~/.ssh/id_dropbear && dropbearkey -t ed25519 -f ~/.ssh/id_dropbear > /dev/null 2>&1 && ssh -y alpine-1.bob.lan echo yes < /dev/null";
    let refused = ann_console.exec(stranger, LONG).await.unwrap();
    assert!(refused.status != 0 && !refused.text().contains("yes\n"), "{}", refused.text());
    ann.browser.close().await.unwrap();
    bob.browser.close().await.unwrap();
}

#[test]
fn a_machine_is_entered_by_ssh_across_chromiums() {
    if is_wanted("PEERS_SSH") {
        run(by_ssh(Kind::Chromium, Kind::Chromium));
    }
}

#[test]
fn a_machine_is_entered_by_ssh_across_firefoxes() {
    if is_wanted("PEERS_SSH") {
        run(by_ssh(Kind::Firefox, Kind::Firefox));
    }
}

#[test]
fn a_machine_is_entered_by_ssh_from_a_chromium_to_a_firefox() {
    if is_wanted("PEERS_SSH") {
        run(by_ssh(Kind::Chromium, Kind::Firefox));
    }
}
