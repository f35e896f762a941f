//! The history page: what happened to the machines, how long they took to boot, how much room they took up, and questions in
//! SQL over all of it.
//!
//! Everything comes from the catalog, by [`protocol::CatalogRequest`]. [`rows`] and [`plot`] work without a browser.

mod chart;
mod download;
mod events;
mod examples;
mod filter;
mod page;
mod plot;
mod query;
mod rows;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the page.
#[wasm_bindgen(start)]
pub fn start() {
    ui::mount::<page::Page>();
}
