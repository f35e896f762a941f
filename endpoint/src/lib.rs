//! The reference endpoint for uplinks: LANs of browsers meet in named rooms, over WebTransport. The protocol is the crate `uplink`'s;
//! `docs/uplinks.md` describes both and how to run this.
//!
//! ```text
//!  browser ── session ──┐
//!  browser ── session ──┼─ room: a switch (crate `vlan`), who is in it and what their machines are called
//!  browser ── session ──┘
//! ```
//!
//! - [`Server`] accepts sessions until it is shut down; [`Config`] says what it takes.
//! - `session` is one browser from its hello to its end; `rooms` and `room` are where frames go; [`identity`] are certificates; [`tokens`] who may come in.
//!
//! A browser is not believed: it speaks from its own addresses only, is bounded in everything that it can make the endpoint hold or do, and is cut when it does
//! not stop. The endpoint keeps nothing of what goes through it.

pub mod cli;
pub mod identity;
pub mod metrics;
mod room;
mod rooms;
mod server;
mod session;
pub mod tokens;

pub use server::{Certificates, Config, Error, Limits, PATH, Server};
