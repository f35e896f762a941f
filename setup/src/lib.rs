//! Everything that a fresh machine needs to build and test the extension.
//!
//! Each function looks first whether what it is asked for is there already, and answers in a few milliseconds if so.
//! Else it says on standard error what it does, installs it, and looks again. What it can't install ends in an
//! [`Error`] whose text says what to install by hand. Programs found by the user's own means (on `PATH`, or named by
//! an environment variable) always win over installed ones.
//!
//! Installing is written for Debian and what derives from it; elsewhere everything works that is installed already.

mod apt;
mod browsers;
mod cache;
mod error;
mod npm;
mod run;
mod search;
mod tools;
mod version;
mod wasm;

pub use apt::{apt, is_root};
pub use browsers::{ChromiumPaths, FirefoxPaths, chromium, firefox};
pub use cache::cache_dir;
pub use error::{Error, Result};
pub use npm::npm;
pub use run::native_cargo;
pub use search::find;
pub use wasm::{WasmToolchain, wasm_toolchain};

/// Tells the user what is being done; it can take minutes.
fn announce(what: &str) {
    eprintln!("setup: {what}");
}
