//! Keeps Firefox's event page, in which this page is a frame, from being ended while machines run.
//!
//! Firefox ends an event page after 30 idle seconds, and its workers with it; a message on an open port counts as work.

use super::worker::every;
use crate::bridge::to_js;
use crate::webext::connect;
use protocol::Problem;
use wasm_bindgen::prelude::*;

/// How often a message is sent: three times in the 30 s that Firefox waits.
const INTERVAL_MS: i32 = 10_000;

/// Begins if the page's address asks for it; goes on until the page is gone.
pub fn start_if_asked() -> Result<(), JsValue> {
    let asked = web_sys::window().and_then(|window| window.location().search().ok());
    if asked.as_deref() != Some("?keep-alive") {
        return Ok(());
    }
    let text = |problem: Problem| JsValue::from_str(&problem.message);
    let options = to_js(&serde_json::json!({ "name": "keep-alive" })).map_err(text)?;
    let port = connect(&options)?;
    every(INTERVAL_MS, move || {
        // A port that is closed belongs to an event page that has ended, and this frame with it.
        let _ = port.post_message(&JsValue::TRUE);
    })
}
