//! How other pages ask for the panel.
//!
//! The popup does not know whether a console is open already. It notes in the local storage whose disks are to be shown,
//! and asks for the console: one that is open hears of the note at once, one that opens finds it. An address that ends
//! in `#disks` opens the panel as well.

use gloo_events::EventListener;
use protocol::InstanceId;
use yew::prelude::*;

const HASH: &str = "#disks";

/// Calls `open` when this machine's disks are to be shown: now, or later.
#[hook]
pub(crate) fn use_intent(id: &InstanceId, open: Callback<()>) {
    use_effect_with(id.clone(), move |id| {
        let id = id.clone();
        let look = move || {
            if take(&id) {
                open.emit(());
            }
        };
        look();
        let listeners = web_sys::window().map(|window| {
            let (heard, moved) = (look.clone(), look);
            [
                EventListener::new(&window, "storage", move |_| heard()),
                EventListener::new(&window, "hashchange", move |_| moved()),
            ]
        });
        move || drop(listeners)
    });
}

/// Whether the panel was asked for; the note is taken away.
fn take(id: &InstanceId) -> bool {
    let Some(window) = web_sys::window() else { return false };
    let noted = ui::take_disks_note(id);
    noted || window.location().hash().is_ok_and(|hash| hash == HASH)
}
