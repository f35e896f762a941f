//! The line to one machine: a port whose other end its worker has.

use crate::bridge::{log, text_of};
use js_sys::{Array, Uint8Array};
use protocol::InstanceId;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, MessagePort};

/// How many bytes are sent ahead of what the machine has dealt with. What does not fit waits in the switch, where it is shared fairly.
const WINDOW: usize = 512 * 1024;
/// The most bytes of one message.
const BATCH_MAX: usize = 128 * 1024;

/// What came from the machine's worker.
pub enum Heard {
    /// A batch of frames.
    Frames(Vec<u8>),
    /// It has dealt with so many bytes of what was sent to it.
    DealtWith(usize),
}

/// A line; dropping it closes it.
pub struct Line {
    /// The machine.
    pub id: InstanceId,
    port: MessagePort,
    ahead: usize,
    _receive: Closure<dyn Fn(MessageEvent)>,
}

impl Line {
    /// Begins to hear what comes.
    pub fn new(id: InstanceId, port: MessagePort, hear: impl Fn(Heard) + 'static) -> Self {
        let receive = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let message = event.data();
            if let Some(bytes) = message.dyn_ref::<Uint8Array>() {
                hear(Heard::Frames(bytes.to_vec()));
            } else if let Some(bytes) = message.as_f64() {
                hear(Heard::DealtWith(bytes as usize));
            }
        });
        port.set_onmessage(Some(receive.as_ref().unchecked_ref()));
        Self { id, port, ahead: 0, _receive: receive }
    }

    /// How many bytes may be sent now.
    pub fn room(&self) -> usize {
        WINDOW.saturating_sub(self.ahead).min(BATCH_MAX)
    }

    /// Sends a batch.
    pub fn send(&mut self, batch: &[u8]) {
        self.ahead += batch.len();
        let bytes = Uint8Array::from(batch);
        let sent = self.port.post_message_with_transferable(&bytes, &Array::of1(&bytes.buffer()));
        if let Err(error) = sent {
            log(&format!("frames could not be sent to a machine: {}", text_of(&error)));
        }
    }

    /// The machine has dealt with so many bytes.
    pub fn dealt_with(&mut self, bytes: usize) {
        self.ahead = self.ahead.saturating_sub(bytes);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.port.set_onmessage(None);
        self.port.close();
    }
}
