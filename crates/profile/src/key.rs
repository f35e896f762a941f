//! Keys that packages are signed with, which a machine does not trust yet.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// So many keys are read: more is no list of the runner's.
const KEYS_MAX: usize = 100;
/// The longest name, in characters.
const NAME_MAX: usize = 128;
/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// A key that somebody has put where the machine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(String, String)", into = "(String, String)")]
pub struct PackageKey {
    name: String,
    sha256: String,
}

/// Why a line is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the machine’s list of keys can’t be understood")]
pub struct KeyError;

impl PackageKey {
    /// The file's name: letters, digits and `._@+-`, a letter or digit first.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's SHA-256, in small hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Reads `NAME SHA256`, a line of the runner's list.
    pub fn parse(line: &str) -> Result<Self, KeyError> {
        let (name, sha256) = line.split_once(' ').ok_or(KeyError)?;
        (name.to_owned(), sha256.to_owned()).try_into()
    }
}

impl TryFrom<(String, String)> for PackageKey {
    type Error = KeyError;

    fn try_from((name, sha256): (String, String)) -> Result<Self, KeyError> {
        let known = |letter: u8| letter.is_ascii_alphanumeric() || b"._@+-".contains(&letter);
        let first = name.bytes().next().is_some_and(|letter| letter.is_ascii_alphanumeric());
        let digit = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
        let is_name = first && name.len() <= NAME_MAX && name.bytes().all(known);
        let is_sum = sha256.len() == DIGITS && sha256.bytes().all(digit);
        if is_name && is_sum { Ok(Self { name, sha256 }) } else { Err(KeyError) }
    }
}

impl From<PackageKey> for (String, String) {
    fn from(key: PackageKey) -> Self {
        (key.name, key.sha256)
    }
}

impl fmt::Display for PackageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The keys in what the runner's list prints; lines that do not begin with `key ` are something else.
pub fn keys(text: &str) -> Result<Vec<PackageKey>, KeyError> {
    text.lines().filter_map(|line| line.strip_prefix("key ")).take(KEYS_MAX).map(PackageKey::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_word_for_the_shell() {
        let sum = "0123456789abcdef".repeat(4);
        let list = keys(&format!("mark git\nkey me@example.org-1.rsa.pub {sum}\n")).unwrap();
        assert_eq!((list[0].name(), list[0].sha256()), ("me@example.org-1.rsa.pub", &sum[..]));
        for bad in ["", "a b", "-a.pub", ".a", "a$b", "a/b", "a'b"] {
            assert!(PackageKey::parse(&format!("{bad} {sum}")).is_err(), "{bad}");
        }
        for bad in [&sum[1..], &sum.to_uppercase(), &format!("{sum} "), &format!("{sum}0")] {
            assert!(PackageKey::parse(&format!("a.pub {bad}")).is_err(), "{bad}");
        }
    }
}
