//! What the background keeps in `storage.local`, and what it reads from the package.

use crate::bridge::{from_js, log, problem, text_of};
use crate::webext::{get_url, session_set, storage_get, storage_set};
use catalog::waiting::Waiting;
use futures_util::try_join;
use protocol::{Problem, ProblemCode, ROWS_KEY, SHOWN_KEY, World};
use registry::{Package, Stored};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Response;

/// The list of machines and the settings in `storage.local`; its value is [`Stored`] as JSON.
const KEY: &str = "registry";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn fetch(url: &str) -> Result<JsValue, JsValue>;
}

/// What waits for the catalog, as JSON.
const WAITING: &str = "waiting";

/// What was stored.
pub struct Loaded {
    /// The list of machines, and the settings.
    pub stored: Stored,
    /// What waits for the catalog.
    pub waiting: Waiting,
    /// There is no list, or none that can be read: machines may have to be found by their disks.
    pub lost: bool,
}

/// Loads what was stored. A list that can't be understood is kept under another key.
pub async fn load() -> Result<Loaded, Problem> {
    let (list, waiting) = try_join!(text(KEY), text(WAITING))?;
    let waiting = waiting.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let stored = match list.as_deref().map(serde_json::from_str) {
        Some(Ok(stored)) => Some(stored),
        None => None,
        Some(Err(error)) => {
            log(&format!("the list of machines can’t be understood: {error}"));
            let aside = format!("{KEY}-damaged-{}", js_sys::Date::now());
            set(&serde_json::json!({ aside: list })).await?;
            None
        }
    };
    Ok(Loaded { lost: stored.is_none(), stored: stored.unwrap_or_default(), waiting })
}

async fn text(key: &str) -> Result<Option<String>, Problem> {
    let failed = |error| problem(ProblemCode::NoStorage, "The list of machines could not be read", &error);
    let items = storage_get(key).await.map_err(failed)?;
    let value = js_sys::Reflect::get(&items, &JsValue::from_str(key)).map_err(failed)?;
    Ok(value.as_string())
}

async fn set(items: &serde_json::Value) -> Result<(), Problem> {
    let saved = storage_set(&super::options(items)).await;
    saved.map_err(|error| problem(ProblemCode::NoSpace, "The list of machines could not be stored", &error))?;
    Ok(())
}

/// Stores, all of it or nothing; returns once the browser has taken it. `waiting` only if it has changed.
pub async fn save(stored: &Stored, waiting: Option<&str>) -> Result<(), Problem> {
    let text = serde_json::to_string(stored).map_err(|error| {
        Problem::new(ProblemCode::Internal, format!("The list of machines can’t be stored: {error}."))
    })?;
    match waiting {
        Some(waiting) => set(&serde_json::json!({ KEY: text, WAITING: waiting })).await,
        None => set(&serde_json::json!({ KEY: text })).await,
    }
}

/// Leaves what the pages are told where a page finds it that is opened while the background sleeps. It lasts as long as the browser runs: after
/// that no machine is as it was.
pub fn show(world: &World) {
    let text = serde_json::to_string(world).unwrap_or_default();
    let rows: Vec<_> = world.instances.iter().map(|instance| (&instance.name, instance.state_label())).collect();
    let items = super::options(&serde_json::json!({ SHOWN_KEY: text, ROWS_KEY: rows }));
    spawn_local(async move {
        // Without it a page waits until the background is awake.
        if let Err(error) = session_set(&items).await {
            log(&format!("what is shown could not be left for the next page: {}", text_of(&error)));
        }
    });
}

/// What the package has.
pub async fn package() -> Result<Package, Problem> {
    let (images, workspace) = try_join!(json("images/templates.json"), json("images/workspace.json"))?;
    Ok(Package { images, workspace })
}

async fn json<T: DeserializeOwned>(path: &str) -> Result<T, Problem> {
    let failed = |error| problem(ProblemCode::ImageDamaged, "A packaged list could not be read", &error);
    let response: Response = fetch(&get_url(path)).await.map_err(failed)?.unchecked_into();
    let json = JsFuture::from(response.json().map_err(failed)?).await.map_err(failed)?;
    from_js(json)
}
