//! The addresses of a LAN.

use crate::mac::Mac;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The addresses of one browser's LAN: `10.a.b.0/24`. Machines get the netmask `/8`, so that the LANs of joined browsers are one link and
/// need no routes (`docs/lan.md`, *Addresses*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Plan {
    /// The second byte of every address.
    pub a: u8,
    /// The third byte of every address.
    pub b: u8,
}

/// How long packets of a LAN inside one browser are, in bytes, without the Ethernet header: an emulated processor's time goes by the packet
/// (`docs/lan.md`, *Frames*).
pub const MTU: u16 = 65_000;
/// The prefix that machines are told: all LANs are in it.
pub const PREFIX: u8 = 8;
/// The last bytes of the addresses that machines get. What is below is kept for the gateway and for what may come.
pub const HOSTS: std::ops::RangeInclusive<u8> = 10..=254;

impl Plan {
    /// A plan out of a random number, which is drawn once for each browser and kept.
    pub fn from_random(number: u32) -> Plan {
        let [a, b, ..] = number.to_le_bytes();
        // 10.0.0.0/16 is what hand-made networks use most: a name for a clash, though not a hindrance.
        Plan { a: a.max(1), b }
    }

    /// A plan out of a random number that is none of these; `None` if they are all that there are.
    pub fn apart_from(number: u32, taken: &BTreeSet<Plan>) -> Option<Plan> {
        let mut plans = (0..=u32::from(u16::MAX)).map(|step| Plan::from_random(number.wrapping_add(step)));
        plans.find(|plan| !taken.contains(plan))
    }

    /// The LAN to which an address belongs; `None` if it is not on the link.
    pub fn of(address: Ipv4Addr) -> Option<Plan> {
        let [_, a, b, _] = address.octets();
        Plan::on_link(address).then_some(Plan { a, b })
    }

    /// An address of this LAN.
    pub fn host(self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.a, self.b, last)
    }

    /// The gateway's address.
    pub fn gateway(self) -> Ipv4Addr {
        self.host(1)
    }

    /// The gateway's hardware address: locally administered, and another one in each browser.
    pub fn gateway_mac(self) -> Mac {
        Mac([0x02, 0x56, 0x57, self.a, self.b, 0x01])
    }

    /// Whether the address belongs to this browser's LAN.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        Plan::of(address) == Some(self)
    }

    /// Whether the address belongs to any browser's LAN, so that it is on the link and no business of the gateway.
    pub fn on_link(address: Ipv4Addr) -> bool {
        address.octets()[0] == 10
    }

    /// Whether the address is the gateway's of any browser's LAN.
    pub fn is_gateway(address: Ipv4Addr) -> bool {
        Plan::on_link(address) && address.octets()[3] == 1
    }

    /// The netmask that machines are told.
    pub fn netmask() -> Ipv4Addr {
        Ipv4Addr::new(255, 0, 0, 0)
    }

    /// The broadcast address that belongs to the netmask.
    pub fn broadcast() -> Ipv4Addr {
        Ipv4Addr::new(10, 255, 255, 255)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_is_taken_is_not_drawn_again() {
        for number in [0, 1, 0x0809, 0xffff, u32::MAX] {
            let drawn = Plan::from_random(number);
            assert_eq!(Plan::apart_from(number, &BTreeSet::new()), Some(drawn));
            let mut taken = BTreeSet::from([drawn]);
            for _ in 0..1000 {
                let next = Plan::apart_from(number, &taken).unwrap();
                assert!(next.a > 0 && taken.insert(next), "{next:?} after {number}");
            }
        }
        let all = (1..=255).flat_map(|a| (0..=255).map(move |b| Plan { a, b })).collect();
        assert_eq!(Plan::apart_from(7, &all), None);
    }

    #[test]
    fn the_gateway_is_the_first_address() {
        let plan = Plan { a: 77, b: 3 };
        assert_eq!(plan.gateway(), Ipv4Addr::new(10, 77, 3, 1));
        assert!(plan.contains(plan.gateway()) && plan.contains(plan.host(200)));
        assert!(!plan.contains(Ipv4Addr::new(10, 77, 4, 1)) && Plan::on_link(Ipv4Addr::new(10, 77, 4, 1)));
        assert!(plan.gateway_mac().is_unicast());
    }
}
