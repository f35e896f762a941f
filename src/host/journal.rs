//! Keeps what the parts of the extension say, for the pages that show it: the newest lines, in `localStorage`.

use super::worker::every;
use crate::bridge::{from_js, text_of};
use protocol::{LOG_CHANNEL, LOG_KEY, LOG_LINES_MAX, LogLine};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent, Storage};

/// How often what is new is stored, in milliseconds.
const STORE_MS: i32 = 1_000;

/// Begins to keep what is said; it does so as long as the host page lives.
pub fn keep() -> Result<(), JsValue> {
    let Some(storage) = web_sys::window().and_then(|window| window.local_storage().ok().flatten()) else {
        return Ok(());
    };
    let before = storage.get_item(LOG_KEY).ok().flatten();
    let lines: VecDeque<LogLine> = before.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let lines = Rc::new(RefCell::new(lines));
    let changed = Rc::new(Cell::new(false));
    let channel = BroadcastChannel::new(LOG_CHANNEL)?;
    let heard = {
        let (lines, changed) = (lines.clone(), changed.clone());
        Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let Ok(line) = from_js::<LogLine>(event.data()) else { return };
            let mut lines = lines.borrow_mut();
            lines.push_back(line);
            while lines.len() > LOG_LINES_MAX {
                lines.pop_front();
            }
            changed.set(true);
        })
    };
    channel.set_onmessage(Some(heard.into_js_value().unchecked_ref()));
    every(STORE_MS, move || {
        // The channel lives as long as this does.
        let _ = &channel;
        if changed.replace(false) {
            store(&storage, &lines.borrow());
        }
    })
}

fn store(storage: &Storage, lines: &VecDeque<LogLine>) {
    let Ok(text) = serde_json::to_string(lines) else { return };
    if let Err(error) = storage.set_item(LOG_KEY, &text) {
        // Not by `log`, which comes here.
        web_sys::console::warn_1(&JsValue::from_str(&text_of(&error)));
    }
}
