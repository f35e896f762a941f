//! A note from one page to a machine's console, open or not yet: show the disks.

use protocol::InstanceId;
use web_sys::Storage;

const KEY: &str = "show-disks";

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}

/// Notes that the machine's console is to show its disks; then ask for the console.
pub fn leave_disks_note(id: &InstanceId) {
    if let Some(storage) = storage() {
        // Without storage the console opens all the same.
        let _ = storage.set_item(KEY, id.as_str());
    }
}

/// Takes the note, if there is one for this machine.
pub fn take_disks_note(id: &InstanceId) -> bool {
    let Some(storage) = storage() else { return false };
    let noted = storage.get_item(KEY).ok().flatten().is_some_and(|noted| noted == id.as_str());
    if noted {
        // Left behind, it would open the panel once too often.
        let _ = storage.remove_item(KEY);
    }
    noted
}
