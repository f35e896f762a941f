//! Two browsers on two hosts, paired by their users through the popup's and the network page's buttons: their machines find each other by name,
//! and nothing flows before both have accepted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/peers.rs"]
mod peers;

use common::network::{address, pings, succeeds, transfer};
use common::{SOON, is_wanted, run, text};
use driver::{Kind, Network};
use e2e::peers::{Side, accepted, pair};
use e2e::{Console, Workbench};
use peers::{machine, side};
use protocol::InstanceId;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

async fn paired(one: Kind, two: Kind) {
    let network = Network::new(2).unwrap();
    let ann = side(one, &network, 1, "ann", "popup/index.html").await;
    let bob = side(two, &network, 2, "bob", "network/index.html").await;
    let (ann_machine, _) = machine(&ann).await;
    let (bob_machine, bob_address) = machine(&bob).await;

    let code = ann.invite().await.unwrap();
    assert!(code.starts_with("VMW") && code.len() <= 350, "{code}");
    let answer = bob.join(&code, "ann").await.unwrap();
    assert!(answer.starts_with("VMW") && answer.len() <= 350, "{answer}");
    ann.answer(&answer).await.unwrap();
    let words = ann.words().await.unwrap();
    assert_eq!(words, bob.words().await.unwrap());
    assert_eq!(words.len(), 4);

    // Connected, and not a frame flows: not before the one and not before the other has accepted.
    ann.accept("bob").await.unwrap();
    let half = async || Ok(bob.view().await.unwrap()["stage"]["Asking"]["was_accepted"] == true);
    bob.browser.wait_until("bob to see that ann has accepted", SOON, half).await.unwrap();
    let (ann_page, bob_page) = (Workbench::here(&ann.browser), Workbench::here(&bob.browser));
    let mut ann_console = ann_page.console(&ann_machine).await.unwrap();
    let mut bob_console = bob_page.console(&bob_machine).await.unwrap();
    let refused = ann_console.exec(&format!("ping -c 3 -W 1 {bob_address}"), SOON).await.unwrap();
    assert_ne!(refused.status, 0, "{}", refused.text());
    for side in [&ann, &bob] {
        let traffic = side.view().await.unwrap()["traffic"].clone();
        assert_eq!((&traffic["sent"], &traffic["received"]), (&json!([0, 0]), &json!([0, 0])), "{}", side.name);
    }

    bob.accept("ann").await.unwrap();
    ann.wait_for_stage("Joined").await.unwrap();
    bob.wait_for_stage("Joined").await.unwrap();
    pings(&mut ann_console, "alpine-1.bob.lan").await;
    pings(&mut bob_console, "alpine-1.ann.lan").await;
    transfer(&mut ann_console, &mut bob_console, "alpine-1.bob.lan", 2).await;
    transfer(&mut bob_console, &mut ann_console, "alpine-1.ann.lan", 2).await;

    // Where the browser lets it, the LAN's worker has the channels. There is a second connection.
    let ways = async || {
        for (side, kind) in [(&ann, one), (&bob, two)] {
            side.wait_for_connections(2).await.unwrap();
            side.wait_for_direct(kind == Kind::Chromium).await.unwrap();
        }
    };
    ways().await;

    // Neither the other's gateway nor its name server answers.
    let gateway = bob.view().await.unwrap()["network"].as_str().unwrap().replace(".0/24", ".1");
    let crossing = bob_console.exec(&format!("ping -c 2 -W 1 {gateway}"), SOON).await.unwrap();
    assert_ne!(crossing.status, 0, "{}", crossing.text());

    // A code is good for one connection.
    ann.browser.click("button", "Join… another browser with its code").await.unwrap();
    ann.paste("The other side’s code", &code).await.unwrap();
    ann.browser.click("button", "Make an answer").await.unwrap();
    let told = async || {
        let shown = ann.browser.eval("return document.querySelector('dialog')?.innerText ?? ''", vec![]).await?;
        Ok(shown.as_str().is_some_and(|shown| shown.contains("own code")))
    };
    ann.browser.wait_until("the word that it is the own code", SOON, told).await.unwrap();
    ann.browser.click("button", "Cancel").await.unwrap();

    // A cable that is out for ten seconds: a connection in the guests goes on.
    network.plug(2, false).unwrap();
    ann.wait_for_stage("Broken").await.unwrap();
    network.plug(2, true).unwrap();
    ann.wait_for_stage("Joined").await.unwrap();
    pings(&mut ann_console, "alpine-1.bob.lan").await;
    ways().await;

    // One leaves: the other sees why, and reaches nobody any more.
    bob.browser.click("button", "More about ann").await.unwrap();
    bob.browser.click("menuitem", "Disconnect To join again takes a new code").await.unwrap();
    ann.wait_for_stage("Over").await.unwrap();
    let gone = ann_console.exec("ping -c 2 -W 1 alpine-1.bob.lan", SOON).await.unwrap();
    assert_ne!(gone.status, 0, "{}", gone.text());
    let session = "SELECT kind, name, machines, first_seen < last_seen, details <> '' FROM sessions";
    assert_eq!(ann_page.rows(session).await.unwrap(), [["peer", "bob", "alpine-1", "true", "true"]]);
    ann.browser.close().await.unwrap();
    bob.browser.close().await.unwrap();
}

