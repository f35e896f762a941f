//! One connection to another browser: an `RTCPeerConnection` with a reliable channel for control and two unreliable ones for frames.
//!
//! One of these is the lan worker's own, where the browser can hand it over; the other one goes by this page, and is there in case that worker dies.
//! All channels are agreed on beforehand, so they need no word in the descriptions. Frames are lost after a few tries, as on Wi-Fi: a guest's TCP
//! counts on that, and waits less than for a channel that never gives up.

use crate::bridge::{log, problem, text_of, to_js};
use crate::rtc::{RtcDataChannel, RtcPeerConnection};
use js_sys::{ArrayBuffer, Promise, Reflect, Uint8Array};
use peering::sdp::{self, Role};
use peering::{Address, Candidate, CandidateKind, Essentials};
use protocol::{ICE_SERVERS_KEY, IceServer, Problem, ProblemCode};
use serde_json::{Value, json};
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageEvent;

/// How often a lost piece of a batch is sent again at most: a batch has up to sixty pieces, and each lost one costs all of it. What overflows a buffer
/// on its way may do so very many times in a row: with twelve, a batch was lost now and then over a cable that loses nothing.
const RETRANSMITS: u16 = 100;
/// How long the browser may look where it can be reached. Without servers it takes a few milliseconds.
const GATHER: Duration = Duration::from_secs(4);
/// The state of a browser that knows all its addresses.
const GATHERED: &str = "complete";
/// What Firefox writes into its descriptions.
const FIREFOX: &str = "mozilla";

/// What a connection tells.
#[derive(Debug)]
pub enum Heard {
    /// The channels are open.
    Open,
    /// A control message.
    Message(Vec<u8>),
    /// The control channel was closed, by the other side or for good.
    Closed,
    /// The way there works, or does not at the moment.
    Reachable(bool),
}

type Listener = Closure<dyn Fn(JsValue)>;

/// A connection; dropping it closes it.
pub struct Connection {
    pc: RtcPeerConnection,
    control: RtcDataChannel,
    /// The channels for frames that this page has, the better one first.
    pub frames: Vec<RtcDataChannel>,
    _listeners: Vec<Listener>,
}

fn failed(error: JsValue) -> Problem {
    problem(ProblemCode::Internal, "The browser could not make the connection", &error)
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

impl Connection {
    /// One that is connected to nobody yet. `hand_over` gives a channel to the lan worker, and says whether that worked.
    pub fn new(
        hear: impl Fn(Heard) + 'static,
        hand_over: impl FnOnce(&RtcDataChannel) -> bool,
    ) -> Result<Self, Problem> {
        let pc = RtcPeerConnection::new(&to_js(&configuration())?).map_err(failed)?;
        let channel = |label: &str, options: &Value| {
            let channel = pc.create_data_channel(label, &to_js(options)?).map_err(failed)?;
            channel.set_binary_type("arraybuffer");
            Ok::<_, Problem>(channel)
        };
        let control = channel("control", &json!({ "negotiated": true, "id": 0 }))?;
        let unreliable =
            |id: u16| json!({ "negotiated": true, "id": id, "ordered": false, "maxRetransmits": RETRANSMITS });
        let mut frames = vec![channel("frames", &unreliable(1))?];
        // A browser hands over no channel that is older than this task.
        let direct = channel("direct", &unreliable(2))?;
        if !hand_over(&direct) {
            frames.insert(0, direct);
        }
        let hear = Rc::new(hear);
        let on_open = {
            let hear = hear.clone();
            Listener::new(move |_| hear(Heard::Open))
        };
        let on_close = {
            let hear = hear.clone();
            Listener::new(move |_| hear(Heard::Closed))
        };
        let on_message = {
            let hear = hear.clone();
            Listener::new(move |event: JsValue| {
                let data = event.unchecked_into::<MessageEvent>().data();
                // A message that is no bytes is none of ours, and refused as such.
                let bytes = data.dyn_ref::<ArrayBuffer>().map(|bytes| Uint8Array::new(bytes).to_vec());
                hear(Heard::Message(bytes.unwrap_or_default()));
            })
        };
        let on_state = {
            let pc = pc.clone();
            Listener::new(move |_| match pc.ice_connection_state().as_str() {
                "connected" | "completed" => hear(Heard::Reachable(true)),
                "disconnected" | "failed" => hear(Heard::Reachable(false)),
                _ => {}
            })
        };
        let function = |listener: &Listener| listener.as_ref().unchecked_ref::<js_sys::Function>().clone();
        control.set_onopen(Some(&function(&on_open)));
        control.set_onclose(Some(&function(&on_close)));
        control.set_onmessage(Some(&function(&on_message)));
        pc.set_oniceconnectionstatechange(Some(&function(&on_state)));
        Ok(Self { pc, control, frames, _listeners: vec![on_open, on_close, on_message, on_state] })
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

    /// Whether more may be said that can wait.
    pub fn has_room(&self) -> bool {
        self.control.is_open() && self.control.has_room()
    }

    /// Whether the lan worker was given a channel.
    pub fn has_handed_over(&self) -> bool {
        self.frames.len() == 1
    }

    /// Says something on the control channel.
    pub fn say(&self, message: &peering::control::Message) {
        if !self.control.is_open() {
            return;
        }
        if let Err(error) = self.control.send(&Uint8Array::from(&message.to_bytes()[..])) {
            log(&format!("a peer could not be told something: {}", text_of(&error)));
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.control.set_onopen(None);
        self.control.set_onclose(None);
        self.control.set_onmessage(None);
        self.pc.set_oniceconnectionstatechange(None);
        self.pc.close();
    }
}
