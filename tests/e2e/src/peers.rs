//! Two browsers on hosts of their own, and how their users pair them through the popup and the network page.

use crate::{Error, Result};
use driver::{Browser, LaunchOptions, Network};
use serde_json::{Value, json};
use std::fmt::Display;
use std::time::Duration;

/// For what takes a moment.
const SOON: Duration = Duration::from_secs(30);

/// Making a connection on a busy machine.
const CONNECTED: Duration = Duration::from_secs(60);

/// A browser on a host of its own, and the page through which its user pairs.
#[derive(Debug)]
pub struct Side {
    /// The browser.
    pub browser: Browser,
    /// What the other side calls it.
    pub name: &'static str,
    page: &'static str,
}

impl Side {
    /// Starts a browser on a host; its user pairs through this page.
    pub async fn new(
        options: LaunchOptions,
        network: &Network,
        host: usize,
        name: &'static str,
        page: &'static str,
    ) -> Result<Self> {
        let options = LaunchOptions { namespace: Some(network.host(host)), ..options };
        Ok(Self { browser: Browser::launch(options).await?, name, page })
    }

    /// Shows the page in a new tab, as the popup is when it is opened: what came before is not there any more.
    pub async fn open(&self) -> Result<()> {
        Ok(self.browser.open(self.page).await?)
    }

    /// What the host page says of the newest pairing.
    pub async fn view(&self) -> Result<Value> {
        Ok(self.views().await?.pop().unwrap_or_default())
    }

    /// What it says of the one with somebody.
    pub async fn view_of(&self, name: &str) -> Result<Value> {
        Ok(self.views().await?.into_iter().find(|view| view["name"] == name).unwrap_or_default())
    }

    async fn views(&self) -> Result<Vec<Value>> {
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
        match self.browser.eval_async(ask, vec![]).await? {
            Value::Array(views) => Ok(views),
            other => Err(Error::Answer(other.to_string())),
        }
    }

    /// Waits until the newest pairing is at this stage.
    pub async fn wait_for_stage(&self, stage: &str) -> Result<()> {
        let there = async || {
            let Ok(view) = self.view().await else { return Ok(false) };
            Ok(view["stage"] == stage || view["stage"].get(stage).is_some())
        };
        let what = format!("{} to be {stage}", self.name);
        match self.browser.wait_until(&what, CONNECTED, there).await {
            Err(error) => Err(Error::Answer(format!("{error}\n{}", self.view().await?))),
            Ok(()) => Ok(()),
        }
    }

    /// Waits until there are so many connections.
    pub async fn wait_for_connections(&self, wanted: u32) -> Result<()> {
        let are = async || Ok(self.view().await.is_ok_and(|view| view["connections"] == wanted));
        Ok(self.browser.wait_until("other connections", CONNECTED, are).await?)
    }

    /// Waits until frames go straight from the LAN's worker into the connections, or do not.
    pub async fn wait_for_direct(&self, wanted: bool) -> Result<()> {
        let is = async || Ok(self.view().await.is_ok_and(|view| view["traffic"]["direct"] == wanted));
        Ok(self.browser.wait_until("the way that frames go", CONNECTED, is).await?)
    }

    /// Presses the button to invite; returns the code that is shown.
    pub async fn invite(&self) -> Result<String> {
        self.open().await?;
        self.browser.click("button", "Invite… another browser").await?;
        self.browser.type_into("textbox", "What the other side calls this browser", self.name).await?;
        self.browser.click("button", "Make a code").await?;
        self.code("1. Give this code to the other side").await
    }

    /// Pastes an invitation; returns the answer that is shown.
    pub async fn join(&self, code: &str, inviter: &str) -> Result<String> {
        self.ask_to_join(code).await?;
        self.answer_for(inviter).await
    }

    /// The answer that is shown.
    pub async fn answer_for(&self, inviter: &str) -> Result<String> {
        self.code(&format!("Give this answer to {inviter}, who pastes it")).await
    }

    /// Pastes an invitation, and asks for an answer to it.
    pub async fn ask_to_join(&self, code: &str) -> Result<()> {
        self.open().await?;
        self.browser.click("button", "Join… another browser with its code").await?;
        self.paste("The other side’s code", code).await?;
        self.browser.type_into("textbox", "What the other side calls this browser", self.name).await?;
        Ok(self.browser.click("button", "Make an answer").await?)
    }

    async fn code(&self, label: &str) -> Result<String> {
        // The browser makes keys and looks for its addresses first.
        let made = async || Ok(self.view().await.is_ok_and(|view| view["stage"].get("Waiting").is_some()));
        if let Err(error) = self.browser.wait_until(&format!("the code of {}", self.name), CONNECTED, made).await {
            let dialog = "return document.querySelector('dialog')?.outerHTML ?? 'no dialog'";
            let (view, dialog) = (self.view().await?, self.browser.eval(dialog, vec![]).await?);
            return Err(Error::Answer(format!("{error}\n{view}\n{dialog}")));
        }
        let field = self.browser.by_role("textbox", label).await?;
        Ok(field.value().await.map_err(said)?.unwrap_or_default())
    }

    /// Puts a text into a field as pasting does.
    pub async fn paste(&self, label: &str, text: &str) -> Result<()> {
        let field = self.browser.by_role("textbox", label).await?;
        let script = "
            const field = arguments[0];
            field.focus();
            field.value = arguments[1];
            field.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertFromPaste' }));";
        let arguments = vec![field.to_json().map_err(said)?, json!(text)];
        self.browser.driver().execute(script, arguments).await.map_err(said)?;
        Ok(())
    }

    /// Pastes the answer and connects.
    pub async fn answer(&self, code: &str) -> Result<()> {
        // The popup was closed meanwhile: the pairing has gone on.
        self.open().await?;
        self.paste("2. Paste what it answers", code).await?;
        let script =
            "return [...document.querySelectorAll('button:enabled')].some((it) => it.innerText.trim() === 'Connect')";
        let ready = async || Ok(self.browser.eval(script, vec![]).await? == true);
        self.browser.wait_until("the answer to be taken", SOON, ready).await?;
        Ok(self.browser.click("button", "Connect").await?)
    }

    /// The words that are shown.
    pub async fn words(&self) -> Result<Vec<String>> {
        self.wait_for_stage("Asking").await?;
        let words = self.view().await?["words"].clone();
        serde_json::from_value(words).map_err(said)
    }

    /// Says that the words are the same.
    pub async fn accept(&self, other: &str) -> Result<()> {
        Ok(self.browser.click("button", &format!("The words are the same: accept {other}")).await?)
    }
}

/// What somebody else’s error says.
fn said(error: impl Display) -> Error {
    Error::Answer(error.to_string())
}

/// Pairs two, as their users do.
pub async fn pair(inviter: &Side, joiner: &Side) -> Result<()> {
    let code = inviter.invite().await?;
    let answer = joiner.join(&code, inviter.name).await?;
    accepted(inviter, joiner, &answer).await
}

/// Pastes the answer, and has both accept.
///
/// # Errors
/// If they see different words.
pub async fn accepted(inviter: &Side, joiner: &Side, answer: &str) -> Result<()> {
    inviter.answer(answer).await?;
    let (here, there) = (inviter.words().await?, joiner.words().await?);
    if here != there {
        return Err(Error::Answer(format!("{here:?} here, {there:?} there")));
    }
    inviter.accept(joiner.name).await?;
    joiner.accept(inviter.name).await?;
    inviter.wait_for_stage("Joined").await?;
    joiner.wait_for_stage("Joined").await
}
