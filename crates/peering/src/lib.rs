//! How two browsers are paired without a server, and what they say to each other about their LANs. `docs/peers.md` describes it as a whole.
//!
//! ```text
//!  description ─ sdp ─► Essentials ─ code ─► text, QR ─── people ───► code ─► Essentials ─ sdp ─► description
//!
//!  Session: hello, words, both accept ─► join: frames may flow ─► machines, ping ─► bye
//!  Conduct: how much a peer may send, and what makes it be cut off
//! ```
//!
//! - [`sdp`] takes out of a browser's session description what another browser needs ([`Essentials`]), and makes a description of it.
//! - [`code`] writes that as a text of at most [`code::TEXT_MAX`] characters and reads it; [`qr`] makes the picture, and [`scan`] reads one.
//! - [`words`] are what two people compare: they differ if anybody has changed the codes on their way.
//! - [`control`] has the messages of the reliable channel; [`session`] is the order in which they come, and who has agreed to what.
//! - [`conduct`] limits what a peer sends; [`stats`] makes rates of what was counted.
//!
//! The crate knows no browser, no clock and no randomness: they are handed in. Whatever a peer or a code says, parsing is bounded and ends in a
//! value or an error.

pub mod code;
pub mod conduct;
pub mod control;
mod essentials;
pub mod qr;
pub mod scan;
pub mod sdp;
pub mod session;
pub mod stats;
pub mod words;

pub use essentials::{Address, Candidate, CandidateKind, Essentials, EssentialsError, Numbers};
