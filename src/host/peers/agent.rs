//! One end of a way to another browser: an `RTCPeerConnection`, and what both sides have to know of each other (RFC 8829, RFC 8445).

use super::failed;
use crate::bridge::{log, text_of, to_js};
use crate::rtc::{RtcDataChannel, RtcPeerConnection};
use js_sys::{Function, Promise, Reflect};
use peering::sdp::{self, Role};
use peering::{Address, Candidate, CandidateKind, Essentials};
use protocol::{ICE_SERVERS_KEY, IceServer, Problem, ProblemCode};
use serde_json::{Value, json};
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// How long the browser may look where it can be reached. Without servers it takes a few milliseconds.
const GATHER: Duration = Duration::from_secs(4);
/// The state of a browser that knows all its addresses.
const GATHERED: &str = "complete";
/// What Firefox writes into its descriptions.
const FIREFOX: &str = "mozilla";

/// Whether the other end is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Not yet.
    Not,
    /// It is.
    There,
    /// It was, or could not be found.
    Lost,
}

/// One end; dropping it closes it.
pub struct Agent {
    pc: RtcPeerConnection,
}

/// The servers that the user has named, if any.
fn configuration() -> Value {
    let storage = web_sys::window().and_then(|window| window.local_storage().ok()?);
    let text = storage.and_then(|storage| storage.get_item(ICE_SERVERS_KEY).ok()?).unwrap_or_default();
    // The page that saves them lets nothing else through.
    let servers = IceServer::all(&text).inspect_err(|error| log(&error.to_string())).unwrap_or_default();
    let server = |IceServer { url, secret }| match secret {
        Some((name, password)) => json!({ "urls": url, "username": name, "credential": password }),
        None => json!({ "urls": url }),
    };
    json!({ "iceServers": servers.into_iter().map(server).collect::<Vec<_>>() })
}

fn reach(pc: &RtcPeerConnection) -> Reach {
    match pc.ice_connection_state().as_str() {
        "connected" | "completed" => Reach::There,
        "disconnected" | "failed" | "closed" => Reach::Lost,
        _ => Reach::Not,
    }
}

impl Agent {
    /// One that is connected to nobody yet.
    pub fn new() -> Result<Self, Problem> {
        let pc = RtcPeerConnection::new(&to_js(&configuration())?).map_err(failed)?;
        Ok(Self { pc })
    }

    /// A channel whose number and options the other side knows, so that descriptions need no word of it.
    pub fn channel(&self, label: &str, options: &Value) -> Result<RtcDataChannel, Problem> {
        let channel = self.pc.create_data_channel(label, &to_js(options)?).map_err(failed)?;
        channel.set_binary_type("arraybuffer");
        Ok(channel)
    }

    /// Whether the other end is there, as far as the browser has noticed.
    pub fn reach(&self) -> Reach {
        reach(&self.pc)
    }

    /// What calls `hear` when that changes.
    pub fn listener(&self, hear: impl Fn(Reach) + 'static) -> Closure<dyn Fn(JsValue)> {
        let pc = self.pc.clone();
        Closure::new(move |_| hear(reach(&pc)))
    }

    /// Calls this when it changes whether the other end is there.
    pub fn listen(&self, listener: Option<&Function>) {
        self.pc.set_oniceconnectionstatechange(listener);
    }

    /// Begins to be found; returns how.
    pub async fn offer(&self) -> Result<Essentials, Problem> {
        self.describe(&self.pc.create_offer(&JsValue::UNDEFINED), "offer").await
    }

    /// Answers; returns how this browser is found.
    pub async fn answer(&self, theirs: &Essentials) -> Result<Essentials, Problem> {
        self.set_remote(theirs, Role::Offer).await?;
        self.describe(&self.pc.create_answer(), "answer").await
    }

    /// Connects to who has answered.
    pub async fn take_answer(&self, theirs: &Essentials) -> Result<(), Problem> {
        self.set_remote(theirs, Role::Answer).await
    }

    /// Begins to look for another way to the same browser.
    pub async fn offer_anew(&self) -> Result<Essentials, Problem> {
        let options = to_js(&json!({ "iceRestart": true }))?;
        self.describe(&self.pc.create_offer(&options), "offer").await
    }

    async fn set_remote(&self, theirs: &Essentials, role: Role) -> Result<(), Problem> {
        let kind = match role {
            Role::Offer => "offer",
            Role::Answer => "answer",
        };
        let description = to_js(&json!({ "type": kind, "sdp": sdp::write(theirs, role) }))?;
        JsFuture::from(self.pc.set_remote_description(&description)).await.map_err(failed)?;
        Ok(())
    }

    async fn describe(&self, made: &Promise, kind: &str) -> Result<Essentials, Problem> {
        let made = JsFuture::from(made.clone()).await.map_err(failed)?;
        let text = Reflect::get(&made, &"sdp".into()).ok().and_then(|text| text.as_string()).unwrap_or_default();
        let description = to_js(&json!({ "type": kind, "sdp": text }))?;
        JsFuture::from(self.pc.set_local_description(&description)).await.map_err(failed)?;
        if kind == "answer" && self.is_impatient() {
            // Its five seconds have begun, and looking for addresses may take most of them.
            self.have_patience(0);
        }
        self.gathered().await?;
        let local = self.local();
        sdp::read(&local).map_err(|error| {
            Problem::new(ProblemCode::Internal, format!("This browser can’t be connected to: {error}."))
        })
    }

    fn local(&self) -> String {
        self.pc.local_description().map(|description| description.sdp()).unwrap_or_default()
    }

    /// Waits until the browser knows where it can be reached, but not for ever: what it knows then is what it says.
    async fn gathered(&self) -> Result<(), Problem> {
        let pc = self.pc.clone();
        let done = Promise::new(&mut |resolve, _| {
            if pc.ice_gathering_state() == GATHERED {
                let _ = resolve.call0(&JsValue::NULL);
                return;
            }
            let (own, late) = (pc.clone(), resolve.clone());
            let change = Closure::<dyn Fn()>::new(move || {
                if own.ice_gathering_state() == GATHERED {
                    let _ = resolve.call0(&JsValue::NULL);
                }
            });
            pc.set_onicegatheringstatechange(Some(change.into_js_value().unchecked_ref()));
            let timer = super::super::worker::after(GATHER, move || drop(late.call0(&JsValue::NULL)));
            if let Err(error) = timer {
                log(&text_of(&error));
            }
        });
        JsFuture::from(done).await.map_err(failed)?;
        self.pc.set_onicegatheringstatechange(None);
        Ok(())
    }

    /// Whether the browser gives up soon when nobody answers. Firefox does after five seconds, for good, unless there is always an address that it
    /// has not tried in vain yet.
    pub fn is_impatient(&self) -> bool {
        self.local().contains(FIREFOX)
    }

    /// Gives an impatient browser one more address to try, of those that nobody has (RFC 5737), so that it goes on waiting to be found.
    pub fn have_patience(&self, number: u16) {
        let nobody = Address::Ip([192, 0, 2, 1].into());
        let candidate = Candidate { kind: CandidateKind::Host, address: nobody, port: 1024 + number };
        let line = sdp::candidate_line(&candidate, usize::from(number) + 1000);
        // Plain data can always be handed over.
        let Ok(init) = to_js(&json!({ "candidate": line, "sdpMid": "0", "sdpMLineIndex": 0 })) else { return };
        let added = self.pc.add_ice_candidate(&init);
        // What it says of it is of no use: it either waits or does not.
        wasm_bindgen_futures::spawn_local(async move { drop(JsFuture::from(added).await) });
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.pc.close();
    }
}
