//! The one way from JavaScript's values and errors to ours, and back.

use protocol::{Problem, ProblemCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use web_sys::DomException;

/// A value as plain JavaScript data: bytes as `Uint8Array`, numbers as numbers, maps as objects.
pub fn to_js<T: Serialize>(value: &T) -> Result<JsValue, Problem> {
    webbridge::to_js(value).map_err(|error| Problem::new(ProblemCode::Internal, error.to_string()))
}

/// Plain JavaScript data as a value, or what is wrong with it.
pub fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T, Problem> {
    webbridge::from_js(value).map_err(|error| Problem::new(ProblemCode::Internal, error.to_string()))
}

/// What a thrown value says of itself.
pub fn text_of(error: &JsValue) -> String {
    if let Some(error) = error.dyn_ref::<js_sys::Error>() {
        return String::from(error.message());
    }
    if let Some(error) = error.dyn_ref::<DomException>() {
        return format!("{}: {}", error.name(), error.message());
    }
    error.as_string().unwrap_or_else(|| format!("{error:?}"))
}

/// The name of a thrown error or exception, such as `QuotaExceededError`.
pub fn name_of(error: &JsValue) -> String {
    let name = js_sys::Reflect::get(error, &JsValue::from_str("name")).ok();
    name.and_then(|name| name.as_string()).unwrap_or_default()
}

/// A problem of the given kind whose sentence ends with what the browser said.
pub fn problem(code: ProblemCode, what: &str, error: &JsValue) -> Problem {
    let message = format!("{what}: {}", text_of(error).trim_end_matches('.'));
    Problem::new(code, format!("{message}."))
}

/// Writes to the context's console, for developers, and to the log that people can read.
pub fn log(text: &str) {
    web_sys::console::warn_1(&JsValue::from_str(text));
    crate::journal::say(text);
}
