use crate::InstanceId;
use serde::{Deserialize, Serialize};

/// Name of the `BroadcastChannel` between a machine worker and all who look at its console.
pub fn console_channel(id: &InstanceId) -> String {
    format!("console:{id}")
}

/// One of a machine's two terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// The first serial port, `ttyS0`: boot messages and a shell, which hears of sizes by the agent.
    Serial,
    /// The virtio console, `hvc0`: a shell with resize.
    Shell,
}

impl Stream {
    /// Both terminals.
    pub const ALL: [Self; 2] = [Self::Serial, Self::Shell];
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Width in characters.
    pub cols: u16,
    /// Height in lines.
    pub rows: u16,
}

/// Tells the viewers of one channel apart; random.
pub type ViewerId = u32;

/// What a console page asks of the machine worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsoleRequest {
    /// Shows itself: answered with [`ConsoleEvent::Welcome`], then a replay of both scrollback rings.
    Attach {
        /// Who asks.
        viewer: ViewerId,
    },
    /// Has taken in all bytes up to this offset, replayed ones too; without it the machine is slowed down. A page that
    /// nobody looks at takes bytes in without parsing them, and keeps the newest.
    Ack {
        /// Who says so.
        viewer: ViewerId,
        /// Which terminal.
        stream: Stream,
        /// Offset of the first byte not yet taken in.
        offset: u64,
    },
    /// Bytes that a person typed or pasted.
    Input {
        /// Which terminal.
        stream: Stream,
        /// The bytes.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// The size at which this viewer shows the shell, or `None` while it does not show it (a hidden tab). The guest
    /// gets the smallest of all.
    Resize {
        /// Who says so.
        viewer: ViewerId,
        /// The size.
        size: Option<TerminalSize>,
    },
    /// Goes away.
    Detach {
        /// Who goes.
        viewer: ViewerId,
    },
}

/// What the machine worker tells the viewers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsoleEvent {
    /// A worker has started and listens: attach to it.
    Ready {
        /// Number of the machine's run.
        boot: u32,
    },
    /// The answer to [`ConsoleRequest::Attach`]: the viewer clears its terminals; its replay comes next.
    Welcome {
        /// Whom it is for.
        viewer: ViewerId,
        /// Number of the machine's run.
        boot: u32,
    },
    /// Earlier output, for one viewer: all that the ring still has, sent right after the welcome, without waiting for
    /// acknowledgements, and before any output that follows it. A viewer that finds a gap attaches again.
    Replay {
        /// Whom it is for.
        viewer: ViewerId,
        /// Which terminal.
        stream: Stream,
        /// Offset of the first byte since the machine's start.
        offset: u64,
        /// The bytes.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// New output, for every viewer that has been welcomed.
    Output {
        /// Which terminal.
        stream: Stream,
        /// Offset of the first byte since the machine's start.
        offset: u64,
        /// The bytes.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// The size that the guest's shell now has: the smallest of all viewers'.
    Resized(TerminalSize),
}
