//! Whether this browser draws with a graphics processor.

use crate::js::object;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

thread_local! {
    // Asked once: the answer hardly changes, and asking takes a context, of which a page has few.
    static DRAWS: bool = asked().unwrap_or(false);
}

/// Whether WebGL is there, and is not done by the processor instead.
pub(crate) fn draws() -> bool {
    DRAWS.with(|draws| *draws)
}

fn asked() -> Option<bool> {
    let document = web_sys::window()?.document()?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
    // WebGL 1.0, 5.2: no context where it would be much slower than one drawn natively.
    let wanted = object(&[("failIfMajorPerformanceCaveat", true.into())]);
    let context = canvas.get_context_with_context_options("webgl2", &wanted).ok()??;
    let context = context.unchecked_into::<web_sys::WebGl2RenderingContext>();
    if let Ok(Some(give_up)) = context.get_extension("WEBGL_lose_context") {
        give_up.unchecked_into::<web_sys::WebglLoseContext>().lose_context();
    }
    Some(true)
}
