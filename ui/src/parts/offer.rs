//! Which controls a machine has in which state.

use super::Icon;
use protocol::{InstanceId, PageRequest, State};

/// Something that can be done to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Boots it.
    Start,
    /// Lets it go on.
    Resume,
    /// Freezes it.
    Pause,
    /// Shuts it down and boots it again.
    Restart,
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
            Self::Pause => "Pause",
            Self::Restart => "Restart",
            Self::Stop => "Stop",
            Self::ForceStop => "Force stop",
        }
    }

    /// Its icon.
    pub fn icon(self) -> Icon {
        match self {
            Self::Start | Self::Resume => Icon::Play,
            Self::Pause => Icon::Pause,
            Self::Restart => Icon::Restart,
            Self::Stop => Icon::Stop,
            Self::ForceStop => Icon::Power,
        }
    }

    /// What the background is asked for.
    pub fn request(self, id: InstanceId) -> PageRequest {
        match self {
            Self::Start => PageRequest::Start(id),
            Self::Resume => PageRequest::Resume(id),
            Self::Pause => PageRequest::Pause(id),
            Self::Restart => PageRequest::Restart(id),
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
        State::Running if roomy => &[Control::Pause, Control::Restart, Control::Stop],
        State::Running => &[Control::Restart, Control::Stop],
        State::Paused => &[Control::Resume],
        State::Starting | State::Stopping => &[],
    }
}

/// The controls in the menu.
pub fn in_menu(state: State, roomy: bool) -> &'static [Control] {
    match state {
        State::Stopped | State::Crashed => &[],
        State::Running if !roomy => &[Control::Pause, Control::ForceStop],
        State::Starting | State::Running | State::Paused | State::Stopping => &[Control::ForceStop],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 6] =
        [State::Stopped, State::Starting, State::Running, State::Paused, State::Stopping, State::Crashed];

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
            assert_eq!(offered(state, false).contains(&Control::Start), !state.is_live(), "{state:?}");
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
            assert_eq!(offered(state, true).contains(&Control::Resume), state == State::Paused, "{state:?}");
        }
    }

    #[test]
    fn no_double_click_stops_by_force() {
        for state in STATES {
            for roomy in [true, false] {
                assert!(!in_sight(state, roomy).contains(&Control::ForceStop), "{state:?}");
            }
        }
    }
}
