//! A script that is run in a machine from outside, and what it says.

use crate::{InstanceId, Problem};
use serde::{Deserialize, Serialize};

/// Name of the `BroadcastChannel` between pages and the machine worker about the script that is run in the machine: [`TaskAsk`], [`TaskNews`].
pub fn task_channel(id: &InstanceId) -> String {
    format!("task:{id}")
}

/// Longest script, in bytes: it goes to the guest in one line of at most 96 KiB.
pub const TASK_SCRIPT_MAX: usize = 48 << 10;
/// How much of what a script puts out is kept for pages that come later, in bytes; the newest.
pub const TASK_KEPT_MAX: usize = 1 << 20;
/// Longest time that a script can be given, in seconds.
pub const TASK_SECONDS_MAX: u32 = 24 * 3600;
/// The folder in the machine's shared files with what goes in: it is there before the script runs.
pub const TASK_INPUT: &str = "input";
/// The folder in the machine's shared files with what comes out; in the guest it is `/artifacts`.
pub const TASK_ARTIFACTS: &str = "artifacts";

/// What a page asks of the machine worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskAsk {
    /// How it is: answered with [`TaskNews::Now`], and with [`TaskNews::Output`] of all that is kept.
    Look,
    /// Runs a script once the machine is ready for it, unless there was one already.
    Run(Task),
    /// Ends it.
    Cancel,
}

/// A script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its text, at most [`TASK_SCRIPT_MAX`] bytes. One that begins with `#!` names its own interpreter.
    pub script: String,
    /// How long it may take, at most [`TASK_SECONDS_MAX`].
    pub seconds: u32,
}

/// What the machine worker tells pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskNews {
    /// How it is now.
    Now(TaskStage),
    /// What the script has put out, on either of its outputs.
    Output {
        /// How many bytes came before these.
        offset: u64,
        /// The bytes.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
}

/// How far a script is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TaskStage {
    /// There is none.
    #[default]
    None,
    /// The machine is not ready for it yet.
    Waiting,
    /// It runs; since when, in milliseconds since 1970.
    Running(u64),
    /// It is over.
    Over(TaskEnd),
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskEnd {
    /// By itself, with this status.
    Exit(i32),
    /// It was canceled.
    Canceled,
    /// It took longer than it was given.
    TimedOut,
    /// It could not be run, or not to its end.
    Failed(Problem),
}
