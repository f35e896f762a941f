//! The client's side of the WebSocket protocol (RFC 6455), over bytes that somebody else carries: no sockets, no clock, no random numbers of its own.
//!
//! - [`Opening`] has the headers to ask with, and judges what is answered.
//! - [`Reader`] makes messages of what comes then; [`frame`] makes bytes of what is to be said.
//!
//! The server may send anything. Messages are bounded, extensions are neither asked for nor taken, and what the protocol forbids is an error, after which
//! nothing more is to be read.

use base64::prelude::{BASE64_STANDARD, Engine};
use sha1::{Digest, Sha1};
use std::collections::VecDeque;
use thiserror::Error;

/// What both sides put behind the key (RFC 6455, section 1.3).
const SALT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The largest message, in bytes.
pub const MESSAGE_MAX: usize = 16 << 20;
/// The longest payload of a ping, a pong or a close (section 5.5).
const CONTROL_MAX: usize = 125;

/// Why a socket can't go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SocketError {
    /// It was never opened.
    #[error("the server did not open the socket: {0}")]
    Opening(&'static str),
    /// What came is not what may come.
    #[error("the server broke the rules of the socket: {0}")]
    Protocol(&'static str),
    /// More than is taken at once.
    #[error("a message is larger than the {MESSAGE_MAX} bytes that are taken")]
    TooLarge,
}

/// The name of a header, and its value.
pub type Header = (String, String);

/// What a client asks with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    key: String,
    protocols: Vec<String>,
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

impl Opening {
    /// With a key of random bytes, and the protocols that the client would speak, the best first.
    pub fn new(random: [u8; 16], protocols: &[String]) -> Result<Self, SocketError> {
        let twice = |(at, name): (usize, &String)| protocols[..at].contains(name);
        if protocols.iter().any(|name| !is_token(name)) || protocols.iter().enumerate().any(twice) {
            return Err(SocketError::Opening("the name of a protocol is no good"));
        }
        Ok(Self { key: BASE64_STANDARD.encode(random), protocols: protocols.to_vec() })
    }

    /// The headers of the request, without those about the connection.
    pub fn headers(&self) -> Vec<Header> {
        let mut headers = vec![
            ("sec-websocket-key".to_owned(), self.key.clone()),
            ("sec-websocket-version".to_owned(), "13".to_owned()),
        ];
        if !self.protocols.is_empty() {
            headers.push(("sec-websocket-protocol".to_owned(), self.protocols.join(", ")));
        }
        headers
    }

    /// Judges the answer, whose headers have names in small letters; gives the protocol that the server has chosen (section 4.1).
    pub fn answered(&self, status: u16, headers: &[Header]) -> Result<Option<String>, SocketError> {
        let refused = |what| Err(SocketError::Opening(what));
        let values =
            |name: &'static str| headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim());
        if status != 101 {
            return refused("its answer is another one");
        }
        if !values("upgrade").any(|value| value.eq_ignore_ascii_case("websocket")) {
            return refused("it goes on with something else");
        }
        let expected = BASE64_STANDARD.encode(Sha1::digest(format!("{}{SALT}", self.key)));
        if values("sec-websocket-accept").next() != Some(expected.as_str()) {
            return refused("it does not know the key");
        }
        if values("sec-websocket-extensions").next().is_some() {
            return refused("it wants an extension that nobody has asked for");
        }
        let chosen = values("sec-websocket-protocol").next().map(str::to_owned);
        match chosen {
            Some(name) if !self.protocols.contains(&name) => refused("it wants a protocol that nobody has asked for"),
            chosen => Ok(chosen),
        }
    }
}

/// What one side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// To be answered with a [`Message::Pong`] of the same bytes.
    Ping(Vec<u8>),
    /// The answer to a ping.
    Pong(Vec<u8>),
    /// The last message; with a status and a reason (section 7.4), if they are given.
    Close(Option<(u16, String)>),
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A message as one frame of a client. `mask` is four random bytes, others each time.
pub fn frame(message: &Message, mask: [u8; 4]) -> Vec<u8> {
    let (kind, payload) = match message {
        Message::Text(text) => (TEXT, text.as_bytes().to_vec()),
        Message::Binary(bytes) => (BINARY, bytes.clone()),
        Message::Ping(bytes) => (PING, bytes.clone()),
        Message::Pong(bytes) => (PONG, bytes.clone()),
        Message::Close(None) => (CLOSE, vec![]),
        Message::Close(Some((status, reason))) => {
            let mut end = reason.len().min(CONTROL_MAX - 2);
            while !reason.is_char_boundary(end) {
                end -= 1;
            }
            (CLOSE, [&status.to_be_bytes(), &reason.as_bytes()[..end]].concat())
        }
    };
    let mut bytes = vec![0x80 | kind];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// What a server sends, as it comes.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: VecDeque<u8>,
    /// What the message that has begun is, and what has come of it.
    begun: Option<(u8, Vec<u8>)>,
    closed: bool,
}

/// The first bytes of a frame.
struct Head {
    last: bool,
    kind: u8,
    header: usize,
    payload: usize,
}

impl Reader {
    /// More bytes of the server. After the last message they are let go.
    pub fn input(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.bytes.extend(bytes);
        }
    }

    /// The next message, if it is whole. After an error, or a close, there is none.
    pub fn message(&mut self) -> Result<Option<Message>, SocketError> {
        let message = self.next();
        if !matches!(
            message,
            Ok(None | Some(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_)))
        ) {
            self.closed = true;
            self.bytes.clear();
            self.begun = None;
        }
        message
    }

    /// Whether nothing more is read.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn next(&mut self) -> Result<Option<Message>, SocketError> {
        while let Some(head) = self.head()? {
            if self.bytes.len() < head.header + head.payload {
                return Ok(None);
            }
            self.bytes.drain(..head.header);
            let payload: Vec<u8> = self.bytes.drain(..head.payload).collect();
            if let Some(message) = self.take(&head, payload)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// The head of the next frame, judged as soon as it is there: what is too large is not waited for.
    fn head(&self) -> Result<Option<Head>, SocketError> {
        let at = |index: usize| self.bytes.get(index).copied();
        let (Some(first), Some(second)) = (at(0), at(1)) else { return Ok(None) };
        let (last, kind) = (first & 0x80 != 0, first & 0x0f);
        let broken = |what| Err(SocketError::Protocol(what));
        if first & 0x70 != 0 {
            return broken("a bit of an extension is set");
        }
        if second & 0x80 != 0 {
            return broken("a frame of a server is masked");
        }
        let more = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mut length = u64::from(second & 0x7f);
        if more > 0 {
            let Some(bytes) = (2..2 + more).map(at).collect::<Option<Vec<u8>>>() else { return Ok(None) };
            length = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            if length < 126 || more == 8 && length <= 0xffff {
                return broken("a length is not written as short as it could be");
            }
        }
        let control = kind & 8 != 0;
        match (kind, &self.begun) {
            (CLOSE | PING | PONG, _) if !last || length > CONTROL_MAX as u64 => {
                return broken("a control frame is too long, or not alone");
            }
            (CLOSE | PING | PONG, _) | (CONTINUATION, Some(_)) | (TEXT | BINARY, None) => {}
            (CONTINUATION, None) => return broken("a message goes on that has not begun"),
            (TEXT | BINARY, Some(_)) => return broken("a message begins within another one"),
            _ => return broken("a frame is of no known kind"),
        }
        let before = self.begun.as_ref().filter(|_| !control).map_or(0, |(_, bytes)| bytes.len());
        match usize::try_from(length) {
            Ok(payload) if payload.saturating_add(before) <= MESSAGE_MAX => {
                Ok(Some(Head { last, kind, header: 2 + more, payload }))
            }
            _ => Err(SocketError::TooLarge),
        }
    }

    fn take(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Message>, SocketError> {
        match head.kind {
            PING => return Ok(Some(Message::Ping(payload))),
            PONG => return Ok(Some(Message::Pong(payload))),
            CLOSE => return closing(&payload).map(Some),
            _ => {}
        }
        let (kind, mut bytes) = self.begun.take().unwrap_or((head.kind, vec![]));
        bytes.extend(payload);
        if !head.last {
            self.begun = Some((kind, bytes));
            return Ok(None);
        }
        match kind {
            TEXT => {
                let text = String::from_utf8(bytes).map_err(|_| SocketError::Protocol("a text is no UTF-8"))?;
                Ok(Some(Message::Text(text)))
            }
            _ => Ok(Some(Message::Binary(bytes))),
        }
    }
}

/// Whether a server may end a socket with this status (section 7.4).
fn is_status(status: u16) -> bool {
    matches!(status, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn closing(payload: &[u8]) -> Result<Message, SocketError> {
    match payload {
        [] => Ok(Message::Close(None)),
        [high, low, reason @ ..] => {
            let status = u16::from_be_bytes([*high, *low]);
            let reason = std::str::from_utf8(reason);
            match reason {
                Ok(reason) if is_status(status) => Ok(Message::Close(Some((status, reason.to_owned())))),
                _ => Err(SocketError::Protocol("its goodbye makes no sense")),
            }
        }
        [_] => Err(SocketError::Protocol("its goodbye makes no sense")),
    }
}

#[cfg(test)]
mod tests;
