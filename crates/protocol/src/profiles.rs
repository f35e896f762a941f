use crate::{InstanceId, Problem};
use profile::{Mark, Name, PackageKey};
use serde::{Deserialize, Serialize};

/// Name of the `BroadcastChannel` between pages and the machine worker about what is applied in the machine: [`ProfileAsk`], [`ProfileNews`].
pub fn profiles_channel(id: &InstanceId) -> String {
    format!("profiles:{id}")
}

/// The folder of the private file system with the user's own profiles: each a tar, `NAME.tar`. Pages write it, machine workers read it.
pub const OWN_PROFILES: &str = "profiles";

/// How many lines of a run's log are told, the newest ones.
pub const PROFILE_LOG_MAX: usize = 400;

/// What a page asks of the machine worker. Each is answered by [`ProfileNews`], which every page hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProfileAsk {
    /// How it is. The guest is asked as well, if it can be.
    Look,
    /// The user's own profiles have changed: the guest is to see them as they are.
    Lay,
    /// Does something with a profile, unless a run is under way.
    Run {
        /// What.
        verb: ProfileVerb,
        /// With which one.
        name: Name,
    },
    /// What the newest run with this profile said, as the guest has kept it; told as [`ProfilesNow::log`].
    Log(Name),
    /// Has the guest trust a key, if it still is what was shown. The user has said so.
    Trust(PackageKey),
    /// Ends the run that is under way; it takes back what it has done.
    Cancel,
    /// What was said of the last run, or the log, has been read.
    Dismiss,
}

/// What is done with a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileVerb {
    /// Applies it, or brings it to the catalog's version.
    Apply,
    /// Takes it back.
    Rollback,
    /// Says whether it is there and works.
    Check,
}

impl ProfileVerb {
    /// The runner's program for it.
    pub fn program(self) -> &'static str {
        match self {
            Self::Apply => "apply.sh",
            Self::Rollback => "rollback.sh",
            Self::Check => "check.sh",
        }
    }
}

/// What the machine worker tells pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProfileNews {
    /// How it is now.
    Now(Box<ProfilesNow>),
}

/// What is applied in a machine, and what is going on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProfilesNow {
    /// Whether the guest can be asked: its agent is there.
    pub ready: bool,
    /// What the guest says of its profiles; none while it has not said.
    pub marks: Option<Vec<Mark>>,
    /// The keys of packages that wait for somebody to trust them.
    pub keys: Vec<PackageKey>,
    /// The run that is under way, or the last one.
    pub run: Option<ProfileRun>,
    /// The log that was asked for last.
    pub log: Option<ProfileLog>,
    /// Why profiles can't be applied here, or a key can't be trusted.
    pub trouble: Option<Problem>,
}

/// What the guest has kept of what the runner said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileLog {
    /// With which profile.
    pub name: Name,
    /// The newest lines, at most [`PROFILE_LOG_MAX`].
    pub lines: Vec<String>,
}

/// A run of the runner's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRun {
    /// What.
    pub verb: ProfileVerb,
    /// With which profile.
    pub name: Name,
    /// Which step it is at, from 1 on; 0 before the first.
    pub step: u32,
    /// How many steps there are, as far as is known.
    pub steps: u32,
    /// What it does now.
    pub doing: String,
    /// The newest lines of what it says, at most [`PROFILE_LOG_MAX`].
    pub log: Vec<String>,
    /// It has been told to end.
    pub canceled: bool,
    /// How it ended; none while it is under way.
    pub ended: Option<Result<(), Problem>>,
}

impl ProfileRun {
    /// A run before its first step.
    pub fn new(verb: ProfileVerb, name: Name) -> Self {
        Self { verb, name, step: 0, steps: 0, doing: String::new(), log: vec![], canceled: false, ended: None }
    }
}
