//! Who has which address. A machine keeps its address for as long as it exists, and while it is attached nobody else gets it, however long
//! it was asleep: the times in the leases only make it ask again now and then.

use crate::mac::Mac;
use crate::plan::{HOSTS, Plan};
use crate::switch::PortId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// An address that was given to a machine. The catalog keeps these, so that a machine has the same address tomorrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The machine's hardware address.
    pub mac: Mac,
    /// Its address on the LAN.
    pub address: Ipv4Addr,
    /// The name by which others find it, without `.lan`.
    pub name: String,
}

/// How long an address that was only offered is kept for the one who asked.
const OFFER: Duration = Duration::from_secs(30);
/// How long an address that turned out to be in use is left alone.
const QUARANTINE: Duration = Duration::from_secs(3600);
/// How many addresses one port may have declared unusable at a time: else it could do so with all.
const DECLINED_MAX: usize = 4;

#[derive(Clone, Debug)]
struct Binding {
    address: Ipv4Addr,
    name: String,
    /// Where the machine is; `None` while it is off.
    port: Option<PortId>,
    /// Set as long as the address is offered and not taken.
    offered_until: Option<Duration>,
    /// Whether the machine holds the address now.
    held: bool,
    /// Larger for what was used later.
    used: u64,
}

#[derive(Debug)]
pub(in crate::gateway) struct Leases {
    plan: Plan,
    bindings: BTreeMap<Mac, Binding>,
    declined: BTreeMap<Ipv4Addr, (PortId, Duration)>,
    uses: u64,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Client<'a> {
    pub(in crate::gateway) port: PortId,
    pub(in crate::gateway) mac: Mac,
    pub(in crate::gateway) name: &'a str,
    /// How many addresses the port may have.
    pub(in crate::gateway) most: usize,
}

impl Leases {
    pub(in crate::gateway) fn new(plan: Plan, kept: Vec<Lease>) -> Leases {
        let mut leases = Leases { plan, bindings: BTreeMap::new(), declined: BTreeMap::new(), uses: 0 };
        for Lease { mac, address, name } in kept {
            // A catalog that was edited, or is of another plan, must not give two machines one address.
            if leases.ours(address) && leases.owner(address).is_none() {
                leases.uses += 1;
                let binding =
                    Binding { address, name, port: None, offered_until: None, held: false, used: leases.uses };
                leases.bindings.insert(mac, binding);
            }
        }
        leases
    }

    fn ours(&self, address: Ipv4Addr) -> bool {
        self.plan.contains(address) && HOSTS.contains(&address.octets()[3])
    }

    fn owner(&self, address: Ipv4Addr) -> Option<Mac> {
        self.bindings.iter().find(|(_, binding)| binding.address == address).map(|(mac, _)| *mac)
    }

    fn free(&self, address: Ipv4Addr) -> bool {
        self.ours(address) && self.owner(address).is_none() && !self.declined.contains_key(&address)
    }

    fn tidy(&mut self, now: Duration) {
        self.declined.retain(|_, (_, until)| now < *until);
        self.bindings.retain(|_, binding| binding.offered_until.is_none_or(|until| now < until));
    }

    /// A machine with this hardware address is attached: it may go on with the address that it had.
    pub(in crate::gateway) fn attach(&mut self, port: PortId, mac: Mac, name: &str) {
        if let Some(binding) = self.bindings.get_mut(&mac) {
            binding.port = Some(port);
            binding.held = true;
            binding.name = name.to_owned();
        }
    }

    /// What was attached at this port has gone.
    pub(in crate::gateway) fn detach(&mut self, port: PortId) {
        for binding in self.bindings.values_mut().filter(|binding| binding.port == Some(port)) {
            binding.port = None;
            binding.held = false;
        }
        self.declined.retain(|_, (by, _)| *by != port);
    }

    /// The machine has another name.
    pub(in crate::gateway) fn rename(&mut self, port: PortId, name: &str) {
        for binding in self.bindings.values_mut().filter(|binding| binding.port == Some(port)) {
            binding.name = name.to_owned();
        }
    }

    /// The machine is deleted: its address may go to another.
    pub(in crate::gateway) fn forget(&mut self, mac: Mac) {
        self.bindings.remove(&mac);
    }

    /// An address for the client, kept for it for a while: the one that it had, else the one that it would like, else a free one.
    pub(in crate::gateway) fn offer(
        &mut self,
        client: Client<'_>,
        wish: Option<Ipv4Addr>,
        now: Duration,
    ) -> Option<Ipv4Addr> {
        self.tidy(now);
        if let Some(binding) = self.bindings.get_mut(&client.mac) {
            binding.port = Some(client.port);
            return Some(binding.address);
        }
        if self.count(client.port) >= client.most {
            return None;
        }
        let address = wish.filter(|wish| self.free(*wish)).or_else(|| self.pick(client.mac))?;
        self.bind(client, address, Some(now + OFFER));
        Some(address)
    }

