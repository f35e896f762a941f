//! The connection: handshake, requests, patience.

use crate::request::{Event, Reply, Request, RequestId, Stream};
use crate::transfer::{Get, Outbox, Put};
use crate::wire::{self, Lines, number};
use crate::{AgentError, Health, VERSION, base64};
use std::collections::{BTreeMap, VecDeque};

/// The most requests that wait or are under way; each may have a line of some 100 KB.
pub const REQUESTS_MAX: usize = 64;

/// The longest text of a failure that is kept, in characters; `agent-job` sends at most 3000 bytes.
const SAID_MAX: usize = 4000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Nobody has said hello.
    Absent,
    /// There is an agent, and it knows that we are there.
    Ready,
    /// There is one that we don't understand.
    Foreign(u32),
}

#[derive(Debug)]
enum Kind {
    Exec { output_max: u64, output: u64 },
    Put(Put),
    Get { get: Get, done: bool },
    Health,
    Other,
}

#[derive(Debug)]
struct Pending {
    kind: Kind,
    line: String,
    asked: bool,
    patience: u64,
    heard: u64,
}

/// The connection to one guest's agent.
#[derive(Debug)]
pub struct Agent {
    session: u32,
    link: Link,
    known: bool,
    now: u64,
    last: u32,
    lines: Lines,
    control: Outbox,
    bulk: Outbox,
    requests: BTreeMap<RequestId, Pending>,
    /// The one that has the bulk port.
    transfer: Option<RequestId>,
    events: VecDeque<Event>,
}

impl Agent {
    /// A connection to a guest that boots. `session` tells it from an earlier one to the same guest, and is not 0.
    pub fn new(session: u32) -> Self {
        Self {
            session: session.max(1),
            link: Link::Absent,
            known: false,
            now: 0,
            last: 0,
            lines: Lines::default(),
            control: Outbox::default(),
            bulk: Outbox::default(),
            requests: BTreeMap::new(),
            transfer: None,
            events: VecDeque::new(),
        }
    }

    /// Speaks first, to a guest that does not boot but goes on from a saved state: its agent waits for somebody to speak.
    pub fn greet(&mut self) {
        // After a line break, because the guest may have half a line of a host that is gone.
        self.control.clear();
        self.control.push(b"\n");
        self.control.push(wire::line(&format!("hello {VERSION} {}", self.session)).as_bytes());
    }

    /// Whether there is an agent that would answer.
    pub fn is_up(&self) -> bool {
        self.link == Link::Ready
    }

    /// Whether an agent has spoken, which may not be answered yet.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// What has happened.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is to be sent on the control port.
    pub fn control_output(&self) -> &[u8] {
        self.control.bytes()
    }

    /// So much of it was sent.
    pub fn control_sent(&mut self, count: usize) {
        self.control.advance(count);
    }

    /// What is to be sent on the bulk port.
    pub fn bulk_output(&self) -> &[u8] {
        self.bulk.bytes()
    }

    /// So much of it was sent.
    pub fn bulk_sent(&mut self, count: usize) {
        self.bulk.advance(count);
        self.heard_of_transfer();
        if let Some((id, Kind::Put(put))) = transfer(self.transfer, &mut self.requests)
            && put.flush(&mut self.bulk)
        {
            self.events.push_back(Event::Room { id, taken: put.taken(&self.bulk) });
        }
    }

    /// Asks for something. The request fails when nothing is heard of it for `patience` milliseconds; whatever comes of it, and a put's bytes
    /// being taken, counts. A request that can't be sent yet waits; of transfers there is one at a time.
    ///
    /// # Errors
    /// When it can't be asked for at all.
    pub fn request(&mut self, request: &Request, now: u64, patience: u64) -> Result<RequestId, AgentError> {
        self.now = self.now.max(now);
        if let Link::Foreign(version) = self.link {
            return Err(AgentError::Version(version));
        }
        if self.requests.len() >= REQUESTS_MAX {
            return Err(AgentError::Busy);
        }
        self.last = self.last.checked_add(1).ok_or(AgentError::Busy)?;
        let id = RequestId(self.last);
        let kind = match request {
            Request::Exec { output_max, .. } => Kind::Exec { output_max: *output_max, output: 0 },
            Request::Put { .. } => Kind::Put(Put::default()),
            Request::Get { .. } => Kind::Get { get: Get::new(id.0), done: false },
            Request::Health => Kind::Health,
            _ => Kind::Other,
        };
        let pending = Pending { kind, line: request.line(id)?, asked: false, patience, heard: self.now };
        self.requests.insert(id, pending);
        self.dispatch();
        Ok(id)
    }

