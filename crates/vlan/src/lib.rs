//! The virtual LAN of one browser: what carries frames between machines, peers and the gateway, and what the gateway does with them.
//! `docs/lan.md` describes it as a whole.
//!
//! ```text
//!  machine ─┐                       ┌─ ARP, ICMP, DHCP, DNS, NTP: answered at once
//!  machine ─┼─ stages ─ switch ─ gateway
//!  peer    ─┘  capture,             └─ TCP ─ streams of bytes ─ embedding ─ http, policy
//!              trace, faults
//! ```
//!
//! - [`Lan`] is all of it together, what the lan worker drives. [`batch`] is how frames travel to it and from it, [`ring`] how batches do where
//!   workers share memory.
//! - [`frame`] takes frames apart; [`switch`] forwards them and guards who may say what; [`stage`] watches or worsens a port.
//! - [`gateway`] is the host at 10.a.b.1; [`plan`] has the addresses.
//! - [`http`] reads proxy requests out of a stream and writes answers into it; [`policy`] decides where a machine may go.
//!
//! The crate knows no browser, no clock and no sockets: every call that needs the time is told it, and what happens is decided by the calls
//! alone. Whatever machines and peers send, calls return in bounded time and hold bounded memory.

pub mod batch;
mod counters;
mod error;
pub mod frame;
pub mod gateway;
pub mod http;
mod lan;
mod limit;
mod mac;
pub mod moderation;
pub mod offload;
pub mod order;
pub mod plan;
pub mod policy;
pub mod repeats;
pub mod ring;
pub mod stage;
pub mod switch;
#[cfg(test)]
mod testing;

pub use counters::{Counters, DropReason};
pub use error::{AttachError, BatchError, ConnectError, MacError, RingError};
pub use lan::Lan;
pub use limit::Rate;
pub use mac::Mac;
