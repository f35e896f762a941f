//! The side panel with the profiles: what can be put into the machine and taken back, and the user's own.
//!
//! What there is comes from [`bundles`]; what is applied is what the guest says, by way of the machine's worker ([`talk`]).

mod card;
mod editor;
mod import;
mod keys;
mod panel;
mod run;
mod talk;

pub(crate) use panel::ProfilesPanel;

use profile::Bundle;
use std::rc::Rc;

/// What the panel asks the user, one thing at a time.
#[derive(Debug, Clone, PartialEq)]
enum Question {
    /// What is in a profile of the user's; none for a new one.
    Edit(Option<Rc<Bundle>>),
    /// Whether to delete it.
    Delete(Rc<Bundle>),
    /// Whether to take a profile back.
    Rollback(profile::Name),
    /// Whether the machine may trust a key.
    Trust(profile::PackageKey),
}
