use super::queue::Queue;
use crate::counters::Counters;
use crate::limit::{Bucket, Rate};
use crate::mac::Mac;
use crate::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// One port of the switch. Numbers are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PortId(pub u32);

/// The most addresses that one port can hold at a time: machines in a machine, such as containers with addresses of their own.
pub const ADDRESSES_MAX: usize = 8;

/// What is behind a port, and so what it is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The gateway: believed in everything, and never heard outside this browser.
    Gateway,
    /// A machine of this browser.
    Machine {
        /// The hardware address that it was given. Frames from another one are dropped. `None` lets it use any that nobody else has.
        mac: Option<Mac>,
        /// Which IPv4 addresses it may use.
        addresses: Addresses,
    },
    /// A peer or an uplink. All of these are one group: what comes from one of them never goes to another (split horizon).
    Outside,
    /// A whole LAN with these addresses, at a switch between LANs, which has no gateway and no machines of its own. It speaks from its addresses only, and
    /// neither as its gateway nor to another's.
    Lan(Plan),
}

/// Which IPv4 addresses a machine's port may send from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Only those that were leased to it.
    Leased,
    /// Those that were leased to it; as long as there are none, any that is nobody else's.
    Unclaimed,
}

/// What a port may do beyond its kind; the user's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Nothing goes in or out.
    pub blocked: bool,
    /// Only the gateway can be reached, and only it can reach the port.
    pub isolated: bool,
}

#[derive(Debug)]
pub(super) struct Port {
    pub(super) kind: Kind,
    pub(super) confinement: Confinement,
    /// For a peer: the machines that it reaches and that reach it; `None` is all.
    pub(super) reach: Option<BTreeSet<PortId>>,
    /// For a peer: the LAN whose addresses it has; `None` is any that is nobody else's.
    pub(super) network: Option<Plan>,
    pub(super) addresses: Vec<Ipv4Addr>,
    pub(super) counters: Counters,
    pub(super) queue: Queue,
    pub(super) floods: Bucket,
}

impl Port {
    pub(super) fn new(kind: Kind, floods: Rate) -> Port {
        Port {
            kind,
            confinement: Confinement::default(),
            reach: None,
            network: None,
            addresses: Vec::new(),
            counters: Counters::default(),
            queue: Queue::default(),
            floods: Bucket::new(floods),
        }
    }

    pub(super) fn is_gateway(&self) -> bool {
        self.kind == Kind::Gateway
    }

    pub(super) fn is_outside(&self) -> bool {
        self.kind == Kind::Outside
    }

    /// Whether this port and another one may have to do with each other, as far as this one decides.
    pub(super) fn reaches(&self, other: PortId) -> bool {
        self.reach.as_ref().is_none_or(|reach| reach.contains(&other))
    }

    /// Whether there can be many stations behind this port.
    pub(super) fn is_wide(&self) -> bool {
        matches!(self.kind, Kind::Outside | Kind::Lan(_))
    }

    /// The one hardware address behind this port, if it has only one.
    pub(super) fn mac(&self) -> Option<Mac> {
        match self.kind {
            Kind::Machine { mac, .. } => mac,
            Kind::Gateway | Kind::Outside | Kind::Lan(_) => None,
        }
    }
}
