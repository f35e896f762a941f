//! The toolbar's popup: launches a machine with one press, and lists all machines with their states and controls.
//!
//! It shows what [`ui::use_world`] gives it and asks the background for everything; it keeps no state of its own but
//! which row is being renamed or deleted.

mod launch;
mod machine;
mod name;
mod page;

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

/// Starts the page.
#[wasm_bindgen(start)]
pub fn start() {
    spawn_local(async {
        // The background may have to be woken first.
        ui::mount_with::<page::Page>(page::PageProps { was: ui::shown_last().await });
    });
}
