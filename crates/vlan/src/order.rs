//! Batches that overtake each other, put in order again, as far as that helps (resequencing, as RFC 2661, section 5.4, has it for what travels
//! in datagrams).
//!
//! A batch that was lost on its way and sent again comes after those that were sent later. To a guest's TCP, a segment that comes early is as good
//! as a sign of loss: it says so at once, and the sender slows down and sends again what was on its way anyhow. So batches are numbered, and the
//! long TCP segments of one that comes early are kept until those before it are there, or won't come in any useful time. All else in it goes on at
//! once: what is short, or no TCP, waits for nobody.
//!
//! A message is the batch's number, four bytes, little endian, and the [`batch`]. The first number is any, the next is one more, and 0
//! comes after 2³² − 1. A number far from what is due begins anew.

use crate::batch;
use crate::error::BatchError;
use crate::frame::{LONGEST, is_long_segment};
use std::collections::BTreeMap;
use std::time::Duration;

/// The bytes of the number.
pub const NUMBER: usize = 4;
/// The most bytes that are kept.
const KEPT_MAX: usize = 4 * 1024 * 1024;
/// A number further than this from the one that is due begins anew.
const FAR: u32 = 1 << 12;
/// How long a gap is waited for at least and at most. A connection of which too much was lost at a time does nothing for 400 ms, and longer when that
/// happens again, while another one goes on; what is lost for good is very little.
const PATIENCE: [Duration; 2] = [Duration::from_millis(400), Duration::from_millis(1600)];

/// The sender's side.
#[derive(Debug)]
pub struct Numbering(u32);

impl Numbering {
    /// Begins with this number: a random one, so that whoever hears it begins anew as well.
    pub fn new(first: u32) -> Numbering {
        Numbering(first)
    }

    /// Makes a message of a batch.
    pub fn number(&mut self, batch: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(NUMBER + batch.len());
        message.extend_from_slice(&self.0.to_le_bytes());
        message.extend_from_slice(batch);
        self.0 = self.0.wrapping_add(1);
        message
    }
}

/// A batch that came early.
#[derive(Debug)]
struct Kept {
    batch: Vec<u8>,
    since: Duration,
}

/// The receiver's side.
#[derive(Debug, Default)]
pub struct Order {
    /// The number that is due; `None` before the first one.
    due: Option<u32>,
    /// What came early, by how many numbers were due before its own.
    kept: BTreeMap<u64, Kept>,
    /// How many numbers were due before the one that is.
    base: u64,
    bytes: usize,
    /// How long the latest gaps took to be filled.
    gap: Duration,
}

impl Order {
    /// A message has come. Gives the batches that may go on now, in order. One that is none, or has no number, is refused.
    pub fn input(&mut self, message: &[u8], now: Duration) -> Result<Vec<Vec<u8>>, BatchError> {
        let (number, batch) = message.split_first_chunk::<NUMBER>().ok_or(BatchError::CutShort)?;
        let number = u32::from_le_bytes(*number);
        let frames = batch::frames(batch, LONGEST)?;
        let ahead = number.wrapping_sub(self.due.unwrap_or(number));
        let mut out = vec![];
        match ahead {
            0 => {
                out.push(batch.to_vec());
                self.advance(number, 1);
                if let Some(first) = self.kept.first_key_value().filter(|(at, _)| **at == self.base) {
                    // A gap is filled: how long that took says how long it is worth waiting for the next one.
                    let took = now.saturating_sub(first.1.since);
                    self.gap = took.max(self.gap * 7 / 8 + took / 8);
                }
                self.release(&mut out);
            }
            1..FAR => {
                let (mut early, mut rest) = (vec![], vec![]);
                for frame in frames {
                    batch::push(if is_long_segment(frame) { &mut rest } else { &mut early }, frame);
                }
                if !early.is_empty() {
                    out.push(early);
                }
                self.bytes += rest.len();
                let earlier = self.kept.insert(self.base + u64::from(ahead), Kept { batch: rest, since: now });
                self.bytes -= earlier.map_or(0, |kept| kept.batch.len());
                while self.bytes > KEPT_MAX {
                    self.skip(&mut out);
                }
            }
            // It is late, and was not waited for.
            _ if ahead.wrapping_neg() < FAR => out.push(batch.to_vec()),
            _ => {
                while !self.kept.is_empty() {
                    self.skip(&mut out);
                }
                out.push(batch.to_vec());
                self.due = Some(number.wrapping_add(1));
            }
        }
        Ok(out)
    }

