//! The marks that the runner leaves in a guest, in `/var/lib/workbench/profiles/`, and what they mean beside the catalog.

use crate::{Name, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The format's number, the first word of a mark.
const FORMAT: &str = "1";
/// So many marks are read: more is no list of the runner's.
const MARKS_MAX: usize = 1_000;

/// What the runner wrote of one profile: the line `FORMAT STATE VERSION REASON SECONDS` in the file `NAME/mark`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whose.
    pub name: Name,
    /// What has become of it.
    pub state: MarkState,
    /// Its version.
    pub version: Version,
    /// Why it is there.
    pub reason: Reason,
    /// When this came to be, in seconds since 1970 by the guest's clock.
    pub since: u64,
}

/// What has become of a profile in a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkState {
    /// It is being applied, or was when the machine ended.
    Applying,
    /// It is there.
    Applied,
    /// It is being taken back, or was when the machine ended.
    Leaving,
    /// It could not be applied, and what it had done was taken back.
    Failed,
}

/// Why a profile is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// It was asked for.
    User,
    /// Another one needs it; it goes with the last that does.
    Dependency,
}

/// Why a line is no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the machine’s list of profiles can’t be understood")]
pub struct MarkError;

impl Mark {
    /// Reads `NAME FORMAT STATE VERSION REASON SECONDS`, a line of the runner's list.
    pub fn parse(line: &str) -> Result<Self, MarkError> {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(MarkError);
        let name = Name::try_from(word()?).map_err(|_| MarkError)?;
        if word()? != FORMAT {
            return Err(MarkError);
        }
        let state = match word()? {
            "applying" => MarkState::Applying,
            "applied" => MarkState::Applied,
            "leaving" => MarkState::Leaving,
            "failed" => MarkState::Failed,
            _ => return Err(MarkError),
        };
        let version = Version::try_from(word()?).map_err(|_| MarkError)?;
        let reason = match word()? {
            "user" => Reason::User,
            "dependency" => Reason::Dependency,
            _ => return Err(MarkError),
        };
        let since = word()?.parse().map_err(|_| MarkError)?;
        if words.next().is_some() { Err(MarkError) } else { Ok(Self { name, state, version, reason, since }) }
    }
}

/// The marks in what the runner's list prints; lines that do not begin with `mark ` are something else.
pub fn marks(text: &str) -> Result<Vec<Mark>, MarkError> {
    text.lines().filter_map(|line| line.strip_prefix("mark ")).take(MARKS_MAX).map(Mark::parse).collect()
}

/// How a profile of the catalog stands in a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is not there.
    NotApplied,
    /// It is there, as in the catalog.
    Applied(Version),
    /// It is there, and the catalog has another version.
    Differs {
        /// What is there.
        applied: Version,
        /// What the catalog has.
        catalog: Version,
    },
    /// The last try to apply it failed.
    Failed,
    /// The machine ended, or still is, in the middle of applying it or taking it back.
    Unfinished,
}

impl Standing {
    /// Compares what a guest has with what the catalog has.
    pub fn of(mark: Option<&Mark>, catalog: &Version) -> Self {
        let Some(mark) = mark else { return Self::NotApplied };
        match mark.state {
            MarkState::Applied if mark.version == *catalog => Self::Applied(mark.version.clone()),
            MarkState::Applied => Self::Differs { applied: mark.version.clone(), catalog: catalog.clone() },
            MarkState::Failed => Self::Failed,
            MarkState::Applying | MarkState::Leaving => Self::Unfinished,
        }
    }

    /// As people read it.
    pub fn words(&self) -> String {
        match self {
            Self::NotApplied => "Not applied".to_owned(),
            Self::Applied(version) => format!("Applied {version}"),
            Self::Differs { applied, catalog } if applied < catalog => {
                format!("Applied {applied}, the catalog has {catalog}")
            }
            Self::Differs { applied, catalog } => format!("Applied {applied}, the catalog has only {catalog}"),
            Self::Failed => "Failed".to_owned(),
            Self::Unfinished => "Not finished".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_line_for_each_profile() {
        let list =
            marks("mark git 1 applied 1.0 dependency 1700000000\nother\nmark nginx 1 failed 2 user 5\n").unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!((list[0].name.as_str(), list[0].reason, list[0].since), ("git", Reason::Dependency, 1_700_000_000));
        assert_eq!(list[1].state, MarkState::Failed);
        for bad in [
            "git",
            "git 2 applied 1.0 user 1",
            "git 1 odd 1.0 user 1",
            "git 1 applied x user 1",
            "git 1 applied 1.0 user 1 more",
        ] {
            assert!(marks(&format!("mark {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn drift_is_told_in_words() {
        let mark = Mark::parse("git 1 applied 1.0 user 1").unwrap();
        let words = |catalog: &str| Standing::of(Some(&mark), &Version::try_from(catalog).unwrap()).words();
        assert_eq!(words("1.0"), "Applied 1.0");
        assert_eq!(words("1.1"), "Applied 1.0, the catalog has 1.1");
        assert_eq!(words("0.9"), "Applied 1.0, the catalog has only 0.9");
    }
}
