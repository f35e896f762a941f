//! What a guest sends again while the first copy is still on its way, by whichever of several links.
//!
//! A link that is slow, or sends again by itself what was lost, answers late. A guest's TCP takes that for a loss and sends its segment once more (a
//! tail loss probe or a retransmission timeout; RFC 8985, RFC 6298): with segments of 64 KiB that is a second of a slow line, for nothing. As long as
//! the first copy waits in the link it can't have been lost, so a second one is left out. For a while after that the link itself sees to it, so one
//! more is left out; but only one, for what was lost all the same must not wait for long.

use crate::batch;
use crate::frame::{HEADER, LONGEST, is_long_segment};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// So long after it has left, the link sees to it by itself that a segment arrives: longer than a guest's first patience, or nothing would be won.
const GRACE: Duration = Duration::from_secs(1);
/// The most segments of a link that are remembered.
const KNOWN_MAX: usize = 4096;
/// Where the addresses, ports and the sequence number are, behind a header of Ethernet and one of IPv4 without options.
const NAMES: std::ops::Range<usize> = HEADER + 12..HEADER + 28;
/// Where the flags of TCP are.
const FLAGS: usize = HEADER + 33;
/// Where the length of the packet is.
const LENGTH: std::ops::Range<usize> = HEADER + 2..HEADER + 4;

/// What makes a TCP segment the same as another one: connection, sequence number, flags and length.
type Segment = ([u8; 16], u8, [u8; 2]);

/// A segment that was given to a link.
#[derive(Debug)]
struct Given {
    segment: Segment,
    /// How many bytes were given to the link with it and before it.
    end: u64,
    /// When it was seen to have left.
    left: Option<Duration>,
}

/// One of the links to the same place.
#[derive(Debug, Default)]
struct Link {
    /// How many bytes were given to it, and how many of them have left.
    given: u64,
    left: u64,
    under_way: VecDeque<Given>,
}

/// The long TCP segments that are on their way to some place by `LINKS` links.
#[derive(Debug)]
pub struct Repeats<const LINKS: usize> {
    links: [Link; LINKS],
    /// Those of which a copy is left out: which link they were given to last, and how many bytes with them and before them.
    known: BTreeMap<Segment, (usize, u64)>,
}

impl<const LINKS: usize> Default for Repeats<LINKS> {
    fn default() -> Self {
        Self { links: std::array::from_fn(|_| Link::default()), known: BTreeMap::new() }
    }
}

impl<const LINKS: usize> Repeats<LINKS> {
    /// So many bytes wait in a link now.
    ///
    /// # Panics
    /// If there is no such link; here and below.
    pub fn look(&mut self, link: usize, waiting: usize, now: Duration) {
        let of = &mut self.links[link];
        of.left = of.given.saturating_sub(waiting as u64);
        for given in of.under_way.iter_mut().rev().skip_while(|given| given.end > of.left) {
            if given.left.is_some() {
                break;
            }
            given.left = Some(now);
        }
        while self.links[link].under_way.front().and_then(|given| given.left).is_some_and(|left| left + GRACE <= now) {
            self.forget_first(link);
        }
    }

    fn forget_first(&mut self, link: usize) {
        if let Some(Given { segment, end, .. }) = self.links[link].under_way.pop_front()
            && self.known.get(&segment) == Some(&(link, end))
        {
            self.known.remove(&segment);
        }
    }

    /// A link is there no more: what waited in it is lost.
    pub fn forget(&mut self, link: usize) {
        while !self.links[link].under_way.is_empty() {
            self.forget_first(link);
        }
        self.links[link] = Link::default();
    }

    /// A batch is about to be given to a link. Gives what of it is to go.
    pub fn without(&mut self, batch: Vec<u8>, link: usize) -> Vec<u8> {
        // It was made here, so it is whole.
        let Ok(frames) = batch::frames(&batch, LONGEST) else { return batch };
        let mut rest: Option<Vec<u8>> = None;
        let mut fresh = vec![];
        for (at, frame) in frames.clone().enumerate() {
            let segment = segment(frame);
            if segment.is_some_and(|segment| fresh.contains(&segment) || self.is_needless(segment)) {
                rest.get_or_insert_with(|| {
                    let mut before = Vec::with_capacity(batch.len());
                    for frame in frames.clone().take(at) {
                        batch::push(&mut before, frame);
                    }
                    before
                });
                continue;
            }
            if let Some(rest) = &mut rest {
                batch::push(rest, frame);
            }
            fresh.extend(segment);
        }
        let rest = rest.unwrap_or(batch);
        let of = &mut self.links[link];
        of.given += rest.len() as u64;
        for segment in fresh {
            self.known.insert(segment, (link, of.given));
            of.under_way.push_back(Given { segment, end: of.given, left: None });
        }
        while self.links[link].under_way.len() > KNOWN_MAX {
            self.forget_first(link);
        }
        rest
    }

