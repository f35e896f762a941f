use std::time::Duration;

/// Bounds bytes a second. Up to half a second's worth goes at once; what was more than that has to be waited for.
#[derive(Clone, Debug)]
pub struct Pace {
    per_second: u64,
    /// Bytes that may go now; below zero after a piece that was longer.
    level: i64,
    filled: Duration,
}

/// Less than this goes at once only for limits so low that nothing would ever fit.
const LEAST_BURST: u64 = 64 * 1024;

impl Pace {
    /// A pace of so many bytes a second, from now on.
    pub fn new(per_second: u64, now: Duration) -> Pace {
        let mut pace = Pace { per_second: per_second.max(1), level: 0, filled: now };
        pace.level = pace.burst();
        pace
    }

    fn burst(&self) -> i64 {
        i64::try_from((self.per_second / 2).max(LEAST_BURST)).unwrap_or(i64::MAX)
    }

    fn fill(&mut self, now: Duration) {
        let micros = u64::try_from(now.saturating_sub(self.filled).as_micros()).unwrap_or(u64::MAX);
        let gained = u128::from(micros) * u128::from(self.per_second) / 1_000_000;
        if gained > 0 {
            self.filled = now;
            self.level = self.level.saturating_add(i64::try_from(gained).unwrap_or(i64::MAX)).min(self.burst());
        }
    }

    /// So many bytes went through.
    pub fn spend(&mut self, bytes: usize, now: Duration) {
        self.fill(now);
        self.level = self.level.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// How long to wait until more may go; zero if it may go now.
    pub fn wait(&mut self, now: Duration) -> Duration {
        self.fill(now);
        let missing = u64::try_from(1_i64.saturating_sub(self.level)).unwrap_or(0);
        Duration::from_micros(missing.saturating_mul(1_000_000) / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_long_run_as_many_bytes_pass_as_were_allowed() {
        let mut now = Duration::from_secs(7);
        let begin = now;
        let mut pace = Pace::new(1_000_000, now);
        let mut sent = 0_u64;
        while now - begin < Duration::from_secs(20) {
            match pace.wait(now) {
                Duration::ZERO => {
                    pace.spend(50_000, now);
                    sent += 50_000;
                }
                wait => now += wait + Duration::from_micros(3),
            }
        }
        assert!((20_400_000..=20_600_000).contains(&sent), "{sent}");
    }

    #[test]
    fn a_long_silence_saves_up_no_more_than_half_a_second() {
        let mut pace = Pace::new(1_000_000, Duration::ZERO);
        let later = Duration::from_secs(1 << 40);
        assert_eq!(pace.wait(later), Duration::ZERO);
        pace.spend(600_000, later);
        assert!(pace.wait(later) > Duration::from_millis(99));
    }
}
