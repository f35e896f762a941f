//! Frames between a peer's data channels and the lan worker.
//!
//! What comes from the worker is sent while the channel has little waiting, and only then counted as dealt with: so the rest waits in the switch,
//! where it is shared fairly and the longest queue loses. What comes from the peer is judged by the lan worker, which says when it is to be cut off.

use crate::bridge::{log, text_of};
use crate::host::line::Line;
use crate::rtc::RtcDataChannel;
use js_sys::{ArrayBuffer, Function, Uint8Array};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use web_sys::MessageEvent;

/// When so many bytes were dealt with the worker is told in any case: a quarter of what it has on the way.
const TELL: u32 = 128 * 1024;

type Listener = Closure<dyn Fn(MessageEvent)>;

struct Inner {
    line: Line,
    /// Of one connection, the best one first.
    channels: RefCell<Vec<RtcDataChannel>>,
    /// Of a second connection.
    beside: RefCell<Option<RtcDataChannel>>,
    waiting: RefCell<VecDeque<Uint8Array>>,
    /// Bytes that were dealt with, of which the worker was not told yet.
    dealt_with: Cell<u32>,
}

/// It relays until it is dropped.
pub struct Relay {
    inner: Rc<Inner>,
    is_over: Cell<bool>,
    from_peer: Listener,
    low: Closure<dyn Fn()>,
}

/// The time since the page was opened.
pub fn now() -> Duration {
    let now = web_sys::window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now());
    Duration::from_secs_f64(now.max(0.0) / 1000.0)
}

impl Inner {
    /// Where the next batch goes: where less waits, if there are two connections.
    fn way(&self) -> Option<RtcDataChannel> {
        let (channels, beside) = (self.channels.borrow(), self.beside.borrow());
        let first = channels.iter().find(|channel| channel.is_open());
        let second = beside.iter().find(|channel| channel.is_open());
        first.into_iter().chain(second).min_by_key(|channel| channel.buffered_amount()).cloned()
    }

    fn pump(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(batch) = waiting.front() {
            // What no channel can take is lost, as on a cable that is out.
            if let Some(channel) = self.way() {
                if !channel.has_room() {
                    break;
                }
                if let Err(error) = channel.send(batch) {
                    log(&format!("frames could not be sent to a peer: {}", text_of(&error)));
                }
            }
            self.dealt_with.set(self.dealt_with.get() + batch.length());
            waiting.pop_front();
        }
        // While a channel has much in it, it will say when it has not.
        let is_filled = self.way().is_some_and(|channel| channel.is_filled());
        if !is_filled || self.dealt_with.get() >= TELL {
            let dealt_with = self.dealt_with.take();
            if dealt_with > 0 {
                self.line.send(&dealt_with.into());
            }
        }
    }

    fn hear(&self, data: &JsValue) {
        match data.dyn_ref::<ArrayBuffer>() {
            Some(bytes) => self.line.send(&Uint8Array::new(bytes)),
            None => self.line.send(&JsValue::NULL),
        }
    }
}

impl Relay {
    /// Begins.
    pub fn new(line: Line, channels: Vec<RtcDataChannel>) -> Self {
        let (channels, beside) = (RefCell::new(channels), RefCell::default());
        let inner = Rc::new(Inner { line, channels, beside, waiting: RefCell::default(), dealt_with: Cell::default() });
        let own = inner.clone();
        inner.line.listen(move |message| {
            if let Some(batch) = message.dyn_ref::<Uint8Array>() {
                own.waiting.borrow_mut().push_back(batch.clone());
                own.pump();
            }
        });
        let own = inner.clone();
        let from_peer = Listener::new(move |event: MessageEvent| own.hear(&event.data()));
        let own = inner.clone();
        let low = Closure::<dyn Fn()>::new(move || own.pump());
        let relay = Self { inner, is_over: Cell::new(false), from_peer, low };
        relay.inner.channels.borrow().iter().for_each(|channel| relay.listen(channel));
        relay
    }

    fn listen(&self, channel: &RtcDataChannel) {
        let function = |listener: &JsValue| listener.unchecked_ref::<Function>().clone();
        channel.listen(Some(&function(self.from_peer.as_ref())), Some(&function(self.low.as_ref())));
    }

    /// Has frames go by a channel of a second connection too, or not any more.
    pub fn set_beside(&self, channel: Option<RtcDataChannel>) {
        if let Some(before) = self.inner.beside.take() {
            before.listen(None, None);
        }
        if let Some(channel) = &channel {
            self.listen(channel);
        }
        *self.inner.beside.borrow_mut() = channel;
        self.inner.pump();
    }

    /// Has frames go by the last of its channels only.
    pub fn keep_last(&self) {
        let mut channels = self.inner.channels.borrow_mut();
        while channels.len() > 1 {
            channels.remove(0).listen(None, None);
        }
        drop(channels);
        self.inner.pump();
    }

    /// Ends it at once. It may be dropped later, when none of its own listeners is running, and another one may have its channels then.
    pub fn end(&self) {
        if self.is_over.replace(true) {
            return;
        }
        for channel in self.inner.channels.borrow().iter().chain(&*self.inner.beside.borrow()) {
            channel.listen(None, None);
        }
        self.inner.line.close();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}
