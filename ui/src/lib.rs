//! What the pages share.
//!
//! [`WorldProvider`] holds a page's link to the background and hands the latest [`protocol::World`] to every component
//! below it ([`use_world`]); a component asks for something with [`Workbench::ask`] and sees the outcome in the next
//! world, or as a [`protocol::Problem`] that the page shows. The parts (buttons, badges, menus, dialogs, notices) look
//! the same on every page because `ui/tokens.css` is the only place with colours and sizes.
//!
//! Pages know nothing of the background, the host page or a machine but what `protocol` says.

mod asking;
mod browser;
mod hand_over;
mod health;
mod latest;
mod link;
mod mount;
mod note;
mod parts;
mod peers;
mod room;
mod save;
mod theme;
mod time;
mod world;

pub use asking::{Asking, use_asking};
pub use browser::{close_if_popup, version};
pub use health::{Past, Rates, SECONDS, use_past};
pub use latest::{Latest, use_latest};
pub use link::{Client, Link};
pub use mount::{mount, mount_with};
pub use note::{leave_disks_note, use_disks_note};
pub use parts::*;
pub use peers::{Peers, PeersSeen, ServersButton, use_peers};
pub use room::{Persistence, Room, use_persistence, use_room};
pub use save::{Download, save};
pub use theme::{use_dark, use_theme};
pub use time::{countdown, moment, now, uptime, use_now};
pub use world::{Workbench, WorldProvider, shown_last, use_world};
