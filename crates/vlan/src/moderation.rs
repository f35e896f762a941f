//! When a guest is told of frames that have come: interrupt moderation, as network cards have it.
//!
//! To be woken costs a guest a millisecond or two, whatever it is woken for: thousands of instructions that the processor has to fetch anew, since
//! other programs ran meanwhile. That is as much as a dozen long frames take. So while a guest receives much, frames wait until many of them are there, or
//! for some milliseconds; and while it sends much, the acknowledgements that come back do so for a shorter time. A card with less to do is told of
//! everything at once.
//!
//! A link to another browser is alike: each message there wakes five threads on its way. While much comes by it, the acknowledgements that go back wait
//! for each other.

use std::time::Duration;

/// The most that frames wait while much comes.
const HOLD_COMING: Duration = Duration::from_millis(24);
/// The most that frames wait while much goes out only: what comes are acknowledgements then.
const HOLD_GOING: Duration = Duration::from_millis(4);
/// When so many bytes are there for a card, they wait no longer.
const ENOUGH: usize = 384 * 1024;
/// The same for a link: some sixty acknowledgements, with what they cost beside their bytes.
const ENOUGH_FOR_LINK: usize = 8 * 1024;
/// How long the traffic is looked at before something is said of it.
const WINDOW: Duration = Duration::from_millis(64);
/// What was so long ago says nothing.
const FORGET: Duration = Duration::from_millis(192);
/// So many bytes in [`WINDOW`] are much: some 8 MiB a second.
const MUCH: usize = 512 * 1024;

/// The moderation of one card, or of one link.
#[derive(Debug, Default)]
pub struct Moderation {
    is_link: bool,
    began: Duration,
    /// Bytes that the guest, or the other side, has been given since then, and has sent.
    bytes: [usize; 2],
    is_much: [bool; 2],
    given: Duration,
}

impl Moderation {
    /// That of a link.
    pub fn of_link() -> Self {
        Self { is_link: true, ..Self::default() }
    }

    /// The guest has been given frames of so many bytes.
    pub fn received(&mut self, bytes: usize, now: Duration) {
        if bytes > 0 {
            self.moved([bytes, 0], now);
            self.given = now;
        }
    }

    /// The guest has sent frames of so many bytes.
    pub fn sent(&mut self, bytes: usize, now: Duration) {
        self.moved([0, bytes], now);
    }

    fn moved(&mut self, bytes: [usize; 2], now: Duration) {
        let over = now.saturating_sub(self.began);
        if over >= WINDOW {
            self.is_much = self.bytes.map(|bytes| bytes >= MUCH && over < FORGET);
            self.began = now;
            self.bytes = [0; 2];
        }
        for (sum, bytes) in self.bytes.iter_mut().zip(bytes) {
            *sum += bytes;
        }
    }

    /// How long frames are to wait yet, if `waiting` bytes of them are there.
    pub fn hold(&self, waiting: usize, now: Duration) -> Option<Duration> {
        let enough = if self.is_link { ENOUGH_FOR_LINK } else { ENOUGH };
        if waiting >= enough || now.saturating_sub(self.began) >= FORGET {
            return None;
        }
        let hold = match self.is_much {
            [true, _] if self.is_link => return None,
            [true, _] => HOLD_COMING,
            [false, true] => HOLD_GOING,
            [false, false] => return None,
        };
        hold.checked_sub(now.saturating_sub(self.given)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    /// Bytes each millisecond for some of them; then it is that late.
    fn after(bytes: [usize; 2], ticks: u32) -> (Moderation, Duration) {
        let (mut moderation, mut now) = (Moderation::default(), Duration::from_secs(1));
        for _ in 0..ticks {
            now += TICK;
            moderation.sent(bytes[1], now);
            moderation.received(bytes[0], now);
        }
        (moderation, now)
    }

    #[test]
    fn a_card_with_little_to_do_is_told_at_once() {
        let (moderation, now) = after([4096, 4096], 1000);
        assert_eq!(moderation.hold(60, now), None);
        assert_eq!(Moderation::default().hold(60, now), None);
        // One burst is not much, however fast it was.
        let (moderation, now) = after([128 * 1024, 0], 20);
        assert_eq!(moderation.hold(60, now), None);
    }

    #[test]
    fn while_much_comes_frames_wait_for_others() {
        let (mut moderation, now) = after([16 * 1024, 0], 200);
        assert_eq!(moderation.hold(60, now), Some(HOLD_COMING));
        assert_eq!(moderation.hold(60, now + 10 * TICK), Some(HOLD_COMING - 10 * TICK));
        assert_eq!(moderation.hold(60, now + HOLD_COMING), None, "and not for longer");
        assert_eq!(moderation.hold(ENOUGH, now), None, "unless there are many");
        moderation.received(100, now + HOLD_COMING);
        assert!(moderation.hold(60, now + HOLD_COMING + TICK).is_some());
    }

    #[test]
    fn while_much_goes_acknowledgements_wait_for_less_long() {
        let (mut moderation, now) = after([0, 16 * 1024], 200);
        moderation.received(100, now);
        assert_eq!(moderation.hold(60, now), Some(HOLD_GOING));
    }

    #[test]
    fn a_link_by_which_much_comes_is_given_acknowledgements_together() {
        let (card, now) = after([0, 16 * 1024], 200);
        let mut link = Moderation { is_link: true, ..card };
        assert_eq!(link.hold(60, now + FORGET / 2), None, "not for longer than that");
        link.received(60, now);
        assert_eq!(link.hold(60, now), Some(HOLD_GOING));
        assert_eq!(link.hold(ENOUGH_FOR_LINK, now), None, "unless it is more than those");
        // What goes there is never held, however much it is.
        let (card, now) = after([16 * 1024; 2], 200);
        assert_eq!(Moderation { is_link: true, ..card }.hold(60, now), None);
        assert_eq!(Moderation::of_link().hold(60, now), None);
    }

    #[test]
    fn what_was_a_while_ago_holds_nothing() {
        let (mut moderation, now) = after([16 * 1024, 0], 200);
        assert_eq!(moderation.hold(60, now + FORGET), None);
        let later = now + 10 * FORGET;
        moderation.received(100, later);
        assert_eq!(moderation.hold(60, later), None);
    }
}
