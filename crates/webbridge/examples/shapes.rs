//! Tests of the shapes that both ends of the console's channel rely on, in a real JavaScript engine: `cargo xtask test` builds
//! this for Node.js and calls every function that is exported.
#![cfg(target_family = "wasm")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "these are tests")]

use js_sys::{Object, Reflect, Uint8Array};
use protocol::{ConsoleEvent, ConsoleRequest, Stream, TerminalSize};
use wasm_bindgen::prelude::*;
use webbridge::{from_js, to_js};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn error(text: &str);
}

/// Says why a test failed, which a trap would not.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|panic| error(&panic.to_string())));
}

fn get(value: &JsValue, key: &str) -> JsValue {
    Reflect::get(value, &key.into()).unwrap()
}

fn output(offset: u64) -> ConsoleEvent {
    ConsoleEvent::Output { stream: Stream::Shell, offset, bytes: vec![0, 10, 255] }
}

#[wasm_bindgen]
pub fn console_bytes_are_a_typed_array_and_offsets_are_numbers() {
    let value = to_js(&output(1 << 40)).unwrap();
    let body = get(&value, "Output");
    assert_eq!(get(&body, "stream").as_string().as_deref(), Some("shell"));
    assert_eq!(get(&body, "offset").as_f64(), Some(1_099_511_627_776.0));
    let bytes = get(&body, "bytes").dyn_into::<Uint8Array>().expect("a Uint8Array");
    assert_eq!(bytes.to_vec(), [0, 10, 255]);
}

#[wasm_bindgen]
pub fn every_message_comes_back_as_it_went() {
    let size = TerminalSize { cols: 120, rows: 40 };
    let requests = [
        ConsoleRequest::Attach { viewer: u32::MAX },
        ConsoleRequest::Ack { viewer: 1, stream: Stream::Serial, offset: 1 << 50 },
        ConsoleRequest::Input { stream: Stream::Shell, bytes: "é".into() },
        ConsoleRequest::Resize { viewer: 1, size: Some(size) },
        ConsoleRequest::Resize { viewer: 1, size: None },
        ConsoleRequest::Detach { viewer: 1 },
    ];
    for request in requests {
        assert_eq!(from_js::<ConsoleRequest>(to_js(&request).unwrap()).unwrap(), request);
    }
    for event in [ConsoleEvent::Ready { boot: 2 }, output(0), ConsoleEvent::Resized(size)] {
        assert_eq!(from_js::<ConsoleEvent>(to_js(&event).unwrap()).unwrap(), event);
    }
}

#[wasm_bindgen]
pub fn a_number_that_javascript_would_round_is_refused() {
    assert!(to_js(&output(u64::MAX)).is_err());
}

#[wasm_bindgen]
pub fn what_is_no_message_is_an_error() {
    for value in [JsValue::NULL, JsValue::from_f64(3.0), "Ready".into(), Object::new().into()] {
        assert!(from_js::<ConsoleEvent>(value).is_err());
    }
    let negative = to_js(&output(0)).unwrap();
    Reflect::set(&get(&negative, "Output"), &"offset".into(), &(-1.0).into()).unwrap();
    assert!(from_js::<ConsoleEvent>(negative).is_err());
}