/// A machine of a side of the mesh.
struct Member<'a> {
    side: &'a Side,
    name: &'static str,
    id: InstanceId,
    address: String,
    console: Console<'a>,
}

impl<'a> Member<'a> {
    async fn new(side: &'a Side) -> Self {
        let (id, address) = machine(side).await;
        let console = Workbench::here(&side.browser).console(&id).await.unwrap();
        Self { side, name: side.name, id, address, console }
    }

    /// A console in the page that is open now: pairing has opened another one.
    async fn at_console(&mut self) {
        self.console = Workbench::here(&self.side.browser).console(&self.id).await.unwrap();
    }

    /// Waits until another one answers by its name, and then once to each ping.
    async fn reaches(&mut self, other: &'static str) {
        let name = format!("alpine-1.{other}.lan");
        pings(&mut self.console, &name).await;
        let said = text(&mut self.console, &format!("ping -c 5 -W 5 {name}")).await;
        assert!(said.contains("5 packets received") && !said.contains("DUP"), "{} to {other}: {said}", self.name);
    }

    async fn does_not_reach(&mut self, address: &str) {
        let refused = self.console.exec(&format!("ping -c 3 -W 1 {address}"), SOON).await.unwrap();
        assert_ne!(refused.status, 0, "{}", refused.text());
    }

    async fn reaches_both(&mut self, one: &'static str, other: &'static str) {
        self.reaches(one).await;
        self.reaches(other).await;
    }

    /// Few packets come in five seconds in which nobody has anything to say.
    async fn is_quiet(&mut self) {
        let count = "r() { cat /sys/class/net/eth0/statistics/rx_packets; }; a=$(r); sleep 5; echo $(($(r) - a))";
        let heard: u32 = text(&mut self.console, count).await.trim().parse().unwrap();
        assert!(heard < 100, "{} hears {heard} packets", self.name);
    }
}

async fn meshed(kind: Kind) {
    let network = Network::new(3).unwrap();
    let ann = side(kind, &network, 1, "ann", "popup/index.html").await;
    let bob = side(kind, &network, 2, "bob", "network/index.html").await;
    let cyd = side(kind, &network, 3, "cyd", "popup/index.html").await;
    let (mut a, mut b, mut c) = (Member::new(&ann).await, Member::new(&bob).await, Member::new(&cyd).await);
    pair(&ann, &bob).await.unwrap();
    pair(&bob, &cyd).await.unwrap();
    a.at_console().await;
    c.at_console().await;
    a.reaches("bob").await;
    c.reaches("bob").await;
    // Nobody passes on what is another's: bob is joined with both.
    let (of_a, of_c) = (a.address.clone(), c.address.clone());
    a.does_not_reach(&of_c).await;
    c.does_not_reach(&of_a).await;

    pair(&ann, &cyd).await.unwrap();
    a.at_console().await;
    b.at_console().await;
    c.at_console().await;
    a.reaches_both("bob", "cyd").await;
    b.reaches_both("ann", "cyd").await;
    c.reaches_both("ann", "bob").await;
    // What goes round in a circle never ends.
    text(&mut a.console, &format!("arping -c 5 -I eth0 {}.250 > /dev/null; true", of_a.rsplit_once('.').unwrap().0))
        .await;
    a.is_quiet().await;
    b.is_quiet().await;
    c.is_quiet().await;

    // A cable that is out for ten seconds: a connection from ann to cyd goes on, and all come back.
    text(&mut c.console, "(nc -l -p 7001 > /tmp/lines; touch /tmp/all) < /dev/null > /dev/null 2>&1 &").await;
    let lines = "(for n in $(seq 60); do echo line $n; sleep 0.5; done | nc alpine-1.cyd.lan 7001) < /dev/null > /dev/null 2>&1 &";
    text(&mut a.console, lines).await;
    succeeds(&mut c.console, "grep -q 'line 3' /tmp/lines").await;
    network.plug(3, false).unwrap();
    let broken = std::time::Instant::now();
    ann.wait_for_stage("Broken").await.unwrap();
    let rest = Duration::from_secs(10).saturating_sub(broken.elapsed());
    tokio::time::sleep(rest).await;
    network.plug(3, true).unwrap();
    ann.wait_for_stage("Joined").await.unwrap();
    succeeds(&mut c.console, "[ -e /tmp/all ]").await;
    let wanted: String = (1..=60).map(|n| format!("line {n}\n")).collect();
    assert_eq!(text(&mut c.console, "cat /tmp/lines").await, wanted);
    a.reaches_both("bob", "cyd").await;
    b.reaches_both("ann", "cyd").await;
    c.reaches_both("ann", "bob").await;

    // One leaves: the others have each other, and its names are nobody's.
    drop(b);
    bob.browser.close().await.unwrap();
    for (side, member, other) in [(&ann, &mut a, "cyd"), (&cyd, &mut c, "ann")] {
        let over = async || Ok(side.view_of("bob").await.unwrap()["stage"].get("Over").is_some());
        side.browser.wait_until("bob to be over", Duration::from_secs(180), over).await.unwrap();
        member.reaches(other).await;
        let gone = member.console.exec("nslookup alpine-1.bob.lan", SOON).await.unwrap();
        assert!(gone.text().contains("NXDOMAIN"), "{}", gone.text());
    }
    ann.browser.close().await.unwrap();
    cyd.browser.close().await.unwrap();
}

