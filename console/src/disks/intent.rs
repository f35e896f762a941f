use gloo_events::EventListener;
use protocol::InstanceId;
use ui::use_disks_note;
use yew::prelude::*;

/// The address that opens the panel.
const HASH: &str = "#disks";

/// Calls `open` when the disks are to be shown: another page left a note, or the address says so.
#[hook]
pub(crate) fn use_intent(id: &InstanceId, open: Callback<()>) {
    use_disks_note(id, open.clone());
    use_effect_with((), move |()| {
        let look = move || {
            let hash = web_sys::window().and_then(|window| window.location().hash().ok());
            if hash.is_some_and(|hash| hash == HASH) {
                open.emit(());
            }
        };
        look();
        let listener = web_sys::window().map(|window| EventListener::new(&window, "hashchange", move |_| look()));
        move || drop(listener)
    });
}
