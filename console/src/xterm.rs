//! The parts of xterm.js 6 and its add-ons that the console uses, as `extension/npm/xterm.mjs` exports them.

use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlElement, KeyboardEvent};

#[wasm_bindgen(raw_module = "../vendor/xterm.js")]
extern "C" {
    /// A terminal; clones are the same one.
    #[derive(Clone)]
    pub(crate) type Terminal;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new(options: &JsValue) -> Terminal;
    #[wasm_bindgen(method)]
    pub(crate) fn open(this: &Terminal, parent: &Element);
    #[wasm_bindgen(method, catch, js_name = loadAddon)]
    pub(crate) fn load_addon(this: &Terminal, addon: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn write(this: &Terminal, bytes: &Uint8Array, done: &Function) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn reset(this: &Terminal);
    #[wasm_bindgen(method)]
    pub(crate) fn clear(this: &Terminal);
    #[wasm_bindgen(method)]
    pub(crate) fn focus(this: &Terminal);
    #[wasm_bindgen(method)]
    pub(crate) fn paste(this: &Terminal, text: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn resize(this: &Terminal, cols: u16, rows: u16);
    #[wasm_bindgen(method, js_name = hasSelection)]
    pub(crate) fn has_selection(this: &Terminal) -> bool;
    #[wasm_bindgen(method, js_name = getSelection)]
    pub(crate) fn get_selection(this: &Terminal) -> String;
    #[wasm_bindgen(method, js_name = attachCustomKeyEventHandler)]
    pub(crate) fn attach_custom_key_event_handler(this: &Terminal, handler: &Closure<dyn Fn(KeyboardEvent) -> bool>);
    #[wasm_bindgen(method, js_name = onData)]
    pub(crate) fn on_data(this: &Terminal, listener: &Closure<dyn Fn(String)>);
    #[wasm_bindgen(method, js_name = onBinary)]
    pub(crate) fn on_binary(this: &Terminal, listener: &Closure<dyn Fn(String)>);
    #[wasm_bindgen(method, js_name = onSelectionChange)]
    pub(crate) fn on_selection_change(this: &Terminal, listener: &Closure<dyn Fn()>);
    #[wasm_bindgen(method, getter)]
    pub(crate) fn cols(this: &Terminal) -> u16;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn rows(this: &Terminal) -> u16;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn options(this: &Terminal) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn textarea(this: &Terminal) -> Option<HtmlElement>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn buffer(this: &Terminal) -> Buffers;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn parser(this: &Terminal) -> Parser;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn unicode(this: &Terminal) -> Unicode;

    /// A terminal's normal and alternate screen.
    pub(crate) type Buffers;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn active(this: &Buffers) -> Buffer;

    /// One screen with its scrollback.
    pub(crate) type Buffer;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn length(this: &Buffer) -> u32;
    #[wasm_bindgen(method, js_name = getLine)]
    pub(crate) fn get_line(this: &Buffer, y: u32) -> Option<Line>;

    /// One line of a screen.
    pub(crate) type Line;
    #[wasm_bindgen(method, getter, js_name = isWrapped)]
    pub(crate) fn is_wrapped(this: &Line) -> bool;
    #[wasm_bindgen(method, js_name = translateToString)]
    pub(crate) fn translate_to_string(this: &Line, trim_right: bool) -> String;

    /// Where handlers of escape sequences are registered; one that returns true keeps xterm.js from its own.
    pub(crate) type Parser;
    #[wasm_bindgen(method, js_name = registerCsiHandler)]
    pub(crate) fn register_csi_handler(this: &Parser, id: &JsValue, handler: &Closure<dyn Fn() -> bool>);
    #[wasm_bindgen(method, js_name = registerDcsHandler)]
    pub(crate) fn register_dcs_handler(this: &Parser, id: &JsValue, handler: &Closure<dyn Fn() -> bool>);
    #[wasm_bindgen(method, js_name = registerOscHandler)]
    pub(crate) fn register_osc_handler(this: &Parser, id: u32, handler: &Closure<dyn Fn(String) -> bool>);

    /// Which version of Unicode says how wide characters are.
    pub(crate) type Unicode;
    #[wasm_bindgen(method, setter, js_name = activeVersion)]
    pub(crate) fn set_active_version(this: &Unicode, version: &str);

    /// Finds the size that fits.
    pub(crate) type FitAddon;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> FitAddon;
    #[wasm_bindgen(method, js_name = proposeDimensions)]
    pub(crate) fn propose_dimensions(this: &FitAddon) -> JsValue;

    /// Draws with WebGL.
    pub(crate) type WebglAddon;
    #[wasm_bindgen(constructor, catch)]
    pub(crate) fn new() -> Result<WebglAddon, JsValue>;
    #[wasm_bindgen(method, js_name = onContextLoss)]
    pub(crate) fn on_context_loss(this: &WebglAddon, listener: &Closure<dyn Fn()>);
    #[wasm_bindgen(method)]
    pub(crate) fn dispose(this: &WebglAddon);

    /// Finds text.
    pub(crate) type SearchAddon;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> SearchAddon;
    #[wasm_bindgen(method, js_name = findNext)]
    pub(crate) fn find_next(this: &SearchAddon, term: &str, options: &JsValue) -> bool;
    #[wasm_bindgen(method, js_name = findPrevious)]
    pub(crate) fn find_previous(this: &SearchAddon, term: &str, options: &JsValue) -> bool;
    #[wasm_bindgen(method, js_name = clearDecorations)]
    pub(crate) fn clear_decorations(this: &SearchAddon);
    #[wasm_bindgen(method, js_name = onDidChangeResults)]
    pub(crate) fn on_did_change_results(this: &SearchAddon, listener: &Closure<dyn Fn(JsValue)>);

    /// Makes addresses into links.
    pub(crate) type WebLinksAddon;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new(activate: &Closure<dyn Fn(JsValue, String)>, options: &JsValue) -> WebLinksAddon;

    /// Widths of characters after Unicode 11.
    pub(crate) type Unicode11Addon;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Unicode11Addon;
}
