//! Session descriptions (RFC 8866) of a connection that has data channels only (RFC 8841), and what is essential in them.
//!
//! Both browsers write much that is the same in every description of this kind. What differs is in [`Essentials`]; [`write`] makes a
//! description of them that either browser takes as the other's.

use crate::essentials::{CANDIDATES_MAX, hidden};
use crate::{Address, Candidate, CandidateKind, Essentials, EssentialsError};
use std::fmt::Write;

/// The longest description that is read: browsers write 700 to 3000 bytes.
pub const DESCRIPTION_MAX: usize = 64 * 1024;
/// The longest message that a browser may send; both take at least this.
pub const MESSAGE_MAX: usize = 262_144;

/// Who begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever invites.
    Offer,
    /// Whoever answers.
    Answer,
}

/// Why a description is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It is longer than any that a browser writes.
    #[error("the browser's description of the connection is too long")]
    TooLong,
    /// A line is missing.
    #[error("the browser's description of the connection has no {0}")]
    Missing(&'static str),
    /// It says what can't be.
    #[error("the browser's description of the connection can't be used: {0}")]
    Essentials(#[from] EssentialsError),
}

/// What is essential in a browser's description. What it says of TCP and of other components is left out; the best candidates are kept.
pub fn read(description: &str) -> Result<Essentials, SdpError> {
    if description.len() > DESCRIPTION_MAX {
        return Err(SdpError::TooLong);
    }
    let (mut fingerprint, mut ufrag, mut pwd, mut candidates) = (None, None, None, Vec::new());
    for line in description.lines() {
        let Some(line) = line.strip_prefix("a=") else { continue };
        if let Some(hash) = line.strip_prefix("fingerprint:sha-256 ") {
            fingerprint = parse_fingerprint(hash.trim());
        } else if let Some(text) = line.strip_prefix("ice-ufrag:") {
            ufrag = Some(text.trim().to_owned());
        } else if let Some(text) = line.strip_prefix("ice-pwd:") {
            pwd = Some(text.trim().to_owned());
        } else if let Some(candidate) = line.strip_prefix("candidate:").and_then(parse_candidate)
            && !candidates.contains(&candidate)
        {
            candidates.push(candidate);
        }
    }
    by_turns(&mut candidates);
    candidates.truncate(CANDIDATES_MAX);
    let essentials = Essentials {
        fingerprint: fingerprint.ok_or(SdpError::Missing("fingerprint"))?,
        ufrag: ufrag.ok_or(SdpError::Missing("user fragment"))?,
        pwd: pwd.ok_or(SdpError::Missing("password"))?,
        candidates,
    };
    essentials.check()?;
    Ok(essentials)
}

/// Codes have room for few: the first of each kind comes before the second of any, and otherwise they stay as the browser has them.
fn by_turns(candidates: &mut Vec<Candidate>) {
    let mut seen: Vec<CandidateKind> = vec![];
    let mut turns: Vec<_> = std::mem::take(candidates)
        .into_iter()
        .map(|candidate| {
            let turn = seen.iter().filter(|kind| **kind == candidate.kind).count();
            seen.push(candidate.kind);
            (turn, candidate)
        })
        .collect();
    turns.sort_by_key(|(turn, candidate)| (*turn, candidate.kind));
    candidates.extend(turns.into_iter().map(|(_, candidate)| candidate));
}

/// `AB:CD:…`, 32 bytes.
fn parse_fingerprint(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        *byte = parts.next().filter(|part| part.len() == 2).and_then(|part| u8::from_str_radix(part, 16).ok())?;
    }
    parts.next().is_none().then_some(bytes)
}

/// What follows `candidate:` (RFC 8839, section 5.1): foundation, component, transport, priority, address, port, `typ`, type.
fn parse_candidate(text: &str) -> Option<Candidate> {
    let mut parts = text.split_ascii_whitespace().skip(1);
    let (component, transport, _priority) = (parts.next()?, parts.next()?, parts.next()?);
    let (address, port) = (parts.next()?, parts.next()?.parse().ok().filter(|port| *port != 0)?);
    if component != "1" || !transport.eq_ignore_ascii_case("udp") || parts.next()? != "typ" {
        return None;
    }
    let kind = match parts.next()? {
        "host" => CandidateKind::Host,
        "srflx" => CandidateKind::Reflexive,
        "relay" => CandidateKind::Relayed,
        _ => return None,
    };
    let address = match address.parse() {
        Ok(address) => Address::Ip(address),
        Err(_) => Address::Hidden(hidden(address)?),
    };
    Some(Candidate { kind, address, port })
}

