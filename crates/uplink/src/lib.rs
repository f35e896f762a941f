//! The protocol of uplinks: what a browser's LAN and an endpoint that joins LANs say to each other. `docs/uplinks.md` has all of it in words, so
//! that others can write endpoints.
//!
//! ```text
//!  lan worker ── WebTransport session, one stream both ways ── endpoint ── other lan workers
//!               Hello ──►  ◄── Welcome, or End
//!               Frames, Ping, Pong, Names, Members, End
//!               small frames may go as datagrams
//! ```
//!
//! - [`Message`] is everything that is said, [`Decoder`] takes it out of a stream's bytes, piece by piece.
//! - [`Pace`] bounds bytes a second, [`Backoff`] says when to try again.
//!
//! The crate knows no browser, no sockets and no clock. Whatever bytes come in, a decoder holds bounded memory and answers with a message or an error.

mod backoff;
mod datagram;
mod decoder;
mod error;
mod message;
mod pace;
mod read;
mod write;

pub use backoff::Backoff;
pub use datagram::suits_datagram;
pub use decoder::Decoder;
pub use error::WireError;
pub use message::{End, Hello, Member, Message, Name, Reason, Welcome};
pub use pace::Pace;

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;
/// What a hello begins with, in all versions.
pub const MAGIC: [u8; 8] = *b"VMWUPLNK";
/// The bytes before each message's body: its kind, and its body's length.
pub const HEADER: usize = 5;
/// The longest body: a batch of frames. A sender needs no more, and what one connection can make the other end hold is bounded by it.
pub const FRAMES_MAX: usize = 256 * 1024;
/// The longest body of everything else but the list of members.
pub const SMALL_MAX: usize = 16 * 1024;
/// The longest list of members.
pub const MEMBERS_BYTES_MAX: usize = 256 * 1024;
/// The longest name of a room or a LAN, in bytes: what fits into a label of the name service (RFC 1035, section 2.3.4).
pub const NAME_MAX: usize = 63;
/// The longest token, in bytes.
pub const TOKEN_MAX: usize = 1024;
/// The longest sentence with which a session is ended, in bytes.
pub const TEXT_MAX: usize = 1024;
/// The most members of a room.
pub const MEMBERS_MAX: usize = 64;
/// The most machines that a LAN tells the others the names of.
pub const NAMES_MAX: usize = 48;
/// How often each side asks whether the other is there, in milliseconds. Whoever hears nothing for [`SILENCE_MS`] gives the session up.
pub const PING_MS: u64 = 2_000;
/// See [`PING_MS`].
pub const SILENCE_MS: u64 = 10_000;
