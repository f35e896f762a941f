//! The host page: starts a worker for each machine, watches it, and tells the background what becomes of it.
//!
//! Runs as Chrome's offscreen document and in a frame of Firefox's event page. It decides nothing: the background does,
//! and finds here what runs when it has been started anew. What it has told and the background has not yet answered is
//! kept, so that nothing that happened to a machine is lost.

mod engine;
mod keep_alive;
mod machines;
mod worker;

use crate::bridge::{from_js, to_js};
use crate::webext::{MessageSender, is_ours};
use machines::Machines;
use protocol::{Envelope, HostCall, HostReply, Problem};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// The host page's end towards `extension/host.js`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Host {
    machines: Rc<Machines>,
}

#[wasm_bindgen]
impl Host {
    /// Starts watching; no machine runs yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Self, JsValue> {
        keep_alive::start_if_asked()?;
        Ok(Self { machines: Machines::watched()? })
    }

    /// Does what the background asks, and answers it.
    pub fn call(&self, message: JsValue, sender: MessageSender) -> Result<JsValue, JsValue> {
        if !is_ours(Some(&sender)) {
            return Err(JsValue::from_str("not from this extension"));
        }
        let reply = match from_js::<Envelope>(message) {
            Ok(Envelope::Host(call)) => self.answer(call).unwrap_or_else(HostReply::Failed),
            Ok(Envelope::Background(_)) => return Err(JsValue::from_str("not for the host page")),
            Err(problem) => HostReply::Failed(problem),
        };
        to_js(&reply).map_err(|problem| JsValue::from_str(&problem.message))
    }

    fn answer(&self, call: HostCall) -> Result<HostReply, Problem> {
        match call {
            HostCall::List => return Ok(HostReply::Machines(self.machines.list())),
            HostCall::Start(spec) => self.machines.start(spec)?,
            HostCall::Pause(id) => self.machines.pause(&id)?,
            HostCall::Resume(id) => self.machines.resume(&id)?,
            HostCall::Shutdown(id, force_after_ms) => self.machines.shutdown(&id, force_after_ms)?,
            HostCall::Kill(id) => self.machines.kill(&id)?,
        }
        Ok(HostReply::Done)
    }
}