#[test]
fn three_chromiums_are_a_mesh() {
    if is_wanted("PEERS_MESH") {
        run(meshed(Kind::Chromium));
    }
}

#[test]
fn three_firefoxes_are_a_mesh() {
    if is_wanted("PEERS_MESH") {
        run(meshed(Kind::Firefox));
    }
}

/// A STUN server (RFC 8489) that tells everybody the same address, and says how often it was asked.
fn stun_server(network: &Network, host: usize, seen_at: [u8; 6]) -> Arc<AtomicU32> {
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    let (socket, asked) = (network.udp(host, 3478).unwrap(), Arc::<AtomicU32>::default());
    let count = asked.clone();
    std::thread::spawn(move || {
        let mut request = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut request) {
            // A Binding request.
            if length < 20 || request[..2] != [0, 1] || request[4..8] != COOKIE {
                continue;
            }
            count.fetch_add(1, Ordering::SeqCst);
            // A success, with the attribute XOR-MAPPED-ADDRESS: 8 bytes, IPv4.
            let [a, b, c, d, high, low] = seen_at;
            let mut answer = vec![1, 1, 0, 12];
            answer.extend(&request[4..20]);
            answer.extend([0, 0x20, 0, 8, 0, 1]);
            answer.extend([high ^ COOKIE[0], low ^ COOKIE[1]]);
            answer.extend([a, b, c, d].iter().zip(COOKIE).map(|(byte, key)| byte ^ key));
            // Whoever asked may be gone.
            let _ = socket.send_to(&answer, from);
        }
    });
    asked
}

async fn found_by_a_server(kind: Kind) {
    let network = Network::new(2).unwrap();
    // What a router would be seen as from outside (RFC 5737).
    let asked = stun_server(&network, 2, [203, 0, 113, 5, 0x12, 0x34]);
    let ann = side(kind, &network, 1, "ann", "network/index.html").await;
    let reflexive = |code: &str| {
        let code = peering::code::Code::from_text(code).unwrap();
        let kind = |candidate: &&peering::Candidate| candidate.kind == peering::CandidateKind::Reflexive;
        code.essentials.candidates.iter().find(kind).map(|found| (found.address.to_string(), found.port))
    };
    assert_eq!(reflexive(&ann.invite().await.unwrap()), None);
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody named a server");
    ann.browser.click("button", "Cancel the invitation").await.unwrap();

    let help = "document.querySelector('details.help').open = true";
    ann.browser.eval(help, vec![]).await.unwrap();
    ann.browser.click("button", "STUN and TURN servers… none named").await.unwrap();
    ann.browser.type_into("textbox", "Servers", "stun.example.org").await.unwrap();
    let shown = "return document.querySelector('dialog .field-about.bad')?.innerText ?? ''";
    let refused = async || {
        Ok(ann.browser.eval(shown, vec![]).await?.as_str().is_some_and(|text| text.contains("is not a server")))
    };
    ann.browser.wait_until("the word that it is no server", SOON, refused).await.unwrap();
    ann.browser.type_into("textbox", "Servers", "stun:10.99.0.2:3478").await.unwrap();
    ann.browser.click("button", "Save").await.unwrap();
    ann.browser.by_role("button", "STUN and TURN servers… 1 named").await.unwrap();
    let code = ann.invite().await.unwrap();
    assert_eq!(reflexive(&code), Some(("203.0.113.5".to_owned(), 0x1234)), "asked {asked:?} times");
    assert!(asked.load(Ordering::SeqCst) > 0);
    ann.browser.close().await.unwrap();
}

