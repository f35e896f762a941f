//! Names of files that a guest gives: any bytes but `/` and NUL. They have to reach a page as text and come back as they were, be shown
//! without deceiving anybody, and become names that every system can save.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name, in bytes, as Linux has it.
const NAME_MAX: usize = 255;
/// Longest name that a file is saved under, in bytes: what all systems can have, with room for what a browser adds.
const SAVED_MAX: usize = 200;
/// Deepest path: more is not listed. Linux itself stops at 4096 bytes.
const DEPTH_MAX: usize = 1000;
/// Names that Windows gives to devices, whatever their ending.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// What is no name of a file, or no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    /// Nothing, or more than 255 bytes.
    #[error("a name has 1 to 255 bytes")]
    Length,
    /// `.`, `..`, or with a character that no name has.
    #[error("a name is not “.” or “..”, and has no “/”")]
    Character,
    /// A text that is not written as this module writes names.
    #[error("“{0}” is not a name as it is sent")]
    Form(String),
    /// Too many folders in each other.
    #[error("the folder is too deep")]
    Depth,
}

/// The name of a file or folder, as text that can be sent: bytes that are no UTF-8, and `%`, are `%` and two hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// The name that has these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileNameError> {
        if !(1..=NAME_MAX).contains(&bytes.len()) {
            return Err(FileNameError::Length);
        }
        if matches!(bytes, b"." | b"..") || bytes.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(FileNameError::Character);
        }
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(&chunk.valid().replace('%', "%25"));
            chunk.invalid().iter().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
        }
        Ok(Self(text))
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        decoded(&self.0).unwrap_or_default()
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a person may see it: nothing in it is invisible, breaks the line, or changes the order of what stands around it.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.to_bytes()).chars().map(|letter| shown(letter).unwrap_or(letter)).collect()
    }

    /// As a file can be saved on any system: no separators, no signs that have a meaning somewhere, no device's name.
    pub fn saved(&self) -> String {
        let text = String::from_utf8_lossy(&self.to_bytes()).into_owned();
        let safe = |letter: char| match letter {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            _ if shown(letter).is_some() => '_',
            _ => letter,
        };
        let text: String = text.chars().map(safe).collect();
        let text = text.trim_end_matches(['.', ' ']);
        let text = if text.is_empty() { "_" } else { text };
        let stem = text.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let port = |name: &str| stem.strip_prefix(name).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']));
        let device = DEVICES.contains(&stem.as_str()) || port("com") || port("lpt");
        cut(&if device { format!("_{text}") } else { text.to_owned() })
    }
}

