//! Rates out of what was counted.

use crate::channel::Seen;
use protocol::{InstanceId, LanView, UplinkId};

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rates {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// Bytes that were sent and received until now.
type Counted = (u64, u64);

/// How much a machine sent and received lately.
pub(crate) fn rates(seen: &Seen, id: &InstanceId) -> Rates {
    lately(seen, |view| view.lines.iter().find(|line| line.id == *id).map(|line| (line.sent.1, line.received.1)))
}

/// How much went to an uplink and came from there lately.
pub(crate) fn uplink_rates(seen: &Seen, id: UplinkId) -> Rates {
    lately(seen, |view| view.uplinks.iter().find(|it| it.id == id).map(|it| (it.sent.1, it.received.1)))
}

fn lately(seen: &Seen, counted: impl Fn(&LanView) -> Option<Counted>) -> Rates {
    let (Some(now), Some(before)) = (&seen.now, &seen.before) else { return Rates::default() };
    let (Some(new), Some(old)) = (counted(now), counted(before)) else { return Rates::default() };
    between((now.now, new), (before.now, old)).unwrap_or_default()
}

fn between((now, new): (u64, Counted), (before, old): (u64, Counted)) -> Option<Rates> {
    // A worker that was started anew counts from the beginning, and so does its clock.
    let passed = now.checked_sub(before).filter(|passed| *passed > 0)?;
    let rate = |new: u64, old: u64| new.saturating_sub(old).saturating_mul(1000) / passed;
    Some(Rates { sent: rate(new.0, old.0), received: rate(new.1, old.1) })
}

/// A rate as people read it.
pub(crate) fn shown(rate: u64) -> String {
    format!("{}/s", ui::bytes(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_nothing_after_a_new_beginning() {
        let rate = |now, new, before, old| between((now, (new, 0)), (before, (old, 0))).map(|rates| rates.sent);
        assert_eq!(rate(3_000, 5_000, 1_000, 1_000), Some(2_000));
        assert_eq!(rate(10, 0, 9_000, 1_000), None);
        assert_eq!(rate(1_000, 9, 1_000, 1), None);
        assert_eq!(rate(2_000, 0, 1_000, 7), Some(0));
    }
}
