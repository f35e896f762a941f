//! Plain JavaScript objects.

use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

/// An object with these fields.
pub(crate) fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in fields {
        set(&object, key, value);
    }
    object.into()
}

/// Sets a field of an object of ours.
pub(crate) fn set(object: &JsValue, key: &str, value: &JsValue) {
    // Fails only for what is no object or is frozen.
    let _ = Reflect::set(object, &key.into(), value);
}

/// A number in an object.
pub(crate) fn number(object: &JsValue, key: &str) -> Option<f64> {
    Reflect::get(object, &key.into()).ok()?.as_f64()
}
