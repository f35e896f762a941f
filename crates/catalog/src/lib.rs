//! The memory of the workbench: tables of machines, snapshots and events that people can ask in SQL.
//!
//! ```text
//!  background ── Watch: what happened ──► Waiting: not saved yet ──► Catalog ──► Engine (DuckDB, in a worker)
//!                                                                      │
//!  history page ◄────────────────────── rows ◄─────────────────────────┘
//! ```
//!
//! The catalog is no machine's truth: that is the background's list and the disks' own records, from which all tables but the
//! events are written anew. Events [wait](waiting::Waiting) outside until the catalog has confirmed them, so nothing waits for
//! DuckDB, and a catalog that is lost loses history and nothing else.
//!
//! This crate knows no browser. [`Engine`] stands for DuckDB, which is another one in tests.

pub mod csv;
pub mod describe;
mod engine;
pub mod guard;
mod open;
mod read;
mod save;
mod schema;
pub mod waiting;
pub mod watch;

pub use engine::{Engine, EngineError, Row, Value};
pub use open::{Catalog, OpenError};
pub use read::ReadError;
pub use save::{Found, KnownProfile};
pub use schema::{MIGRATIONS, VERSION, migrate};
