//! Uplinks: LANs at WebTransport endpoints that this browser's LAN joins. Pages and the lan worker speak about them on the LAN's channel.

use crate::{InstanceId, Problem};
use serde::{Deserialize, Serialize};

/// The most uplinks that are kept.
pub const UPLINKS_MAX: usize = 16;
/// The longest address of an endpoint.
pub const UPLINK_ADDRESS_MAX: usize = 512;
/// The longest name of a room or of this LAN, in bytes: what the protocol has room for.
pub const UPLINK_NAME_MAX: usize = 63;
/// The longest token.
pub const UPLINK_TOKEN_MAX: usize = 1024;
/// The most hashes of certificates.
const HASHES_MAX: usize = 8;
/// The bytes of a SHA-256 hash.
const HASH_LEN: usize = 32;

/// Names an uplink as long as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UplinkId(pub u32);

/// Which machines of this browser others reach through an uplink, and which reach others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reachable {
    /// All, also those that come later.
    All,
    /// These.
    Only(Vec<InstanceId>),
}

impl Reachable {
    /// Whether this machine is one of them.
    pub fn has(&self, id: &InstanceId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(id),
        }
    }
}

/// What the user says about an uplink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkSettings {
    /// The endpoint: `https://host:port/path`.
    pub address: String,
    /// The room there.
    pub room: String,
    /// What this LAN is called there.
    pub name: String,
    /// Hashes of the endpoint's certificate, if it is self-made: pairs of hexadecimal digits with colons between them.
    pub hashes: Vec<String>,
    /// Which machines are on it.
    pub machines: Reachable,
    /// The most KiB a second each way; zero is no limit.
    pub rate_kib: u32,
    /// Whether it is joined again when the LAN or the browser was started anew.
    pub again: bool,
}

/// Why an uplink can't be as the user says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// No address of a WebTransport endpoint.
    #[error("the address has to be like https://host:4433/lan, without a name, a password or a # in it")]
    Address,
    /// A room without a name, or with a wrong one.
    #[error("the room needs a name of at most {UPLINK_NAME_MAX} bytes")]
    Room,
    /// This LAN without a name, or with a wrong one.
    #[error("this LAN needs a name of at most {UPLINK_NAME_MAX} bytes, with a letter or a digit in it")]
    Name,
    /// No hash of a certificate.
    #[error("“{0}” is not a certificate’s SHA-256 hash: it has 64 hexadecimal digits, as the endpoint prints them")]
    Hash(String),
    /// Too many of them.
    #[error("at most {HASHES_MAX} hashes")]
    Hashes,
    /// A token that is too long.
    #[error("the token is longer than {UPLINK_TOKEN_MAX} bytes")]
    Token,
}

/// The bytes of a hash that is written with hexadecimal digits, with or without colons.
pub fn certificate_hash(text: &str) -> Option<[u8; HASH_LEN]> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    if digits.len() != 2 * HASH_LEN {
        return None;
    }
    let mut hash = [0; HASH_LEN];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| pair.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(hash)
}

/// Whether the text can be a room's name or a LAN's.
fn named(text: &str) -> bool {
    (1..=UPLINK_NAME_MAX).contains(&text.len()) && !text.chars().any(char::is_control) && text.trim() == text
}

/// Whether a WebTransport endpoint can be there. What else is wrong with an address the browser finds when it is asked to go there.
fn address_fits(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    let (host, port) = port.unwrap_or((authority, "443"));
    let sign = |byte: u8| byte.is_ascii_graphic() && !b"@#\\\"<>^`{|}".contains(&byte);
    text.len() <= UPLINK_ADDRESS_MAX && !host.is_empty() && port.parse::<u16>().is_ok() && text.bytes().all(sign)
}

impl UplinkSettings {
    /// Whether it can be so.
    pub fn check(&self) -> Result<(), UplinkError> {
        if !address_fits(&self.address) {
            return Err(UplinkError::Address);
        }
        if !named(&self.room) {
            return Err(UplinkError::Room);
        }
        if !named(&self.name) || !self.name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
            return Err(UplinkError::Name);
        }
        if self.hashes.len() > HASHES_MAX {
            return Err(UplinkError::Hashes);
        }
        match self.hashes.iter().find(|hash| certificate_hash(hash).is_none()) {
            Some(wrong) => Err(UplinkError::Hash(wrong.chars().take(80).collect())),
            None => Ok(()),
        }
    }
}

