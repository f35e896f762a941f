//! Which addresses are not the public internet (IANA's registries of special-purpose addresses, RFC 6890).

use super::Place;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn place(address: IpAddr) -> Option<Place> {
    match address {
        IpAddr::V4(address) => ipv4(address),
        IpAddr::V6(address) => ipv6(address),
    }
}

fn ipv4(address: Ipv4Addr) -> Option<Place> {
    Some(match address.octets() {
        // "This network": systems take it for themselves.
        [0, ..] | [127, ..] => Place::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Place::Private,
        [169, 254, ..] => Place::LinkLocal,
        [100, 64..=127, ..] => Place::Carrier,
        [224..=239, ..] => Place::Multicast,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Place::Reserved
        }
        [240..=255, ..] => Place::Reserved,
        _ => return None,
    })
}

/// The IPv4 address that an IPv6 address is another form of, or leads to through a translator or a tunnel.
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let [last, sixth] = [(g, h), (b, c)].map(|(high, low)| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match (a, b, c, d, e, f) {
        // Mapped (RFC 4291, section 2.5.5.2), compatible (2.5.5.1), translated (RFC 2765).
        (0, 0, 0, 0, 0, 0xffff | 0) | (0, 0, 0, 0, 0xffff, 0) => Some(last),
        // NAT64 (RFC 6052).
        (0x64, 0xff9b, 0, 0, 0, 0) => Some(last),
        // 6to4 (RFC 3056).
        (0x2002, ..) => Some(sixth),
        _ => None,
    }
}

fn ipv6(address: Ipv6Addr) -> Option<Place> {
    if address.is_loopback() || address.is_unspecified() {
        return Some(Place::Loopback);
    }
    if let Some(inner) = inner(address) {
        return ipv4(inner);
    }
    let [a, b, ..] = address.segments();
    Some(match (a, b) {
        (0xfc00..=0xfdff, _) | (0xfec0..=0xfeff, _) => Place::Private,
        (0xfe80..=0xfebf, _) => Place::LinkLocal,
        (0xff00..=0xffff, _) => Place::Multicast,
        // Protocol assignments with Teredo, and documentation; then all that is not global unicast (RFC 4291, section 2.4).
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => Place::Reserved,
        (0x2000..=0x3fff, _) => return None,
        _ => Place::Reserved,
    })
}

/// Whether a name is one that only a local network or the computer itself knows (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, and what
/// routers use). A name without a dot is one.
pub(super) fn local_name(name: &str) -> bool {
    const ENDINGS: [&str; 13] = [
        "localhost",
        "localdomain",
        "local",
        "internal",
        "intranet",
        "private",
        "corp",
        "home",
        "lan",
        "home.arpa",
        "test",
        "invalid",
        "onion",
    ];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let ends = |ending: &str| name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') || ENDINGS.into_iter().any(ends)
}
