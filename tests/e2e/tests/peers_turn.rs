//! Two browsers that do not reach each other, and the TURN server that both reach: Debian's coturn.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure fails the test")]

mod common;
#[path = "common/peers.rs"]
mod peers;

use common::network::{pings, transfer};
use common::{SOON, is_wanted, run};
use driver::{Kind, Network};
use e2e::Workbench;
use e2e::peers::{Side, accepted};
use peering::CandidateKind;
use peering::code::Code;
use peers::{machine, side};
use std::process::{Child, Command, Stdio};

/// Where the server is, and what it wants to hear.
const SERVER: &str = "turn:10.99.0.3:3478 guest secret";

/// A TURN server, until it is dropped.
struct Turn(Child);

impl Turn {
    /// Begins; `None` if the program is not there.
    fn start(network: &Network, host: usize) -> Option<Self> {
        let mut command = Command::new("turnserver");
        command.args(["-n", "--lt-cred-mech", "--no-tls", "--no-dtls", "--no-cli", "--log-file=stdout", "--pidfile="]);
        command.args(["--listening-ip=10.99.0.3", "--relay-ip=10.99.0.3", "--user=guest:secret", "--realm=workbench"]);
        // Else the outer command is found, whatever it is to run.
        Command::new("turnserver").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        let started =
            network.on(host, &command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Some(Self(started.unwrap()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Its user names the server.
async fn name_server(side: &Side) {
    side.open().await.unwrap();
    side.browser.by_role("button", "Invite… another browser").await.unwrap();
    side.browser.eval("document.querySelector('details.help').open = true", vec![]).await.unwrap();
    side.browser.click("button", "STUN and TURN servers… none named").await.unwrap();
    side.browser.type_into("textbox", "Servers", SERVER).await.unwrap();
    side.browser.click("button", "Save").await.unwrap();
    side.browser.by_role("button", "STUN and TURN servers… 1 named").await.unwrap();
}

fn is_relayed(code: &str) -> bool {
    let code = Code::from_text(code).unwrap();
    code.essentials.candidates.iter().any(|candidate| candidate.kind == CandidateKind::Relayed)
}

/// The first two hosts reach the third, and not each other.
fn are_apart(network: &Network) -> bool {
    let [here, other, both] = [1, 2, 3].map(|host| network.udp(host, 5000).unwrap());
    let mut heard = [0; 4];
    here.send_to(b"here", "10.99.0.2:5000").unwrap();
    here.send_to(b"here", "10.99.0.3:5000").unwrap();
    for socket in [&both, &other] {
        socket.set_read_timeout(Some(SOON)).unwrap();
    }
    both.recv(&mut heard).unwrap();
    // Comes to the second behind whatever the first has sent it.
    both.send_to(b"both", "10.99.0.2:5000").unwrap();
    other.recv(&mut heard).unwrap();
    heard == *b"both"
}

async fn relayed(kind: Kind) {
    let network = Network::new(3).unwrap();
    network.part(&[1, 2]).unwrap();
    assert!(are_apart(&network));
    let Some(_turn) = Turn::start(&network, 3) else {
        return eprintln!("skipped: turnserver (Debian: coturn) is not there");
    };
    let ann = side(kind, &network, 1, "ann", "network/index.html").await;
    let bob = side(kind, &network, 2, "bob", "network/index.html").await;
    let ((ann_machine, _), (bob_machine, _)) = (machine(&ann).await, machine(&bob).await);
    name_server(&ann).await;
    name_server(&bob).await;
    let code = ann.invite().await.unwrap();
    assert!(code.len() <= 350 && is_relayed(&code), "{code}");
    let answer = bob.join(&code, "ann").await.unwrap();
    assert!(answer.len() <= 350 && is_relayed(&answer), "{answer}");
    accepted(&ann, &bob, &answer).await.unwrap();
    let mut ann_console = Workbench::here(&ann.browser).console(&ann_machine).await.unwrap();
    let mut bob_console = Workbench::here(&bob.browser).console(&bob_machine).await.unwrap();
    pings(&mut ann_console, "alpine-1.bob.lan").await;
    transfer(&mut ann_console, &mut bob_console, "alpine-1.bob.lan", 2).await;
    transfer(&mut bob_console, &mut ann_console, "alpine-1.ann.lan", 2).await;
    ann.browser.close().await.unwrap();
    bob.browser.close().await.unwrap();
}

#[test]
fn chromiums_that_do_not_reach_each_other_meet_at_a_turn_server() {
    if is_wanted("PEERS_TURN") {
        run(relayed(Kind::Chromium));
    }
}

#[test]
fn firefoxes_that_do_not_reach_each_other_meet_at_a_turn_server() {
    if is_wanted("PEERS_TURN") {
        run(relayed(Kind::Firefox));
    }
}