/// What a page asks the lan worker about uplinks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UplinkAsk {
    /// Keep this one and join it; the text is its token, empty if it needs none.
    Add(UplinkSettings, String),
    /// Another choice about one; the token stays if none is given.
    Change(UplinkId, UplinkSettings, Option<String>),
    /// Join it now.
    Join(UplinkId),
    /// Leave it, and stay away until the user says otherwise.
    Leave(UplinkId),
    /// Let nothing through, without leaving; or let it through again.
    Mute(UplinkId, bool),
    /// Leave it and keep nothing of it.
    Forget(UplinkId),
}

/// How an uplink is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UplinkState {
    /// Not joined, and nobody tries to; what was wrong, if something was.
    Away(Option<Problem>),
    /// On its way.
    Connecting,
    /// Joined.
    Joined,
    /// What was wrong, and in how many seconds it will be tried again.
    Waiting(u32, Problem),
}

/// Another LAN in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkMember {
    /// What it calls itself.
    pub name: String,
    /// What it is called by the name service: `NAME.label.lan`.
    pub label: String,
    /// Its addresses.
    pub network: String,
    /// Its machines: names and addresses.
    pub machines: Vec<(String, String)>,
}

/// An uplink as pages see it. Its token never leaves the lan worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkView {
    /// Which one.
    pub id: UplinkId,
    /// What the user said about it.
    pub settings: UplinkSettings,
    /// Whether a token is kept for it.
    pub has_token: bool,
    /// Whether nothing is let through.
    pub muted: bool,
    /// How it is.
    pub state: UplinkState,
    /// Frames and bytes that went there.
    pub sent: (u64, u64),
    /// Frames and bytes that came from there.
    pub received: (u64, u64),
    /// Frames from there that were dropped, by reason.
    pub dropped: Vec<(String, u64)>,
    /// How long a question and its answer take, in milliseconds.
    pub rtt_ms: Option<u32>,
    /// Who else is in the room.
    pub members: Vec<UplinkMember>,
    /// What has happened to it, the newest first: when, in milliseconds since 1970, and what.
    pub log: Vec<(u64, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: &str) -> UplinkSettings {
        UplinkSettings {
            address: address.to_owned(),
            room: "lab".to_owned(),
            name: "Ada".to_owned(),
            hashes: vec![],
            machines: Reachable::All,
            rate_kib: 0,
            again: true,
        }
    }

    #[test]
    fn an_address_is_https_and_nothing_but_a_place() {
        for right in ["https://127.0.0.1:4433/lan", "https://lan.example.org/lan?x=1", "https://[::1]:4433/lan"] {
            assert_eq!(settings(right).check(), Ok(()), "{right}");
        }
        let long = format!("https://a/{}", "x".repeat(UPLINK_ADDRESS_MAX));
        for wrong in [
            "http://a/lan",
            "a:4433",
            "",
            "https://",
            "https://:1/",
            "https://u@a/",
            "https://u:p@a/",
            "https://a/#b",
            "https://a:x/",
            "https://a b/",
            &long,
        ] {
            assert_eq!(settings(wrong).check(), Err(UplinkError::Address), "{wrong}");
        }
    }

    #[test]
    fn names_are_short_and_seen() {
        for wrong in ["", " lab", "a\nb", &"x".repeat(64)] {
            let room = wrong.to_owned();
            assert_eq!(UplinkSettings { room, ..settings("https://a") }.check(), Err(UplinkError::Room), "{wrong:?}");
        }
        let name = "—".to_owned();
        assert_eq!(UplinkSettings { name, ..settings("https://a") }.check(), Err(UplinkError::Name));
    }

    #[test]
    fn a_hash_is_read_with_and_without_colons() {
        let plain = "0aF".repeat(21) + "1";
        let hash = certificate_hash(&plain).unwrap();
        let colons: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(certificate_hash(&colons.join(":")), Some(hash));
        for wrong in ["", "zz", &plain[1..], &format!("{}é", &plain[2..])] {
            assert_eq!(certificate_hash(wrong), None, "{wrong}");
        }
        let hashes = vec!["ab".to_owned()];
        let refused = UplinkSettings { hashes, ..settings("https://a") }.check();
        assert_eq!(refused, Err(UplinkError::Hash("ab".to_owned())));
    }
}
