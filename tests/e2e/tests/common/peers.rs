//! Two browsers on hosts of their own, and how their users pair them through the popup and the network page.

use super::common::network::address;
use super::common::{SOON, dist, launched};
use driver::{Browser, Kind, LaunchOptions, Network};
use e2e::Workbench;
use protocol::InstanceId;
use serde_json::json;
use std::time::Duration;

/// Making a connection on a busy machine.
const CONNECTED: Duration = Duration::from_secs(60);

/// A browser on a host of its own, with a machine, and the page through which its user pairs.
pub struct Side {
    pub browser: Browser,
    pub name: &'static str,
    page: &'static str,
}

impl Side {
    pub async fn new(kind: Kind, network: &Network, host: usize, name: &'static str, page: &'static str) -> Self {
        let options = LaunchOptions { namespace: Some(network.host(host)), ..LaunchOptions::new(kind, dist(kind)) };
        Self { browser: Browser::launch(options).await.unwrap(), name, page }
    }

    /// Shows the page in a new tab, as the popup is when it is opened: what came before is not there any more.
    pub async fn open(&self) {
        self.browser.open(self.page).await.unwrap();
    }

    /// What the host page says of the newest pairing.
    pub async fn view(&self) -> serde_json::Value {
        self.views().await.pop().unwrap_or_default()
    }

    /// What it says of the one with somebody.
    pub async fn view_of(&self, name: &str) -> serde_json::Value {
        self.views().await.into_iter().find(|view| view["name"] == name).unwrap_or_default()
    }

    pub async fn views(&self) -> Vec<serde_json::Value> {
        let ask = "
            return new Promise((resolve) => {
                const channel = new BroadcastChannel('peers');
                const timer = setTimeout(() => (channel.close(), resolve([])), 5000);
                channel.onmessage = ({ data }) => {
                    if (!data.Peers) return;
                    clearTimeout(timer);
                    channel.close();
                    resolve(JSON.parse(JSON.stringify(data.Peers.peers)));
                };
                channel.postMessage('ShowPeers');
            });";
        serde_json::from_value(self.browser.eval_async(ask, vec![]).await.unwrap()).unwrap()
    }

    pub async fn wait_for_stage(&self, stage: &str) {
        let there = async || {
            let view = self.view().await;
            Ok(view["stage"] == stage || view["stage"].get(stage).is_some())
        };
        let what = format!("{} to be {stage}", self.name);
        if let Err(error) = self.browser.wait_until(&what, CONNECTED, there).await {
            panic!("{error}\n{}", self.view().await);
        }
    }

    /// Presses the button to invite; returns the code that is shown.
    pub async fn invite(&self) -> String {
        self.open().await;
        self.browser.click("button", "Invite… another browser").await.unwrap();
        self.browser.type_into("textbox", "What the other side calls this browser", self.name).await.unwrap();
        self.browser.click("button", "Make a code").await.unwrap();
        self.code("1. Give this code to the other side").await
    }

    /// Pastes an invitation; returns the answer that is shown.
    pub async fn join(&self, code: &str, inviter: &str) -> String {
        self.ask_to_join(code).await;
        self.answer_for(inviter).await
    }

    /// The answer that is shown.
    pub async fn answer_for(&self, inviter: &str) -> String {
        self.code(&format!("Give this answer to {inviter}, who pastes it")).await
    }

    /// Pastes an invitation, and asks for an answer to it.
    pub async fn ask_to_join(&self, code: &str) {
        self.open().await;
        self.browser.click("button", "Join… another browser with its code").await.unwrap();
        self.paste("The other side’s code", code).await;
        self.browser.type_into("textbox", "What the other side calls this browser", self.name).await.unwrap();
        self.browser.click("button", "Make an answer").await.unwrap();
    }

    pub async fn code(&self, label: &str) -> String {
        // The browser makes keys and looks for its addresses first.
        let made = async || Ok(self.view().await["stage"].get("Waiting").is_some());
        if let Err(error) = self.browser.wait_until(&format!("the code of {}", self.name), CONNECTED, made).await {
            let dialog = "return document.querySelector('dialog')?.outerHTML ?? 'no dialog'";
            panic!("{error}\n{}\n{}", self.view().await, self.browser.eval(dialog, vec![]).await.unwrap());
        }
        let field = self.browser.by_role("textbox", label).await.unwrap();
        field.value().await.unwrap().unwrap_or_default()
    }

    /// Puts a text into a field as pasting does.
    pub async fn paste(&self, label: &str, text: &str) {
        let field = self.browser.by_role("textbox", label).await.unwrap();
        let script = "
            const field = arguments[0];
            field.focus();
            field.value = arguments[1];
            field.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertFromPaste' }));";
        self.browser.driver().execute(script, vec![field.to_json().unwrap(), json!(text)]).await.unwrap();
    }

    pub async fn answer(&self, code: &str) {
        // The popup was closed meanwhile: the pairing has gone on.
        self.open().await;
        self.paste("2. Paste what it answers", code).await;
        let script =
            "return [...document.querySelectorAll('button:enabled')].some((it) => it.innerText.trim() === 'Connect')";
        let ready = async || Ok(self.browser.eval(script, vec![]).await? == true);
        self.browser.wait_until("the answer to be taken", SOON, ready).await.unwrap();
        self.browser.click("button", "Connect").await.unwrap();
    }

    pub async fn words(&self) -> Vec<String> {
        self.wait_for_stage("Asking").await;
        let words = self.view().await["words"].clone();
        serde_json::from_value(words).unwrap()
    }

    pub async fn accept(&self, other: &str) {
        self.browser.click("button", &format!("The words are the same: accept {other}")).await.unwrap();
    }
}

/// A machine that is on the LAN, and its address.
pub async fn machine(side: &Side) -> (InstanceId, String) {
    let workbench = Workbench::open(&side.browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    let address = address(&mut console).await;
    (id, address)
}

/// Pairs two, as their users do.
pub async fn pair(inviter: &Side, joiner: &Side) {
    let code = inviter.invite().await;
    let answer = joiner.join(&code, inviter.name).await;
    accepted(inviter, joiner, &answer).await;
}

/// Pastes the answer, and has both accept.
pub async fn accepted(inviter: &Side, joiner: &Side, answer: &str) {
    inviter.answer(answer).await;
    assert_eq!(inviter.words().await, joiner.words().await);
    inviter.accept(joiner.name).await;
    joiner.accept(inviter.name).await;
    inviter.wait_for_stage("Joined").await;
    joiner.wait_for_stage("Joined").await;
}
