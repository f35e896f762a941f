//! The host's side of the guest agent, without input or output of its own: bytes of the guest go in, events come out; requests go in, bytes
//! for the guest come out. `docs/agent.md` describes the protocol, `images/common/overlay/usr/lib/workbench/agent` is the other side.
//!
//! A guest may send anything. All that it sends is bounded before it is kept: a line by [`LINE_MAX`], a transfer by the credit that it was given,
//! a command's output by the limit of its request. What makes no sense is ignored, or fails the one request that it is about.
//!
//! - [`Agent`]: the connection, with its handshake, its requests and their patience.
//! - `wire`: lines, words and marks. `base64`: how bytes travel in lines.
//! - `transfer`: one tar stream in either direction on the bulk port.
//!
//! The crate knows neither browsers nor v86, and no clock: every call that needs the time is told it, in milliseconds of a clock that should
//! stand still while the machine does.

mod agent;
mod base64;
mod error;
mod health;
mod request;
mod transfer;
mod wire;

pub use agent::{Agent, REQUESTS_MAX};
pub use error::AgentError;
pub use health::{Disk, Health};
pub use request::{Event, Reply, Request, RequestId, StopAction, Stream};
pub use transfer::{GET_CHUNK, GET_CREDITS, PUT_CHUNK};
pub use wire::LINE_MAX;

/// The newest version of the protocol that this crate speaks, and at present the only one.
pub const VERSION: u32 = 1;
