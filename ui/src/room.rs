//! How much room the browser gives the extension, as every page can ask by itself.

use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{StorageEstimate, StorageManager};
use yew::prelude::*;

/// From this share on, in percent, people are warned.
const SHORT_PERCENT: u64 = 80;

/// The use of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes in use.
    pub usage: u64,
    /// Bytes that may be used.
    pub quota: u64,
}

impl Room {
    /// What is in use, in percent; a little is not nothing, and nearly full is not full.
    pub fn percent(self) -> u64 {
        match self {
            Self { usage: 0, .. } => 0,
            Self { usage, quota } if usage >= quota => 100,
            Self { usage, quota } => {
                // As u128, because a hundred times a large disk is more than a u64 holds.
                u64::try_from(u128::from(usage) * 100 / u128::from(quota)).unwrap_or(100).clamp(1, 99)
            }
        }
    }

    /// Whether people should be warned.
    pub fn is_short(self) -> bool {
        self.quota > 0 && self.percent() >= SHORT_PERCENT
    }
}

/// The page's storage, if the browser has it.
pub(crate) fn manager() -> Option<StorageManager> {
    let navigator = web_sys::window()?.navigator();
    // Missing where storage is switched off, which the generated binding doesn't know.
    let manager = js_sys::Reflect::get(&navigator, &"storage".into()).ok()?;
    wasm_bindgen::JsCast::dyn_into(manager).ok()
}

async fn estimate() -> Option<Room> {
    let estimate = JsFuture::from(manager()?.estimate().ok()?).await.ok()?;
    let estimate = StorageEstimate::from(estimate);
    // Whole numbers of bytes, below 2^53.
    Some(Room { usage: estimate.get_usage()? as u64, quota: estimate.get_quota()? as u64 })
}

/// The use of the storage, asked for again whenever `key` changes.
#[hook]
pub fn use_room<K: PartialEq + 'static>(key: K) -> Option<Room> {
    let room = use_state(|| None);
    use_effect_with(key, {
        let room = room.setter();
        move |_| spawn_local(async move { room.set(estimate().await) })
    });
    *room
}

/// Whether the browser keeps the storage when the computer's disk runs full: asked once, and for, by a press.
#[derive(Clone, PartialEq)]
pub struct Persistence {
    /// What the browser said; none until it has.
    pub granted: Option<bool>,
    /// It was asked for, and refused.
    pub refused: bool,
    /// Asks for it.
    pub ask: Callback<()>,
}

/// The state of [`Persistence`].
#[hook]
pub fn use_persistence() -> Persistence {
    let granted = use_state(|| None);
    let refused = use_state(|| false);
    use_effect_with((), {
        let granted = granted.setter();
        move |()| spawn_local(async move { granted.set(answer(manager().and_then(|m| m.persisted().ok())).await) })
    });
    let ask = {
        let (granted, refused) = (granted.setter(), refused.setter());
        Callback::from(move |()| {
            let (granted, refused) = (granted.clone(), refused.clone());
            spawn_local(async move {
                let given = answer(manager().and_then(|m| m.persist().ok())).await;
                refused.set(given != Some(true));
                granted.set(given);
            });
        })
    };
    Persistence { granted: *granted, refused: *refused, ask }
}

async fn answer(promise: Option<js_sys::Promise>) -> Option<bool> {
    let Some(promise) = promise else { return Some(false) };
    JsFuture::from(promise).await.ok().and_then(|value| value.as_bool())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_begins_at_four_fifths() {
        let room = |usage| Room { usage, quota: 1000 };
        assert!(!room(799).is_short());
        assert!(room(800).is_short() && room(5000).is_short());
        assert!(!Room { usage: 0, quota: 0 }.is_short(), "a browser that tells nothing is no reason to warn");
    }

    #[test]
    fn a_little_is_not_nothing_and_nearly_all_is_not_all() {
        assert_eq!(Room { usage: 0, quota: 10 }.percent(), 0);
        assert_eq!(Room { usage: 1, quota: 1 << 50 }.percent(), 1);
        assert_eq!(Room { usage: (1 << 50) - 1, quota: 1 << 50 }.percent(), 99);
        assert_eq!(Room { usage: u64::MAX, quota: 1 }.percent(), 100);
    }
}
