//! How long to wait before the next attempt to connect.

/// Waiting times in milliseconds: at once, because a service worker that was ended starts again on being asked; then
/// longer, so that a background that can't start is not started over and over.
const STEPS_MS: [u32; 7] = [0, 100, 250, 500, 1000, 2000, 5000];

/// Attempts since the last one that worked.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: usize,
}

impl Backoff {
    /// How long to wait before the next attempt, in milliseconds.
    pub(super) fn next_ms(&mut self) -> u32 {
        let step = STEPS_MS[self.attempts.min(STEPS_MS.len() - 1)];
        self.attempts += 1;
        step
    }

    /// The background has spoken: the next loss is a new one.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_is_made_at_once_and_later_ones_ever_more_seldom() {
        let mut backoff = Backoff::default();
        let waits: Vec<u32> = (0..9).map(|_| backoff.next_ms()).collect();
        assert_eq!(waits[0], 0);
        assert!(waits.is_sorted(), "{waits:?}");
        assert_eq!(waits[8], 5000);
    }

    #[test]
    fn after_an_answer_the_next_loss_is_mended_at_once() {
        let mut backoff = Backoff::default();
        backoff.next_ms();
        backoff.next_ms();
        backoff.reset();
        assert_eq!(backoff.next_ms(), 0);
    }
}
