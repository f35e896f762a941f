//! Which station is behind which port.

use super::port::PortId;
use crate::mac::Mac;
use std::collections::BTreeMap;
use std::time::Duration;

/// A station moves to another port only when it has been silent at the old one for this long. Else each frame with a stolen source address
/// would turn the owner's traffic away.
const MOVES_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Entry {
    port: PortId,
    seen: Duration,
    /// Assigned rather than learned: neither moves nor ages.
    fixed: bool,
}

/// What became of a frame's source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    /// It is behind this port.
    Yes,
    /// It is behind another port: whoever sent this is not who it says to be.
    NotHere,
    /// This port, or the table, has as many as it may have.
    Full,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<Mac, Entry>,
    learned: BTreeMap<PortId, usize>,
}

/// The bounds of what is learned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) port: usize,
    pub(super) total: usize,
}

impl Table {
    /// Fixes a station to a port; false if another has it.
    pub(super) fn fix(&mut self, mac: Mac, port: PortId) -> bool {
        if self.entries.get(&mac).is_some_and(|entry| entry.fixed) {
            return false;
        }
        self.remove(mac);
        self.entries.insert(mac, Entry { port, seen: Duration::ZERO, fixed: true });
        true
    }

    fn remove(&mut self, mac: Mac) {
        if let Some(Entry { port, fixed: false, .. }) = self.entries.remove(&mac)
            && let Some(count) = self.learned.get_mut(&port)
        {
            *count -= 1;
        }
    }

    pub(super) fn learn(&mut self, mac: Mac, port: PortId, now: Duration, bounds: Bounds) -> Learned {
        if let Some(entry) = self.entries.get_mut(&mac) {
            if entry.port == port {
                entry.seen = now;
                return Learned::Yes;
            }
            if entry.fixed || now.saturating_sub(entry.seen) < MOVES_AFTER {
                return Learned::NotHere;
            }
            self.remove(mac);
        }
        if self.learned.get(&port).is_some_and(|count| *count >= bounds.port) || self.entries.len() >= bounds.total {
            return Learned::Full;
        }
        self.entries.insert(mac, Entry { port, seen: now, fixed: false });
        *self.learned.entry(port).or_default() += 1;
        Learned::Yes
    }

    /// Where the station is, unless it has been silent for too long.
    pub(super) fn find(&self, mac: Mac, now: Duration, ageing: Duration) -> Option<PortId> {
        let entry = self.entries.get(&mac)?;
        (entry.fixed || now.saturating_sub(entry.seen) < ageing).then_some(entry.port)
    }

    /// Forgets the stations of which nothing was heard. The cost is that of the whole table: for now and then.
    pub(super) fn age(&mut self, now: Duration, ageing: Duration) {
        let learned = &mut self.learned;
        self.entries.retain(|_, entry| {
            let keep = entry.fixed || now.saturating_sub(entry.seen) < ageing;
            if !keep && let Some(count) = learned.get_mut(&entry.port) {
                *count -= 1;
            }
            keep
        });
    }

    pub(super) fn forget(&mut self, port: PortId) {
        self.entries.retain(|_, entry| entry.port != port);
        self.learned.remove(&port);
    }

    pub(super) fn stations(&self) -> impl Iterator<Item = (Mac, PortId)> + '_ {
        self.entries.iter().map(|(mac, entry)| (*mac, entry.port))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { port: 4, total: 6 };
    const AGEING: Duration = Duration::from_secs(300);

    fn mac(number: u16) -> Mac {
        let [high, low] = number.to_be_bytes();
        Mac([2, 0, 0, 0, high, low])
    }

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_port_and_the_table_learn_so_many_and_no_more() {
        let mut table = Table::default();
        for number in 0..10_000 {
            table.learn(mac(number), PortId(1), at(0), BOUNDS);
        }
        assert_eq!(table.len(), 4);
        assert_eq!(table.learn(mac(20_000), PortId(2), at(0), BOUNDS), Learned::Yes);
        assert_eq!(table.learn(mac(20_001), PortId(2), at(0), BOUNDS), Learned::Yes);
        assert_eq!(table.learn(mac(20_002), PortId(2), at(0), BOUNDS), Learned::Full);
        table.age(at(300), AGEING);
        assert_eq!(table.len(), 0);
        assert_eq!(table.learn(mac(0), PortId(1), at(300), BOUNDS), Learned::Yes);
    }

    #[test]
    fn what_is_silent_is_forgotten() {
        let mut table = Table::default();
        table.learn(mac(1), PortId(1), at(0), BOUNDS);
        assert_eq!(table.find(mac(1), at(299), AGEING), Some(PortId(1)));
        assert_eq!(table.find(mac(1), at(300), AGEING), None);
    }

    #[test]
    fn a_station_moves_only_after_a_silence_and_a_fixed_one_never() {
        let mut table = Table::default();
        assert!(table.fix(mac(9), PortId(9)));
        assert!(!table.fix(mac(9), PortId(8)));
        table.learn(mac(1), PortId(1), at(0), BOUNDS);
        assert_eq!(table.learn(mac(1), PortId(2), at(9), BOUNDS), Learned::NotHere);
        assert_eq!(table.learn(mac(1), PortId(2), at(10), BOUNDS), Learned::Yes);
        assert_eq!(table.find(mac(1), at(10), AGEING), Some(PortId(2)));
        assert_eq!(table.learn(mac(9), PortId(2), at(1000), BOUNDS), Learned::NotHere);
    }
}
