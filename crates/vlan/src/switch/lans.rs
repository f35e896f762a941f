//! Which LANs are behind which ports.

use super::port::PortId;
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The most LANs that are believed to be behind one port: what an endpoint can announce at a time.
pub const LANS_MAX: usize = 64;

/// For each LAN the ports that say to have it. The first is believed, and nobody else speaks from its addresses: not even as long as nothing was heard
/// of it.
#[derive(Debug, Default)]
pub(super) struct Lans(BTreeMap<Plan, Vec<PortId>>);

impl Lans {
    /// The LAN is behind this port, whoever else says to have it.
    pub(super) fn assign(&mut self, lan: Plan, port: PortId) {
        self.forget(port);
        self.0.entry(lan).or_default().insert(0, port);
    }

    /// The port says to have these LANs, and those that it named before no more. What another has said earlier is that one's.
    pub(super) fn announce(&mut self, port: PortId, lans: &BTreeSet<Plan>) {
        let lans: BTreeSet<Plan> = lans.iter().copied().take(LANS_MAX).collect();
        self.retain(|lan, other| other != port || lans.contains(&lan));
        for lan in lans {
            let ports = self.0.entry(lan).or_default();
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
    }

    /// Nothing is behind the port any more.
    pub(super) fn forget(&mut self, port: PortId) {
        self.retain(|_, other| other != port);
    }

    fn retain(&mut self, keep: impl Fn(Plan, PortId) -> bool) {
        self.0.retain(|lan, ports| {
            ports.retain(|port| keep(*lan, *port));
            !ports.is_empty()
        });
    }

    /// The port behind which the LAN is.
    pub(super) fn port(&self, lan: Plan) -> Option<PortId> {
        self.0.get(&lan)?.first().copied()
    }

    /// Whether the address belongs to a LAN behind another port than this.
    pub(super) fn is_of_another(&self, address: Ipv4Addr, port: PortId) -> bool {
        Plan::of(address).and_then(|lan| self.port(lan)).is_some_and(|owner| owner != port)
    }
}
