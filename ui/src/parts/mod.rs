//! The parts that pages are made of.

mod badge;
mod button;
mod controls;
mod dialog;
mod drop;
mod empty;
mod field;
mod form_dialog;
mod icon;
mod jobs;
mod lineage;
mod menu;
mod notice;
mod offer;
mod remark;
mod size;
mod snapshots;
mod tellings;

pub use badge::{StateBadge, StateGlyph, state_label};
pub use button::{Button, Kind};
pub use controls::{MachineControls, StoppingNote};
pub use dialog::ConfirmDialog;
pub use drop::{FilePicker, PageDrop};
pub use empty::EmptyState;
pub use field::{CheckField, SelectField, TextField};
pub use form_dialog::FormDialog;
pub use icon::{Icon, Logo};
pub use jobs::{Jobs, Progress};
pub use menu::{Menu, MenuItem};
pub use notice::Notice;
pub use offer::{Control, in_menu, in_sight};
pub use remark::{Remark, RoomWarning, Tone};
pub use size::{bytes, memory, typed_bytes};
pub use snapshots::SnapshotTree;
pub use tellings::Tellings;
