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
    /// mirror has it, and nothing else is tried there; nor may it lead anywhere else, so that a machine that may reach nothing but mirrors
    /// makes the browser ask nobody else.
    pub fn target(&self, url: &Url) -> Target {
        let mirror =
            url.host_str().is_some_and(|host| self.policy.mirrors.iter().any(|rule| host_matches(&rule.host, host)));
        let only = Target { first: url.clone(), second: None, follow: !mirror };
        let public = url.host().is_some_and(|host| matches!(host, Host::Domain(_)) && place(&host).is_none());
        let mut secure = url.clone();
        if !(url.scheme() == "http" && url.port().is_none() && public && secure.set_scheme("https").is_ok()) {
            return only;
        }
        Target { first: secure, second: (!mirror).then(|| url.clone()), ..only }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> (String, Option<String>, bool) {
        let permit = Permit::new(InstanceId::from_random(1), &Access { web: true, ..Access::default() });
        let Target { first, second, follow } = permit.target(&Url::parse(url).unwrap());
        (first.into(), second.map(String::from), follow)
    }

    #[test]
    fn a_mirror_is_asked_by_https_alone_and_leads_nowhere_else() {
        let asked = target(&format!("http://{}/alpine/x.apk", MIRRORS[0]));
        assert_eq!(asked, (format!("https://{}/alpine/x.apk", MIRRORS[0]), None, false));
    }

    #[test]
    fn a_public_name_is_asked_by_https_first() {
        let both = ("https://example.com/a".to_owned(), Some("http://example.com/a".to_owned()), true);
        assert_eq!(target("http://example.com/a"), both);
        for same in ["http://example.com:8080/a", "https://example.com/a", "http://93.184.215.14/a"] {
            assert_eq!(target(same), (same.to_owned(), None, true));
        }
    }
}
