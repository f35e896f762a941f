//! One terminal's bytes on their way from the channel into xterm.js: in order, without gaps, a bounded number at a
//! time, and acknowledged only when they have been taken in.

use std::collections::VecDeque;

/// How many bytes xterm.js is given at a time: a few milliseconds of its parsing, so that the page never stalls.
pub(crate) const CHUNK: usize = 16 << 10;
/// How far the acknowledged offset may lag behind what was taken in, in bytes.
const ACK_STEP: u64 = 64 << 10;
/// How many bytes may wait while the page is shown. The worker sends a replay of at most 1 MiB and then holds back, so
/// this is only reached when it does not.
const SHOWN_LIMIT: usize = 4 << 20;
/// How many bytes wait while the page is hidden, where browsers let xterm.js parse only now and then: as many as the
/// worker's ring would replay. Older ones make room, so that a forgotten tab never slows the machine down.
const HIDDEN_LIMIT: usize = 1 << 20;

/// Bytes were missing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gap;

/// What is to be done next with the terminal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// Clear it.
    Reset,
    /// Parse these bytes and say when it is done; `replay` says that nobody waits for answers to queries in them.
    Write { bytes: Vec<u8>, replay: bool },
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    /// How many of the bytes have gone already.
    gone: usize,
    replay: bool,
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    len: usize,
    /// It is from before a restart of the flow.
    stale: bool,
}

/// The bytes of one terminal.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Offset of the next byte that the channel is to bring; unknown until the first has come.
    next: Option<u64>,
    queue: VecDeque<Piece>,
    queued: usize,
    in_flight: Option<InFlight>,
    /// The terminal must be cleared before the next byte.
    reset: bool,
    /// Bytes were dropped while the page was hidden.
    dropped: bool,
    acked: u64,
    hidden: bool,
}

impl Flow {
    /// Forgets everything: the replay of a new attachment comes next.
    pub(crate) fn restart(&mut self) {
        let in_flight = self.in_flight.map(|in_flight| InFlight { stale: true, ..in_flight });
        *self = Self { in_flight, reset: true, hidden: self.hidden, ..Self::default() };
    }

    /// The page is shown, or hidden.
    pub(crate) fn set_hidden(&mut self, hidden: bool) {
        self.hidden = hidden;
    }

    /// Takes bytes from the channel; `offset` is that of the first. Returns whether there were new ones.
    pub(crate) fn take(&mut self, offset: u64, mut bytes: Vec<u8>, replay: bool) -> Result<bool, Gap> {
        let next = self.next.unwrap_or(offset);
        let known = next.checked_sub(offset).ok_or(Gap)?;
        let end = offset.saturating_add(bytes.len() as u64);
        self.next = Some(end.max(next));
        if bytes.is_empty() || end <= next {
            return Ok(false);
        }
        // What is known already fits into `bytes`, because its end is further on.
        bytes.drain(..usize::try_from(known).unwrap_or(bytes.len()));
        self.queued += bytes.len();
        self.queue.push_back(Piece { bytes, gone: 0, replay });
        self.make_room();
        Ok(true)
    }

    fn make_room(&mut self) {
        let limit = if self.hidden { HIDDEN_LIMIT } else { SHOWN_LIMIT };
        while self.queued > limit && self.queue.len() > 1 {
            if let Some(piece) = self.queue.pop_front() {
                self.queued -= piece.bytes.len() - piece.gone;
            }
            self.dropped = true;
            self.reset = true;
        }
    }

    /// What to do with the terminal now; [`Flow::parsed`] is to be called after every write.
    pub(crate) fn feed(&mut self) -> Vec<Feed> {
        let mut feed = Vec::new();
        // After a loss the terminal keeps what it has until somebody looks: the queue holds all that it can get.
        if self.in_flight.is_some() || self.dropped && self.hidden {
            return feed;
        }
        if std::mem::take(&mut self.reset) {
            feed.push(Feed::Reset);
        }
        if let Some((bytes, replay)) = self.next_chunk() {
            self.in_flight = Some(InFlight { len: bytes.len(), stale: false });
            // Programs that asked something long ago have stopped waiting.
            feed.push(Feed::Write { bytes, replay: replay || self.dropped });
        } else {
            self.dropped = false;
        }
        feed
    }

    fn next_chunk(&mut self) -> Option<(Vec<u8>, bool)> {
        let replay = self.queue.front()?.replay;
        let mut chunk = Vec::new();
        while let Some(piece) = self.queue.front_mut().filter(|piece| piece.replay == replay) {
            let left = &piece.bytes[piece.gone..];
            let part = &left[..left.len().min(CHUNK - chunk.len())];
            chunk.extend_from_slice(part);
            if part.len() == left.len() {
                self.queue.pop_front();
            } else {
                piece.gone += part.len();
                break;
            }
        }
        self.queued -= chunk.len();
        Some((chunk, replay))
    }

    /// The terminal has parsed the last write.
    pub(crate) fn parsed(&mut self) {
        self.in_flight = None;
    }