/// A description for a browser, as if the other one had written it. Without candidates the browser waits to be found.
pub fn write(essentials: &Essentials, role: Role) -> String {
    let setup = match role {
        Role::Offer => "actpass",
        // Whoever answers begins the handshake (RFC 8842, section 5.3), which both browsers do.
        Role::Answer => "active",
    };
    let fingerprint: Vec<String> = essentials.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut text = String::from(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n",
    );
    for (index, candidate) in essentials.candidates.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "a={}\r\n", candidate_line(candidate, index));
    }
    let _ = write!(
        text,
        "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {}\r\na=setup:{setup}\r\n\
         a=mid:0\r\na=sctp-port:5000\r\na=max-message-size:{MESSAGE_MAX}\r\n",
        essentials.ufrag,
        essentials.pwd,
        fingerprint.join(":"),
    );
    text
}

/// A candidate as browsers write and take it. `index` is its place in the list, which decides among its kind.
pub fn candidate_line(candidate: &Candidate, index: usize) -> String {
    // RFC 8445, section 5.1.2.
    let (word, preference) = match candidate.kind {
        CandidateKind::Host => ("host", 126_u32),
        CandidateKind::Reflexive => ("srflx raddr 0.0.0.0 rport 0", 100),
        CandidateKind::Relayed => ("relay raddr 0.0.0.0 rport 0", 0),
    };
    let local = 65_535 - u32::try_from(index).unwrap_or(0).min(65_535);
    let priority = (preference << 24) | (local << 8) | 255;
    let Candidate { address, port, .. } = candidate;
    format!("candidate:{} 1 udp {priority} {address} {port} typ {word}", index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::essentials::tests::essentials;
    use proptest::prelude::*;

    const CHROMIUM: &str = include_str!("../golden/chromium-offer.sdp");
    const FIREFOX: &str = include_str!("../golden/firefox-offer.sdp");

    #[test]
    fn what_chromium_writes_is_understood() {
        let essentials = read(CHROMIUM).unwrap();
        assert_eq!(essentials.ufrag.len(), 4);
        assert_eq!(essentials.pwd.len(), 24);
        assert!(!essentials.candidates.is_empty());
        assert!(essentials.candidates.iter().all(|candidate| candidate.kind == CandidateKind::Host));
    }

    #[test]
    fn what_firefox_writes_is_understood() {
        let essentials = read(FIREFOX).unwrap();
        assert_eq!(essentials.ufrag.len(), 8);
        assert_eq!(essentials.pwd.len(), 32);
        assert!(!essentials.candidates.is_empty());
        assert!(essentials.candidates.iter().all(|candidate| candidate.kind == CandidateKind::Host));
    }

    #[test]
    fn each_line_that_is_needed_is_missed() {
        for (line, what) in
            [("a=fingerprint", "fingerprint"), ("a=ice-ufrag", "user fragment"), ("a=ice-pwd", "password")]
        {
            let without: String =
                CHROMIUM.lines().filter(|it| !it.starts_with(line)).map(|it| format!("{it}\r\n")).collect();
            assert_eq!(read(&without), Err(SdpError::Missing(what)));
        }
        assert_eq!(read(&"a".repeat(DESCRIPTION_MAX + 1)), Err(SdpError::TooLong));
    }

    #[test]
    fn what_a_server_has_found_is_not_left_out_for_many_hosts() {
        let candidate = |kind, port| Candidate { kind, address: Address::Ip([192, 0, 2, 1].into()), port };
        let hosts = (1..=9).map(|port| candidate(CandidateKind::Host, port));
        let servers = [candidate(CandidateKind::Relayed, 30), candidate(CandidateKind::Reflexive, 20)];
        let mut all: Vec<_> = hosts.chain(servers).collect();
        by_turns(&mut all);
        let ports: Vec<_> = all.iter().map(|candidate| candidate.port).collect();
        assert_eq!(ports, [1, 20, 30, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(mut essentials in essentials(), offer: bool) {
            let mut once = Vec::new();
            essentials.candidates.retain(|candidate| !once.contains(candidate) && { once.push(candidate.clone()); true });
            by_turns(&mut essentials.candidates);
            let role = if offer { Role::Offer } else { Role::Answer };
            let back = read(&write(&essentials, role)).unwrap();
            prop_assert_eq!(back, essentials);
        }

        #[test]
        fn any_text_is_a_description_or_refused(text in "(a=(candidate|ice-ufrag|fingerprint):.{0,60}\r\n){0,6}") {
            drop(read(&text));
        }
    }
}
