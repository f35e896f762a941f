//! One tar stream on the bulk port.
//!
//! To the guest: the mark, then pieces with their length in a line before each, then a length of 0. From the guest: the mark and bytes, each chunk
//! asked for by a line `go` and told by a line `sent` on the control port. So neither side ever has more than it has room for.

use crate::AgentError;
use crate::wire::{self, Search};

/// How many bytes of a put are gathered for one piece. Each costs the guest the start of a program; more would only take memory.
pub const PUT_CHUNK: usize = 256 * 1024;
/// How many bytes of a get the guest sends for one `go`: `BLOCK * BLOCKS` of `agent-job`, the last chunk excepted.
pub const GET_CHUNK: u64 = 512 * 1024;
/// How many chunks of a get are under way at once: while one is taken, the next one is made. This and no more is kept of what a guest sends.
pub const GET_CREDITS: u64 = 2;

/// When less than this is left to be sent, the next piece is added to it.
const NEARLY_EMPTY: usize = 64;

/// Bytes on their way to a port.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// What is to be sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// So much of it has been sent.
    pub fn advance(&mut self, count: usize) {
        self.sent += count.min(self.bytes.len() - self.sent);
        if self.sent == self.bytes.len() {
            self.clear();
        }
    }

    /// Adds bytes at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Forgets what was not sent.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
    }
}

/// A stream to the guest.
#[derive(Debug, Default)]
pub struct Put {
    ready: bool,
    piece: Vec<u8>,
    /// The caller has no more.
    ended: bool,
    /// The end is in the outbox.
    closed: bool,
    given: u64,
}

impl Put {
    /// The guest waits for it. Says whether there is room again.
    pub fn ready(&mut self, id: u32, out: &mut Outbox) -> bool {
        if std::mem::replace(&mut self.ready, true) {
            return false;
        }
        out.clear();
        out.push(wire::mark(id).as_bytes());
        self.flush(out)
    }

    /// Takes as much as there is room for, and says how much that was.
    pub fn take(&mut self, bytes: &[u8], out: &mut Outbox) -> usize {
        let room = if self.ended { 0 } else { PUT_CHUNK - self.piece.len() };
        let taken = bytes.len().min(room);
        self.piece.extend_from_slice(&bytes[..taken]);
        self.flush(out);
        taken
    }

    /// There is no more.
    pub fn end(&mut self, out: &mut Outbox) {
        self.ended = true;
        self.flush(out);
    }

    /// Moves a piece into the outbox if it is time. Says whether there is room again.
    pub fn flush(&mut self, out: &mut Outbox) -> bool {
        if !self.ready || out.bytes().len() >= NEARLY_EMPTY {
            return false;
        }
        let whole = self.piece.len() == PUT_CHUNK;
        if whole || (self.ended && !self.piece.is_empty()) {
            out.push(format!("{}\n", self.piece.len()).as_bytes());
            out.push(&self.piece);
            self.given += self.piece.len() as u64;
            self.piece.clear();
        }
        if self.ended && !std::mem::replace(&mut self.closed, true) {
            out.push(b"0\n");
        }
        whole
    }

    /// How many bytes the guest has taken.
    pub fn taken(&self, out: &Outbox) -> u64 {
        self.given.saturating_sub(out.bytes().len() as u64)
    }
}

/// A stream from the guest.
#[derive(Debug)]
pub struct Get {
    ready: bool,
    search: Option<Search>,
    granted: u64,
    announced: u64,
    received: u64,
    taken: u64,
}

impl Get {
    /// For this request.
    pub fn new(id: u32) -> Self {
        Self { ready: false, search: Some(Search::new(id)), granted: 0, announced: 0, received: 0, taken: 0 }
    }

    /// The guest is about to send.
    pub fn ready(&mut self, id: u32, out: &mut Outbox) {
        if !std::mem::replace(&mut self.ready, true) {
            out.clear();
            out.push(wire::mark(id).as_bytes());
            self.grant(out);
        }
    }

    fn grant(&mut self, out: &mut Outbox) {
        while self.granted < GET_CREDITS + self.taken / GET_CHUNK {
            out.push(b"go\n");
            self.granted += 1;
        }
    }

