//! The templates page: what machines are made from, the user's own and the packaged ones, and scripts that are run in machines that vanish.
//!
//! Templates are the background's to keep; a script is spoken about with the machine's own worker, on a `BroadcastChannel` ([`talk`]).
//! [`draft`] makes a template of what is in the editor's fields, and [`text`] shows what a script says, both without a browser.

mod card;
mod draft;
mod editor;
mod file;
mod page;
mod profiles;
mod removed;
mod runner;
mod talk;
mod text;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the page.
#[wasm_bindgen(start)]
pub fn start() {
    ui::mount::<page::Page>();
}
