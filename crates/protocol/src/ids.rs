use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of characters of an identifier: 60 bits, so that two never meet.
const ID_LEN: usize = 12;
/// Lower-case letters and digits without those that look alike.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Longest name of an instance: it is also the guest's host name, and a DNS label has at most 63 bytes.
const NAME_MAX: usize = 32;
/// Longest identifier of a template.
const TEMPLATE_ID_MAX: usize = 64;

/// A text that is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a valid identifier")]
pub struct IdError(String);

/// Makes the type of an identifier: 12 characters of a fixed alphabet, which can be a file's name and name no other file.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Makes an identifier out of random bits.
            pub fn from_random(bits: u64) -> Self {
                let digit = |i: usize| char::from(ALPHABET[(bits >> (5 * i)) as usize & 31]);
                Self((0..ID_LEN).map(digit).collect())
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                let valid = text.len() == ID_LEN && text.bytes().all(|byte| ALPHABET.contains(&byte));
                if valid { Ok(Self(text)) } else { Err(IdError(text)) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier! {
    /// Names an instance for ever, also in file names.
    InstanceId
}
identifier! {
    /// Names a layer, one qcow2 file, among all instances' layers.
    LayerId
}
identifier! {
    /// Names a snapshot of an instance.
    SnapshotId
}
identifier! {
    /// Names a piece of long work, such as an export.
    JobId
}
identifier! {
    /// Names a pairing with another browser, from its first code until it is forgotten.
    PeerId
}

/// Names a template: 1 to 64 lower-case letters, digits, dots and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TemplateId(String);

impl TemplateId {
    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TemplateId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        let valid = (1..=TEMPLATE_ID_MAX).contains(&text.len()) && text.bytes().all(allowed);
        if valid { Ok(Self(text)) } else { Err(IdError(text)) }
    }
}

impl From<TemplateId> for String {
    fn from(id: TemplateId) -> Self {
        id.0
    }
}

impl fmt::Display for TemplateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text can't be an instance's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or more than 32 characters.
    #[error("a name has 1 to 32 characters")]
    Length,
    /// A character that a host name can't have.
    #[error("a name has only lower-case letters, digits and hyphens, and begins and ends with a letter or digit")]
    Character,
}

/// Checks that `name` can be an instance's name, which is also its host name: an RFC 1123 label in lower case.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if !(1..=NAME_MAX).contains(&name.len()) {
        return Err(NameError::Length);
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.bytes().all(allowed) || name.starts_with('-') || name.ends_with('-') {
        return Err(NameError::Character);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_made_identifier_is_valid_and_comes_back(bits: u64) {
            let id = InstanceId::from_random(bits);
            prop_assert_eq!(InstanceId::try_from(id.as_str().to_owned()), Ok(id));
        }
    }

    #[test]
    fn an_identifier_can_not_name_another_file() {
        for text in ["", "../../../../x", "abcdefghijk/", "ABCDEFGHIJKL", "abcdefghijkml"] {
            assert!(InstanceId::try_from(text.to_owned()).is_err(), "{text}");
        }
        for text in ["", "a/b", "Alpine", "a b", &"a".repeat(65)] {
            assert!(TemplateId::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(TemplateId::try_from("alpine-3.20".to_owned()).is_ok());
    }

    #[test]
    fn a_name_is_a_host_name() {
        assert_eq!(check_name("web-1"), Ok(()));
        assert_eq!(check_name(""), Err(NameError::Length));
        assert_eq!(check_name(&"a".repeat(33)), Err(NameError::Length));
        for name in ["Web", "-a", "a-", "a b", "a.b", "ä"] {
            assert_eq!(check_name(name), Err(NameError::Character), "{name}");
        }
    }
}
