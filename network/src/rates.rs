//! Rates out of what was counted.

use crate::channel::Seen;
use protocol::{InstanceId, LanLine, LanView};

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rates {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

fn line<'a>(view: &'a LanView, id: &InstanceId) -> Option<&'a LanLine> {
    view.lines.iter().find(|line| line.id == *id)
}

/// How much a machine sent and received lately.
pub(crate) fn rates(seen: &Seen, id: &InstanceId) -> Rates {
    let (Some(now), Some(before)) = (&seen.now, &seen.before) else { return Rates::default() };
    between(now, before, id).unwrap_or_default()
}

fn between(now: &LanView, before: &LanView, id: &InstanceId) -> Option<Rates> {
    let (new, old) = (line(now, id)?, line(before, id)?);
    // A worker that was started anew counts from the beginning, and so does its clock.
    let passed = now.now.checked_sub(before.now).filter(|passed| *passed > 0)?;
    let rate = |new: u64, old: u64| new.saturating_sub(old).saturating_mul(1000) / passed;
    Some(Rates { sent: rate(new.sent.1, old.sent.1), received: rate(new.received.1, old.received.1) })
}

/// A rate as people read it.
pub(crate) fn shown(rate: u64) -> String {
    format!("{}/s", ui::bytes(rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Confined;

    fn view(now: u64, sent: u64) -> LanView {
        let line = LanLine {
            id: InstanceId::from_random(1),
            mac: String::new(),
            addresses: vec![],
            sent: (1, sent),
            received: (0, 0),
            dropped: vec![],
            missed: 0,
            confined: Confined::Free,
            captured: None,
        };
        LanView { gateway: String::new(), gateway_mac: String::new(), mtu: 0, now, lines: vec![line], requests: vec![] }
    }

    #[test]
    fn rates_are_per_second_and_nothing_after_a_new_beginning() {
        let id = InstanceId::from_random(1);
        let rate = |now: LanView, before: LanView| between(&now, &before, &id).map(|rates| rates.sent);
        assert_eq!(rate(view(3_000, 5_000), view(1_000, 1_000)), Some(2_000));
        assert_eq!(rate(view(10, 0), view(9_000, 1_000)), None);
        assert_eq!(rate(view(1_000, 9), view(1_000, 1)), None);
        assert_eq!(rate(view(2_000, 0), view(1_000, 7)), Some(0));
    }
}
