//! The name server: machines are `NAME.lan`, names of the outside world have addresses of the gateway's own pool, for machines that may
//! reach them, and everything else does not exist.

pub mod message;
pub mod pool;

use super::dhcp::Leases;
use crate::plan::Plan;
use message::{Bad, Code, Query, Record, kind};
use pool::Pool;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long an answer about a machine may be remembered, in seconds: it may get another address any time.
const TTL_LAN: u32 = 5;
/// The name of the gateway.
pub const GATEWAY: &str = "gateway";

/// Which names of the outside world a machine can look up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// All that can be a name of the public internet.
    pub everything: bool,
    /// And these, whatever they are: a name, or `*.` and a name for all below it.
    pub hosts: Vec<String>,
}

impl Outside {
    fn has(&self, name: &str) -> bool {
        self.everything && public(name) || self.hosts.iter().any(|host| crate::policy::host_matches(host, name))
    }
}

/// What the answer to a machine's question depends on.
pub(super) struct Context<'a> {
    pub(super) plan: Plan,
    pub(super) domain: &'a str,
    pub(super) leases: &'a Leases,
    /// Names that the embedding added: machines of peers.
    pub(super) others: &'a BTreeMap<String, Ipv4Addr>,
    pub(super) outside: &'a Outside,
    pub(super) pool: &'a mut Pool,
    pub(super) now: Duration,
    /// A name of the outside world that was asked for and may not be looked up.
    pub(super) refused: Option<String>,
}

/// The answer to a query; `None` if there is nothing to be said.
pub(super) fn respond(context: &mut Context<'_>, bytes: &[u8]) -> Option<Vec<u8>> {
    match message::parse(bytes) {
        Err(Bad::Silent) => None,
        Err(Bad::Answer(id, code)) => Some(message::complaint(id, code)),
        Ok(query) => {
            let (code, ttl, records) = look_up(context, &query);
            Some(message::answer(&query, code, ttl, &records))
        }
    }
}

fn look_up(context: &mut Context<'_>, query: &Query) -> (Code, u32, Vec<Record>) {
    let name = query.name.as_str();
    if let Some(reversed) = name.strip_suffix(".in-addr.arpa") {
        let found = reverse(reversed).and_then(|address| context.name_of(address));
        return match found {
            Some(name) if matches!(query.kind, kind::PTR | kind::ANY) => (Code::Ok, TTL_LAN, vec![Record::Name(name)]),
            Some(_) => (Code::Ok, TTL_LAN, vec![]),
            None => (Code::NoSuchName, TTL_LAN, vec![]),
        };
    }
    let machine = context.local_label(name).and_then(|label| context.machine(label));
    let (found, ttl) = match machine {
        Some(address) => (Some(Some(address)), TTL_LAN),
        None if name == "localhost" || name.ends_with(".localhost") => (Some(Some(Ipv4Addr::LOCALHOST)), TTL_LAN),
        None if context.outside.has(name) => (Some(context.pool.address(name, context.now)), pool::TTL),
        None => {
            let asked = matches!(query.kind, kind::A | kind::ANY) && public(name);
            context.refused = asked.then(|| name.to_owned());
            (None, TTL_LAN)
        }
    };
    match found {
        // Of names that exist there are only IPv4 addresses: no error, and nothing to tell.
        Some(_) if !matches!(query.kind, kind::A | kind::ANY) => (Code::Ok, ttl, vec![]),
        Some(Some(address)) => (Code::Ok, ttl, vec![Record::Address(address)]),
        Some(None) => (Code::Failure, 0, vec![]),
        None => (Code::NoSuchName, ttl, vec![]),
    }
}

/// The address that `4.3.2.1` before `.in-addr.arpa` stands for.
fn reverse(name: &str) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = name.parse().ok()?;
    let [a, b, c, d] = address.octets();
    Some(Ipv4Addr::new(d, c, b, a))
}

/// Whether a name can be one of the public internet: several labels, and none of the endings that are kept for other purposes (RFC 6761,
/// RFC 6762, RFC 8375 and what ICANN promised never to give away).
fn public(name: &str) -> bool {
    const KEPT: [&str; 8] = ["local", "internal", "invalid", "test", "onion", "home.arpa", "alt", "lan"];
    let ends = |ending: &str| name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    name.contains('.') && !KEPT.into_iter().any(ends)
}

impl Context<'_> {
    /// `NAME` of `NAME.lan`, or of a name without dots.
    fn local_label<'b>(&self, name: &'b str) -> Option<&'b str> {
        let below = name.strip_suffix(self.domain).and_then(|rest| rest.strip_suffix('.'));
        below.or_else(|| (!name.contains('.')).then_some(name))
    }

    fn machine(&self, label: &str) -> Option<Ipv4Addr> {
        if label == GATEWAY {
            return Some(self.plan.gateway());
        }
        self.leases.named(label).or_else(|| self.others.get(label).copied())
    }

    fn name_of(&mut self, address: Ipv4Addr) -> Option<String> {
        if address == self.plan.gateway() {
            return Some(format!("{GATEWAY}.{}", self.domain));
        }
        let other = || self.others.iter().find(|(_, it)| **it == address).map(|(name, _)| name.as_str());
        if let Some(name) = self.leases.name_of(address).or_else(other) {
            return Some(format!("{name}.{}", self.domain));
        }
        self.pool.name(address, self.now).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests;
