use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// The most candidates that are kept: a computer with a cable, Wi-Fi and a VPN has three, each for IPv4 and IPv6.
pub const CANDIDATES_MAX: usize = 8;
/// The longest user fragment and password (RFC 8839, section 5.4, allows 256; browsers write 4 to 32).
pub const SECRET_MAX: usize = 40;

/// The numbers of a LAN, `10.a.b.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Numbers {
    /// The second byte of its addresses.
    pub a: u8,
    /// The third byte of its addresses.
    pub b: u8,
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "10.{}.{}.0/24", self.a, self.b)
    }
}

/// Where a browser may be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// An address.
    Ip(IpAddr),
    /// A name that hides one: `UUID.local`, which the browser answers for by multicast DNS.
    Hidden([u8; 16]),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Hidden(uuid) => {
                for (at, byte) in uuid.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                f.write_str(".local")
            }
        }
    }
}

/// How an address was found (RFC 8445, section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CandidateKind {
    /// Of an interface.
    Host,
    /// As a STUN server sees it.
    Reflexive,
    /// Of a TURN server.
    Relayed,
}

/// Where a browser may be reached by UDP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// How it was found.
    pub kind: CandidateKind,
    /// Its address.
    pub address: Address,
    /// Its port, not 0.
    pub port: u16,
}

/// What one browser has to know of another to connect to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Essentials {
    /// SHA-256 of the certificate that it shows (RFC 8122).
    pub fingerprint: [u8; 32],
    /// The user fragment of its ICE agent.
    pub ufrag: String,
    /// The password of its ICE agent.
    pub pwd: String,
    /// Where it may be reached, best first.
    pub candidates: Vec<Candidate>,
}

/// What essentials can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EssentialsError {
    /// A user fragment or password that ICE does not allow (RFC 8839, section 5.4).
    #[error("the connection's user name or password is not one that browsers make")]
    Secret,
    /// More candidates than are kept.
    #[error("more than {CANDIDATES_MAX} addresses are named")]
    Candidates,
    /// A port that nobody can have.
    #[error("an address has no port")]
    Port,
}

impl Essentials {
    /// Whether they can be.
    pub fn check(&self) -> Result<(), EssentialsError> {
        let sign = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        let secret = |text: &str, least| (least..=SECRET_MAX).contains(&text.len()) && text.bytes().all(sign);
        if !secret(&self.ufrag, 4) || !secret(&self.pwd, 22) {
            return Err(EssentialsError::Secret);
        }
        if self.candidates.len() > CANDIDATES_MAX {
            return Err(EssentialsError::Candidates);
        }
        if self.candidates.iter().any(|candidate| candidate.port == 0) {
            return Err(EssentialsError::Port);
        }
        Ok(())
    }
}

/// `UUID.local` as bytes.
pub(crate) fn hidden(name: &str) -> Option<[u8; 16]> {
    let uuid = name.strip_suffix(".local")?;
    let parts: Vec<&str> = uuid.split('-').collect();
    if parts.iter().map(|part| part.len()).ne([8, 4, 4, 4, 12]) {
        return None;
    }
    let digits = parts.concat();
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 16];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn essentials() -> impl Strategy<Value = Essentials> {
        let address = prop_oneof![
            any::<[u8; 4]>().prop_map(|bytes| Address::Ip(bytes.into())),
            any::<[u8; 16]>().prop_map(|bytes| Address::Ip(bytes.into())),
            any::<[u8; 16]>().prop_map(Address::Hidden),
        ];
        let kind = prop_oneof![Just(CandidateKind::Host), Just(CandidateKind::Reflexive), Just(CandidateKind::Relayed)];
        let candidate =
            (kind, address, 1..=u16::MAX).prop_map(|(kind, address, port)| Candidate { kind, address, port });
        (any::<[u8; 32]>(), "[a-zA-Z0-9+/]{4,8}", "[a-zA-Z0-9+/]{22,32}", prop::collection::vec(candidate, 0..3))
            .prop_map(|(fingerprint, ufrag, pwd, candidates)| Essentials { fingerprint, ufrag, pwd, candidates })
    }

    proptest! {
        #[test]
        fn hidden_names_come_back(uuid: [u8; 16]) {
            prop_assert_eq!(hidden(&Address::Hidden(uuid).to_string()), Some(uuid));
        }

        #[test]
        fn any_text_is_a_hidden_name_or_none(text in ".{0,60}") {
            if let Some(uuid) = hidden(&text) {
                prop_assert_eq!(Address::Hidden(uuid).to_string(), text.to_ascii_lowercase());
            }
        }

        #[test]
        fn what_browsers_make_is_fine(essentials in essentials()) {
            prop_assert_eq!(essentials.check(), Ok(()));
        }
    }
}
