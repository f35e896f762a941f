//! What a handful of durations says.

use std::time::Duration;

/// A side's durations in a few numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The middle one; of an even number, the mean of the two in the middle.
    pub median: Duration,
    /// The smallest one that is not exceeded by 95 % of them (nearest rank): of fewer than 20, the longest.
    pub p95: Duration,
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

impl Summary {
    /// Of any number of durations in any order; `None` of none.
    pub fn of(durations: &[Duration]) -> Option<Self> {
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let rank = (sorted.len() * 95).div_ceil(100);
        Some(Self { median: median(&sorted)?, p95: *sorted.get(rank - 1)?, min, max })
    }
}

/// The median of durations that are sorted.
fn median(sorted: &[Duration]) -> Option<Duration> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2)
}

/// How many times the second fits into the first; `None` if the second is nothing.
pub fn ratio(of: Duration, to: Duration) -> Option<f64> {
    (!to.is_zero()).then(|| of.as_secs_f64() / to.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(milliseconds: &[u64]) -> Summary {
        let durations: Vec<_> = milliseconds.iter().copied().map(Duration::from_millis).collect();
        Summary::of(&durations).unwrap()
    }

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        assert_eq!(summary(&[900, 100, 300]).median, Duration::from_millis(300));
        assert_eq!(summary(&[7]).median, Duration::from_millis(7));
    }

    #[test]
    fn of_an_even_number_the_median_is_between_the_two_in_the_middle() {
        assert_eq!(summary(&[100, 900, 200, 300]).median, Duration::from_millis(250));
    }

    #[test]
    fn the_95th_percentile_leaves_out_one_in_twenty_and_no_fewer() {
        let twenty: Vec<u64> = (1..=20).collect();
        assert_eq!(summary(&twenty).p95, Duration::from_millis(19));
        assert_eq!(summary(&twenty[..19]).p95, Duration::from_millis(19));
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(summary(&hundred).p95, Duration::from_millis(95));
    }

    #[test]
    fn one_outlier_moves_the_maximum_and_not_the_median() {
        let (calm, noisy) = (summary(&[100, 101, 102]), summary(&[100, 101, 9_000]));
        assert_eq!(calm.median, noisy.median);
        assert_eq!((noisy.min, noisy.max), (Duration::from_millis(100), Duration::from_secs(9)));
    }

    #[test]
    fn nothing_has_no_summary_and_nothing_fits_into_zero() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(ratio(Duration::from_secs(1), Duration::ZERO), None);
        assert_eq!(ratio(Duration::from_secs(3), Duration::from_secs(2)), Some(1.5));
    }
}