    /// Gives a put more bytes; returns how many it took. When that is not all, [`Event::Room`] says when there is room again.
    pub fn put(&mut self, id: RequestId, bytes: &[u8]) -> usize {
        match self.requests.get_mut(&id).map(|pending| &mut pending.kind) {
            Some(Kind::Put(put)) => put.take(bytes, &mut self.bulk),
            _ => 0,
        }
    }

    /// Says that a put has no more bytes.
    pub fn end(&mut self, id: RequestId) {
        if let Some(Kind::Put(put)) = self.requests.get_mut(&id).map(|pending| &mut pending.kind) {
            put.end(&mut self.bulk);
        }
    }

    /// Says that so many bytes of a get are dealt with, and that there is room for as many more.
    pub fn taken(&mut self, id: RequestId, count: u64) {
        if let Some(Kind::Get { get, .. }) = self.requests.get_mut(&id).map(|pending| &mut pending.kind) {
            get.taken(count, &mut self.bulk);
        }
    }

    /// Ends a request. A command gets SIGTERM, and two seconds later SIGKILL.
    pub fn cancel(&mut self, id: RequestId) {
        self.give_up(id, AgentError::Canceled);
    }

    /// Time has passed: fails what nobody waits for any longer.
    pub fn tick(&mut self, now: u64) {
        self.now = self.now.max(now);
        let late = |pending: &Pending| self.now.saturating_sub(pending.heard) > pending.patience;
        let ids: Vec<_> = self.requests.iter().filter(|(_, pending)| late(pending)).map(|(id, _)| *id).collect();
        for id in ids {
            self.give_up(id, if self.known { AgentError::Silent } else { AgentError::NoAgent });
        }
    }