    fn patience(&self) -> Duration {
        let [least, most] = PATIENCE;
        (self.gap * 2).clamp(least, most)
    }

    /// When [`Order::overdue`] has something to give; `None` if nothing is kept.
    pub fn wake_at(&self) -> Option<Duration> {
        self.kept.first_key_value().map(|(_, first)| first.since + self.patience())
    }

    /// What was kept for so long that what comes before it is given up.
    pub fn overdue(&mut self, now: Duration) -> Vec<Vec<u8>> {
        let mut out = vec![];
        while self.wake_at().is_some_and(|at| at <= now) {
            self.skip(&mut out);
        }
        out
    }

    fn advance(&mut self, from: u32, by: u64) {
        self.due = Some(from.wrapping_add(by as u32));
        self.base += by;
    }

    /// Gives up the numbers before the first one that is kept.
    fn skip(&mut self, out: &mut Vec<Vec<u8>>) {
        if let (Some((at, _)), Some(due)) = (self.kept.first_key_value(), self.due) {
            self.advance(due, at - self.base);
            self.release(out);
        }
    }

    /// Gives what is kept of the numbers that are due.
    fn release(&mut self, out: &mut Vec<Vec<u8>>) {
        while let (Some(kept), Some(due)) = (self.kept.remove(&self.base), self.due) {
            self.bytes -= kept.batch.len();
            if !kept.batch.is_empty() {
                out.push(kept.batch);
            }
            self.advance(due, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(5);

    /// A TCP segment that says which one it is.
    fn segment(which: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0; length];
        frame[12] = 8;
        frame[23] = 6;
        frame[24] = which;
        frame
    }

    fn message(number: u32, frames: &[Vec<u8>]) -> Vec<u8> {
        let mut batch = vec![];
        frames.iter().for_each(|frame| assert!(batch::push(&mut batch, frame)));
        Numbering::new(number).number(&batch)
    }

    fn long(number: u32) -> Vec<u8> {
        message(number, &[segment(number as u8, 600)])
    }

    /// Which segments there are.
    fn which(batches: &[Vec<u8>]) -> Vec<u8> {
        batches.iter().flat_map(|batch| batch::frames(batch, LONGEST).unwrap()).map(|frame| frame[24]).collect()
    }

    fn hear(order: &mut Order, message: &[u8], now: Duration) -> Vec<u8> {
        which(&order.input(message, now).unwrap())
    }

    #[test]
    fn what_comes_early_goes_on_behind_what_was_missing() {
        let mut order = Order::default();
        assert_eq!(hear(&mut order, &long(u32::MAX), NOW), [255]);
        assert!(hear(&mut order, &long(2), NOW).is_empty());
        assert!(hear(&mut order, &long(1), NOW).is_empty());
        assert_eq!(hear(&mut order, &long(0), NOW), [0, 1, 2]);
        assert_eq!(order.wake_at(), None);
        assert_eq!(hear(&mut order, &long(3), NOW), [3]);
    }

    #[test]
    fn what_is_short_or_no_tcp_waits_for_nobody() {
        let mut order = Order::default();
        hear(&mut order, &long(0), NOW);
        let mut datagram = segment(9, 1400);
        datagram[23] = 17;
        let mixed = message(2, &[segment(7, 600), segment(8, 60), datagram]);
        assert_eq!(hear(&mut order, &mixed, NOW), [8, 9]);
        assert_eq!(hear(&mut order, &long(1), NOW), [1, 7]);
    }

    #[test]
    fn a_gap_is_waited_for_as_long_as_gaps_take() {
        let mut order = Order::default();
        hear(&mut order, &long(0), NOW);
        hear(&mut order, &long(2), NOW);
        let late = order.wake_at().unwrap();
        assert_eq!(late - NOW, PATIENCE[0]);
        assert!(which(&order.overdue(late - Duration::from_nanos(1))).is_empty());
        assert_eq!(which(&order.overdue(late)), [2]);
        assert_eq!(hear(&mut order, &long(1), late), [1], "what is late after all goes on");
        // After a gap that took long the next one is waited for twice as long, but not for ever.
        let (mut now, mut number) = (late, 3);
        let mut gap = |took| {
            hear(&mut order, &long(number + 1), now);
            let wait = order.wake_at().unwrap() - now;
            now += Duration::from_millis(took);
            assert_eq!(hear(&mut order, &long(number), now).len(), 2);
            number += 2;
            wait
        };
        assert_eq!([300, 550, 1090, 0].map(&mut gap), [400, 600, 1100, 1600].map(Duration::from_millis));
        // Gaps that are soon filled are soon given up.
        assert_eq!([0; 20].map(gap)[19], PATIENCE[0]);
    }

    #[test]
    fn a_sender_that_begins_anew_is_heard_at_once() {
        let mut order = Order::default();
        hear(&mut order, &long(0), NOW);
        assert!(hear(&mut order, &long(3), NOW).is_empty());
        assert_eq!(hear(&mut order, &long(1 << 20), NOW), [3, 0]);
        assert_eq!(hear(&mut order, &long((1 << 20) + 1), NOW), [1]);
        assert_eq!(hear(&mut order, &long(77), NOW), [77], "and so is one whose number is less");
        assert_eq!(hear(&mut order, &long(78), NOW), [78]);
    }

    #[test]
    fn a_hostile_sender_has_little_kept() {
        let mut order = Order::default();
        hear(&mut order, &long(0), NOW);
        for number in 2..FAR {
            let big: Vec<_> = (0..4).map(|_| segment(1, 60_000)).collect();
            order.input(&message(number, &big), NOW).unwrap();
            assert!(order.bytes <= KEPT_MAX);
            assert_eq!(order.bytes, order.kept.values().map(|kept| kept.batch.len()).sum::<usize>());
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let mut order = Order::default();
        assert!(order.input(&[1, 2, 3], NOW).is_err());
        assert!(order.input(&[0, 0, 0, 0, 9], NOW).is_err());
        assert_eq!(order.due, None);
    }

    proptest! {
        /// Whatever is lost, and in whichever order the rest comes, all of it goes on, once; and in order, as long as no gap is given up.
        #[test]
        fn all_that_comes_goes_on_once(
            first: u32,
            came in Just((0..60u32).collect::<Vec<_>>()).prop_shuffle(),
            lost in 0..10usize,
        ) {
            let mut order = Order::default();
            let mut out = hear(&mut order, &message(first, &[segment(200, 600)]), NOW);
            for number in &came[lost..] {
                let next = message(first.wrapping_add(number + 1), &[segment(*number as u8, 600)]);
                out.extend(hear(&mut order, &next, NOW));
            }
            let in_order = out.is_sorted_by_key(|which| which.wrapping_sub(200));
            prop_assert!(in_order);
            while let Some(at) = order.wake_at() {
                out.extend(which(&order.overdue(at)));
            }
            let mut all: Vec<u8> = came[lost..].iter().map(|number| *number as u8).collect();
            all.push(200);
            all.sort_unstable();
            out.sort_unstable();
            prop_assert_eq!(out, all);
        }
    }
}
