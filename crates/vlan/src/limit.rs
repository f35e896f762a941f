use std::time::Duration;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many each second, in the long run.
    pub per_second: u32,
    /// How many at once after a quiet time.
    pub burst: u32,
}

/// A token bucket: it fills at the rate's pace and holds at most its burst.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// Thousandths of a token, so that a millisecond's worth is a whole number.
    level: u64,
    filled: Duration,
}

const TOKEN: u64 = 1000;

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Bucket {
        Bucket { rate, level: u64::from(rate.burst) * TOKEN, filled: Duration::ZERO }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let millis = u64::try_from(now.saturating_sub(self.filled).as_millis()).unwrap_or(u64::MAX);
        if millis > 0 {
            self.filled += Duration::from_millis(millis);
            let gained = millis.saturating_mul(u64::from(self.rate.per_second));
            self.level = self.level.saturating_add(gained).min(u64::from(self.rate.burst) * TOKEN);
        }
        if self.level < TOKEN {
            return false;
        }
        self.level -= TOKEN;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_burst_the_pace_is_the_rate() {
        let mut bucket = Bucket::new(Rate { per_second: 100, burst: 10 });
        let mut taken = 0;
        for milli in 0..2000 {
            while bucket.take(Duration::from_millis(milli)) {
                taken += 1;
            }
        }
        assert!((208..=211).contains(&taken), "{taken}");
    }

    #[test]
    fn a_long_quiet_time_gives_no_more_than_the_burst() {
        let mut bucket = Bucket::new(Rate { per_second: 1_000_000, burst: 3 });
        let later = Duration::from_secs(1 << 40);
        assert_eq!((0..10).filter(|_| bucket.take(later)).count(), 3);
    }
}
