//! What the background keeps in `storage.local`, and what it reads from the package.

use crate::bridge::{from_js, problem};
use crate::webext::{get_url, storage_get, storage_set};
use futures_util::try_join;
use protocol::{Problem, ProblemCode};
use registry::{Package, Stored};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

/// The one key in `storage.local`; its value is [`Stored`] as JSON.
const KEY: &str = "registry";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn fetch(url: &str) -> Result<JsValue, JsValue>;
}

/// Loads what was stored; nothing stored is an empty registry.
pub async fn load() -> Result<Stored, Problem> {
    let failed = |error| problem(ProblemCode::NoStorage, "The list of machines could not be read", &error);
    let items = storage_get(KEY).await.map_err(failed)?;
    let value = js_sys::Reflect::get(&items, &JsValue::from_str(KEY)).map_err(failed)?;
    match value.as_string() {
        None => Ok(Stored::default()),
        Some(text) => serde_json::from_str(&text).map_err(|error| {
            Problem::new(ProblemCode::Internal, format!("The list of machines can’t be understood: {error}."))
        }),
    }
}

/// Stores; returns once the browser has taken it.
pub async fn save(stored: &Stored) -> Result<(), Problem> {
    let text = serde_json::to_string(stored).map_err(|error| {
        Problem::new(ProblemCode::Internal, format!("The list of machines can’t be stored: {error}."))
    })?;
    let items = super::options(&serde_json::json!({ KEY: text }));
    let saved = storage_set(&items).await;
    saved.map_err(|error| problem(ProblemCode::NoSpace, "The list of machines could not be stored", &error))?;
    Ok(())
}

/// What the package has.
pub async fn package() -> Result<Package, Problem> {
    let (templates, workspace) = try_join!(json("images/templates.json"), json("images/workspace.json"))?;
    Ok(Package { templates, workspace })
}

async fn json<T: DeserializeOwned>(path: &str) -> Result<T, Problem> {
    let failed = |error| problem(ProblemCode::ImageDamaged, "A packaged list could not be read", &error);
    let response: Response = fetch(&get_url(path)).await.map_err(failed)?.unchecked_into();
    let json = JsFuture::from(response.json().map_err(failed)?).await.map_err(failed)?;
    from_js(json)
}
