//! Whether this browser draws with a graphics processor.

use crate::js::object;
use wasm_bindgen::prelude::*;
use web_sys::{HtmlCanvasElement, WebGl2RenderingContext, WebglDebugRendererInfo, WebglLoseContext};

/// What the drivers call themselves that draw with the processor: Chromium's, Mesa's, Windows' and macOS's.
const SOFTWARE: [&str; 6] = ["swiftshader", "llvmpipe", "softpipe", "swrast", "basic render", "software"];

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
    // WebGL 1.0, 5.2: no context where it would be much slower than what is drawn natively. Chromium gives one of
    // SwiftShader nevertheless, so the driver's name is looked at as well.
    let wanted = object(&[("failIfMajorPerformanceCaveat", true.into())]);
    let context = canvas.get_context_with_context_options("webgl2", &wanted).ok()??;
    let context: WebGl2RenderingContext = context.unchecked_into();
    let name = match context.get_extension("WEBGL_debug_renderer_info") {
        Ok(Some(_)) => context.get_parameter(WebglDebugRendererInfo::UNMASKED_RENDERER_WEBGL),
        _ => context.get_parameter(WebGl2RenderingContext::RENDERER),
    };
    if let Ok(Some(give_up)) = context.get_extension("WEBGL_lose_context") {
        give_up.unchecked_into::<WebglLoseContext>().lose_context();
    }
    Some(!is_software(&name.ok()?.as_string()?))
}

fn is_software(driver: &str) -> bool {
    let driver = driver.to_lowercase();
    SOFTWARE.iter().any(|name| driver.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_that_draw_with_the_processor_are_known_by_their_names() {
        assert!(is_software("ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero)), SwiftShader driver)"));
        assert!(is_software("llvmpipe, or similar"));
        assert!(is_software("ANGLE (Microsoft, Microsoft Basic Render Driver Direct3D11, D3D11)"));
        assert!(!is_software("ANGLE (Intel, Mesa Intel(R) UHD Graphics 620 (KBL GT2), OpenGL 4.6)"));
        assert!(!is_software("Apple M1, or similar"));
    }
}
