//! Files of the extension's own package.

use crate::bridge::problem;
use js_sys::ArrayBuffer;
use protocol::{Problem, ProblemCode};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn fetch(url: &str) -> Result<JsValue, JsValue>;
}

/// A file of the package, whole.
pub async fn file(path: &str) -> Result<ArrayBuffer, Problem> {
    let failed = |error| problem(ProblemCode::ImageDamaged, &format!("The packaged file {path} can’t be read"), &error);
    let response: Response = fetch(&format!("/{path}")).await.map_err(failed)?.unchecked_into();
    if !response.ok() {
        return Err(failed(JsValue::from_str(&format!("status {}", response.status()))));
    }
    let bytes = JsFuture::from(response.array_buffer().map_err(failed)?).await.map_err(failed)?;
    Ok(bytes.unchecked_into())
}

/// The whole address of a file of the package.
pub fn url(path: &str) -> String {
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    format!("{}{path}", scope.location().origin())
}