    /// Takes in what came on the control port.
    pub fn control_input(&mut self, bytes: &[u8]) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.push(bytes, |text| self.line(text));
        self.lines = lines;
    }

    /// Takes in what came on the bulk port.
    pub fn bulk_input(&mut self, bytes: &[u8]) {
        let Some((id, Kind::Get { get, .. })) = transfer(self.transfer, &mut self.requests) else { return };
        match get.input(bytes) {
            Ok([]) => {}
            Ok(data) => {
                self.events.push_back(Event::Data { id, bytes: data.to_vec() });
                self.heard_of_transfer();
                self.perhaps_whole(id);
            }
            Err(error) => self.give_up(id, error),
        }
    }

    fn heard_of_transfer(&mut self) {
        if let Some(pending) = self.transfer.and_then(|id| self.requests.get_mut(&id)) {
            pending.heard = self.now;
        }
    }

    fn line(&mut self, text: &[u8]) {
        let words: Vec<_> = text.split(|byte| *byte == b' ').collect();
        if let [b"hello", version, session] = words[..] {
            return self.hello(version, session);
        }
        let [verb, id, words @ ..] = &words[..] else { return };
        let Some(id) = number(id).map(RequestId).filter(|_| self.link == Link::Ready) else { return };
        // Of a request that is over.
        let Some(pending) = self.requests.get_mut(&id).filter(|pending| pending.asked) else { return };
        pending.heard = self.now;
        match (*verb, words) {
            (b"out", [data]) => self.output(id, Stream::Out, data),
            (b"err", [data]) => self.output(id, Stream::Err, data),
            (b"ready", []) => self.ready(id),
            (b"sent", [count]) => self.sent(id, number(count)),
            (b"health", words) => {
                if matches!(pending.kind, Kind::Health) {
                    self.over(id, Health::parse(words).map(Reply::Health).ok_or(AgentError::Garbled));
                }
            }
            (b"done", [status]) => self.done(id, status, b""),
            (b"done", [status, said]) => self.done(id, status, said),
            _ => {}
        }
    }

    fn hello(&mut self, version: &[u8], session: &[u8]) {
        let (Some(version), Some(session)) = (number::<u32>(version), number::<u32>(session)) else { return };
        if session != 0 && session != self.session {
            return; // Was meant for somebody else.
        }
        self.known = true;
        if version == 0 || version > VERSION {
            self.link = Link::Foreign(version);
            return self.fail_all(|_| true, &AgentError::Version(version));
        }
        if session == 0 {
            self.link = Link::Absent;
            self.greet();
            self.fail_all(|pending| pending.asked, &AgentError::Restarted);
        } else if self.link != Link::Ready {
            self.link = Link::Ready;
            self.events.push_back(Event::Up);
            self.dispatch();
        }
    }

    fn output(&mut self, id: RequestId, stream: Stream, data: &[u8]) {
        let Some(Kind::Exec { output_max, output }) = self.requests.get_mut(&id).map(|pending| &mut pending.kind)
        else {
            return;
        };
        let Some(bytes) = base64::decode(data) else { return self.give_up(id, AgentError::Garbled) };
        *output += bytes.len() as u64;
        let (max, output) = (*output_max, *output);
        if output > max {
            return self.give_up(id, AgentError::TooMuchOutput(max));
        }
        self.events.push_back(Event::Output { id, stream, bytes });
    }

    fn ready(&mut self, id: RequestId) {
        let Some((_, kind)) = transfer(self.transfer.filter(|active| *active == id), &mut self.requests) else {
            return;
        };
        let room = match kind {
            Kind::Put(put) => put.ready(id.0, &mut self.bulk),
            Kind::Get { get, .. } => {
                get.ready(id.0, &mut self.bulk);
                false
            }
            Kind::Exec { .. } | Kind::Health | Kind::Other => false,
        };
        if room {
            self.events.push_back(Event::Room { id, taken: 0 });
        }
    }

    fn sent(&mut self, id: RequestId, count: Option<u64>) {
        let Some(Kind::Get { get, .. }) = self.requests.get_mut(&id).map(|pending| &mut pending.kind) else { return };
        if let Err(error) = count.ok_or(AgentError::Garbled).and_then(|count| get.sent(count)) {
            self.give_up(id, error);
        }
    }

    fn done(&mut self, id: RequestId, status: &[u8], said: &[u8]) {
        let Some(pending) = self.requests.get_mut(&id) else { return };
        let result = match (status, number::<i32>(status), &mut pending.kind) {
            (b"unknown", _, _) => Err(AgentError::Unknown),
            (b"canceled", _, _) => Err(AgentError::Canceled),
            (_, None, _) => Err(AgentError::Garbled),
            (_, Some(status), Kind::Exec { .. }) => Ok(Reply::Exit(status)),
            (_, Some(0), Kind::Get { done, .. }) => {
                *done = true;
                return self.perhaps_whole(id);
            }
            (_, Some(0), Kind::Health) => Err(AgentError::Garbled),
            (_, Some(0), _) => Ok(Reply::Done),
            (_, Some(status), _) => Err(AgentError::Failed { status, said: text_of(said) }),
        };
        self.over(id, result);
    }

    /// A get is over when the guest says so and everything is there, in whichever order that happens.
    fn perhaps_whole(&mut self, id: RequestId) {
        if let Some(Kind::Get { get, done: true }) = self.requests.get(&id).map(|pending| &pending.kind)
            && get.is_whole()
        {
            self.over(id, Ok(Reply::Done));
        }
    }

    /// Sends what waits, in the order in which it was asked for.
    fn dispatch(&mut self) {
        if self.link != Link::Ready {
            return;
        }
        for (id, pending) in self.requests.iter_mut().filter(|(_, pending)| !pending.asked) {
            if matches!(pending.kind, Kind::Put(_) | Kind::Get { .. }) {
                if self.transfer.is_some() {
                    continue;
                }
                self.transfer = Some(*id);
            }
            pending.asked = true;
            pending.heard = self.now;
            self.control.push(std::mem::take(&mut pending.line).as_bytes());
        }
    }

    /// Ends a request for our part, and tells the guest.
    fn give_up(&mut self, id: RequestId, error: AgentError) {
        if self.requests.get(&id).is_some_and(|pending| pending.asked) {
            self.control.push(wire::line(&format!("cancel {}", id.0)).as_bytes());
        }
        self.over(id, Err(error));
    }

    fn over(&mut self, id: RequestId, result: Result<Reply, AgentError>) {
        if self.requests.remove(&id).is_none() {
            return;
        }
        self.events.push_back(Event::Over { id, result });
        if self.transfer == Some(id) {
            self.transfer = None;
            self.bulk.clear();
        }
        self.dispatch();
    }

    fn fail_all(&mut self, which: impl Fn(&Pending) -> bool, error: &AgentError) {
        let ids: Vec<_> = self.requests.iter().filter(|(_, pending)| which(pending)).map(|(id, _)| *id).collect();
        for id in ids {
            self.over(id, Err(error.clone()));
        }
    }
}

/// The request that has the bulk port.
fn transfer(active: Option<RequestId>, requests: &mut BTreeMap<RequestId, Pending>) -> Option<(RequestId, &mut Kind)> {
    let id = active?;
    Some((id, &mut requests.get_mut(&id)?.kind))
}

fn text_of(said: &[u8]) -> String {
    let bytes = base64::decode(said).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().chars().take(SAID_MAX).collect()
}

#[cfg(test)]
#[path = "agent_tests.rs"]
mod tests;