    /// A free address that depends on the hardware address, so that a machine whose lease was lost likely gets it back.
    fn pick(&mut self, mac: Mac) -> Option<Ipv4Addr> {
        let hosts: Vec<u8> = HOSTS.collect();
        let start = mac.0.iter().fold(7usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        let turned = (0..hosts.len()).map(|step| hosts[(start.wrapping_add(step)) % hosts.len()]);
        let found = turned.map(|last| self.plan.host(last)).find(|address| self.free(*address));
        found.or_else(|| {
            // All are given away: the machine that has been off for longest loses its.
            let off = self.bindings.iter().filter(|(_, binding)| binding.port.is_none());
            let (mac, address) = off.min_by_key(|(_, binding)| binding.used).map(|(mac, it)| (*mac, it.address))?;
            self.bindings.remove(&mac);
            Some(address)
        })
    }

    fn bind(&mut self, client: Client<'_>, address: Ipv4Addr, offered_until: Option<Duration>) {
        self.uses += 1;
        let binding = Binding {
            address,
            name: client.name.to_owned(),
            port: Some(client.port),
            offered_until,
            held: offered_until.is_none(),
            used: self.uses,
        };
        self.bindings.insert(client.mac, binding);
    }

    /// The client takes an address, or goes on with one. False if it can't have it.
    pub(in crate::gateway) fn take(
        &mut self,
        client: Client<'_>,
        address: Ipv4Addr,
        offered: bool,
        now: Duration,
    ) -> bool {
        self.tidy(now);
        match self.bindings.get(&client.mac) {
            Some(binding) if binding.address != address => return false,
            Some(_) => {}
            // A machine that says to have had it: if nobody else has, there is no reason to take it away.
            None if offered || !self.free(address) || self.count(client.port) >= client.most => return false,
            None => {}
        }
        self.bind(client, address, None);
        true
    }

    /// The client needs its address no longer. It will get the same one the next time if it can.
    pub(in crate::gateway) fn release(&mut self, client: Client<'_>, address: Ipv4Addr) -> bool {
        match self.bindings.get_mut(&client.mac).filter(|binding| binding.address == address && binding.held) {
            Some(binding) => {
                binding.held = false;
                true
            }
            None => false,
        }
    }

    /// The client found that somebody else uses the address that it got.
    pub(in crate::gateway) fn decline(&mut self, client: Client<'_>, address: Ipv4Addr, now: Duration) -> bool {
        let fits = self.bindings.get(&client.mac).is_some_and(|binding| binding.address == address);
        let declined = self.declined.values().filter(|(by, _)| *by == client.port).count();
        if !fits || declined >= DECLINED_MAX {
            return false;
        }
        self.bindings.remove(&client.mac);
        self.declined.insert(address, (client.port, now + QUARANTINE));
        true
    }

    fn count(&self, port: PortId) -> usize {
        self.bindings.values().filter(|binding| binding.port == Some(port)).count()
    }

    /// The addresses that the machine at a port holds.
    pub(in crate::gateway) fn held_by(&self, port: PortId) -> Vec<Ipv4Addr> {
        let held = self.bindings.values().filter(|binding| binding.port == Some(port) && binding.held);
        held.map(|binding| binding.address).collect()
    }

    /// The lease of a hardware address.
    pub(in crate::gateway) fn of(&self, mac: Mac) -> Option<Lease> {
        let binding = self.bindings.get(&mac).filter(|binding| binding.offered_until.is_none())?;
        Some(Lease { mac, address: binding.address, name: binding.name.clone() })
    }

    /// All leases, also of machines that are off.
    pub(in crate::gateway) fn all(&self) -> impl Iterator<Item = Lease> + '_ {
        self.bindings.keys().filter_map(|mac| self.of(*mac))
    }

    /// Where the machine with this name is, if it is up.
    pub(in crate::gateway) fn named(&self, name: &str) -> Option<Ipv4Addr> {
        let held = self.bindings.values().filter(|binding| binding.held);
        held.filter(|binding| binding.name == name).map(|binding| binding.address).next()
    }

    /// Who has this address now.
    pub(in crate::gateway) fn name_of(&self, address: Ipv4Addr) -> Option<&str> {
        let held = self.bindings.values().filter(|binding| binding.held);
        held.filter(|binding| binding.address == address).map(|binding| binding.name.as_str()).next()
    }
}
