//! v86's WebAssembly, compiled once for all machines of this host page.
//!
//! Browsers optimise the functions that run often, for seconds of processor time, and keep what they made with the
//! compiled module. So the module is shared, and a second machine begins with what the first one made hot.

use crate::bridge::text_of;
use js_sys::{ArrayBuffer, Promise, WebAssembly};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};
use web_sys::{Response, Worker};

/// v86's WebAssembly, and the one for browsers that lack an instruction of the first.
const FILES: [&str; 2] = ["vendor/v86.wasm", "vendor/v86-fallback.wasm"];

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn fetch(url: &str) -> Result<JsValue, JsValue>;
}

/// The engine, there or on its way.
#[derive(Debug)]
pub struct Engine(Promise);

impl Engine {
    /// Begins to compile.
    pub fn compile() -> Self {
        Self(future_to_promise(async {
            let [main, fallback] = FILES;
            match module(main).await {
                Ok(module) => Ok(module),
                Err(first) => module(fallback)
                    .await
                    .map_err(|second| js_sys::Error::new(&format!("{}; {}", text_of(&first), text_of(&second))).into()),
            }
        }))
    }

    /// Gives it to a worker once it is there: a `WebAssembly.Module`, or an `Error` with the reason why there is none.
    pub fn give(&self, worker: &Worker) {
        let (engine, worker) = (JsFuture::from(self.0.clone()), worker.clone());
        spawn_local(async move {
            let message = engine.await.unwrap_or_else(|error| error);
            if let Err(error) = worker.post_message(&message) {
                crate::bridge::log(&format!("the engine could not be given to a worker: {}", text_of(&error)));
            }
        });
    }
}

async fn module(path: &str) -> Result<JsValue, JsValue> {
    let response: Response = fetch(&format!("/{path}")).await?.unchecked_into();
    if !response.ok() {
        return Err(js_sys::Error::new(&format!("{path} has status {}", response.status())).into());
    }
    let bytes: ArrayBuffer = JsFuture::from(response.array_buffer()?).await?.unchecked_into();
    JsFuture::from(WebAssembly::compile(&bytes)).await
}
