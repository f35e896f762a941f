//! A note from one page to a machine's console, open or not yet: show the disks.
//!
//! Pages don't know which consoles are open. So the note is left in the local storage, and then the console is asked for:
//! those that are open hear of the note at once, and one that opens finds it.

use crate::now;
use gloo_events::EventListener;
use protocol::InstanceId;
use wasm_bindgen::JsCast;
use web_sys::{Storage, StorageEvent};
use yew::prelude::*;

const KEY: &str = "show-disks";
/// How long a console may take to open, in milliseconds; a note that is older was for another one.
const FRESH_MS: u64 = 10_000;

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}

/// Notes that the machine's console is to show its disks; then ask for the console.
pub fn leave_disks_note(id: &InstanceId) {
    if let Some(storage) = storage() {
        // Without storage the console opens all the same.
        let _ = storage.set_item(KEY, &format!("{id} {}", now()));
    }
}

/// Whether the text is a fresh note for this machine.
fn is_for(text: &str, id: &InstanceId, now: u64) -> bool {
    let Some((of, at)) = text.split_once(' ') else { return false };
    of == id.as_str() && at.parse().is_ok_and(|at: u64| now.saturating_sub(at) < FRESH_MS)
}

/// Calls `open` whenever there is a note for this machine.
#[hook]
pub fn use_disks_note(id: &InstanceId, open: Callback<()>) {
    use_effect_with(id.clone(), move |id| {
        let look = {
            let id = id.clone();
            move |text: Option<String>| {
                if text.is_some_and(|text| is_for(&text, &id, now())) {
                    open.emit(());
                }
            }
        };
        look(storage().and_then(|storage| storage.get_item(KEY).ok().flatten()));
        let listener = web_sys::window().map(|window| {
            EventListener::new(&window, "storage", move |event| {
                let event = event.dyn_ref::<StorageEvent>().filter(|event| event.key().as_deref() == Some(KEY));
                look(event.and_then(StorageEvent::new_value));
            })
        });
        move || drop(listener)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_for_one_machine_and_a_moment() {
        let [one, other] = [1, 2].map(InstanceId::from_random);
        let note = format!("{one} 5000");
        assert!(is_for(&note, &one, 5_000) && is_for(&note, &one, 14_999));
        assert!(!is_for(&note, &one, 15_000), "it was for a console that opened long ago");
        assert!(!is_for(&note, &other, 5_000));
        assert!(!is_for("", &one, 0) && !is_for("x y", &one, 0));
    }
}
