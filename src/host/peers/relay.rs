//! Frames between a peer's data channel and the lan worker.
//!
//! What comes from the worker is sent while the channel has little waiting, and only then counted as dealt with: so the rest waits in the switch,
//! where it is shared fairly and the longest queue loses. What comes from the peer passes its [`Conduct`] first.

use super::rtc::RtcDataChannel;
use crate::bridge::{log, text_of};
use js_sys::{Array, ArrayBuffer, Uint8Array};
use peering::conduct::{Conduct, Misconduct, Verdict};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, MessagePort};

/// So much may wait in the channel, in bytes: enough that it never runs dry, little enough that a ping is not behind seconds of bulk.
const HIGH_WATER: u32 = 256 * 1024;
/// The channel tells when it has less than this.
const LOW_WATER: u32 = 64 * 1024;

type Listener = Closure<dyn Fn(MessageEvent)>;

struct Inner {
    port: MessagePort,
    channel: RtcDataChannel,
    waiting: RefCell<VecDeque<Uint8Array>>,
    conduct: RefCell<Conduct>,
    sent: Cell<u64>,
    received: Cell<u64>,
}

/// It relays until it is dropped.
pub struct Relay {
    inner: Rc<Inner>,
    _listeners: (Listener, Listener, Closure<dyn Fn()>),
}

/// The time since the page was opened.
pub fn now() -> Duration {
    let now = web_sys::window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now());
    Duration::from_secs_f64(now.max(0.0) / 1000.0)
}

impl Inner {
    fn pump(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(batch) = waiting.front() {
            let open = self.channel.is_open();
            if open && self.channel.buffered_amount() >= HIGH_WATER {
                return;
            }
            // What a closed channel can't take is lost, as on a cable that is out.
            if open && let Err(error) = self.channel.send(batch) {
                log(&format!("frames could not be sent to a peer: {}", text_of(&error)));
            }
            self.sent.set(self.sent.get() + 1);
            // A port fails only when it is closed.
            let _ = self.port.post_message(&JsValue::from_f64(batch.length().into()));
            waiting.pop_front();
        }
    }

    fn hear(&self, data: &JsValue) -> Result<(), Misconduct> {
        self.received.set(self.received.get() + 1);
        let verdict = match data.dyn_ref::<ArrayBuffer>() {
            Some(bytes) => {
                let verdict = self.conduct.borrow_mut().admit(bytes.byte_length() as usize, now());
                if verdict == Verdict::Pass {
                    let bytes = Uint8Array::new(bytes);
                    let _ = self.port.post_message_with_transferable(&bytes, &Array::of1(&bytes.buffer()));
                }
                verdict
            }
            None => self.conduct.borrow_mut().malformed(now()),
        };
        match verdict {
            Verdict::Cut(why) => Err(why),
            Verdict::Pass | Verdict::Drop => Ok(()),
        }
    }
}

impl Relay {
    /// Begins. `cut` is called when the peer has to be cut off.
    pub fn new(
        port: MessagePort,
        channel: RtcDataChannel,
        limit: Option<u64>,
        cut: impl Fn(Misconduct) + 'static,
    ) -> Self {
        let inner = Rc::new(Inner {
            port,
            channel,
            waiting: RefCell::default(),
            conduct: RefCell::new(Conduct::new(limit, now())),
            sent: Cell::new(0),
            received: Cell::new(0),
        });
        let own = inner.clone();
        let from_lan = Listener::new(move |event: MessageEvent| {
            if let Ok(batch) = event.data().dyn_into::<Uint8Array>() {
                own.waiting.borrow_mut().push_back(batch);
                own.pump();
            }
        });
        let own = inner.clone();
        let from_peer = Listener::new(move |event: MessageEvent| {
            if let Err(why) = own.hear(&event.data()) {
                cut(why);
            }
        });
        let own = inner.clone();
        let low = Closure::<dyn Fn()>::new(move || own.pump());
        inner.channel.set_buffered_amount_low_threshold(LOW_WATER);
        inner.channel.set_onbufferedamountlow(Some(low.as_ref().unchecked_ref()));
        inner.channel.set_onmessage(Some(from_peer.as_ref().unchecked_ref()));
        inner.port.set_onmessage(Some(from_lan.as_ref().unchecked_ref()));
        Self { inner, _listeners: (from_lan, from_peer, low) }
    }

    /// How many batches were sent.
    pub fn sent(&self) -> u64 {
        self.inner.sent.get()
    }

    /// How many batches have come.
    pub fn received(&self) -> u64 {
        self.inner.received.get()
    }

    /// Changes how much may come, in bytes a second.
    pub fn set_limit(&self, limit: Option<u64>) {
        self.inner.conduct.borrow_mut().set_limit(limit, now());
    }

    /// Ends it at once. It may be dropped later, when none of its own listeners is running.
    pub fn end(&self) {
        self.inner.channel.set_onmessage(None);
        self.inner.channel.set_onbufferedamountlow(None);
        self.inner.port.set_onmessage(None);
        self.inner.port.close();
    }

    /// The switch could make nothing of what came. Says whether the peer has to be cut off.
    pub fn malformed(&self) -> Option<Misconduct> {
        match self.inner.conduct.borrow_mut().malformed(now()) {
            Verdict::Cut(why) => Some(why),
            Verdict::Pass | Verdict::Drop => None,
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}
