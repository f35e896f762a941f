//! Which layers a machine's disks consist of.
//!
//! A **layer** is one qcow2 file. The topmost layer of a disk is the only one that is written; all below it are frozen,
//! and may lie under other disks as well. What an instance has is its [`Record`]: the topmost layers now, and those of each
//! snapshot. Freezing, restoring and cloning make new, empty layers on top and copy nothing.
//!
//! ```text
//!  image ◄── layer A ◄── layer B (snapshot “before”) ◄── layer C (now)
//!                  ◄── layer D (another instance's now)
//! ```
//!
//! A record is the only thing that says which layers count: a layer is made before a record names it, and removed after no
//! record reaches it any more. So whatever is cut short leaves at most a file too many. Records are kept in two
//! [slots](slots) that are written by turns, so one of them is always whole.
//!
//! This crate decides; it touches no file.

mod graph;
pub mod manifest;
mod record;
pub mod saved;
pub mod slots;

pub use graph::{Base, Graph, Layer, Merge};
pub use record::{Change, Checkpoint, Memory, Overlay, Record, RecordError, Snapshot};

#[cfg(test)]
mod model;
