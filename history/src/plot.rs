//! Where the points and lines of a chart are.

/// The chart's size, in the units of its view box.
pub(crate) const WIDTH: f64 = 480.0;
pub(crate) const HEIGHT: f64 = 160.0;
/// Room at the left for the labels, and at the other sides for the points.
pub(crate) const LEFT: f64 = 62.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
/// Room below for the times.
const BOTTOM: f64 = 20.0;
/// So many steps from nothing to the top.
const STEPS: u32 = 4;

/// Something measured: when, in milliseconds since 1970, and how much.
pub(crate) type Sample = (u64, u64);

/// A chart of samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plot {
    /// Where each sample is, in the samples' order.
    pub(crate) points: Vec<(f64, f64)>,
    /// Height and value of each horizontal line.
    pub(crate) grid: Vec<(f64, u64)>,
    /// The first and the last time.
    pub(crate) span: (u64, u64),
}

/// Steps that read well, within a power of ten and within a power of 1024.
const DECIMAL: &[u64] = &[1, 2, 5];
const BINARY: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// The next value up that reads well.
fn round_up(value: u64, base: u64) -> u64 {
    let factors = if base == 10 { DECIMAL } else { BINARY };
    let mut unit: u64 = 1;
    loop {
        let mut steps = factors.iter().filter_map(|factor| unit.checked_mul(*factor));
        if let Some(step) = steps.find(|step| *step >= value) {
            return step;
        }
        match unit.checked_mul(base) {
            Some(next) => unit = next,
            None => return value,
        }
    }
}

/// Lays the samples out; none if there are none. `base` is 1024 for bytes, and 10 for everything else.
pub(crate) fn plot(samples: &[Sample], base: u64) -> Option<Plot> {
    let first = samples.iter().map(|(time, _)| *time).min()?;
    let last = samples.iter().map(|(time, _)| *time).max()?;
    let most = samples.iter().map(|(_, value)| *value).max()?.max(u64::from(STEPS));
    let top = round_up(most.div_ceil(STEPS.into()), base).saturating_mul(STEPS.into());
    let x = |time: u64| {
        let share = if last > first { (time - first) as f64 / (last - first) as f64 } else { 0.5 };
        LEFT + share * (WIDTH - LEFT - RIGHT)
    };
    let y = |value: u64| TOP + (1.0 - value as f64 / top as f64) * (HEIGHT - TOP - BOTTOM);
    let line = |step: u32| {
        let value = top / u64::from(STEPS) * u64::from(step);
        (y(value), value)
    };
    Some(Plot {
        points: samples.iter().map(|(time, value)| (x(*time), y(*value))).collect(),
        grid: (0..=STEPS).map(line).collect(),
        span: (first, last),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_points_are_within_the_chart_and_the_grid_reads_well() {
        for samples in [vec![(5, 0)], vec![(0, 612), (10, 480), (20, 3_900)], vec![(0, u64::MAX), (u64::MAX, 1)]] {
            let plot = plot(&samples, 10).unwrap();
            assert_eq!(plot.points.len(), samples.len());
            for (x, y) in &plot.points {
                assert!((LEFT..=WIDTH).contains(x) && (0.0..=HEIGHT).contains(y), "{x} {y}");
            }
        }
        let values = |samples: &[Sample], base| {
            plot(samples, base).unwrap().grid.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(values(&[(0, 612), (1, 3_900)], 10), [0, 1000, 2000, 3000, 4000]);
        assert_eq!(values(&[(0, 30 << 20)], 1024), [0, 8 << 20, 16 << 20, 24 << 20, 32 << 20]);
    }

    #[test]
    fn nothing_measured_is_no_chart() {
        assert_eq!(plot(&[], 10), None);
    }
}
