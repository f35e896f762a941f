//! HTTP/1.1 with machines, without input or output of its own (RFC 9110, RFC 9112): bytes of the machine go in, requests come out; responses
//! go in, bytes for the machine come out. Both as pieces, so a body of any length takes bounded memory.
//!
//! - [`Connection`] is one stream of a machine: its requests, one after the other.
//! - [`Exchange`] is the other direction: one request to a server inside a machine, and its answer.
//! - `head` reads what comes before a body, `body` takes bodies apart, `reply` writes.
//!
//! A machine can send anything. What could be read in two ways is refused: then nobody behind the gateway can read it in the other one.

#[cfg(test)]
mod answer_tests;
mod answering;
mod body;
mod connection;
mod exchange;
#[cfg(test)]
mod exchange_tests;
mod head;
mod reply;
#[cfg(test)]
mod tests;

pub use body::Length;
pub use connection::{Connection, Event, Limits};
pub use exchange::{AnswerHead, Exchange, ExchangeError, Part, Question};
pub use head::{Request, Via};
pub use reply::Response;

use thiserror::Error;

/// What is wrong with a request. The text is the body of the answer; [`HttpError::status`] its status.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HttpError {
    /// Not HTTP.
    #[error("this is not an HTTP request that can be understood: {0}")]
    Malformed(&'static str),
    /// The length of the body is unclear.
    #[error("the length of the request's body is unclear: {0}")]
    Framing(&'static str),
    /// No URL can be made of it.
    #[error("the request does not name an address that can be fetched: {0}")]
    Target(String),
    /// A method that a browser can't send.
    #[error("the method {0} can't be sent from here")]
    Method(String),
    /// Only at the proxy's own port.
    #[error("a tunnel (CONNECT) can only be asked of the proxy")]
    Connect,
    /// The head is too large.
    #[error("the request's headers are too large or too many")]
    HeadTooLarge,
    /// The body is too large.
    #[error("the request's body is larger than the {0} bytes that are taken")]
    BodyTooLarge(u64),
    /// The head did not come in time.
    #[error("the request did not arrive in time")]
    Timeout,
    /// An expectation that nobody can meet.
    #[error("only the expectation 100-continue is understood")]
    Expectation,
    /// A coding of the body that nobody asked for.
    #[error("request bodies can be sent plain or chunked, not in another transfer coding")]
    Coding,
    /// HTTP of another time.
    #[error("only HTTP/1.0 and HTTP/1.1 are spoken here")]
    Version,
}

impl HttpError {
    /// The status that says it.
    pub fn status(&self) -> u16 {
        match self {
            HttpError::Malformed(_) | HttpError::Framing(_) | HttpError::Target(_) => 400,
            HttpError::Method(_) | HttpError::Connect => 405,
            HttpError::Timeout => 408,
            HttpError::BodyTooLarge(_) => 413,
            HttpError::Expectation => 417,
            HttpError::HeadTooLarge => 431,
            HttpError::Coding => 501,
            HttpError::Version => 505,
        }
    }
}

/// Headers that are about one connection and are not passed on (RFC 9110, section 7.6.1, and what older proxies use).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// A header: its name in small letters and its value.
pub type Header = (String, Vec<u8>);

/// Leaves out what is about the connection: the usual ones, and those that `Connection` names.
fn end_to_end(headers: &mut Vec<Header>) {
    let options = headers.iter().filter(|(name, _)| name == "connection").flat_map(|(_, value)| tokens(value));
    let named: Vec<String> = options.collect();
    headers.retain(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()) && !named.contains(name));
}

/// The parts of a value that is a list, in small letters.
fn tokens(value: &[u8]) -> impl Iterator<Item = String> {
    let parts = value.split(|byte| *byte == b',');
    parts.map(|part| String::from_utf8_lossy(part.trim_ascii()).to_ascii_lowercase()).filter(|part| !part.is_empty())
}
