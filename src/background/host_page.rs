//! The host page: where it is in this browser, and how it is spoken to.
//!
//! Chrome has the offscreen document. Firefox has none, but its background is a page, in which a hidden frame can do the
//! same; that frame also keeps the event page alive while machines run (see `src/host/`).

use super::options;
use crate::bridge::{from_js, problem, to_js};
use crate::webext::{close_offscreen_document, create_offscreen_document, get_contexts, send_message};
use futures_util::lock::Mutex;
use protocol::{Envelope, HostCall, HostReply, Problem, ProblemCode};
use serde_json::json;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, HtmlIFrameElement};

const PAGE: &str = "host.html";
const FRAME_ID: &str = "host";

/// The background's own document, where there is one.
fn document() -> Option<Document> {
    web_sys::window().and_then(|window| window.document())
}

fn frame(document: &Document) -> Option<HtmlIFrameElement> {
    document.get_element_by_id(FRAME_ID).and_then(|element| element.dyn_into().ok())
}

/// Whether the host page is there.
pub async fn exists() -> bool {
    if let Some(document) = document() {
        return frame(&document).is_some();
    }
    let filter = options(&json!({ "contextTypes": ["OFFSCREEN_DOCUMENT"] }));
    let contexts = get_contexts(&filter).await;
    contexts.is_ok_and(|contexts| js_sys::Array::from(&contexts).length() > 0)
}

thread_local! {
    /// Held while the page is being opened: there can be one only, and several may need it at once.
    static OPENING: Rc<Mutex<()>> = Rc::default();
}

/// Opens the host page if it is not there, and returns when it listens.
pub async fn open() -> Result<(), Problem> {
    let opening = OPENING.with(Rc::clone);
    let _alone = opening.lock().await;
    if exists().await {
        return Ok(());
    }
    let failed =
        |error: JsValue| problem(ProblemCode::Internal, "The page that runs the machines did not open", &error);
    let Some(document) = document() else {
        let details = options(&json!({
            "url": PAGE,
            "reasons": ["WORKERS", "WEB_RTC"],
            "justification": "Runs the virtual machines in dedicated workers, and connects them to those of other browsers.",
        }));
        return create_offscreen_document(&details).await.map(drop).map_err(failed);
    };
    let frame: HtmlIFrameElement = document.create_element("iframe").map_err(failed)?.unchecked_into();
    frame.set_id(FRAME_ID);
    frame.set_src(&format!("{PAGE}?keep-alive"));
    let loaded = js_sys::Promise::new(&mut |resolve, _| frame.set_onload(Some(&resolve)));
    let body = document.body().ok_or_else(|| failed(JsValue::from_str("the document has no body")))?;
    body.append_child(&frame).map_err(failed)?;
    JsFuture::from(loaded).await.map_err(failed)?;
    frame.set_onload(None);
    Ok(())
}

/// Closes the host page, so that the browser can let the background sleep and has its memory back.
pub async fn close() {
    match document() {
        Some(document) => {
            if let Some(frame) = frame(&document) {
                frame.remove();
            }
        }
        // That there is none is just what is wanted.
        None => drop(close_offscreen_document().await),
    }
}

/// Asks the host page, which must be open.
pub async fn call(call: &HostCall) -> Result<HostReply, Problem> {
    let message = to_js(&Envelope::Host(call.clone()))?;
    let reply = send_message(&message)
        .await
        .map_err(|error| problem(ProblemCode::Internal, "The page that runs the machines did not answer", &error))?;
    from_js(reply)
}
