//! Two browsers on one LAN through an endpoint on the loopback: their guests find each other, and what breaks comes back.
//!
//! `UPLINK_GUESTS=5` has so many guests in the second browser, and pings and a transfer with each.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/endpoint.rs"]
mod endpoint_process;

use common::network::{address, succeeds, transfer};
use common::{BOOT, SOON, are_long_wanted, launched, run, text};
use driver::{Browser, Kind};
use e2e::{Console, Workbench};
use endpoint_process::Endpoint;

async fn body(browser: &Browser) -> String {
    browser.eval("return document.body.innerText", vec![]).await.unwrap().as_str().unwrap_or_default().to_owned()
}

/// Waits until the page says this.
async fn shows(browser: &Browser, wanted: &str) {
    let there = async || Ok(body(browser).await.contains(wanted));
    if let Err(error) = browser.wait_until(&format!("{wanted:?} on the page"), BOOT, there).await {
        panic!("{error}\n{}", body(browser).await);
    }
}

/// Opens the page with a machine on the LAN.
async fn opened<'a>(browser: &'a Browser) -> (Workbench<'a>, Console<'a>, String) {
    browser.open("network/index.html").await.unwrap();
    shows(browser, "launch one first").await;
    let workbench = Workbench::here(browser);
    let (_, mut console) = launched(&workbench).await;
    let address = address(&mut console).await;
    (workbench, console, address)
}

/// Joins the room as a user does.
async fn join(browser: &Browser, endpoint: &Endpoint, name: &str, token: &str, hash: &str) {
    browser.click("button", "Join a LAN…").await.unwrap();
    browser.type_into("textbox", "Address", &endpoint.address).await.unwrap();
    browser.type_into("textbox", "Room", "lab").await.unwrap();
    browser.type_into("textbox", "Your LAN’s name there", name).await.unwrap();
    browser.type_into("textbox", "Token", token).await.unwrap();
    browser.type_into("textbox", "Certificate hash", hash).await.unwrap();
    shows(browser, "Everybody in the room will reach all ports of alpine-").await;
    confirm(browser, "Join").await;
}

/// Presses the dialog's button, and waits until the dialog is gone.
async fn confirm(browser: &Browser, button: &str) {
    browser.click("button", button).await.unwrap();
    let gone =
        async || Ok(browser.eval("return !document.querySelector('dialog')", vec![]).await?.as_bool() == Some(true));
    browser.wait_until("the dialog to be gone", SOON, gone).await.unwrap();
}

async fn change(browser: &Browser, endpoint: &Endpoint, field: &str, text: &str) {
    let title = format!("lab at {}", endpoint.host());
    browser.click("button", &format!("More about {title}")).await.unwrap();
    browser.click("menuitem", &format!("Change… {title}")).await.unwrap();
    browser.type_into("textbox", field, text).await.unwrap();
    confirm(browser, "Save").await;
}

/// How many guests the second browser has.
fn guests() -> usize {
    std::env::var("UPLINK_GUESTS").ok().and_then(|count| count.parse().ok()).unwrap_or(1)
}

