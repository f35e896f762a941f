//! The extension's WebAssembly: one module for each context that it runs in.
//!
//! Each module is thin glue between a browser's APIs and the pure crates: it carries out what they decide. The
//! bootstraps in `extension/` load this one file everywhere and make the object of their context: [`Background`] in the
//! service worker (Firefox: the event page), [`Host`] in the host page, [`Machine`] in each machine worker, [`CatalogWorker`]
//! in the catalog's, [`LanWorker`] in the LAN's.

mod background;
mod bridge;
mod catalog;
mod disks;
mod host;
mod journal;
mod lan;
mod machine;
mod package;
mod profiles;
mod ring;
mod rtc;
mod share;
mod storage;
mod webext;

pub use crate::catalog::CatalogWorker;
pub use background::Background;
pub use host::Host;
pub use lan::LanWorker;
pub use machine::Machine;
pub use storage::Storage;
