//! The parts that pages are made of.

mod badge;
mod button;
mod controls;
mod dialog;
mod empty;
mod icon;
mod menu;
mod notice;
mod offer;
mod size;

pub use badge::{StateBadge, StateGlyph, state_label};
pub use button::{Button, Kind};
pub use controls::{MachineControls, StoppingNote};
pub use dialog::ConfirmDialog;
pub use empty::EmptyState;
pub use icon::{Icon, Logo};
pub use menu::{Menu, MenuItem};
pub use notice::Notice;
pub use offer::{Control, in_menu, in_sight};
pub use size::memory;
