//! The side panel with the machine's disks: their sizes, its snapshots, and files in and out.
//!
//! It asks for what it shows when it opens and whenever [`Instance::disks`] says that something has changed; it keeps
//! nothing that the background does not know but which dialog is open.

mod dialogs;
mod drop;
mod export;
mod files;
mod grow;
mod intent;
mod panel;
mod reason;
mod restore;
mod sections;
mod take;

pub(crate) use drop::Drop;
pub(crate) use intent::use_intent;
pub(crate) use panel::Panel;

use protocol::{Disks, Instance, SnapshotInfo};

/// What the panel asks the user, one thing at a time.
#[derive(Debug, Clone, PartialEq)]
enum Question {
    /// How the new snapshot is called.
    Take,
    /// Whether to go back.
    Restore(SnapshotInfo),
    /// The snapshot's new name.
    Rename(SnapshotInfo),
    /// Whether to delete it.
    Delete(SnapshotInfo),
    /// How big the workspace becomes.
    Workspace,
    /// How big the first disk becomes.
    System,
    /// What is exported, of now or of a snapshot.
    Export(Option<SnapshotInfo>),
}

/// What every part of the panel shows.
#[derive(Debug, Clone, PartialEq)]
struct Subject {
    instance: Instance,
    disks: Disks,
}
