//! The options page: what new machines get, how the pages look, and what this is. Every choice is saved at once.

mod choice;
mod page;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the page.
#[wasm_bindgen(start)]
pub fn start() {
    ui::mount::<page::Page>();
}
