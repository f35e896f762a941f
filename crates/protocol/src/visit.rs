//! Visits: what the page that shows a machine's web site asks the lan worker, and is answered.
//!
//! Each request has a channel of its own, whose name the page draws at random. The worker opens it, and closes it after the last word.

use crate::InstanceId;
use serde::{Deserialize, Serialize};

/// How many bytes of an answer the worker sends ahead of what the page has taken.
pub const VISIT_WINDOW: usize = 1024 * 1024;
/// The most bytes of a request's body.
pub const VISIT_BODY_MAX: usize = 64 * 1024 * 1024;
/// How long the name of a channel may be.
const TOKEN_MAX: usize = 64;

/// A request to a web server inside a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitRequest {
    /// What the page has drawn for the channel's name.
    pub token: String,
    /// The machine.
    pub id: InstanceId,
    /// The port of its server.
    pub port: u16,
    /// What the server is called in the request, with the port.
    pub host: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers: names, and values as bytes that are written as Latin-1.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// Asks for a web socket: if the answer is 101, the connection stays open for [`VisitAsk::Send`].
    #[serde(default)]
    pub websocket: bool,
}

/// What the page says on a request's channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VisitAsk {
    /// So many more bytes of the body have been taken. None, now and then, keeps a web socket open.
    Taken(usize),
    /// More bytes for the machine, once its answer has come, on a web socket. At most [`VISIT_BODY_MAX`] may wait to be sent.
    Send(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The answer is not wanted any more.
    Stop,
}

/// What the worker says on a request's channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VisitTold {
    /// The answer has begun.
    Head {
        /// Its status.
        status: u16,
        /// Its headers: names in small letters, and values as Latin-1.
        headers: Vec<(String, String)>,
        /// How long the body will be, in bytes, if that is known.
        length: Option<u64>,
    },
    /// The next bytes of its body.
    Body(#[serde(with = "serde_bytes")] Vec<u8>),
    /// It is complete.
    End,
    /// There is no answer, or it is not complete: why, as a sentence without its end.
    Failed(String),
}

/// Name of the `BroadcastChannel` of a request; nothing if that is not what a page draws.
pub fn visit_channel(token: &str) -> Option<String> {
    let sound = (8..=TOKEN_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    sound.then(|| format!("visit:{token}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_a_name_that_is_no_other_channels() {
        assert_eq!(visit_channel("abcdefgh12").as_deref(), Some("visit:abcdefgh12"));
        for wrong in ["", "short", "with:colon12", "ümlaut-12345", &"a".repeat(65)] {
            assert_eq!(visit_channel(wrong), None, "{wrong}");
        }
    }
}
