//! The host side's log: what the parts of the extension say goes to a channel, and the host page keeps it for people to read.

use crate::bridge::to_js;
use protocol::{InstanceId, LOG_CHANNEL, LogLine, LogPart};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, DedicatedWorkerGlobalScope, Window};

/// The page in which the host runs.
const HOST_PAGE: &str = "/host.html";

thread_local! {
    static CHANNEL: RefCell<Option<BroadcastChannel>> = RefCell::new(BroadcastChannel::new(LOG_CHANNEL).ok());
    static ABOUT: RefCell<Option<InstanceId>> = const { RefCell::new(None) };
}

/// Whatever is said in this context from now on is about this machine.
pub fn is_about(id: &InstanceId) {
    ABOUT.with(|about| about.replace(Some(id.clone())));
}

/// Says something about this context's machine, if it has one.
pub fn say(text: &str) {
    let about = ABOUT.with(|about| about.borrow().clone());
    say_of(about, text);
}

/// Says something about a machine.
pub fn say_of(machine: Option<InstanceId>, text: &str) {
    let line = LogLine::new(js_sys::Date::now() as u64, part(), machine, text);
    CHANNEL.with(|channel| {
        // What can't be kept was at least said to the browser's own console.
        if let (Some(channel), Ok(line)) = (&*channel.borrow(), to_js(&line)) {
            drop(channel.post_message(&line));
        }
    });
}

fn part() -> LogPart {
    let global = js_sys::global();
    if global.has_type::<DedicatedWorkerGlobalScope>() {
        return LogPart::Worker;
    }
    let page = global.dyn_into::<Window>().ok().and_then(|window| window.location().pathname().ok());
    if page.as_deref() == Some(HOST_PAGE) { LogPart::Host } else { LogPart::Background }
}
