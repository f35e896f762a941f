//! Messages as JavaScript values, for `postMessage` and `BroadcastChannel`.
//!
//! Both ends of a channel use these two functions, so that both see the same shape: an enum is an object with its
//! variant's name as the only key, a map is an object, `serde_bytes` fields are `Uint8Array`s, and 64-bit numbers are `Number`s (offsets
//! and times stay far below 2^53; a larger one is an error, not a rounded number). What arrives is checked: a value of
//! another shape is an error.

use serde::{Serialize, de::DeserializeOwned};
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

/// Why a message could not cross.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// A value that has no JavaScript form.
    #[error("a message could not be written: {0}")]
    Write(String),
    /// A value that is not the expected message.
    #[error("a message could not be understood: {0}")]
    Read(String),
}

/// The message as a JavaScript value that can be posted.
pub fn to_js<T: Serialize + ?Sized>(message: &T) -> Result<JsValue, BridgeError> {
    // Chrome's runtime messages are JSON, in which a property that is `undefined` is left out.
    let serializer = Serializer::new().serialize_maps_as_objects(true).serialize_missing_as_null(true);
    message.serialize(&serializer).map_err(|error| BridgeError::Write(error.to_string()))
}

/// The message in a JavaScript value that was received.
pub fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T, BridgeError> {
    serde_wasm_bindgen::from_value(value).map_err(|error| BridgeError::Read(error.to_string()))
}
