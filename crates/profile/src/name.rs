//! A profile's name and version.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// The longest name, in characters: it is a folder's name, and a part of a package's.
pub const NAME_MAX: usize = 32;
/// So many numbers a version has at most, and so many digits each.
const PARTS_MAX: usize = 4;
const DIGITS_MAX: usize = 9;

/// A profile's or a service's name: letters, digits and hyphens, all in lower case, and a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a name can't be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// It is empty or too long.
    #[error("a name has 1 to {NAME_MAX} characters")]
    Length,
    /// It has something else in it.
    #[error("a name has only small letters, digits and hyphens, a letter first, and no hyphen at its end")]
    Letters,
}

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > NAME_MAX {
            return Err(NameError::Length);
        }
        let known = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
        let first = text.as_bytes()[0].is_ascii_lowercase();
        if !first || text.ends_with('-') || !text.bytes().all(known) {
            return Err(NameError::Letters);
        }
        Ok(Self(text))
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A profile's version: one to four numbers with dots between them. Missing numbers count as 0, so `1` equals `1.0`; it is shown as it was
/// written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    text: String,
    numbers: [u32; PARTS_MAX],
}

/// Why a version can't be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a version is one to {PARTS_MAX} numbers with dots between them, such as 1.0")]
pub struct VersionError;

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        let mut numbers = [0; PARTS_MAX];
        for (place, part) in text.split('.').enumerate() {
            let digits = !part.is_empty() && part.len() <= DIGITS_MAX && part.bytes().all(|byte| byte.is_ascii_digit());
            let number = numbers.get_mut(place).filter(|_| digits).ok_or(VersionError)?;
            *number = part.parse().map_err(|_| VersionError)?;
        }
        Ok(Self { text, numbers })
    }
}

impl TryFrom<&str> for Version {
    type Error = VersionError;

    fn try_from(text: &str) -> Result<Self, VersionError> {
        text.to_owned().try_into()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_folders_name_everywhere() {
        for good in ["a", "nodejs-22", "web-server"] {
            assert!(Name::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "22", "A", "a b", "a/b", "..", "a.b", "ä", &"a".repeat(33)] {
            assert!(Name::try_from(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let version = |text: &str| Version::try_from(text).unwrap();
        assert!(version("1.9") < version("1.10") && version("2") > version("1.99.99.99"));
        assert_eq!(version("1"), version("1.0.0"));
        assert_eq!(version("1.0").to_string(), "1.0");
        for bad in ["", ".", "1.", "1..2", "a", "1.0-r1", "1.2.3.4.5", "-1", "1234567890", " 1"] {
            assert!(Version::try_from(bad).is_err(), "{bad}");
        }
    }
}
