//! The host page and the lan worker.
//!
//! Frames do not come this way: they go through a `MessagePort` for each machine, whose ends the machine's worker and the lan worker have.
//! Either side sends batches of frames as `Uint8Array`s, and as numbers how many bytes of the other's batches it has dealt with.

use crate::InstanceId;
use serde::{Deserialize, Serialize};

/// What the host page tells the lan worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LanCommand {
    /// A machine is on the LAN, at the port that comes with this command. It takes the place of an earlier one of the same machine.
    Attach {
        /// The machine.
        id: InstanceId,
        /// By which others find it.
        name: String,
    },
    /// A machine is no longer on the LAN.
    Detach(InstanceId),
}

/// What the lan worker tells the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LanNotice {
    /// The worker is alive; comes once a second while it is.
    Alive,
}
