//! One stream of a machine, with its requests one after the other.

use super::body::Decoder;
use super::head::{self, Head, Manner, Request, Via};
use super::reply::Framing;
use super::{HttpError, Length};
use std::collections::VecDeque;
use std::time::Duration;

/// How much a machine may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a request's first line and headers.
    pub head_bytes: usize,
    /// The most headers.
    pub headers: usize,
    /// The most bytes of a request's body.
    pub body_bytes: u64,
    /// How long a request's head may take from its first byte, and how long a connection may wait for the next request.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { head_bytes: 64 * 1024, headers: 100, body_bytes: 1 << 40, patience: Duration::from_secs(60) }
    }
}

/// As many bytes of a body wait to be fetched before no more are taken from the stream.
const BODY_WAITING: usize = 64 * 1024;
/// As many bytes wait to be sent before no more of a response are taken.
pub(super) const OUTPUT_WAITING: usize = 256 * 1024;

/// What the machine wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request; to be answered by [`Connection::respond`] or [`Connection::refuse`].
    Request(Request),
    /// A tunnel to a host and port; to be answered by [`Connection::tunnel`] or [`Connection::refuse`].
    Connect(String, u16),
    /// The next bytes of the request's body.
    Body(Vec<u8>),
    /// The body is complete. Comes also if there is none.
    BodyEnd,
    /// The request can't be completed: whatever was begun for it is to be given up. The machine has been told if that was possible.
    Broken(HttpError),
}

#[derive(Debug)]
pub(super) enum Input {
    Head,
    Body(Decoder),
    /// Nothing is read until the answer is complete.
    Answering,
    /// Nothing is read any more.
    Shut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// No request is being answered.
    Idle,
    /// The request is known, nothing of the answer is written.
    Due(Manner),
    Body(Manner, Framing),
}

/// The state of one stream; see the module [`super`].
#[derive(Debug)]
pub struct Connection {
    via: Via,
    limits: Limits,
    /// A head, as far as it has come.
    head: Vec<u8>,
    pub(super) input: Input,
    pub(super) answer: Answer,
    events: VecDeque<Event>,
    waiting: usize,
    pub(super) output: VecDeque<u8>,
    /// When the wait for a head began.
    since: Duration,
    pub(super) shut: bool,
    pub(super) cut: bool,
}

impl Connection {
    /// A stream that has just been accepted.
    pub fn new(via: Via, limits: Limits, now: Duration) -> Connection {
        Connection {
            via,
            limits,
            head: Vec::new(),
            input: Input::Head,
            answer: Answer::Idle,
            events: VecDeque::new(),
            waiting: 0,
            output: VecDeque::new(),
            since: now,
            shut: false,
            cut: false,
        }
    }

