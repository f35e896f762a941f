//! Starts a real browser with the unpacked extension in it, for the end-to-end tests.
//!
//! A [`Browser`] is a chromedriver or geckodriver, the browser that it started, and a profile. [`Browser::launch`]
//! makes one, [`Browser::close`] ends it as a user would, [`Browser::kill`] as a power cut would, and dropping it (at
//! the end of a test, however that comes) leaves no process behind. Everything between goes over WebDriver, with the
//! crate [`thirtyfour`], whose session is [`Browser::driver`] for whatever has no shorter way here.
//!
//! Tests wait for what they can name: [`Browser::wait_until`] polls a condition and, when its time is over, says what
//! was waited for and what the page and the browser were doing meanwhile. Elements are found as a screen reader would
//! find them, by role and accessible name: [`Browser::by_role`].
//!
//! What is here knows browsers and extensions, but nothing of this extension. It runs on Linux (it reads `/proc`).

mod background;
mod browser;
mod cable;
mod chromium;
mod devtools;
mod error;
mod extension;
mod firefox;
mod launch;
mod network;
mod options;
mod pages;
mod processes;
mod roles;
mod wait;

pub use background::Target;
pub use browser::Browser;
pub use error::{Error, Result};
pub use network::Network;
pub use options::{Kind, LaunchOptions};
pub use pages::Tab;
pub use thirtyfour;
