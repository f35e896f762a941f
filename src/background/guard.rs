//! Keeps requests of machines from places that are not the public internet, below `fetch`: a redirect is followed by the browser before anybody
//! here can look where it leads.
//!
//! The rules are the browser's (declarativeNetRequest) and hold for the extension's own requests only, not for the user's tabs. What the user has
//! named for any machine is let through here; which machine may go there is decided in the lan worker.

use super::options;
use crate::bridge::{log, text_of};
use crate::webext::{get_url, update_session_rules};
use protocol::{Access, World};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use wasm_bindgen_futures::spawn_local;

/// What the hosts of addresses look like that are not public, in the form in which the browser writes them: IPv4 in decimal, IPv6 in brackets.
/// `vlan::policy` has the same in full; this stops what gets past it.
const CLOSED: [&str; 8] = [
    r"^https?://(0|10|127)\.\d+\.\d+\.\d+[:/]",
    r"^https?://(169\.254|192\.168|198\.1[89])\.\d+\.\d+[:/]",
    r"^https?://192\.0\.[02]\.\d+[:/]",
    r"^https?://172\.(1[6-9]|2\d|3[01])\.\d+\.\d+[:/]",
    r"^https?://100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+[:/]",
    r"^https?://(22[4-9]|2[34]\d|25[0-5])\.\d+\.\d+\.\d+[:/]",
    r"^https?://\[",
    r"^https?://([^/:.]+|[^/:]*\.(localhost|local|internal|lan|home|corp|intranet|home\.arpa))\.?[:/]",
];
/// The number of the rule for what the user has named.
const NAMED: usize = 100;

thread_local! {
    /// What is let through now; nothing if no rules are set yet.
    static STANDS: RefCell<Option<BTreeSet<String>>> = const { RefCell::new(None) };
}

/// Sees to it that the rules are those that follow from what the user has named. As long as no machine may reach anything but package mirrors
/// there are none: with the first one, the browser passes all requests of all its pages through the extension's rules, which takes time.
pub fn stand(world: &World) {
    let more = world.instances.iter().any(|instance| instance.access != Access::default());
    if !more && STANDS.with_borrow(Option::is_none) {
        return;
    }
    let hosts = world.instances.iter().flat_map(|instance| &instance.access.hosts);
    let named: BTreeSet<String> = hosts.filter(|host| !host.starts_with("*.")).filter_map(|host| bare(host)).collect();
    if STANDS.with_borrow(|stands| stands.as_ref() == Some(&named)) {
        return;
    }
    STANDS.set(Some(named.clone()));
    spawn_local(async move {
        if let Err(error) = update_session_rules(&options(&rules(&named))).await {
            STANDS.set(None);
            log(&format!("redirects to private addresses can’t be blocked: {}", text_of(&error)));
        }
    });
}

/// The host without its port, as rules want it.
fn bare(host: &str) -> Option<String> {
    let name = match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') || name.ends_with(']') => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then(|| if name.contains(':') { format!("[{name}]") } else { name })
}

fn rules(named: &BTreeSet<String>) -> Value {
    let own = get_url("");
    let own = own.split("//").nth(1).unwrap_or_default().trim_end_matches('/');
    let rule = |id: usize, priority: u32, kind: &str, mut condition: Value| {
        condition["initiatorDomains"] = json!([own]);
        condition["resourceTypes"] = json!(["xmlhttprequest", "other"]);
        json!({ "id": id, "priority": priority, "action": { "type": kind }, "condition": condition })
    };
    let mut rules: Vec<Value> = CLOSED
        .iter()
        .enumerate()
        .map(|(at, regex)| rule(at + 1, 1, "block", json!({ "regexFilter": regex, "isUrlFilterCaseSensitive": false })))
        .collect();
    if !named.is_empty() {
        rules.push(rule(NAMED, 2, "allow", json!({ "requestDomains": named })));
    }
    let all: Vec<usize> = (1..=CLOSED.len()).chain([NAMED]).collect();
    json!({ "removeRuleIds": all, "addRules": rules })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_without_their_ports() {
        for (host, named) in [("127.0.0.1:8080", "127.0.0.1"), ("NAS.", "nas"), ("[::1]:80", "[::1]"), ("::1", "[::1]")]
        {
            assert_eq!(bare(host).as_deref(), Some(named));
        }
    }
}
