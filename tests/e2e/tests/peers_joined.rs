//! What goes on between two browsers that are joined: who has the channel for frames, who is cut off, and who looks at whose console.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/peers.rs"]
mod peers;

use common::network::{pings, transfer};
use common::{BOOT, ConsolePage, SOON, Variant, is_wanted, run, text};
use driver::{Kind, LaunchOptions, Network};
use e2e::Workbench;
use e2e::peers::{Side, pair};
use peers::{machine, side};
use protocol::InstanceId;
use serde_json::json;
use std::time::Duration;

/// The LAN's worker ends, or sends what is no frames, when a page says so.
const BAD: &str = "
new BroadcastChannel('test-end').onmessage = () => self.close();
new BroadcastChannel('test-garbage').onmessage = () => {
  const { send } = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function () { send.call(this, new Uint8Array(20)); };
};
";

/// Two sides that are joined, with a machine each, of which the first one has this extension.
async fn joined(kind: Kind, network: &Network, variant: &Variant) -> [(Side, InstanceId); 2] {
    let bad = LaunchOptions::new(kind, variant.path(""));
    let ann = Side::new(bad, network, 1, "ann", "network/index.html").await.unwrap();
    let bob = side(kind, network, 2, "bob", "network/index.html").await;
    let machines = [machine(&ann).await.0, machine(&bob).await.0];
    pair(&ann, &bob).await.unwrap();
    let [of_ann, of_bob] = machines;
    pings(&mut Workbench::here(&ann.browser).console(&of_ann).await.unwrap(), "alpine-1.bob.lan").await;
    for side in [&ann, &bob] {
        side.wait_for_connections(2).await.unwrap();
        side.wait_for_direct(kind == Kind::Chromium).await.unwrap();
    }
    [(ann, of_ann), (bob, of_bob)]
}

async fn outlives() {
    let network = Network::new(2).unwrap();
    let variant = Variant::of(Kind::Chromium);
    variant.append("lan.js", BAD);
    let [(ann, ann_machine), (bob, bob_machine)] = joined(Kind::Chromium, &network, &variant).await;
    let (ann_page, bob_page) = (Workbench::here(&ann.browser), Workbench::here(&bob.browser));
    let mut ann_console = ann_page.console(&ann_machine).await.unwrap();
    let mut bob_console = bob_page.console(&bob_machine).await.unwrap();
    // With the worker its channel is gone: both sides go by the host page from now on, and nothing else has changed.
    ann.browser.eval("new BroadcastChannel('test-end').postMessage(0)", vec![]).await.unwrap();
    ann.wait_for_direct(false).await.unwrap();
    ann.wait_for_connections(1).await.unwrap();
    pings(&mut ann_console, "alpine-1.bob.lan").await;
    pings(&mut bob_console, "alpine-1.ann.lan").await;
    transfer(&mut bob_console, &mut ann_console, "alpine-1.ann.lan", 1).await;
    bob.wait_for_direct(false).await.unwrap();
    bob.wait_for_connections(1).await.unwrap();
    ann.browser.close().await.unwrap();
    bob.browser.close().await.unwrap();
}

#[test]
fn a_link_outlives_the_worker_that_had_its_channel() {
    run(outlives());
}

/// The host page closes the connection that it made last, when a page says so, and says how many it has made.
const LOSES: &str = "
const made = [];
const Made = RTCPeerConnection;
self.RTCPeerConnection = class extends Made {
  constructor(...all) {
    super(...all);
    made.push(this);
  }
};
new BroadcastChannel('test-lose').onmessage = () => made.at(-1).close();
const asked = new BroadcastChannel('test-made');
asked.onmessage = () => asked.postMessage(made.length);
";
/// Asks for that.
const MADE: &str = "
const channel = new BroadcastChannel('test-made');
const told = new Promise((done) => (channel.onmessage = ({ data }) => done(data)));
channel.postMessage('how many');
const made = await told;
channel.close();
return made;";

/// So much is sent meanwhile.
const MIB: u32 = 16;

async fn does_with_one(kind: Kind) {
    let mut network = Network::new(2).unwrap();
    let variant = Variant::of(kind);
    variant.append("host.js", LOSES);
    let [(ann, ann_machine), (bob, bob_machine)] = joined(kind, &network, &variant).await;
    let (ann_page, bob_page) = (Workbench::here(&ann.browser), Workbench::here(&bob.browser));
    let mut ann_console = ann_page.console(&ann_machine).await.unwrap();
    let mut bob_console = bob_page.console(&bob_machine).await.unwrap();
    let made = async || ann.browser.eval_async(MADE, vec![]).await.unwrap().as_u64().unwrap();
    let before = made().await;
    // Takes some seconds, in the middle of which the second connection is lost.
    network.set_cable(2, Duration::from_millis(20), 0.0).unwrap();
    let come = async || bob.view().await.unwrap()["traffic"]["received"][1].as_u64().unwrap_or_default();
    let first = come().await;
    let lose = async {
        let under_way = async || Ok(come().await > first + (1 << 20));
        bob.browser.wait_until("something of it to come", BOOT, under_way).await.unwrap();
        ann.browser.eval("new BroadcastChannel('test-lose').postMessage(0)", vec![]).await.unwrap();
        ann.wait_for_connections(1).await.unwrap();
        come().await - first
    };
    let (_, come) = tokio::join!(transfer(&mut ann_console, &mut bob_console, "alpine-1.bob.lan", MIB), lose);
    assert!(come < u64::from(MIB) << 20, "nothing was sent any more when it was lost: {come}");
    transfer(&mut bob_console, &mut ann_console, "alpine-1.ann.lan", 1).await;
    // There is another one soon, over the same cable.
    let again = async || Ok(made().await > before);
    ann.browser.wait_until("another connection", SOON, again).await.unwrap();
    for side in [&ann, &bob] {
        side.wait_for_connections(2).await.unwrap();
    }
    transfer(&mut bob_console, &mut ann_console, "alpine-1.ann.lan", 4).await;
    ann.browser.close().await.unwrap();
    bob.browser.close().await.unwrap();
}

