//! What a link is like: how long a message takes there and back, and how much is lost.

use std::time::Duration;

/// How far apart two pings are.
pub const PING_EVERY: Duration = Duration::from_secs(2);
/// So long without any answer, and the link counts as broken, and is asked anew.
pub const SILENCE: Duration = Duration::from_secs(7);
/// So few batches say nothing about what is lost: some are always under way.
const BATCHES_MIN: u64 = 50;
/// Loss is looked at over so many times the time that the pings took. A ping that waits behind frames is counted late, with batches that were sent
/// after it, which would be missed the next time.
const TIMES: u32 = 20;

/// A ping that was answered, or is to be.
#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u32,
    at: Duration,
    sent: u64,
    answered: bool,
}

/// How many batches were sent and received, and when, and how long it took to find out.
#[derive(Clone, Copy, Debug)]
struct Count {
    at: Duration,
    rtt: Duration,
    sent: u64,
    received: u64,
}

impl Count {
    /// Which part was lost since another count, if the two can say.
    fn loss_since(&self, before: &Self) -> Option<f32> {
        let sent = self.sent.saturating_sub(before.sent);
        let received = self.received.checked_sub(before.received)?;
        let enough = sent >= BATCHES_MIN && self.at.saturating_sub(before.at) >= self.rtt.max(before.rtt) * TIMES;
        enough.then(|| (1.0 - received as f32 / sent as f32).clamp(0.0, 1.0))
    }

    /// Whether the next count should be compared with this one rather than an earlier one: it took far less time, or somebody counts anew, as a LAN's
    /// worker does that takes another one's place.
    fn is_better_than(&self, before: &Self) -> bool {
        self.rtt * 2 < before.rtt || self.sent < before.sent || self.received < before.received
    }
}

/// Measures a link by its pings.
#[derive(Clone, Debug, Default)]
pub struct Link {
    number: u32,
    asked: Option<Asked>,
    before: Option<Count>,
    rtt: Option<Duration>,
    loss: Option<f32>,
    heard: Duration,
}

impl Link {
    /// Begins to measure.
    pub fn new(now: Duration) -> Link {
        Link { heard: now, ..Link::default() }
    }

    /// The number of the next ping, if it is time for one. `sent` is how many batches were sent so far.
    pub fn ping(&mut self, sent: u64, now: Duration) -> Option<u32> {
        let wait = |asked: &Asked| if asked.answered { PING_EVERY } else { SILENCE };
        if self.asked.is_some_and(|asked| now.saturating_sub(asked.at) < wait(&asked)) {
            return None;
        }
        self.number = self.number.wrapping_add(1);
        self.asked = Some(Asked { number: self.number, at: now, sent, answered: false });
        Some(self.number)
    }

    /// An answer has come. `received` is how many batches the other has seen so far.
    pub fn pong(&mut self, number: u32, received: u64, now: Duration) {
        self.heard = now;
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.number == number && !asked.answered) else { return };
        asked.answered = true;
        let (at, sent, rtt) = (asked.at, asked.sent, now.saturating_sub(asked.at));
        // One part in four is new: steady enough to read, quick enough to follow.
        self.rtt = Some(self.rtt.map_or(rtt, |before| (before * 3 + rtt) / 4));
        let count = Count { at, rtt, sent, received };
        let loss = self.before.and_then(|before| count.loss_since(&before));
        if loss.is_some() || self.before.is_none_or(|before| count.is_better_than(&before)) {
            self.before = Some(count);
        }
        self.loss = loss.or(self.loss);
    }

    /// How long there and back takes.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Which part of the batches was lost lately, from 0 to 1.
    pub fn loss(&self) -> Option<f32> {
        self.loss
    }

    /// Whether nothing has been heard for long.
    pub fn is_silent(&self, now: Duration) -> bool {
        now.saturating_sub(self.heard) > SILENCE
    }

    /// Something was heard.
    pub fn heard(&mut self, now: Duration) {
        self.heard = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtt_and_loss_are_what_the_pings_say() {
        let second = Duration::from_secs(1);
        let mut link = Link::new(Duration::ZERO);
        let first = link.ping(0, second).unwrap();
        assert_eq!(link.ping(0, second * 2), None, "one at a time");
        link.pong(first, 0, second + Duration::from_millis(40));
        assert_eq!(link.rtt(), Some(Duration::from_millis(40)));
        let next = link.ping(1000, second * 4).unwrap();
        link.pong(first, 1000, second * 4);
        assert_eq!(link.loss(), None, "an old answer says nothing");
        link.pong(next, 970, second * 4 + Duration::from_millis(80));
        assert_eq!(link.rtt(), Some(Duration::from_millis(50)));
        assert!((link.loss().unwrap() - 0.03).abs() < 0.001);
        assert!(!link.is_silent(second * 10) && link.is_silent(second * 12));
    }

    /// Asks with so many sent, and is answered later with so many received.
    fn ask(link: &mut Link, at: u64, sent: u64, rtt: u64, received: u64) {
        let [at, rtt] = [at, rtt].map(Duration::from_millis);
        let number = link.ping(sent, at).unwrap();
        link.pong(number, received, at + rtt);
    }

    #[test]
    fn what_a_late_ping_counts_too_many_is_not_lost_afterwards() {
        let mut link = Link::new(Duration::ZERO);
        ask(&mut link, 1_000, 0, 40, 0);
        // All of 300 batches pass by the ping.
        ask(&mut link, 3_000, 100, 1_500, 300);
        assert_eq!(link.loss(), None);
        ask(&mut link, 5_000, 300, 40, 300);
        assert_eq!(link.loss(), Some(0.0));
        ask(&mut link, 7_000, 400, 40, 390);
        assert!((link.loss().unwrap() - 0.1).abs() < 0.001);
    }

    #[test]
    fn few_batches_at_a_time_say_something_together() {
        let mut link = Link::new(Duration::ZERO);
        for number in 0..=5 {
            assert_eq!(link.loss(), None);
            ask(&mut link, number * 2_000, number * 10, 40, number * 9);
        }
        assert!((link.loss().unwrap() - 0.1).abs() < 0.001);
    }

    #[test]
    fn whoever_counts_anew_is_believed() {
        for (sent, received) in [(0, 0), (0, 1_200), (1_200, 0)] {
            let mut link = Link::new(Duration::ZERO);
            ask(&mut link, 1_000, 1_000, 40, 1_000);
            ask(&mut link, 3_000, sent, 40, received);
            assert_eq!(link.loss(), None);
            ask(&mut link, 5_000, sent + 100, 40, received + 90);
            assert!((link.loss().unwrap() - 0.1).abs() < 0.001, "{sent} {received}");
        }
    }

    #[test]
    fn an_answer_that_takes_long_is_waited_for() {
        let second = Duration::from_secs(1);
        let mut link = Link::new(Duration::ZERO);
        let number = link.ping(0, second).unwrap();
        assert_eq!(link.ping(0, second * 7), None);
        link.pong(number, 0, second * 7);
        assert_eq!(link.rtt(), Some(second * 6));
        link.pong(number, 0, second * 10);
        assert_eq!(link.rtt(), Some(second * 6), "it is answered once");
        let number = link.ping(0, second * 8).unwrap();
        assert_eq!(link.ping(0, second * 14), None);
        assert!(link.ping(0, second * 15).is_some_and(|next| next != number), "the answer may be lost");
    }
}
