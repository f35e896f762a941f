//! The line to one machine, or to one peer: a port whose other end its worker has, or the host page.

use crate::bridge::{log, text_of};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, MessagePort};

/// How many bytes are sent ahead of what the machine has dealt with. What does not fit waits in the switch, where it is shared fairly.
const WINDOW: usize = 512 * 1024;
/// The most bytes of one message to a machine.
pub const MACHINE_BATCH: usize = 128 * 1024;
/// The most bytes of one message to a peer, but for a longer frame: far below what a data channel takes, and little is lost with one.
pub const PEER_BATCH: usize = 32 * 1024;

/// What came from the machine's worker.
pub enum Heard {
    /// A batch of frames.
    Frames(Vec<u8>),
    /// It has dealt with so many bytes of what was sent to it.
    DealtWith(usize),
}

/// A line; dropping it closes it.
pub struct Line<Id> {
    /// Whose it is.
    pub id: Id,
    batch: usize,
    port: MessagePort,
    ahead: usize,
    _receive: Closure<dyn Fn(MessageEvent)>,
}

impl<Id> Line<Id> {
    /// Begins to hear what comes. Messages are of at most `batch` bytes.
    pub fn new(id: Id, batch: usize, port: MessagePort, hear: impl Fn(Heard) + 'static) -> Self {
        let receive = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let message = event.data();
            if let Some(bytes) = message.dyn_ref::<Uint8Array>() {
                hear(Heard::Frames(bytes.to_vec()));
            } else if let Some(bytes) = message.as_f64() {
                hear(Heard::DealtWith(bytes as usize));
            }
        });
        port.set_onmessage(Some(receive.as_ref().unchecked_ref()));
        Self { id, batch, port, ahead: 0, _receive: receive }
    }

    /// How many bytes may be sent now.
    pub fn room(&self) -> usize {
        WINDOW.saturating_sub(self.ahead).min(self.batch)
    }

    /// Sends a batch.
    pub fn send(&mut self, batch: &[u8]) {
        self.ahead += batch.len();
        let bytes = Uint8Array::from(batch);
        let sent = self.port.post_message_with_transferable(&bytes, &Array::of1(&bytes.buffer()));
        if let Err(error) = sent {
            log(&format!("frames could not be sent on: {}", text_of(&error)));
        }
    }

    /// The machine has dealt with so many bytes.
    pub fn dealt_with(&mut self, bytes: usize) {
        self.ahead = self.ahead.saturating_sub(bytes);
    }
}

impl<Id> Drop for Line<Id> {
    fn drop(&mut self) {
        self.port.set_onmessage(None);
        self.port.close();
    }
}
