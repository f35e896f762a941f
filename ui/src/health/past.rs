//! How fast things went, out of what the machine has counted.

use protocol::{GuestHealth, HealthSample};
use std::collections::VecDeque;

/// How many are kept, one a second: a minute's.
pub const SECONDS: usize = 60;

/// What went on between two samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// The part of the time in which the processor was at work, from 0 to 1.
    pub processor: f64,
    /// Bytes a second that the guest read from its disks, and wrote.
    pub disk: [f64; 2],
    /// Bytes a second that its network card received, and sent.
    pub network: [f64; 2],
}

/// What was seen of one run while somebody looked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    last: Option<HealthSample>,
    rates: VecDeque<Rates>,
    loads: VecDeque<f64>,
}

impl Past {
    /// Takes in a sample. One that counts from anew is of another run.
    pub fn take(&mut self, sample: HealthSample) {
        let before = self.last.replace(sample);
        if let Some(guest) = sample.guest {
            push(&mut self.loads, guest.load);
        }
        let Some(before) = before else { return };
        let seconds = (sample.at - before.at) / 1000.0;
        if seconds <= 0.0 || sample.busy < before.busy {
            *self = Self { last: Some(sample), ..Self::default() };
            return;
        }
        let rate = |now: f64, then: f64| (now - then).max(0.0) / seconds;
        push(
            &mut self.rates,
            Rates {
                processor: (rate(sample.busy, before.busy) / 1000.0).clamp(0.0, 1.0),
                disk: [rate(sample.disk_read, before.disk_read), rate(sample.disk_written, before.disk_written)],
                network: [rate(sample.net_in, before.net_in), rate(sample.net_out, before.net_out)],
            },
        );
    }

    /// What went on last.
    pub fn now(&self) -> Option<Rates> {
        self.rates.back().copied()
    }

    /// What the guest said last.
    pub fn guest(&self) -> Option<GuestHealth> {
        self.last.and_then(|last| last.guest)
    }

    /// One figure of all that is kept, oldest first.
    pub fn line(&self, figure: impl Fn(&Rates) -> f64) -> Vec<f64> {
        self.rates.iter().map(figure).collect()
    }

    /// What the guest said of its load, oldest first.
    pub fn loads(&self) -> Vec<f64> {
        self.loads.iter().copied().collect()
    }
}

fn push<T>(kept: &mut VecDeque<T>, new: T) {
    kept.push_back(new);
    if kept.len() > SECONDS {
        kept.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: f64, busy: f64) -> HealthSample {
        HealthSample { at, busy, disk_read: at, net_out: 2.0 * at, ..HealthSample::default() }
    }

    #[test]
    fn rates_are_a_seconds_whatever_lies_between_two_looks() {
        let mut past = Past::default();
        past.take(sample(1_000.0, 0.0));
        assert_eq!(past.now(), None, "one sample is no rate");
        past.take(sample(3_000.0, 500.0));
        let now = past.now().unwrap();
        assert_eq!((now.processor, now.disk, now.network), (0.25, [1_000.0, 0.0], [0.0, 2_000.0]));
    }

    #[test]
    fn another_run_begins_anew() {
        let mut past = Past::default();
        for at in [1_000.0, 2_000.0, 3_000.0] {
            past.take(sample(at, at));
        }
        past.take(sample(500.0, 10.0));
        assert_eq!(past.now(), None);
        past.take(sample(1_500.0, 1_010.0));
        assert_eq!(past.now().unwrap().processor, 1.0);
    }

    #[test]
    fn a_minute_is_kept() {
        let mut past = Past::default();
        (0..200).for_each(|second| past.take(sample(f64::from(second) * 1_000.0, 0.0)));
        assert_eq!(past.line(|rates| rates.processor).len(), SECONDS);
    }
}