#[test]
fn a_stun_server_is_asked_only_if_the_user_names_it_in_chromium() {
    run(found_by_a_server(Kind::Chromium));
}

#[test]
fn a_stun_server_is_asked_only_if_the_user_names_it_in_firefox() {
    run(found_by_a_server(Kind::Firefox));
}

/// Has a browser whose LAN has not begun yet begin with these addresses.
async fn set_numbers(side: &Side, a: u8, b: u8) {
    side.open().await.unwrap();
    let write = "
        const root = await navigator.storage.getDirectory();
        const file = await root.getFileHandle('lan.json', { create: true });
        const stream = await file.createWritable();
        await stream.write(JSON.stringify({ plan: { a: arguments[0], b: arguments[1] }, leases: [] }));
        await stream.close();";
    side.browser.eval_async(write, vec![json!(a), json!(b)]).await.unwrap();
}

/// The words of the open dialog.
async fn dialog(side: &Side, what: &str, part: &str) {
    let shown = "return document.querySelector('dialog')?.innerText ?? ''";
    let there = async || Ok(side.browser.eval(shown, vec![]).await?.as_str().is_some_and(|text| text.contains(part)));
    side.browser.wait_until(what, SOON, there).await.unwrap();
}

async fn same_addresses(kind: Kind) {
    let network = Network::new(2).unwrap();
    let ann = side(kind, &network, 1, "ann", "popup/index.html").await;
    let bob = side(kind, &network, 2, "bob", "network/index.html").await;
    set_numbers(&ann, 33, 44).await;
    set_numbers(&bob, 33, 44).await;
    let (ann_machine, ann_address) = machine(&ann).await;
    let (bob_machine, bob_address) = machine(&bob).await;
    let of_both = |address: &str| address.starts_with("10.33.44.");
    assert!(of_both(&ann_address) && of_both(&bob_address), "{ann_address} {bob_address}");

    // Whoever joins is told, and nothing changes unless its user wants it.
    let code = ann.invite().await.unwrap();
    bob.ask_to_join(&code).await.unwrap();
    dialog(&bob, "the word that the addresses are the same", "10.33.44.0/24").await;
    bob.browser.click("button", "Cancel").await.unwrap();
    let mut bob_console = Workbench::here(&bob.browser).console(&bob_machine).await.unwrap();
    assert_eq!(address(&mut bob_console).await, bob_address);

    bob.ask_to_join(&code).await.unwrap();
    bob.browser.click("button", "Take other addresses").await.unwrap();
    let answer = bob.answer_for("ann").await.unwrap();
    accepted(&ann, &bob, &answer).await.unwrap();
    let mut ann_console = Workbench::here(&ann.browser).console(&ann_machine).await.unwrap();
    let mut bob_console = Workbench::here(&bob.browser).console(&bob_machine).await.unwrap();
    // The guest asks for its new address when it is told to.
    pings(&mut ann_console, "alpine-1.bob.lan").await;
    pings(&mut bob_console, "alpine-1.ann.lan").await;
    transfer(&mut ann_console, &mut bob_console, "alpine-1.bob.lan", 1).await;
    pings(&mut bob_console, "gateway.lan").await;
    assert!(!of_both(&address(&mut bob_console).await));
    assert_eq!(address(&mut ann_console).await, ann_address);
    ann.browser.close().await.unwrap();
    bob.browser.close().await.unwrap();
}

#[test]
fn of_two_chromiums_with_the_same_addresses_the_one_that_joins_takes_others() {
    run(same_addresses(Kind::Chromium));
}

#[test]
fn of_two_firefoxes_with_the_same_addresses_the_one_that_joins_takes_others() {
    if is_wanted("PEERS_FIREFOX") {
        run(same_addresses(Kind::Firefox));
    }
}

#[test]
fn two_chromiums_are_joined() {
    run(paired(Kind::Chromium, Kind::Chromium));
}

#[test]
fn two_firefoxes_are_joined() {
    if is_wanted("PEERS_FIREFOX") {
        run(paired(Kind::Firefox, Kind::Firefox));
    }
}

#[test]
fn a_chromium_and_a_firefox_are_joined() {
    run(paired(Kind::Chromium, Kind::Firefox));
}
