//! Addresses for names of the outside world. A guest that looks such a name up gets one of these; when it connects there, the gateway knows
//! which name was meant. Each machine has a table of its own, so none can push another's names out.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The network that the addresses are of: 198.18.0.0/15, for tests of network devices (RFC 2544) and so nobody's on the internet.
const NETWORK: u32 = 0xc612_0000;
const SIZE: u32 = 1 << 17;

/// How long a name that was looked up can be relied on: the answers' time to live, in seconds.
pub const TTL: u32 = 60;
/// The most names that one machine has addresses for.
pub const NAMES_MAX: usize = 2048;
/// How long an entry stays after its last use, whatever comes: twice as long as resolvers may remember it.
const KEPT: Duration = Duration::from_secs(2 * TTL as u64);

#[derive(Debug)]
struct Entry {
    name: String,
    used: Duration,
}

/// The names that a machine has looked up, and the addresses that it was told.
#[derive(Debug, Default)]
pub struct Pool {
    names: BTreeMap<String, u32>,
    entries: BTreeMap<u32, Entry>,
}

/// Whether the address is one that this module gives.
pub fn contains(address: Ipv4Addr) -> bool {
    address.to_bits() & !(SIZE - 1) == NETWORK
}

impl Pool {
    /// The address of a name; the same as before if it had one. `None` when there are too many names that were used just now.
    ///
    /// The address depends on the name, so a guest that remembers one across a restart of the LAN likely still has the right one.
    pub fn address(&mut self, name: &str, now: Duration) -> Option<Ipv4Addr> {
        if let Some(offset) = self.names.get(name).copied() {
            if let Some(entry) = self.entries.get_mut(&offset) {
                entry.used = now;
            }
            return Some(Ipv4Addr::from_bits(NETWORK + offset));
        }
        if self.names.len() >= NAMES_MAX {
            self.make_room(now)?;
        }
        let hash = name.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        // The first and the last address of the network look like its own and its broadcast address.
        let offsets = (0..SIZE).map(|step| hash.wrapping_add(step) % SIZE).filter(|it| !matches!(it & 0xff, 0 | 0xff));
        let offset = { offsets }.find(|offset| !self.entries.contains_key(offset))?;
        self.names.insert(name.to_owned(), offset);
        self.entries.insert(offset, Entry { name: name.to_owned(), used: now });
        Some(Ipv4Addr::from_bits(NETWORK + offset))
    }

    fn make_room(&mut self, now: Duration) -> Option<()> {
        let (offset, entry) = self.entries.iter().min_by_key(|(_, entry)| entry.used)?;
        if now.saturating_sub(entry.used) < KEPT {
            return None;
        }
        let offset = *offset;
        let entry = self.entries.remove(&offset)?;
        self.names.remove(&entry.name);
        Some(())
    }

    /// The name that an address was given for. Asking keeps the entry.
    pub fn name(&mut self, address: Ipv4Addr, now: Duration) -> Option<&str> {
        if !contains(address) {
            return None;
        }
        let entry = self.entries.get_mut(&(address.to_bits() - NETWORK))?;
        entry.used = now;
        Some(&entry.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    #[test]
    fn a_name_keeps_its_address_and_the_address_its_name() {
        let mut pool = Pool::default();
        let one = pool.address("example.org", NOW).unwrap();
        let two = pool.address("example.com", NOW).unwrap();
        assert!(contains(one) && contains(two) && one != two);
        assert_eq!(pool.address("example.org", NOW), Some(one));
        assert_eq!(pool.name(two, NOW), Some("example.com"));
        assert_eq!(pool.name(Ipv4Addr::new(198, 18, 0, 7), NOW), None);
        assert_eq!(Pool::default().address("example.org", NOW), Some(one), "also in a new LAN");
    }

    #[test]
    fn names_are_forgotten_only_when_nobody_can_still_rely_on_them() {
        let mut pool = Pool::default();
        for number in 0..NAMES_MAX {
            assert!(pool.address(&format!("n{number}.example"), NOW).is_some());
        }
        let soon = NOW + KEPT - Duration::from_secs(1);
        assert_eq!(pool.address("one-more.example", soon), None);
        let kept = pool.address("n0.example", soon).unwrap();
        assert!(pool.address("one-more.example", NOW + KEPT).is_some());
        assert_eq!(pool.name(kept, NOW + KEPT), Some("n0.example"));
        assert_eq!((pool.names.len(), pool.entries.len()), (NAMES_MAX, NAMES_MAX));
    }
}
