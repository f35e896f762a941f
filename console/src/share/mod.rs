//! The side panel with the files that the machine and its host exchange: `/mnt/host/share` in the guest.
//!
//! What is shown follows the guest: whoever has the files tells on a channel that something has changed, and the folder is asked
//! for again. Names come from the guest and are shown as [`protocol::FileName::shown`] gives them, never as they are.

mod crumbs;
mod dialogs;
mod folder;
mod listing;
mod panel;
mod rows;

pub(crate) use panel::FilesPanel;

use protocol::{DiskRequest, FilePath, InstanceId, ShareEntry, ShareRequest, ShareWhat};

/// What the panel asks the user, one thing at a time.
#[derive(Debug, Clone, PartialEq)]
enum Question {
    /// How the new folder is called.
    NewFolder,
    /// What it is called from now on.
    Rename(ShareEntry),
    /// Whether to delete it.
    Delete(ShareEntry),
}

/// The folder that is shown.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    id: InstanceId,
    path: FilePath,
}

impl Place {
    /// Asks for something.
    fn request(&self, what: ShareWhat) -> DiskRequest {
        DiskRequest::Share(ShareRequest { id: self.id.clone(), what })
    }
}