    /// Bytes of the machine. Gives how many were taken; the rest has to be offered again, when events have been taken out or the answer is
    /// complete. After a [`Connection::tunnel`] the rest is the tunnel's.
    pub fn input(&mut self, bytes: &[u8], now: Duration) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let taken = match &mut self.input {
                Input::Head => self.read_head(&bytes[at..], now),
                Input::Body(_) => self.read_body(&bytes[at..]),
                Input::Answering => Ok(0),
                // What comes after a mistake is not worth a look, but must not make the machine wait for ever.
                Input::Shut => Ok(bytes.len() - at),
            };
            match taken {
                Ok(0) => break,
                Ok(count) => at += count,
                Err(error) => self.fail(error),
            }
        }
        at
    }

    fn read_head(&mut self, bytes: &[u8], now: Duration) -> Result<usize, HttpError> {
        if self.head.is_empty() {
            self.since = now;
        }
        // Up to the end of the next line: whatever follows the head is not to be taken.
        let line = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        self.head.extend_from_slice(&bytes[..line]);
        if self.head.len() > self.limits.head_bytes {
            return Err(HttpError::HeadTooLarge);
        }
        let Some(text) = self.head.strip_suffix(b"\n") else { return Ok(line) };
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            // An empty line before the first one is ignored (RFC 9112, section 2.2).
            self.head.clear();
        } else if text.ends_with(b"\n")
            && let Some((head, manner)) = head::parse(&self.head, &self.via, self.limits.headers)?
        {
            self.head.clear();
            self.begin(head, manner)?;
        }
        Ok(line)
    }

    fn begin(&mut self, head: Head, manner: Manner) -> Result<(), HttpError> {
        match head {
            Head::Connect(host, port) => {
                self.input = Input::Answering;
                self.answer = Answer::Due(manner);
                self.events.push_back(Event::Connect(host, port));
            }
            Head::Request(request) => {
                let decoder = Decoder::new(request.body, self.limits.body_bytes)?;
                let done = decoder.is_done();
                self.answer = Answer::Due(manner);
                self.input = if done { Input::Answering } else { Input::Body(decoder) };
                self.events.push_back(Event::Request(request));
                if done {
                    self.events.push_back(Event::BodyEnd);
                }
            }
        }
        Ok(())
    }

    fn read_body(&mut self, bytes: &[u8]) -> Result<usize, HttpError> {
        let Input::Body(decoder) = &mut self.input else { return Ok(0) };
        let mut body = Vec::new();
        let taken = decoder.take(bytes, BODY_WAITING.saturating_sub(self.waiting), &mut body)?;
        let done = decoder.is_done();
        if !body.is_empty() {
            self.waiting += body.len();
            self.events.push_back(Event::Body(body));
        }
        if done {
            self.input = Input::Answering;
            self.events.push_back(Event::BodyEnd);
            self.next_request();
        }
        Ok(taken)
    }

    /// Something is wrong with what the machine sends: it is told so if it can be, and the stream ends.
    fn fail(&mut self, error: HttpError) {
        let begun = self.answer != Answer::Idle;
        if begun {
            self.events.retain(|event| !matches!(event, Event::Body(_) | Event::BodyEnd));
            self.events.push_back(Event::Broken(error.clone()));
        }
        self.input = Input::Shut;
        match self.answer {
            Answer::Body(..) => self.cut = true,
            Answer::Idle | Answer::Due(_) => {
                let manner = Manner { old: false, keep_alive: false, bodiless: false };
                self.answer = Answer::Due(manner);
                self.refuse(error.status(), &error.to_string());
            }
        }
    }

    /// The next thing that the machine wants.
    pub fn event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Body(bytes) = &event {
            self.waiting -= bytes.len();
        }
        Some(event)
    }

    /// The machine sends no more.
    pub fn ended(&mut self) {
        if let Input::Body(_) = self.input {
            self.fail(HttpError::Framing("the stream ended before its body did"));
        }
        if self.answer == Answer::Idle {
            self.shut = true;
        } else if let Answer::Due(manner) | Answer::Body(manner, _) = &mut self.answer {
            manner.keep_alive = false;
        }
        self.input = Input::Shut;
    }

    /// Time passes: a machine that is too slow is told so.
    pub fn tick(&mut self, now: Duration) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            if self.head.is_empty() {
                self.input = Input::Shut;
                self.shut = true;
            } else {
                self.fail(HttpError::Timeout);
            }
        }
    }

    /// When [`Connection::tick`] has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        let waits = matches!(self.input, Input::Head) && self.output.is_empty();
        waits.then_some(self.since + self.limits.patience)
    }

    /// The next bytes for the machine.
    pub fn output(&mut self) -> &[u8] {
        self.output.make_contiguous()
    }

    /// So many of them have been sent.
    pub fn sent(&mut self, count: usize, now: Duration) {
        self.output.drain(..count.min(self.output.len()));
        if matches!(self.input, Input::Head) && self.head.is_empty() {
            self.since = now;
        }
    }

    /// Whether everything is sent and the stream is to be closed.
    pub fn is_over(&self) -> bool {
        self.output.is_empty() && self.shut && !self.cut
    }

    /// Whether everything is sent and the stream is to be aborted, so that the machine sees that something is missing.
    pub fn is_cut(&self) -> bool {
        self.output.is_empty() && self.cut
    }

    /// Whether the request that is being answered has a body that comes in chunks or is still on its way.
    pub fn is_receiving(&self) -> bool {
        matches!(self.input, Input::Body(_))
    }
}

impl Request {
    /// Whether the request has a body.
    pub fn has_body(&self) -> bool {
        self.body != Length::Known(0)
    }
}
