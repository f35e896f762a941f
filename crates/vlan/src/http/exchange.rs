//! One request to a web server inside a machine, and its answer (RFC 9110, RFC 9112), for a stream that the gateway has opened.
//!
//! The machine's server is as little trusted as the machine: the answer's head is bounded, its body is given piece by piece, and what can be
//! read in two ways is an error.

use super::body::{Decoder, Length};
use super::{Header, tokens};
use std::collections::VecDeque;
use thiserror::Error;

/// The most bytes of an answer's first line and headers.
const HEAD_BYTES: usize = 64 * 1024;
/// The most headers.
const HEADERS: usize = 100;
/// How many interim answers (1xx) may come before the answer.
const INTERIM: usize = 8;
/// As many bytes of the body wait to be taken before no more are read.
const WAITING: usize = 256 * 1024;
/// No body is longer, in bytes: whoever takes it counts for itself and stops much earlier.
const BODY_BYTES: u64 = 1 << 50;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The method.
    pub method: String,
    /// The path with the query, which begins with a slash.
    pub target: String,
    /// What the server is called, with the port.
    pub host: String,
    /// Other headers. Those about the connection, the host and the body's length are written anew.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// Asks for the WebSocket protocol (RFC 6455, section 4.1). If the answer is 101, what comes then is its body, until the connection ends.
    pub websocket: bool,
}

/// Why there is no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExchangeError {
    /// The question can't be written.
    #[error("the request has a {0} that can't be sent")]
    Question(&'static str),
    /// Not HTTP.
    #[error("the machine’s answer is not HTTP that can be understood: {0}")]
    Malformed(&'static str),
    /// The head is too large.
    #[error("the headers of the machine’s answer are too large or too many")]
    HeadTooLarge,
    /// The stream ended too early.
    #[error("the machine’s server ended the connection before its answer was complete")]
    CutShort,
}

/// The head of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    /// The status, from 200 to 999, or 101.
    pub status: u16,
    /// The headers, with names in small letters.
    pub headers: Vec<Header>,
    /// How long the body will be, if that was said.
    pub length: Option<u64>,
}

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The head.
    Head(AnswerHead),
    /// The next bytes of the body.
    Body(Vec<u8>),
    /// The answer is complete.
    End,
}

#[derive(Debug)]
enum State {
    Head,
    Body(Decoder),
    /// Until the stream ends.
    Rest,
    Done,
}

