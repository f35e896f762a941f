//! Why something can't be done in the machine's state, before it is asked.

use protocol::{Disks, Instance, State};

/// Why the disks can't be changed from outside; none when they can.
pub(super) fn not_stopped(instance: &Instance) -> Option<String> {
    match instance.state {
        State::Stopped | State::Suspended | State::Crashed => None,
        State::Suspending => Some(format!("{} is being suspended.", instance.name)),
        State::Stopping => Some(format!("{} is stopping.", instance.name)),
        State::Starting | State::Running | State::Paused => Some(format!("Stop {} first.", instance.name)),
    }
}

/// Why the disks can't get another size; none when they can.
pub(super) fn not_resizable(instance: &Instance, disks: &Disks) -> Option<String> {
    let resumes = || format!("{} goes on from a saved memory: resume it and stop it first.", instance.name);
    not_stopped(instance).or_else(|| disks.resumes.then(resumes))
}

/// Why the disks can't be read; none when they can.
pub(super) fn not_settled(instance: &Instance) -> Option<String> {
    match instance.state {
        State::Starting => Some(format!("{} is starting.", instance.name)),
        State::Stopping => Some(format!("{} is stopping.", instance.name)),
        State::Suspending => Some(format!("{} is being suspended.", instance.name)),
        State::Stopped | State::Running | State::Paused | State::Suspended | State::Crashed => None,
    }
}

/// Whether there is a memory that a snapshot could keep.
pub(super) fn has_memory(instance: &Instance) -> bool {
    matches!(instance.state, State::Running | State::Paused)
}
