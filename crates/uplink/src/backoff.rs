use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait before trying again: twice as long each time, and each time by chance a little less, so that all who lost an endpoint at once do not
/// come back at once.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait; `random` is any random number.
    pub fn wait(&mut self, random: u64) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Between a half and the whole.
        let part = 512 + u32::try_from(random % 513).unwrap_or(0);
        whole * part / 1024
    }

    /// It has worked: the next wait is the first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_begin_anew_after_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..100).map(|_| backoff.wait(512).as_secs()).collect();
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(waits[8..].iter().all(|wait| *wait == 60));
        backoff.reset();
        assert_eq!(backoff.wait(0), Duration::from_millis(500));
    }

    #[test]
    fn no_two_wait_the_same() {
        let waits: std::collections::BTreeSet<_> = (0..513).map(|random| Backoff::default().wait(random)).collect();
        assert_eq!(waits.len(), 513);
        assert!(waits.iter().all(|wait| (500..=1000).contains(&wait.as_millis())));
    }
}
