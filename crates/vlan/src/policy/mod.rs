//! Where a machine may go on the web. By default that is package mirrors only; the user may open the web, or single hosts. Whatever is not
//! the public internet stays closed unless the user has named it, host by host.
//!
//! A URL is judged as the browser will read it (WHATWG URL Standard, by the crate `url`), so `http://0x7f.1/` is `127.0.0.1` here too. What a
//! public name resolves to is the browser's business: nothing here can see it (`docs/lan.md`, *What this does not do*).

mod address;

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use thiserror::Error;
use url::{Host, Url};

/// The longest URL that is looked at, in bytes.
pub const URL_MAX: usize = 8192;

/// What kind of place an address or a name is, if it is not the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The computer that the browser runs on.
    Loopback,
    /// Addresses without a router, such as cloud providers' metadata services.
    LinkLocal,
    /// A private network.
    Private,
    /// A carrier's network between its customers and the internet.
    Carrier,
    /// Many receivers at once.
    Multicast,
    /// Reserved for documentation, tests or the future.
    Reserved,
    /// A name that only the local network knows.
    LocalName,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Place::Loopback => "the computer that the browser runs on",
            Place::LinkLocal => "a link-local address",
            Place::Private => "an address of a private network",
            Place::Carrier => "an address of a carrier's internal network",
            Place::Multicast => "a multicast address",
            Place::Reserved => "a reserved address",
            Place::LocalName => "a name of a local network",
        })
    }
}

/// Why a machine may not go somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The text is no URL.
    #[error("this is not a URL that can be fetched: {0}")]
    NotAUrl(String),
    /// Neither http nor https: pages of the browser and of extensions, files, and what else a browser can open.
    #[error("only http and https addresses can be fetched, not {0}:")]
    Scheme(String),
    /// A user name or a password in the URL.
    #[error("an address with a user name or password in it is not fetched; send an Authorization header instead")]
    Credentials,
    /// Not the public internet, and not named by the user.
    #[error(
        "{host} is {place}; machines can't reach it unless you allow exactly this host in the machine's web settings"
    )]
    Closed {
        /// What was asked for.
        host: String,
        /// What it is.
        place: Place,
    },
    /// On the user's block list.
    #[error("{0} is on this machine's block list")]
    Blocked(String),
    /// The machine has no web access.
    #[error("this machine may only reach package mirrors; turn on web access in its settings, or allow {0} there")]
    NoWebAccess(String),
}

/// A host that is allowed or blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// A name or an address; or `*.` and a name, for all names below it.
    pub host: String,
    /// The only port; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl Rule {
    /// A rule for all ports of a host.
    pub fn host(host: &str) -> Rule {
        Rule { host: host.to_owned(), port: None }
    }

    /// A rule as people write it: a host, and `:PORT` behind it for one port only. An IPv6 address with a port has brackets.
    pub fn read(text: &str) -> Rule {
        let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
        match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
                Ok(port) => Rule { host: bare(host), port: Some(port) },
                Err(_) => Rule::host(&bare(text)),
            },
            _ => Rule::host(&bare(text)),
        }
    }

    fn fits(&self, host: &str, port: Option<u16>) -> bool {
        (self.port.is_none() || self.port == port) && host_matches(&self.host, host)
    }
}

/// What one machine may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Package mirrors: what every machine may reach.
    #[serde(default)]
    pub mirrors: Vec<Rule>,
    /// Whether the machine may reach all of the public internet.
    #[serde(default)]
    pub web: bool,
    /// What the user has allowed beside; the only way to what is not the public internet.
    #[serde(default)]
    pub named: Vec<Rule>,
    /// What the user has forbidden. Goes before everything else.
    #[serde(default)]
    pub blocked: Vec<Rule>,
}

/// A host as text in the form in which hosts are compared: what the URL standard makes of it, without a dot at the end.
fn plain(host: &str) -> String {
    let bare = host.trim_end_matches('.');
    let parsed = Host::parse(bare).or_else(|_| Host::parse(&format!("[{bare}]")));
    parsed.map_or_else(|_| bare.to_ascii_lowercase(), |host| host.to_string())
}

/// Whether a rule's host is this one: the same, or below it when the rule begins with `*.`.
pub fn host_matches(rule: &str, host: &str) -> bool {
    let host = plain(host);
    match rule.strip_prefix("*.") {
        Some(above) => host.strip_suffix(&plain(above)).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1),
        None => plain(rule) == host,
    }
}

/// Reads a URL as the browser does.
pub fn parse(text: &str) -> Result<Url, Refusal> {
    if text.len() > URL_MAX {
        return Err(Refusal::NotAUrl(format!("it is longer than {URL_MAX} bytes")));
    }
    Url::parse(text).map_err(|error| Refusal::NotAUrl(error.to_string()))
}

/// What kind of place a host is, if it is not the public internet.
pub fn place(host: &Host<&str>) -> Option<Place> {
    match host {
        Host::Ipv4(address) => address::place(IpAddr::V4(*address)),
        Host::Ipv6(address) => address::place(IpAddr::V6(*address)),
        Host::Domain(name) => address::local_name(name).then_some(Place::LocalName),
    }
}

impl Policy {
    /// Whether the machine may fetch this. A redirect's target has to be asked about like any other URL.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme(url.scheme().chars().take(40).collect()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let host = url.host().ok_or_else(|| Refusal::NotAUrl("it has no host".to_owned()))?;
        let (text, port) = (host.to_string(), url.port_or_known_default());
        if self.blocked.iter().any(|rule| rule.fits(&text, port)) {
            return Err(Refusal::Blocked(text));
        }
        if let Some(place) = place(&host) {
            // A rule for many hosts opens nothing that is not public.
            let named = self.named.iter().any(|rule| !rule.host.starts_with("*.") && rule.fits(&text, port));
            return if named { Ok(()) } else { Err(Refusal::Closed { host: text, place }) };
        }
        let allowed = self.web || self.mirrors.iter().chain(&self.named).any(|rule| rule.fits(&text, port));
        if allowed { Ok(()) } else { Err(Refusal::NoWebAccess(text)) }
    }
}

#[cfg(test)]
mod tests;
