use serde::{Deserialize, Serialize};

/// Periods that can be chosen, in minutes.
pub const PERIODS_MIN: [u16; 6] = [1, 5, 10, 15, 30, 60];

/// A period in minutes, one of [`PERIODS_MIN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Minutes(u16);

/// A number that can't be chosen as a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} minutes can’t be chosen")]
pub struct MinutesError(u16);

impl Minutes {
    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }

    /// In milliseconds.
    pub fn milliseconds(self) -> u64 {
        u64::from(self.0) * 60_000
    }
}

impl TryFrom<u16> for Minutes {
    type Error = MinutesError;

    fn try_from(minutes: u16) -> Result<Self, MinutesError> {
        if PERIODS_MIN.contains(&minutes) { Ok(Self(minutes)) } else { Err(MinutesError(minutes)) }
    }
}

impl From<Minutes> for u16 {
    fn from(minutes: Minutes) -> Self {
        minutes.0
    }
}

/// What the workbench does for a running machine without being asked each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Care {
    /// Saves a checkpoint so often.
    #[serde(default)]
    pub checkpoint: Option<Minutes>,
    /// Suspends the machine when nothing was typed into it, and it had next to nothing to do, for so long.
    #[serde(default)]
    pub suspend: Option<Minutes>,
}

/// A state of a running machine that was saved, and to which it can go back if its run is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// When it was saved, in milliseconds since 1970.
    pub at: u64,
    /// Size of the saved memory, in bytes.
    pub bytes: u64,
    /// How long the machine stood still for it, in milliseconds.
    pub pause: u64,
}

/// What becomes of the checkpoint at a machine's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointUse {
    /// There is none: one whose run is over is given up.
    #[default]
    Drop,
    /// It stays until there is another one.
    Keep,
    /// Disks and memory become what they were then.
    GoBack,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_offered_can_be_a_period() {
        let offered = |minutes: &u16| Minutes::try_from(*minutes).is_ok();
        assert!(PERIODS_MIN.iter().all(offered));
        assert!([0, 2, 61, u16::MAX].iter().all(|minutes| !offered(minutes)));
        assert_eq!(Minutes::try_from(5).unwrap().milliseconds(), 300_000);
        assert!(serde_json::from_str::<Care>(r#"{"suspend":3}"#).is_err());
        assert_eq!(serde_json::from_str::<Care>("{}").unwrap(), Care::default());
    }
}