    /// Whether a copy of this segment is on its way.
    fn is_needless(&mut self, segment: Segment) -> bool {
        let Some((link, end)) = self.known.get(&segment).copied() else { return false };
        if end <= self.links[link].left {
            // The next copy goes.
            self.known.remove(&segment);
        }
        true
    }
}

/// Which segment a frame is; `None` for what is short (a keep-alive is), a part of a packet, has options of IPv4, or is no TCP over it.
fn segment(frame: &[u8]) -> Option<Segment> {
    let is_plain = is_long_segment(frame) && frame.get(HEADER) == Some(&0x45);
    let is_whole = u16::from_be_bytes(*frame.get(HEADER + 6..)?.first_chunk()?) & 0x3fff == 0;
    if !is_plain || !is_whole {
        return None;
    }
    Some((frame.get(NAMES)?.try_into().ok()?, *frame.get(FLAGS)?, frame.get(LENGTH)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::LONG;
    use proptest::prelude::*;

    /// A segment with this sequence number.
    fn frame(sequence: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0; length];
        frame[12..15].copy_from_slice(&[8, 0, 0x45]);
        frame[LENGTH].copy_from_slice(&((length - HEADER) as u16).to_be_bytes());
        frame[HEADER + 9] = 6;
        frame[NAMES.end - 1] = sequence;
        frame
    }

    fn batch(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut batch = vec![];
        frames.iter().for_each(|frame| assert!(batch::push(&mut batch, frame)));
        batch
    }

    const NOW: Duration = Duration::from_secs(5);

    #[test]
    fn a_segment_that_still_waits_is_not_sent_again() {
        let mut repeats = Repeats::<1>::default();
        let first = batch(&[frame(1, 1000), frame(2, 1000)]);
        assert!(repeats.without(first.clone(), 0) == first);
        repeats.look(0, first.len(), NOW);
        let second = batch(&[frame(3, 1000), frame(2, 1000), frame(4, 1000), frame(1, 1000)]);
        let rest = batch(&[frame(3, 1000), frame(4, 1000)]);
        assert!(repeats.without(second, 0) == rest);
        // However long that takes.
        repeats.look(0, first.len() + rest.len(), NOW * 100);
        assert!(repeats.without(first, 0).is_empty());
    }

    #[test]
    fn a_segment_that_left_long_ago_is_sent_as_often_as_the_guest_wants() {
        let mut repeats = Repeats::<1>::default();
        let [first, second] = [1, 2].map(|sequence| batch(&[frame(sequence, 1000)]));
        assert!(repeats.without(first.clone(), 0) == first);
        assert!(repeats.without(second.clone(), 0) == second);
        // The first one leaves, the second one does not.
        repeats.look(0, second.len(), NOW);
        repeats.look(0, second.len(), NOW + GRACE);
        assert!(repeats.without(first.clone(), 0) == first);
        assert!(repeats.without(second.clone(), 0).is_empty());
        repeats.look(0, 0, NOW + GRACE);
        repeats.look(0, 0, NOW + GRACE * 2);
        assert!(repeats.without(second.clone(), 0) == second);
    }

    #[test]
    fn one_copy_is_left_out_of_a_segment_that_has_just_left() {
        let mut repeats = Repeats::<1>::default();
        let one = batch(&[frame(1, 1000)]);
        assert!(repeats.without(one.clone(), 0) == one);
        repeats.look(0, 0, NOW);
        repeats.look(0, 0, NOW + GRACE - Duration::from_nanos(1));
        assert!(repeats.without(one.clone(), 0).is_empty());
        assert!(repeats.without(one.clone(), 0) == one);
        // That one is on its way now, also when the first one is over.
        repeats.look(0, one.len(), NOW + GRACE);
        assert!(repeats.without(one.clone(), 0).is_empty());
        assert!(repeats.without(one, 0).is_empty());
    }

    #[test]
    fn what_is_not_the_same_goes() {
        let changed = |at: usize| {
            let mut changed = frame(1, LONG);
            changed[at] ^= 1;
            changed
        };
        for other in [
            frame(2, LONG),
            frame(1, LONG + 1),
            // Other ports and flags, a fragment, no TCP, no IPv4, one with options.
            changed(NAMES.end - 5),
            changed(FLAGS),
            changed(HEADER + 6),
            changed(HEADER + 7),
            changed(HEADER + 9),
            changed(12),
            changed(HEADER),
        ] {
            let mut repeats = Repeats::<1>::default();
            repeats.without(batch(&[frame(1, LONG)]), 0);
            let other = batch(&[other]);
            assert!(repeats.without(other.clone(), 0) == other);
        }
        let mut repeats = Repeats::<1>::default();
        let short = batch(&[frame(1, LONG - 1)]);
        for _ in 0..2 {
            assert!(repeats.without(short.clone(), 0) == short);
        }
        assert!(repeats.without(vec![], 0).is_empty());
    }

    #[test]
    fn the_oldest_are_forgotten_where_there_are_very_many() {
        let mut repeats = Repeats::<1>::default();
        let numbered = |number: usize| {
            let mut frame = frame(0, LONG);
            frame[NAMES.end - 4..NAMES.end].copy_from_slice(&(number as u32).to_be_bytes());
            batch(&[frame])
        };
        for number in 0..=KNOWN_MAX {
            assert!(repeats.without(numbered(number), 0) == numbered(number));
        }
        assert_eq!((repeats.links[0].under_way.len(), repeats.known.len()), (KNOWN_MAX, KNOWN_MAX));
        assert!(repeats.without(numbered(1), 0).is_empty());
        assert!(repeats.without(numbered(0), 0) == numbered(0));
    }

    /// A batch has gone by each link.
    fn by_two_links() -> (Repeats<2>, [Vec<u8>; 2]) {
        let mut repeats = Repeats::default();
        let batches = [1, 2].map(|sequence| batch(&[frame(sequence, 1000)]));
        for (link, batch) in batches.iter().enumerate() {
            assert!(repeats.without(batch.clone(), link) == *batch);
        }
        (repeats, batches)
    }

    #[test]
    fn a_segment_that_waits_in_one_link_does_not_go_by_another() {
        let (mut repeats, [first, second]) = by_two_links();
        // Both have had as many bytes, and only the second one is through.
        for now in [NOW, NOW + GRACE] {
            repeats.look(0, first.len(), now);
            repeats.look(1, 0, now);
        }
        assert!(repeats.without(first.clone(), 1).is_empty());
        assert!(repeats.without(second.clone(), 0) == second);
        assert!(repeats.without(second.clone(), 1).is_empty());
        assert!(repeats.without(first, 0).is_empty());
    }

    #[test]
    fn what_waited_in_a_link_that_is_gone_goes_by_another() {
        let (mut repeats, [first, second]) = by_two_links();
        repeats.forget(1);
        assert!(repeats.without(first, 0).is_empty());
        assert!(repeats.without(second.clone(), 0) == second);
        // Another one in its place begins with nothing.
        assert_eq!((repeats.links[1].given, repeats.links[1].under_way.len()), (0, 0));
    }

    proptest! {
        #[test]
        fn each_segment_goes_once_until_it_is_over(
            batches in prop::collection::vec((prop::collection::vec((0u8..8, 500usize..520), 0..5), any::<bool>()), 0..50),
        ) {
            let mut repeats = Repeats::<1>::default();
            let mut known: BTreeMap<(u8, usize), ()> = BTreeMap::new();
            let mut now = NOW;
            for (frames, leaves) in batches {
                if leaves {
                    known.clear();
                    repeats.look(0, 0, now);
                    now += GRACE;
                    repeats.look(0, 0, now);
                }
                let whole = batch(&frames.iter().map(|(sequence, length)| frame(*sequence, *length)).collect::<Vec<_>>());
                let gone = repeats.without(whole, 0);
                let new = |one: &(u8, usize)| one.1 < LONG || known.insert(*one, ()).is_none();
                let wanted: Vec<_> = frames.into_iter().filter(new).map(|(sequence, length)| frame(sequence, length)).collect();
                prop_assert!(gone == batch(&wanted));
                prop_assert_eq!((repeats.links[0].under_way.len(), repeats.known.len()), (known.len(), known.len()));
            }
        }

        #[test]
        fn any_frames_do(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 14..600), 0..5), waiting: usize) {
            let mut repeats = Repeats::<1>::default();
            let whole = batch(&frames);
            repeats.without(whole.clone(), 0);
            repeats.look(0, waiting, NOW);
            prop_assert!(repeats.without(whole.clone(), 0).len() <= whole.len());
        }
    }
}