/// What is shown for a character that must not be shown as it is.
fn shown(letter: char) -> Option<char> {
    match letter {
        // Unicode has pictures of them.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(letter)),
        '\x7f' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

/// Shortens a name that is too long, and keeps its ending.
fn cut(name: &str) -> String {
    if name.len() <= SAVED_MAX {
        return name.to_owned();
    }
    let ending = name.rfind('.').map(|dot| &name[dot..]).filter(|ending| ending.len() <= 16).unwrap_or_default();
    let mut end = SAVED_MAX - ending.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &name[..end])
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}

impl TryFrom<String> for FileName {
    type Error = FileNameError;

    fn try_from(text: String) -> Result<Self, FileNameError> {
        let name = decoded(&text).and_then(|bytes| Self::from_bytes(&bytes).ok());
        // One way to write each name, so that names can be compared as text.
        name.filter(|name| name.0 == text).ok_or(FileNameError::Form(text))
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

/// A path below a folder, as names with `/` between them; nothing for the folder itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilePath(String);

impl FilePath {
    /// The folder itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// What has this name in it.
    pub fn join(&self, name: &FileName) -> Self {
        if self.0.is_empty() { Self(name.0.clone()) } else { Self(format!("{}/{}", self.0, name.0)) }
    }

    /// Its names, from the first to the last.
    pub fn names(&self) -> impl Iterator<Item = FileName> {
        self.0.split('/').filter(|part| !part.is_empty()).map(|part| FileName(part.to_owned()))
    }

    /// The last name; none of the folder itself.
    pub fn name(&self) -> Option<FileName> {
        self.names().last()
    }

    /// The folder that it is in; none of the folder itself.
    pub fn parent(&self) -> Option<Self> {
        (!self.0.is_empty()).then(|| Self(self.0.rsplit_once('/').map_or("", |(above, _)| above).to_owned()))
    }

    /// Its bytes, as a guest would write it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.names().map(|name| name.to_bytes()).collect::<Vec<_>>().join(&b'/')
    }

    /// As it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FilePath {
    type Error = FileNameError;

    fn try_from(text: String) -> Result<Self, FileNameError> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let mut path = Self::root();
        for (depth, part) in text.split('/').enumerate() {
            if depth == DEPTH_MAX {
                return Err(FileNameError::Depth);
            }
            path = path.join(&FileName::try_from(part.to_owned())?);
        }
        Ok(path)
    }
}

impl From<FilePath> for String {
    fn from(path: FilePath) -> Self {
        path.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().map(|name| name.shown()).collect();
        f.write_str(&names.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> FileName {
        FileName::from_bytes(text.as_bytes()).unwrap()
    }

    proptest! {
        #[test]
        fn every_name_that_linux_takes_comes_back(bytes in proptest::collection::vec(1_u8.., 1..=255)) {
            prop_assume!(!bytes.contains(&b'/') && !matches!(&bytes[..], b"." | b".."));
            let name = FileName::from_bytes(&bytes).unwrap();
            prop_assert_eq!(name.to_bytes(), bytes);
            let path = FilePath::root().join(&name).join(&name);
            prop_assert_eq!(FilePath::try_from(path.as_str().to_owned()), Ok(path.clone()));
            prop_assert_eq!(path.parent().unwrap().name(), Some(name.clone()));
            let saved = name.saved();
            prop_assert!(!saved.contains(['/', '\\', ':', '\n', '\u{202e}']) && (1..=201).contains(&saved.len()), "{:?}", saved);
            prop_assert!(!name.shown().chars().any(char::is_control));
        }

        #[test]
        fn what_is_sent_names_nothing_outside(text: String) {
            if let Ok(path) = FilePath::try_from(text) {
                for name in path.names() {
                    prop_assert!(FileName::from_bytes(&name.to_bytes()).is_ok());
                }
            }
        }
    }

    #[test]
    fn no_text_is_a_way_out() {
        for text in ["..", "a/..", "/", "a//b", "/a", "a/", ".", "%2E%2E", "a%2Fb", "a%00", "%", "%4", "%zz", "%41"] {
            assert!(FilePath::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(FileName::from_bytes(&[b'a'; 256]).is_err());
        assert!(FilePath::try_from(vec!["a"; 1001].join("/")).is_err());
    }

    #[test]
    fn a_name_is_shown_as_it_is_and_nothing_around_it_changes() {
        assert_eq!(name("Übersicht 100 %.txt").shown(), "Übersicht 100 %.txt");
        assert_eq!(name("gpj.\u{202e}exe\n").shown(), "gpj.\u{fffd}exe\u{240a}");
        assert_eq!(FileName::from_bytes(b"a\xffb").unwrap().shown(), "a\u{fffd}b");
    }

    #[test]
    fn a_saved_name_means_the_same_on_every_system() {
        assert_eq!(name("notes.txt").saved(), "notes.txt");
        assert_eq!(name("..\\..\\x:y").saved(), ".._.._x_y");
        assert_eq!(name("con.txt").saved(), "_con.txt");
        assert_eq!(name("LPT1").saved(), "_LPT1");
        assert_eq!(name("complete").saved(), "complete");
        assert_eq!(name(". .").saved(), "_");
        let long = name(&format!("{}.tar", "ä".repeat(120))).saved();
        assert!(long.len() <= 200 && long.ends_with("ä.tar"), "{long}");
    }
}
