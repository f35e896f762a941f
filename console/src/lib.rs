//! The full-tab console of one machine: two terminals, and the machine's controls.
//!
//! What comes from the machine goes [`channel`] → [`session`] → [`flow`] → [`screen`]; what a person types goes the
//! other way without [`flow`]. [`desk`] holds them together and is all that the components in [`page`] know of them;
//! it tells them what they show by [`view::Signal`]s. Control (start, stop, …) goes through `ui` to the background, and so
//! does what the side panels in [`disks`] and [`share`] ask.

mod answers;
mod channel;
mod clipboard;
mod cover;
mod desk;
mod disks;
mod find;
mod flow;
mod gpu;
mod health;
mod input;
mod js;
mod keys;
mod page;
mod palette;
mod probe;
mod profiles;
mod screen;
mod session;
mod share;
mod stage;
mod store;
mod toolbar;
mod view;
mod watch;
mod xterm;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the page.
#[wasm_bindgen(start)]
pub fn start() {
    ui::mount::<page::Page>();
}
