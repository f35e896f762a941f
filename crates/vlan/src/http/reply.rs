//! What the machine is answered.

use super::head::Manner;
use super::{Header, end_to_end};

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status, from 200 on.
    pub status: u16,
    /// Its words; those of the status if empty.
    pub reason: String,
    /// The headers. What is about the connection, and the body's length, is left out and written anew.
    pub headers: Vec<Header>,
    /// How long the body is, in bytes, if that is known. Not what the server said of a body that the browser has unpacked since.
    pub length: Option<u64>,
}

impl Response {
    /// A response that is one sentence of text.
    pub fn sentence(status: u16, text: &str) -> (Response, Vec<u8>) {
        let body = format!("{text}\n").into_bytes();
        let headers = vec![
            ("content-type".to_owned(), b"text/plain; charset=utf-8".to_vec()),
            ("cache-control".to_owned(), b"no-store".to_vec()),
        ];
        (Response { status, reason: String::new(), headers, length: Some(body.len() as u64) }, body)
    }
}

/// How the body's end will be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// So many bytes are still to be written.
    Length(u64),
    Chunked,
    /// By the end of the connection.
    Close,
}

/// Whether a response of this status never has a body (RFC 9110, section 6.4.1).
fn empty(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 205 | 304)
}

pub(super) fn framing(response: &Response, manner: Manner) -> Framing {
    match response.length {
        _ if manner.bodiless || empty(response.status) => Framing::None,
        Some(length) => Framing::Length(length),
        None if manner.old => Framing::Close,
        None => Framing::Chunked,
    }
}

/// Whether a name or a value can stand in a header without becoming something else.
fn sound((name, value): &Header) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(token)
        && value.iter().all(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f)
}

/// Writes a head.
pub(super) fn head(response: &Response, manner: Manner, framing: Framing, keep_alive: bool, out: &mut Vec<u8>) {
    let reason = if response.reason.is_empty() { words(response.status) } else { &response.reason };
    let reason: String = reason.chars().filter(|letter| matches!(letter, ' '..='~')).take(100).collect();
    out.extend_from_slice(format!("HTTP/1.1 {:03} {reason}\r\n", response.status % 1000).as_bytes());
    let mut headers = response.headers.clone();
    headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    end_to_end(&mut headers);
    for (name, value) in headers.iter().filter(|header| header.0 != "content-length" && sound(header)) {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    match (framing, response.length) {
        (Framing::Chunked, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // An answer to HEAD says how long the body would be.
        (Framing::Length(length), _) | (Framing::None, Some(length)) if !empty(response.status) => {
            out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
        }
        _ => {}
    }
    if !keep_alive {
        out.extend_from_slice(b"connection: close\r\n");
    } else if manner.old {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn words(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}
