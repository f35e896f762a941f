//! The few WebExtension calls that a page makes itself, on the global `browser` that `vendor/browser.js` puts there.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A connection to the background.
    pub(crate) type Port;

    #[wasm_bindgen(method, catch, js_name = postMessage)]
    pub(crate) fn post_message(this: &Port, message: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, getter, js_name = onMessage)]
    pub(crate) fn on_message(this: &Port) -> PortEvent;

    #[wasm_bindgen(method, getter, js_name = onDisconnect)]
    pub(crate) fn on_disconnect(this: &Port) -> PortEvent;

    #[wasm_bindgen(method)]
    pub(crate) fn disconnect(this: &Port);

    /// One of a port's events.
    pub(crate) type PortEvent;

    #[wasm_bindgen(method, js_name = addListener)]
    pub(crate) fn add_listener(this: &PortEvent, listener: &js_sys::Function);

    #[wasm_bindgen(catch, js_namespace = ["browser", "runtime"], js_name = connect)]
    fn runtime_connect(options: &JsValue) -> Result<Port, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["browser", "storage", "session"], js_name = get)]
    async fn session_get(key: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["browser", "runtime"], js_name = getManifest)]
    fn get_manifest() -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["browser", "extension"], js_name = getViews)]
    fn get_views(options: &JsValue) -> Result<js_sys::Array, JsValue>;
}

fn object(key: &str, value: &str) -> JsValue {
    js_sys::Object::from_entries(&js_sys::Array::of1(&js_sys::Array::of2(&key.into(), &value.into())))
        .map_or(JsValue::UNDEFINED, JsValue::from)
}

/// Opens a port with this name to the background, which starts the background if need be.
pub(crate) fn connect(name: &str) -> Result<Port, JsValue> {
    runtime_connect(&object("name", name))
}

/// A text that the background has left for as long as the browser runs, if it has.
pub(crate) async fn left(key: &str) -> Option<String> {
    let items = session_get(key).await.ok()?;
    js_sys::Reflect::get(&items, &key.into()).ok()?.as_string()
}

/// The extension's version, from its manifest.
pub fn version() -> Option<String> {
    let manifest = get_manifest().ok()?;
    js_sys::Reflect::get(&manifest, &"version".into()).ok()?.as_string()
}

/// Closes this page if it is the toolbar's popup: Firefox leaves it open over the tab that it has opened.
pub fn close_if_popup() {
    let (Some(window), Ok(popups)) = (web_sys::window(), get_views(&object("type", "popup"))) else { return };
    if popups.includes(&window, 0) {
        // A popup that stays open is only in the way.
        let _ = window.close();
    }
}
