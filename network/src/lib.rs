//! The network page: who is on the LAN and how much goes over it, what each machine may reach on the web, what it asked for, and captures.
//!
//! How the LAN is comes once a second from the lan worker, on a `BroadcastChannel`; what a machine may reach is the background's to keep.
//! [`rates`] makes rates of what was counted without a browser.

mod access;
mod channel;
mod diagram;
mod join;
mod leave;
mod machines;
mod page;
mod rates;
mod requests;
mod uplinks;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the page.
#[wasm_bindgen(start)]
pub fn start() {
    ui::mount::<page::Page>();
}
