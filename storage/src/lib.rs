//! The storage page: how much room the machines take up and how much there is, what can be freed, and a place to import
//! disks and machines.
//!
//! What it shows comes from [`protocol::StorageReport`], asked for again whenever something of it may have changed.
//! [`account`] adds it up without a browser.

mod account;
mod free;
mod import;
mod machines;
mod page;
mod usage;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the page.
#[wasm_bindgen(start)]
pub fn start() {
    ui::mount::<page::Page>();
}