#[test]
fn a_second_connection_that_is_lost_costs_nothing_and_comes_back_in_chromium() {
    run(does_with_one(Kind::Chromium));
}

#[test]
fn a_second_connection_that_is_lost_costs_nothing_and_comes_back_in_firefox() {
    run(does_with_one(Kind::Firefox));
}

async fn cut_off() {
    let network = Network::new(2).unwrap();
    let variant = Variant::of(Kind::Chromium);
    variant.append("lan.js", BAD);
    let [(ann, ann_machine), (bob, _)] = joined(Kind::Chromium, &network, &variant).await;
    let mut console = Workbench::here(&ann.browser).console(&ann_machine).await.unwrap();
    ann.browser.eval("new BroadcastChannel('test-garbage').postMessage(0)", vec![]).await.unwrap();
    let refused = console.exec("ping -c 20 -W 1 alpine-1.bob.lan", SOON).await.unwrap();
    assert_ne!(refused.status, 0, "{}", refused.text());
    bob.wait_for_stage("Over").await.unwrap();
    let why = bob.view().await.unwrap()["stage"]["Over"].to_string();
    assert!(why.contains("it sent what is no frames"), "{why}");
    ann.wait_for_stage("Over").await.unwrap();
    ann.browser.close().await.unwrap();
    bob.browser.close().await.unwrap();
}

#[test]
fn a_peer_that_sends_what_is_no_frames_is_cut_off() {
    run(cut_off());
}

/// Lets bob look at the consoles, or not any more.
async fn change_looking(ann: &Side) {
    ann.browser.click("button", "Change… what bob may do").await.unwrap();
    ann.browser.click("checkbox", "May look at their consoles").await.unwrap();
    ann.browser.click("button", "Change").await.unwrap();
}

async fn watched(kind: Kind) {
    let network = Network::new(2).unwrap();
    let ann = side(kind, &network, 1, "ann", "network/index.html").await;
    let bob = side(kind, &network, 2, "bob", "network/index.html").await;
    let (ann_machine, _) = machine(&ann).await;
    pair(&ann, &bob).await.unwrap();
    let ann_page = Workbench::here(&ann.browser);
    let mut console = ann_page.console(&ann_machine).await.unwrap();
    text(&mut console, "echo said be''fore").await;
    let machine = bob.view().await.unwrap()["machines"][0].clone();
    assert!(machine["name"] == "alpine-1" && machine["watch"].is_null(), "{machine}");

    change_looking(&ann).await;
    let link = "Watch the console of alpine-1.ann";
    bob.browser.by_role("link", link).await.unwrap();
    // It would open a tab, which the driver does not see on another host.
    let to = format!("return document.querySelector(`[aria-label='{link}']`).getAttribute('href')");
    let to = bob.browser.eval(&to, vec![]).await.unwrap();
    bob.browser.open(to.as_str().unwrap().trim_start_matches("../")).await.unwrap();
    let shown = ConsolePage(&bob.browser);
    shown.wait_for("said before", SOON).await;
    text(&mut console, "echo said af''ter").await;
    shown.wait_for("said after", SOON).await;
    assert_eq!(ann.view().await.unwrap()["looks_at"], json!(["alpine-1"]));

    // What is typed there goes nowhere.
    shown.enter("echo typed by bob").await;
    text(&mut console, "echo still he''re").await;
    shown.wait_for("still here", SOON).await;
    assert!(!shown.text().await.contains("typed by bob"));
    // Of more than can be said in time, the newest is there.
    text(&mut console, "seq 100000; echo all of it wa''s").await;
    shown.wait_for_newest("all of it was", SOON).await;

    change_looking(&ann).await;
    let told = async || {
        let text = bob.browser.eval("return document.body.innerText", vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.contains("not shown any more")))
    };
    bob.browser.wait_until("the word that it is over", SOON, told).await.unwrap();
    text(&mut console, "echo se''cret").await;
    pings(&mut console, "gateway.lan").await;
    assert!(!shown.text().await.contains("secret"));
    ann.browser.close().await.unwrap();
    bob.browser.close().await.unwrap();
}

#[test]
fn a_peer_watches_a_console_if_it_may_and_types_nothing_in_chromium() {
    run(watched(Kind::Chromium));
}

#[test]
fn a_peer_watches_a_console_if_it_may_and_types_nothing_in_firefox() {
    if is_wanted("PEERS_FIREFOX") {
        run(watched(Kind::Firefox));
    }
}