    /// The offset to acknowledge now, if any: at most once for every [`ACK_STEP`], or when all is taken in.
    pub(crate) fn ack(&mut self) -> Option<u64> {
        let next = self.next?;
        let in_flight = self.in_flight.filter(|in_flight| !in_flight.stale).map_or(0, |in_flight| in_flight.len);
        let waiting = (self.queued + in_flight) as u64;
        let taken = if self.hidden { next } else { next - waiting };
        let due = taken >= self.acked + ACK_STEP || waiting == 0 && taken > self.acked;
        due.then(|| {
            self.acked = taken;
            taken
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the flow dry; returns what the terminal shows.
    fn drain(flow: &mut Flow, shown: &mut Vec<u8>) {
        loop {
            let feed = flow.feed();
            if feed.is_empty() {
                return;
            }
            let mut wrote = false;
            for feed in feed {
                match feed {
                    Feed::Reset => shown.clear(),
                    Feed::Write { bytes, .. } => {
                        assert!(bytes.len() <= CHUNK);
                        shown.extend(bytes);
                        wrote = true;
                    }
                }
            }
            if !wrote {
                return;
            }
            flow.parsed();
        }
    }

    #[test]
    fn bytes_come_out_as_they_came_in() {
        let (mut flow, mut shown) = (Flow::default(), Vec::new());
        assert_eq!(flow.take(100, b"abc".to_vec(), true), Ok(true));
        assert_eq!(flow.take(103, b"def".to_vec(), false), Ok(true));
        drain(&mut flow, &mut shown);
        assert_eq!(shown, b"abcdef");
    }

    #[test]
    fn bytes_that_come_twice_are_taken_once() {
        let (mut flow, mut shown) = (Flow::default(), Vec::new());
        flow.take(0, b"abcd".to_vec(), true).unwrap();
        assert_eq!(flow.take(1, b"bc".to_vec(), false), Ok(false));
        assert_eq!(flow.take(2, b"cdef".to_vec(), false), Ok(true));
        drain(&mut flow, &mut shown);
        assert_eq!(shown, b"abcdef");
    }

    #[test]
    fn missing_bytes_are_noticed() {
        let mut flow = Flow::default();
        flow.take(0, b"abc".to_vec(), true).unwrap();
        assert_eq!(flow.take(4, b"e".to_vec(), false), Err(Gap));
    }

    #[test]
    fn replayed_and_new_bytes_never_share_a_write() {
        let mut flow = Flow::default();
        flow.take(0, b"old".to_vec(), true).unwrap();
        flow.take(3, b"new".to_vec(), false).unwrap();
        assert_eq!(flow.feed(), [Feed::Write { bytes: b"old".to_vec(), replay: true }]);
        assert_eq!(flow.feed(), [], "one write at a time");
        flow.parsed();
        assert_eq!(flow.feed(), [Feed::Write { bytes: b"new".to_vec(), replay: false }]);
    }

    #[test]
    fn nothing_is_acknowledged_before_it_is_parsed() {
        let mut flow = Flow::default();
        flow.take(0, vec![b'x'; 10], false).unwrap();
        assert_eq!(flow.ack(), None);
        flow.feed();
        assert_eq!(flow.ack(), None);
        flow.parsed();
        assert_eq!(flow.ack(), Some(10));
        assert_eq!(flow.ack(), None, "once is enough");
    }

    #[test]
    fn a_flood_is_acknowledged_once_for_every_64_kib() {
        let mut flow = Flow::default();
        flow.take(0, vec![b'x'; 200_000], false).unwrap();
        let mut acks = Vec::new();
        while !flow.feed().is_empty() {
            flow.parsed();
            acks.extend(flow.ack());
        }
        assert_eq!(acks, [65_536, 131_072, 196_608, 200_000]);
    }

    #[test]
    fn a_restart_waits_for_the_write_under_way_and_then_clears_the_terminal() {
        let (mut flow, mut shown) = (Flow::default(), Vec::new());
        flow.take(0, b"before".to_vec(), false).unwrap();
        flow.feed();
        flow.restart();
        flow.take(50, b"after".to_vec(), true).unwrap();
        assert_eq!(flow.feed(), [], "xterm is still busy with what came before");
        assert_eq!(flow.ack(), None);
        flow.parsed();
        drain(&mut flow, &mut shown);
        assert_eq!((shown.as_slice(), flow.ack()), (b"after".as_slice(), Some(55)));
    }

    #[test]
    fn a_restart_without_bytes_clears_the_terminal_too() {
        let mut flow = Flow::default();
        flow.restart();
        assert_eq!(flow.feed(), [Feed::Reset]);
        assert_eq!(flow.feed(), []);
    }

    #[test]
    fn a_program_that_asked_an_unseen_terminal_long_ago_gets_no_answer() {
        let mut flow = Flow::default();
        flow.set_hidden(true);
        flow.take(0, vec![b'x'; HIDDEN_LIMIT], false).unwrap();
        flow.take(HIDDEN_LIMIT as u64, b"\x1b[6n".to_vec(), false).unwrap();
        flow.set_hidden(false);
        assert_eq!(flow.feed(), [Feed::Reset, Feed::Write { bytes: b"\x1b[6n".to_vec(), replay: true }]);
    }

    #[test]
    fn a_hidden_page_never_holds_the_machine_back_and_shows_the_last_bytes_when_it_is_looked_at() {
        let (mut flow, mut shown) = (Flow::default(), b"earlier".to_vec());
        flow.set_hidden(true);
        let line = |i: u64| format!("{i:>1023}\n").into_bytes();
        for i in 0..5000 {
            flow.take(i * 1024, line(i), false).unwrap();
            flow.ack();
        }
        assert!(flow.queued <= HIDDEN_LIMIT);
        assert!(5000 * 1024 - flow.acked < ACK_STEP, "all is taken in");
        assert_eq!(flow.feed(), [], "browsers don't let a hidden page work");
        flow.set_hidden(false);
        drain(&mut flow, &mut shown);
        let expected: Vec<u8> = (5000 - 1024..5000).flat_map(line).collect();
        assert!(shown == expected, "the last mebibyte, after a reset");
        flow.take(5000 * 1024, b"x".to_vec(), false).unwrap();
        assert_eq!(flow.feed(), [Feed::Write { bytes: b"x".to_vec(), replay: false }], "and all is as before");
    }
}