/// The answer, as it comes.
#[derive(Debug)]
pub struct Exchange {
    bodiless: bool,
    websocket: bool,
    state: State,
    head: Vec<u8>,
    interim: usize,
    parts: VecDeque<Part>,
    waiting: usize,
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

impl Question {
    /// The bytes to send.
    pub fn bytes(&self) -> Result<Vec<u8>, ExchangeError> {
        let visible = |text: &str| text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        if !is_token(&self.method) || matches!(&*self.method, "CONNECT" | "TRACE" | "TRACK") {
            return Err(ExchangeError::Question("method"));
        }
        if !self.target.starts_with('/') || !visible(&self.target) {
            return Err(ExchangeError::Question("path"));
        }
        if self.host.is_empty() || !visible(&self.host) {
            return Err(ExchangeError::Question("host"));
        }
        let connection = if self.websocket { "upgrade\r\nupgrade: websocket" } else { "close" };
        let first = format!("{} {} HTTP/1.1\r\nhost: {}", self.method, self.target, self.host);
        let mut out = format!("{first}\r\nconnection: {connection}\r\n").into_bytes();
        let mut headers = self.headers.clone();
        headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        super::end_to_end(&mut headers);
        for (name, value) in &headers {
            if matches!(name.as_str(), "host" | "content-length" | "expect") {
                continue;
            }
            let sound = value.iter().all(|byte| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f);
            if !is_token(name) || !sound {
                return Err(ExchangeError::Question("header"));
            }
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || matches!(&*self.method, "POST" | "PUT" | "PATCH") {
            out.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        Ok(out)
    }
}

impl Exchange {
    /// The answer to a question that has been sent.
    pub fn new(question: &Question) -> Exchange {
        Exchange {
            bodiless: question.method == "HEAD",
            websocket: question.websocket,
            state: State::Head,
            head: Vec::new(),
            interim: 0,
            parts: VecDeque::new(),
            waiting: 0,
        }
    }

    /// How many bytes [`Exchange::input`] would take.
    pub fn room(&self) -> usize {
        WAITING.saturating_sub(self.waiting)
    }

    /// Bytes of the machine. Gives how many were taken; the rest is to be offered again when parts have been taken out.
    pub fn input(&mut self, bytes: &[u8]) -> Result<usize, ExchangeError> {
        let mut at = 0;
        while at < bytes.len() {
            let room = self.room();
            let taken = match &mut self.state {
                State::Head => self.read_head(&bytes[at..])?,
                State::Body(decoder) => {
                    let mut body = Vec::new();
                    let taken = decoder.take(&bytes[at..], room, &mut body);
                    let taken = taken.map_err(|_| ExchangeError::Malformed("a chunk of its body is no good"))?;
                    let done = decoder.is_done();
                    self.give(body);
                    if done {
                        self.end();
                    }
                    taken
                }
                State::Rest => {
                    let count = (bytes.len() - at).min(room);
                    self.give(bytes[at..at + count].to_vec());
                    count
                }
                // What comes behind the answer belongs to nothing.
                State::Done => bytes.len() - at,
            };
            if taken == 0 {
                break;
            }
            at += taken;
        }
        Ok(at)
    }

    fn give(&mut self, body: Vec<u8>) {
        if !body.is_empty() {
            self.waiting += body.len();
            self.parts.push_back(Part::Body(body));
        }
    }

    fn end(&mut self) {
        self.state = State::Done;
        self.parts.push_back(Part::End);
    }

    fn read_head(&mut self, bytes: &[u8]) -> Result<usize, ExchangeError> {
        let line = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        self.head.extend_from_slice(&bytes[..line]);
        if self.head.len() > HEAD_BYTES {
            return Err(ExchangeError::HeadTooLarge);
        }
        let ends = self.head.ends_with(b"\n\r\n") || self.head.ends_with(b"\n\n");
        if !ends {
            return Ok(line);
        }
        let head = std::mem::take(&mut self.head);
        let (answer, old) = parse(&head)?;
        if answer.status == 101 && self.websocket {
            self.parts.push_back(Part::Head(answer));
            self.state = State::Rest;
            return Ok(line);
        }
        if answer.status < 200 {
            self.interim += 1;
            // Nobody has asked for another protocol.
            if self.interim > INTERIM || answer.status == 101 {
                return Err(ExchangeError::Malformed("it does not come to an answer"));
            }
            return Ok(line);
        }
        let body = if self.bodiless || matches!(answer.status, 204 | 205 | 304) {
            Body::None
        } else {
            body(&answer.headers, old)?
        };
        let length = if let Body::Length(Length::Known(length)) = body { Some(length) } else { None };
        self.parts.push_back(Part::Head(AnswerHead { length, ..answer }));
        match body {
            Body::None | Body::Length(Length::Known(0)) => self.end(),
            Body::Length(length) => {
                let decoder = Decoder::new(length, BODY_BYTES);
                self.state = State::Body(decoder.map_err(|_| ExchangeError::Malformed("its body is too long"))?);
            }
            Body::Rest => self.state = State::Rest,
        }
        Ok(line)
    }

    /// The machine sends no more.
    pub fn ended(&mut self) -> Result<(), ExchangeError> {
        match self.state {
            State::Done => Ok(()),
            State::Rest => {
                self.end();
                Ok(())
            }
            State::Head | State::Body(_) => Err(ExchangeError::CutShort),
        }
    }

    /// Whether the answer is complete, though parts of it may not have been taken out yet.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The next part.
    pub fn part(&mut self) -> Option<Part> {
        let part = self.parts.pop_front()?;
        if let Part::Body(bytes) = &part {
            self.waiting -= bytes.len();
        }
        Some(part)
    }
}

enum Body {
    None,
    Length(Length),
    Rest,
}

fn parse(head: &[u8]) -> Result<(AnswerHead, bool), ExchangeError> {
    let mut storage = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Response::new(&mut storage);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(ExchangeError::Malformed("its headers end too early")),
        Err(httparse::Error::TooManyHeaders) => return Err(ExchangeError::HeadTooLarge),
        Err(_) => return Err(ExchangeError::Malformed("its first line or one of its headers is no good")),
    }
    let (Some(status), Some(minor)) = (parsed.code, parsed.version) else {
        return Err(ExchangeError::Malformed("its first line is no good"));
    };
    if status < 100 {
        return Err(ExchangeError::Malformed("its status is no good"));
    }
    let headers =
        parsed.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect();
    Ok((AnswerHead { status, headers, length: None }, minor == 0))
}

/// How the body's end will be known (RFC 9112, section 6.3).
fn body(headers: &[Header], old: bool) -> Result<Body, ExchangeError> {
    let codings: Vec<String> =
        headers.iter().filter(|(name, _)| name == "transfer-encoding").flat_map(|(_, value)| tokens(value)).collect();
    let mut lengths = headers.iter().filter(|(name, _)| name == "content-length").map(|(_, value)| value);
    let length = lengths.next();
    // A server may say the same length twice, but not two.
    if lengths.any(|other| Some(other) != length) {
        return Err(ExchangeError::Malformed("it has more than one length"));
    }
    match (&codings[..], length) {
        ([], None) => Ok(Body::Rest),
        ([], Some(value)) => {
            let digits = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            number
                .map(|length| Body::Length(Length::Known(length)))
                .ok_or(ExchangeError::Malformed("its length is no number"))
        }
        ([one], None) if one == "chunked" && !old => Ok(Body::Length(Length::Chunked)),
        _ => Err(ExchangeError::Malformed("the length of its body is unclear")),
    }
}
