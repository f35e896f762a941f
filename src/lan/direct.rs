//! A peer's channel for frames that the host page has handed over: frames go from here into the connection.

use super::line::{Heard, PEER_BATCH};
use crate::bridge::{log, text_of};
use crate::rtc::RtcDataChannel;
use js_sys::{ArrayBuffer, Function, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::MessageEvent;

/// What listens to a channel.
type Listeners = (Closure<dyn Fn(MessageEvent)>, Closure<dyn Fn()>);

/// A channel; dropping it closes it.
pub struct Direct {
    channel: RtcDataChannel,
    listeners: Option<Listeners>,
}

impl Direct {
    /// One that hears nothing yet: what comes before the peer is joined is lost.
    pub fn new(channel: RtcDataChannel) -> Self {
        channel.set_binary_type("arraybuffer");
        Self { channel, listeners: None }
    }

    /// Hears what comes from now on. `again` is called when there may be room again, or never will be.
    pub fn begin(&mut self, hear: impl Fn(Heard) + 'static, again: impl Fn() + 'static) {
        let receive = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let data = event.data();
            let bytes = data.dyn_ref::<ArrayBuffer>().map(|bytes| Uint8Array::new(bytes).to_vec());
            hear(bytes.map_or(Heard::Nonsense, Heard::Frames));
        });
        let again = Closure::<dyn Fn()>::new(again);
        let function = |listener: &JsValue| listener.unchecked_ref::<Function>().clone();
        let low = function(again.as_ref());
        self.channel.listen(Some(&function(receive.as_ref())), Some(&low));
        self.channel.set_onclose(Some(&low));
        self.listeners = Some((receive, again));
    }

    /// Whether it takes and gives messages.
    pub fn is_open(&self) -> bool {
        self.channel.is_open()
    }

    /// Whether it never will any more.
    pub fn is_over(&self) -> bool {
        self.channel.is_closed()
    }

    /// How many bytes may be sent now.
    pub fn room(&self) -> usize {
        if self.channel.has_room() { PEER_BATCH } else { 0 }
    }

    /// How many bytes wait to be sent.
    pub fn waiting(&self) -> usize {
        self.channel.buffered_amount() as usize
    }

    /// Sends a message.
    pub fn send(&self, message: &[u8]) {
        if let Err(error) = self.channel.send_slice(message) {
            log(&format!("frames could not be sent to a peer: {}", text_of(&error)));
        }
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        self.channel.listen(None, None);
        self.channel.set_onclose(None);
        self.channel.close();
    }
}
