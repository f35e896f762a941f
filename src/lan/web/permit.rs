//! What one machine may reach.

use super::fetching::Target;
use protocol::{Access, InstanceId};
use url::{Host, Url};
use vlan::gateway::dns::Outside;
use vlan::policy::{Policy, Rule, host_matches, place};

/// Package mirrors, which every machine may reach: the manifest has the permission for them.
const MIRRORS: [&str; 1] = ["dl-cdn.alpinelinux.org"];

/// A machine's permit.
pub struct Permit {
    /// The machine.
    pub id: InstanceId,
    /// Which addresses it may fetch.
    pub policy: Policy,
}

impl Permit {
    /// What follows from the user's choice.
    pub fn new(id: InstanceId, access: &Access) -> Self {
        let mirrors = MIRRORS.into_iter().map(Rule::host).collect();
        let named = access.hosts.iter().map(|host| Rule::read(host)).collect();
        Self { id, policy: Policy { mirrors, web: access.web, named, blocked: vec![] } }
    }

    /// Which names it may look up.
    pub fn names(&self) -> Outside {
        let rules = self.policy.mirrors.iter().chain(&self.policy.named);
        Outside { everything: self.policy.web, hosts: rules.map(|rule| rule.host.clone()).collect() }
    }

    /// The ports of hosts that were named with one.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.policy.named.iter().filter_map(|rule| rule.port)
    }

    /// A machine that speaks plain HTTP is spared TLS, which an emulated processor is slow at; its request leaves by HTTPS, where there is any. A
    /// mirror has it, and nothing else is tried there.
    pub fn target(&self, url: &Url) -> Target {
        let mut secure = url.clone();
        let public = url.host().is_some_and(|host| matches!(host, Host::Domain(_)) && place(&host).is_none());
        if !(url.scheme() == "http" && url.port().is_none() && public && secure.set_scheme("https").is_ok()) {
            return Target::only(url);
        }
        let mirror =
            url.host_str().is_some_and(|host| self.policy.mirrors.iter().any(|rule| host_matches(&rule.host, host)));
        Target { first: secure, second: (!mirror).then(|| url.clone()) }
    }
}