async fn joined(kind: Kind) {
    let mut endpoint = Endpoint::start("lab secret");
    let one = common::browser(kind).await;
    let two = common::browser(kind).await;
    let (_, mut ada, ada_address) = opened(&one).await;
    let (workbench, mut bert, bert_address) = opened(&two).await;

    // What is wrong is said, and what to do about it; changing it is enough.
    join(&one, &endpoint, "Ada", "guess", &"00:".repeat(32)[..95]).await;
    shows(&one, "its certificate does not have the hash that was given").await;
    change(&one, &endpoint, "Certificate hash", &endpoint.hash).await;
    shows(&one, "The token is not one of this room’s").await;
    change(&one, &endpoint, "Token", "secret").await;
    shows(&one, "Nobody else is in the room yet").await;
    let mut others = vec![];
    for _ in 1..guests() {
        let mut console = launched(&workbench).await.1;
        address(&mut console).await;
        others.push(console);
    }
    join(&two, &endpoint, "Bert", "secret", &endpoint.hash).await;
    shows(&two, "alpine-1.ada.lan").await;
    shows(&one, "alpine-1.bert.lan").await;

    succeeds(&mut ada, &format!("ping -c 1 -W 2 {bert_address} > /dev/null")).await;
    succeeds(&mut ada, "ping -c 1 -W 2 alpine-1.bert.lan > /dev/null").await;
    succeeds(&mut bert, &format!("ping -c 1 -W 2 {ada_address} > /dev/null")).await;
    transfer(&mut ada, &mut bert, "alpine-1.bert.lan", 1).await;
    transfer(&mut bert, &mut ada, "alpine-1.ada.lan", 1).await;
    for (at, console) in others.iter_mut().enumerate() {
        succeeds(&mut ada, &format!("ping -c 1 -W 2 alpine-{}.bert.lan > /dev/null", at + 2)).await;
        transfer(&mut ada, console, &format!("alpine-{}.bert.lan", at + 2), 1).await;
    }
    // The others' gateway is none of theirs.
    let gateway = format!("{}.1", ada_address.rsplit_once('.').unwrap().0);
    let reached = bert.exec(&format!("ping -c 1 -W 3 {gateway}"), SOON).await.unwrap();
    assert_ne!(reached.status, 0, "{}", reached.text());

    // A connection with something to say twice a second, over the endpoint's death.
    bert.exec("rm -f /tmp/heard; (nc -l -p 7001 < /dev/null > /tmp/heard 2> /dev/null &)", SOON).await.unwrap();
    let say = "(i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; usleep 500000; done | nc alpine-1.bert.lan 7001 > /dev/null 2>&1; touch /tmp/over) > /dev/null 2>&1 &";
    ada.exec(&format!("rm -f /tmp/over; {say}"), SOON).await.unwrap();
    succeeds(&mut bert, "[ $(wc -l < /tmp/heard) -gt 2 ]").await;
    endpoint.kill();
    shows(&one, "Tries again in").await;
    shows(&two, "Tries again in").await;
    let before: u32 = text(&mut bert, "wc -l < /tmp/heard").await.trim().parse().unwrap();
    endpoint.restart();
    succeeds(&mut bert, &format!("[ $(wc -l < /tmp/heard) -gt {} ]", before + 4)).await;
    let order = text(&mut bert, "awk '$1 != NR' /tmp/heard | wc -l").await;
    assert_eq!(order.trim(), "0", "something was lost or came twice");
    assert_eq!(text(&mut ada, "[ -e /tmp/over ] || echo open").await.trim(), "open", "the connection broke off");
    shows(&one, "alpine-1.bert.lan").await;

    // Muted, nothing goes through; gone, nobody is left.
    let title = format!("lab at {}", endpoint.host());
    one.click("button", &format!("More about {title}")).await.unwrap();
    one.click("menuitem", &format!("Mute {title}")).await.unwrap();
    shows(&one, "Muted").await;
    let muted = bert.exec(&format!("ping -c 1 -W 3 {ada_address}"), SOON).await.unwrap();
    assert_ne!(muted.status, 0, "{}", muted.text());
    one.click("button", &format!("Leave {title}")).await.unwrap();
    shows(&one, "Not joined").await;
    shows(&two, "Nobody else is in the room yet").await;

    // One row for all that was joined and lost, and nothing in it that would let anybody in.
    let sessions = "SELECT kind, name, network, machines, first_seen < last_seen, details FROM sessions";
    let network = format!("https://{}", endpoint.host());
    let joined = ["uplink", &title, &network, "alpine-1", "true", "Left."];
    let workbench = Workbench::here(&one);
    assert_eq!(workbench.rows(sessions).await.unwrap(), [joined]);
    let times = "SELECT count(*) FILTER (kind = 'uplink-joined') >= 2,
        count(*) FILTER (kind = 'uplink-joined') = count(*) FILTER (kind = 'uplink-left') FROM events";
    assert_eq!(workbench.rows(times).await.unwrap(), [["true", "true"]]);
}

#[test]
fn two_browsers_join_a_room_and_survive_the_endpoints_death_in_chromium() {
    run(joined(Kind::Chromium));
}

#[test]
fn two_browsers_join_a_room_and_survive_the_endpoints_death_in_firefox() {
    if are_long_wanted() {
        run(joined(Kind::Firefox));
    }
}

async fn another_version(kind: Kind) {
    let stranger = Endpoint::of_version(7);
    let browser = common::browser(kind).await;
    let (_, _console, _) = opened(&browser).await;
    join(&browser, &stranger, "Ada", "", &stranger.hash).await;
    shows(&browser, "The endpoint speaks version 7 of the uplink protocol, this extension version 1").await;
    shows(&browser, "Update the extension").await;
    // It is kept, not joined; the page that is loaded anew says so as well, and forgets it when it is told to.
    browser.reload().await.unwrap();
    shows(&browser, "Refused").await;
    let title = format!("lab at {}", stranger.host());
    browser.click("button", &format!("More about {title}")).await.unwrap();
    browser.click("menuitem", &format!("Forget… {title}")).await.unwrap();
    browser.click("button", "Forget").await.unwrap();
    let gone = async || Ok(!body(&browser).await.contains("Refused"));
    browser.wait_until("the uplink to be gone", SOON, gone).await.unwrap();
}

#[test]
fn an_endpoint_of_another_version_is_named_as_one_in_chromium() {
    run(another_version(Kind::Chromium));
}

#[test]
fn an_endpoint_of_another_version_is_named_as_one_in_firefox() {
    run(another_version(Kind::Firefox));
}
