//! The network page: who is on the LAN and how much goes over it, what each machine may reach on the web, what it asked for, and captures.
//!
//! How the LAN is comes once a second from the lan worker, on a `BroadcastChannel`; what a machine may reach is the background's to keep.
//! [`view`] is a page of its own, which shows a web site of a machine.
//! [`rates`] makes rates of what was counted without a browser.

mod access;
mod channel;
mod diagram;
mod join;
mod leave;
mod machines;
mod page;
mod port;
mod rates;
mod requests;
mod uplinks;
mod view;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the page: the network page, or the one that shows a machine's site.
#[wasm_bindgen(start)]
pub fn start() {
    let path = web_sys::window().and_then(|window| window.location().pathname().ok()).unwrap_or_default();
    match path.ends_with(view::FILE) {
        true => ui::mount::<view::Viewer>(),
        false => ui::mount::<page::Page>(),
    }
}
