//! What waits for one port: a queue for each sender, served in turn by bytes (deficit round robin, Shreedhar and Varghese 1995). A sender that
//! floods fills its own queue and takes no more than its turn; when all of it is too much, the longest queue loses.

use super::port::PortId;
use crate::frame::Frame;
use std::collections::{BTreeMap, VecDeque};

/// How many bytes a sender may add to its credit in each turn.
const QUANTUM: usize = 16 * 1024;
/// What a frame costs beside its bytes, so that a flood of the shortest ones is bounded as well.
const OVERHEAD: usize = 64;

#[derive(Debug, Default)]
struct Flow {
    frames: VecDeque<Frame>,
    bytes: usize,
    credit: usize,
}

/// The bounds of a port's queue, in bytes with [`OVERHEAD`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Of one sender.
    pub(super) flow: usize,
    /// Of all senders together.
    pub(super) total: usize,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    flows: BTreeMap<PortId, Flow>,
    /// Senders whose queue is not empty, in the order of their turns.
    turns: VecDeque<PortId>,
    bytes: usize,
}

fn cost(frame: &Frame) -> usize {
    frame.len() + OVERHEAD
}

impl Queue {
    /// Adds a frame. Gives the sender who lost a frame because of this one: its own, or the one with the longest queue. A queue that is too
    /// long loses its newest frames.
    pub(super) fn push(&mut self, from: PortId, frame: Frame, bounds: Bounds) -> Vec<PortId> {
        let cost = cost(&frame);
        let mut losers = Vec::new();
        if self.waiting_from(from) + cost > bounds.flow {
            return vec![from];
        }
        while self.bytes + cost > bounds.total {
            let longest = self.flows.iter().max_by_key(|(_, flow)| flow.bytes).map(|(id, flow)| (*id, flow.bytes));
            match longest {
                Some((id, bytes)) if id != from && bytes > self.waiting_from(from) + cost => {
                    self.pop_newest(id);
                    losers.push(id);
                }
                _ => {
                    losers.push(from);
                    return losers;
                }
            }
        }
        let flow = self.flows.entry(from).or_default();
        if flow.frames.is_empty() {
            flow.credit = 0;
            self.turns.push_back(from);
        }
        flow.bytes += cost;
        flow.frames.push_back(frame);
        self.bytes += cost;
        losers
    }

    /// Whose turn it is, and how long its next frame is. Moves turns and credit, takes nothing.
    pub(super) fn peek(&mut self) -> Option<(PortId, usize)> {
        loop {
            let id = *self.turns.front()?;
            let Some(flow) = self.flows.get_mut(&id) else {
                self.turns.pop_front();
                continue;
            };
            let Some(next) = flow.frames.front() else {
                self.turns.pop_front();
                continue;
            };
            if flow.credit >= cost(next) {
                return Some((id, next.len()));
            }
            flow.credit += QUANTUM;
            self.turns.rotate_left(1);
        }
    }

    /// Takes the next frame.
    pub(super) fn pop(&mut self) -> Option<(PortId, Frame)> {
        let (id, _) = self.peek()?;
        let flow = self.flows.get_mut(&id)?;
        let frame = flow.frames.pop_front()?;
        flow.credit = flow.credit.saturating_sub(cost(&frame));
        flow.bytes -= cost(&frame);
        self.bytes -= cost(&frame);
        if flow.frames.is_empty() {
            self.turns.pop_front();
            self.flows.remove(&id);
        }
        Some((id, frame))
    }

    fn pop_newest(&mut self, id: PortId) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        if let Some(frame) = flow.frames.pop_back() {
            flow.bytes -= cost(&frame);
            self.bytes -= cost(&frame);
        }
    }

    /// Forgets what a sender sent.
    pub(super) fn forget(&mut self, from: PortId) {
        if let Some(flow) = self.flows.remove(&from) {
            self.bytes -= flow.bytes;
        }
        self.turns.retain(|id| *id != from);
    }

    /// Bytes that wait, and what they cost beside.
    pub(super) fn waiting(&self) -> usize {
        self.bytes
    }

    /// The same of one sender.
    pub(super) fn waiting_from(&self, from: PortId) -> usize {
        self.flows.get(&from).map_or(0, |flow| flow.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { flow: 100_000, total: 300_000 };

    fn frame(length: usize) -> Frame {
        vec![0; length].into()
    }

    fn taken(queue: &mut Queue, bytes: usize) -> BTreeMap<u32, usize> {
        let mut sum = BTreeMap::new();
        while let Some((id, frame)) = queue.pop() {
            *sum.entry(id.0).or_default() += frame.len();
            if sum.values().sum::<usize>() >= bytes {
                break;
            }
        }
        sum
    }

    #[test]
    fn senders_take_turns_by_bytes_whatever_they_push() {
        let mut queue = Queue::default();
        for _ in 0..60 {
            queue.push(PortId(1), frame(60), BOUNDS);
            queue.push(PortId(1), frame(1500), BOUNDS);
            queue.push(PortId(2), frame(1500), BOUNDS);
            queue.push(PortId(3), frame(16_000), BOUNDS);
        }
        let sum = taken(&mut queue, 180_000);
        let (least, most) = (sum.values().min().unwrap(), sum.values().max().unwrap());
        assert!(sum.len() == 3 && most - least <= 3 * QUANTUM, "{sum:?}");
    }

    #[test]
    fn the_longest_queue_loses_when_all_is_too_much() {
        let bounds = Bounds { flow: 100_000, total: 120_000 };
        let mut queue = Queue::default();
        for _ in 0..200 {
            queue.push(PortId(1), frame(1000), bounds);
        }
        assert!(queue.waiting() <= bounds.flow);
        for _ in 0..40 {
            let losers = queue.push(PortId(2), frame(1000), bounds);
            assert!(losers.iter().all(|id| *id == PortId(1)), "the quiet one lost a frame");
        }
        assert!(queue.waiting() <= bounds.total);
        assert_eq!(queue.waiting_from(PortId(2)), 40 * 1064);
        queue.forget(PortId(1));
        assert_eq!(queue.waiting(), 40 * 1064);
        while queue.pop().is_some() {}
        assert_eq!((queue.waiting(), queue.turns.len(), queue.flows.len()), (0, 0, 0));
    }

    #[test]
    fn one_frame_longer_than_a_turn_still_comes_out() {
        let mut queue = Queue::default();
        queue.push(PortId(1), frame(65_549), BOUNDS);
        queue.push(PortId(2), frame(60), BOUNDS);
        assert_eq!(taken(&mut queue, usize::MAX).len(), 2);
    }
}
