//! What a link is like: how long a message takes there and back, and how much is lost.

use std::time::Duration;

/// How far apart two pings are.
pub const PING_EVERY: Duration = Duration::from_secs(2);
/// So long without any answer, and the link counts as broken.
pub const SILENCE: Duration = Duration::from_secs(7);

/// Measures a link by its pings.
#[derive(Clone, Debug, Default)]
pub struct Link {
    number: u32,
    waiting: Option<(u32, Duration, u64)>,
    before: Option<(u64, u64)>,
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
        if self.waiting.is_some_and(|(_, at, _)| now.saturating_sub(at) < PING_EVERY) {
            return None;
        }
        self.number = self.number.wrapping_add(1);
        self.waiting = Some((self.number, now, sent));
        Some(self.number)
    }

    /// An answer has come. `received` is how many batches the other has seen so far.
    pub fn pong(&mut self, number: u32, received: u64, now: Duration) {
        self.heard = now;
        let Some((asked, at, sent)) = self.waiting else { return };
        if asked != number {
            return;
        }
        let rtt = now.saturating_sub(at);
        // One part in four is new: steady enough to read, quick enough to follow.
        self.rtt = Some(self.rtt.map_or(rtt, |before| (before * 3 + rtt) / 4));
        if let Some((sent_before, received_before)) = self.before {
            let (sent, received) = (sent.saturating_sub(sent_before), received.saturating_sub(received_before));
            // What is under way is not lost, so few batches say nothing.
            if sent >= 50 {
                self.loss = Some((1.0 - received as f32 / sent as f32).clamp(0.0, 1.0));
            }
        }
        self.before = Some((sent, received));
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
}
