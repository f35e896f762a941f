//! One connection to another browser: an `RTCPeerConnection` with a reliable channel for control and two unreliable ones for frames.
//!
//! One of these is the lan worker's own, where the browser can hand it over; the other one goes by this page, and is there in case that worker dies.
//! All channels are agreed on beforehand, so they need no word in the descriptions. Frames are lost after a few tries, as on Wi-Fi: a guest's TCP
//! counts on that, and waits less than for a channel that never gives up.

use super::agent::{Agent, Reach};
use crate::bridge::{log, text_of};
use crate::rtc::RtcDataChannel;
use js_sys::{ArrayBuffer, Uint8Array};
use protocol::Problem;
use serde_json::{Value, json};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::MessageEvent;

/// How often a lost piece of a batch is sent again at most: a batch has up to sixty pieces, and each lost one costs all of it. What overflows a buffer
/// on its way may do so very many times in a row: with twelve, a batch was lost now and then over a cable that loses nothing.
const RETRANSMITS: u16 = 100;
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
    /// Its end here.
    pub agent: Agent,
    control: RtcDataChannel,
    /// The channels for frames that this page has, the better one first.
    pub frames: Vec<RtcDataChannel>,
    _listeners: Vec<Listener>,
}

/// How a channel for frames is, whose number both sides know.
pub fn for_frames(number: u16) -> Value {
    json!({ "negotiated": true, "id": number, "ordered": false, "maxRetransmits": RETRANSMITS })
}

impl Connection {
    /// One that is connected to nobody yet. `hand_over` gives a channel to the lan worker, and says whether that worked.
    pub fn new(
        hear: impl Fn(Heard) + 'static,
        hand_over: impl FnOnce(&RtcDataChannel) -> bool,
    ) -> Result<Self, Problem> {
        let agent = Agent::new()?;
        let control = agent.channel("control", &json!({ "negotiated": true, "id": 0 }))?;
        let mut frames = vec![agent.channel("frames", &for_frames(1))?];
        // A browser hands over no channel that is older than this task.
        let direct = agent.channel("direct", &for_frames(2))?;
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
        let on_state = agent.listener(move |reach| match reach {
            Reach::There => hear(Heard::Reachable(true)),
            Reach::Lost => hear(Heard::Reachable(false)),
            Reach::Not => {}
        });
        let function = |listener: &Listener| listener.as_ref().unchecked_ref::<js_sys::Function>().clone();
        control.set_onopen(Some(&function(&on_open)));
        control.set_onclose(Some(&function(&on_close)));
        control.set_onmessage(Some(&function(&on_message)));
        agent.listen(Some(&function(&on_state)));
        Ok(Self { agent, control, frames, _listeners: vec![on_open, on_close, on_message, on_state] })
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
        self.agent.listen(None);
    }
}
