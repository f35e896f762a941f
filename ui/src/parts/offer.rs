//! Which controls a machine has in which state.

use super::Icon;
use protocol::{InstanceId, PageRequest, State};

/// Something that can be done to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Boots it.
    Start,
    /// Lets it go on, from where it was paused or suspended.
    Resume,
    /// Gives up the memory of a suspended machine and boots it.
    Boot,
    /// Freezes it.
    Pause,
    /// Saves its memory and ends it.
    Suspend,
    /// Shuts it down and boots it again.
    Restart,
    /// Boots it anew at once.
    Reset,
    /// Goes on from its last checkpoint.
    GoBack,
    /// Shuts it down.
    Stop,
    /// Pulls the plug.
    ForceStop,
}

impl Control {
    /// What the button says.
    pub fn label(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Resume => "Resume",
            Self::Boot => "Boot without its memory",
            Self::Pause => "Pause",
            Self::Suspend => "Suspend",
            Self::Restart => "Restart",
            Self::Reset => "Reset",
            Self::GoBack => "Go back to checkpoint",
            Self::Stop => "Stop",
            Self::ForceStop => "Force stop",
        }
    }

    /// Its icon.
    pub fn icon(self) -> Icon {
        match self {
            Self::Start | Self::Resume => Icon::Play,
            Self::Pause => Icon::Pause,
            Self::Suspend => Icon::Moon,
            Self::Boot | Self::Restart => Icon::Restart,
            Self::Reset => Icon::Undo,
            Self::GoBack => Icon::History,
            Self::Stop => Icon::Stop,
            Self::ForceStop => Icon::Power,
        }
    }

    /// What the background is asked for.
    pub fn request(self, id: InstanceId) -> PageRequest {
        match self {
            Self::Start => PageRequest::Start(id),
            Self::Resume => PageRequest::Resume(id),
            Self::Boot => PageRequest::Boot(id),
            Self::Pause => PageRequest::Pause(id),
            Self::Suspend => PageRequest::Suspend(id),
            Self::Restart => PageRequest::Restart(id),
            Self::Reset => PageRequest::Reset(id),
            Self::GoBack => PageRequest::GoBack(id),
            Self::Stop => PageRequest::Stop(id),
            Self::ForceStop => PageRequest::ForceStop(id),
        }
    }
}

/// The controls that are always in sight; `roomy` says that there is room for those used less often.
///
/// Nothing that does harm may appear where another control was a moment ago: a double click on “Start” or “Stop” must
/// not become a “Force stop”.
pub fn in_sight(state: State, roomy: bool) -> &'static [Control] {
    match state {
        State::Stopped | State::Crashed => &[Control::Start],
        State::Running if roomy => &[Control::Pause, Control::Suspend, Control::Restart, Control::Stop],
        State::Running => &[Control::Suspend, Control::Stop],
        State::Paused if roomy => &[Control::Resume, Control::Suspend],
        State::Paused | State::Suspended => &[Control::Resume],
        State::Starting | State::Stopping | State::Suspending => &[],
    }
}

/// The controls in the menu.
pub fn in_menu(state: State, roomy: bool) -> &'static [Control] {
    match state {
        State::Stopped | State::Crashed => &[],
        State::Suspended => &[Control::Boot],
        State::Running if !roomy => &[Control::Pause, Control::Restart, Control::Reset, Control::ForceStop],
        State::Paused if !roomy => &[Control::Suspend, Control::Reset, Control::ForceStop],
        State::Running | State::Paused => &[Control::Reset, Control::ForceStop],
        State::Starting | State::Stopping | State::Suspending => &[Control::ForceStop],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 8] = [
        State::Stopped,
        State::Starting,
        State::Running,
        State::Paused,
        State::Stopping,
        State::Suspending,
        State::Suspended,
        State::Crashed,
    ];

    fn offered(state: State, roomy: bool) -> Vec<Control> {
        [in_sight(state, roomy), in_menu(state, roomy)].concat()
    }

    #[test]
    fn what_is_offered_does_not_depend_on_the_room() {
        for state in STATES {
            let (mut roomy, mut tight) = (offered(state, true), offered(state, false));
            roomy.sort_by_key(|control| control.label());
            tight.sort_by_key(|control| control.label());
            assert_eq!(roomy, tight, "{state:?}");
        }
    }

    #[test]
    fn only_a_machine_without_a_worker_can_be_started() {
        for state in STATES {
            let ended = matches!(state, State::Stopped | State::Crashed);
            assert_eq!(offered(state, false).contains(&Control::Start), ended, "{state:?}");
            assert_eq!(offered(state, false).contains(&Control::Boot), state == State::Suspended, "{state:?}");
        }
    }

    #[test]
    fn every_live_machine_can_be_stopped_by_force() {
        for state in STATES {
            assert_eq!(offered(state, false).contains(&Control::ForceStop), state.is_live(), "{state:?}");
        }
    }

    #[test]
    fn only_a_running_guest_is_asked_to_do_something() {
        for state in STATES {
            for control in [Control::Stop, Control::Restart, Control::Pause] {
                assert_eq!(offered(state, true).contains(&control), state == State::Running, "{state:?} {control:?}");
            }
            let still = matches!(state, State::Paused | State::Suspended);
            assert_eq!(offered(state, true).contains(&Control::Resume), still, "{state:?}");
            let up = matches!(state, State::Running | State::Paused);
            assert_eq!(offered(state, true).contains(&Control::Suspend), up, "{state:?}");
            assert_eq!(offered(state, true).contains(&Control::Reset), up, "{state:?}");
        }
    }

    #[test]
    fn no_double_click_stops_by_force() {
        for state in STATES {
            for roomy in [true, false] {
                let harms = |control: &Control| matches!(control, Control::ForceStop | Control::Reset);
                assert!(!in_sight(state, roomy).iter().any(harms), "{state:?}");
            }
        }
    }
}
