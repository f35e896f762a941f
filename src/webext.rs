//! The WebExtension APIs that the extension uses, typed, over `webextension-polyfill`'s global `browser`.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// One end of a connection between a page and the background.
    #[derive(Debug, Clone)]
    pub type Port;

    #[wasm_bindgen(method, getter)]
    pub fn name(this: &Port) -> String;

    #[wasm_bindgen(method, getter)]
    pub fn sender(this: &Port) -> Option<MessageSender>;

    #[wasm_bindgen(method, catch, js_name = postMessage)]
    pub fn post_message(this: &Port, message: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method)]
    pub fn disconnect(this: &Port);

    /// Who sent a message.
    #[derive(Debug, Clone)]
    pub type MessageSender;

    #[wasm_bindgen(method, getter)]
    pub fn id(this: &MessageSender) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub fn url(this: &MessageSender) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub fn tab(this: &MessageSender) -> Option<Tab>;

    /// A browser tab.
    #[derive(Debug, Clone)]
    pub type Tab;

    #[wasm_bindgen(method, getter)]
    pub fn id(this: &Tab) -> Option<i32>;

    #[wasm_bindgen(method, getter, js_name = windowId)]
    pub fn window_id(this: &Tab) -> Option<i32>;

    #[wasm_bindgen(thread_local_v2, js_namespace = ["browser", "runtime"], js_name = id)]
    static RUNTIME_ID: String;

    #[wasm_bindgen(js_namespace = ["browser", "runtime"], js_name = getURL)]
    pub fn get_url(path: &str) -> String;

    #[wasm_bindgen(js_namespace = ["browser", "runtime"], js_name = sendMessage, catch)]
    pub async fn send_message(message: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "runtime"], js_name = connect, catch)]
    pub fn connect(options: &JsValue) -> Result<Port, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "runtime"], js_name = getContexts, catch)]
    pub async fn get_contexts(filter: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "storage", "local"], js_name = get, catch)]
    pub async fn storage_get(key: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "storage", "local"], js_name = set, catch)]
    pub async fn storage_set(items: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "storage", "session"], js_name = set, catch)]
    pub async fn session_set(items: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "action"], js_name = setBadgeText, catch)]
    pub async fn set_badge_text(details: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "action"], js_name = setBadgeBackgroundColor, catch)]
    pub async fn set_badge_color(details: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "tabs"], js_name = create, catch)]
    pub async fn tabs_create(details: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "tabs"], js_name = update, catch)]
    pub async fn tabs_update(id: i32, details: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "windows"], js_name = update, catch)]
    pub async fn windows_update(id: i32, details: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "offscreen"], js_name = createDocument, catch)]
    pub async fn create_offscreen_document(details: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["browser", "offscreen"], js_name = closeDocument, catch)]
    pub async fn close_offscreen_document() -> Result<JsValue, JsValue>;
}

/// Whether a message comes from one of the extension's own pages or workers.
pub fn is_ours(sender: Option<&MessageSender>) -> bool {
    let own = RUNTIME_ID.with(Clone::clone);
    sender.is_some_and(|sender| {
        sender.id().is_some_and(|id| id == own) && sender.url().is_none_or(|url| url.starts_with(&get_url("")))
    })
}
