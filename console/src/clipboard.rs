//! The clipboard, as far as the browser lets a page at it.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    // Absent where the browser keeps the clipboard to itself: then these throw.
    #[wasm_bindgen(catch, js_namespace = ["navigator", "clipboard"], js_name = writeText)]
    fn write_text(text: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["navigator", "clipboard"], js_name = readText)]
    fn read_text() -> Result<Promise, JsValue>;
}

/// Puts text on the clipboard.
pub(crate) async fn write(text: &str) -> Result<(), JsValue> {
    JsFuture::from(write_text(text)?).await.map(drop)
}

/// The text on the clipboard; the browser may ask the user first.
pub(crate) async fn read() -> Result<String, JsValue> {
    Ok(JsFuture::from(read_text()?).await?.as_string().unwrap_or_default())
}
