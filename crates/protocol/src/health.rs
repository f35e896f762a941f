use crate::InstanceId;
use serde::{Deserialize, Serialize};

/// Name of the `BroadcastChannel` between a machine worker and pages that look at how the machine is doing.
pub fn health_channel(id: &InstanceId) -> String {
    format!("health:{id}")
}

/// Name of the `BroadcastChannel` on which the extension's parts say what goes on in them, for the host page to keep.
pub const LOG_CHANNEL: &str = "log";
/// Where the host page keeps the log, in `localStorage`: a JSON list of [`LogLine`]s, oldest first.
pub const LOG_KEY: &str = "host-log";
/// The most lines that are kept.
pub const LOG_LINES_MAX: usize = 1000;
/// The most characters of a line.
pub const LOG_TEXT_MAX: usize = 500;

/// What a page asks a machine worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthAsk {
    /// How the machine is doing now. Nothing is measured for those who do not ask.
    Look,
}

/// What a machine worker tells those who look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum HealthTold {
    /// The answer to [`HealthAsk::Look`].
    Sample(Box<HealthSample>),
}

/// How a machine is doing. What grows is counted since the worker's start, so that whoever has two of them has the rates.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct HealthSample {
    /// When, in milliseconds since the worker's start.
    pub at: f64,
    /// How long the processor was at work, in milliseconds.
    pub busy: f64,
    /// Bytes that the guest has read from its disks.
    pub disk_read: f64,
    /// Bytes that the guest has written to its disks.
    pub disk_written: f64,
    /// Bytes that the guest's network card has received.
    pub net_in: f64,
    /// Bytes that the guest's network card has sent.
    pub net_out: f64,
    /// What the guest's agent said last, if it has.
    pub guest: Option<GuestHealth>,
}

/// How a guest says that it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct GuestHealth {
    /// How many processes wanted the processor during the last minute, on average.
    pub load: f64,
    /// Seconds since the kernel's start.
    pub uptime: f64,
    /// Its memory, in bytes.
    pub memory_total: f64,
    /// What programs could have of it, in bytes.
    pub memory_available: f64,
    /// Size of its first file system, in bytes.
    pub root_total: f64,
    /// What is free of it, in bytes.
    pub root_free: f64,
}

/// Something that was said by a part of the extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// By which part.
    pub part: LogPart,
    /// About which machine, if about one.
    #[serde(default)]
    pub machine: Option<InstanceId>,
    /// What.
    pub text: String,
}

/// A part of the extension that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogPart {
    /// The background.
    Background,
    /// The host page.
    Host,
    /// A worker that the host page has started.
    Worker,
}

impl LogPart {
    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Host => "host",
            Self::Worker => "worker",
        }
    }
}

impl LogLine {
    /// A line of bounded length.
    pub fn new(at: u64, part: LogPart, machine: Option<InstanceId>, text: &str) -> Self {
        Self { at, part, machine, text: text.chars().take(LOG_TEXT_MAX).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_bounded_in_characters() {
        let line = LogLine::new(1, LogPart::Host, None, &"ä".repeat(LOG_TEXT_MAX + 1));
        assert_eq!(line.text.chars().count(), LOG_TEXT_MAX);
    }
}