    /// The stream's part of what came on the port.
    pub fn input<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], AgentError> {
        let bytes = match &mut self.search {
            Some(search) => match search.push(bytes) {
                Some(rest) => rest,
                None => return Ok(&[]),
            },
            None => bytes,
        };
        self.search = None;
        self.received += bytes.len() as u64;
        if self.received > self.granted * GET_CHUNK { Err(AgentError::Garbled) } else { Ok(bytes) }
    }

    /// The guest says that it has sent so many bytes more.
    pub fn sent(&mut self, count: u64) -> Result<(), AgentError> {
        if count > GET_CHUNK || self.announced + count > self.granted * GET_CHUNK {
            return Err(AgentError::Garbled);
        }
        self.announced += count;
        Ok(())
    }

    /// The caller has room for so many bytes more.
    pub fn taken(&mut self, count: u64, out: &mut Outbox) {
        self.taken = self.taken.saturating_add(count).min(self.received);
        self.grant(out);
    }

    /// Whether all that was announced is there.
    pub fn is_whole(&self) -> bool {
        self.received >= self.announced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_gathers_a_piece_and_then_waits_until_it_is_sent() {
        let (mut put, mut out) = (Put::default(), Outbox::default());
        assert_eq!(put.take(&[1; PUT_CHUNK + 5], &mut out), PUT_CHUNK);
        assert_eq!(put.take(&[1], &mut out), 0, "the guest is not ready");
        assert!(put.ready(7, &mut out), "there is room again");
        let head = format!("\nbegin 7\n{PUT_CHUNK}\n");
        assert!(out.bytes().starts_with(head.as_bytes()));
        assert_eq!(out.bytes().len(), head.len() + PUT_CHUNK);
        assert_eq!(put.take(&[2; PUT_CHUNK], &mut out), PUT_CHUNK);
        assert_eq!((put.take(&[3], &mut out), put.taken(&out)), (0, 0));
        out.advance(out.bytes().len() - 10);
        assert!(put.flush(&mut out));
        assert_eq!(put.taken(&out), (PUT_CHUNK * 2 - out.bytes().len()) as u64);
    }

    #[test]
    fn a_put_ends_with_what_is_left_and_a_zero() {
        let (mut put, mut out) = (Put::default(), Outbox::default());
        put.take(b"tar", &mut out);
        put.ready(7, &mut out);
        put.end(&mut out);
        put.end(&mut out);
        assert_eq!(out.bytes(), b"\nbegin 7\n3\ntar0\n");
        assert_eq!(put.take(b"more", &mut out), 0);
    }

    #[test]
    fn a_get_is_granted_as_much_as_was_taken() {
        let (mut get, mut out) = (Get::new(7), Outbox::default());
        get.ready(7, &mut out);
        assert_eq!(out.bytes(), b"\nbegin 7\ngo\ngo\n");
        out.clear();
        let chunk = vec![0; GET_CHUNK as usize];
        assert_eq!(get.input(b"of an earlier one\nbegin 7\n").unwrap(), b"");
        assert_eq!(get.input(&chunk).unwrap().len(), chunk.len());
        get.taken(GET_CHUNK - 1, &mut out);
        assert_eq!(out.bytes(), b"");
        get.taken(1, &mut out);
        assert_eq!(out.bytes(), b"go\n");
    }

    #[test]
    fn a_guest_that_sends_more_than_it_may_is_not_listened_to() {
        let (mut get, mut out) = (Get::new(7), Outbox::default());
        assert_eq!(get.input(b"\nbegin 7\nx"), Err(AgentError::Garbled), "nothing was granted");
        let mut get = {
            get = Get::new(7);
            get
        };
        get.ready(7, &mut out);
        get.input(b"\nbegin 7\n").unwrap();
        let chunk = vec![0; GET_CHUNK as usize];
        assert!(get.input(&chunk).is_ok() && get.input(&chunk).is_ok());
        assert_eq!(get.input(b"x"), Err(AgentError::Garbled));
        assert_eq!(get.sent(GET_CHUNK + 1), Err(AgentError::Garbled));
        assert!(get.sent(GET_CHUNK).is_ok() && get.sent(GET_CHUNK).is_ok());
        assert_eq!(get.sent(1), Err(AgentError::Garbled));
    }
}
