use protocol::{Instance, State};
use yew::prelude::*;

/// The name by which the style sheet knows a state.
fn state_class(state: State) -> &'static str {
    match state {
        State::Stopped => "stopped",
        State::Starting => "starting",
        State::Running => "running",
        State::Paused => "paused",
        State::Stopping => "stopping",
        State::Suspending => "suspending",
        State::Suspended => "suspended",
        State::Crashed => "crashed",
    }
}

/// Properties of [`StateGlyph`].
#[derive(Properties, PartialEq)]
pub struct StateGlyphProps {
    /// The state.
    pub state: State,
}

/// A state as a sign; every state has a shape of its own, because not everybody tells the colours apart.
#[component]
pub fn StateGlyph(props: &StateGlyphProps) -> Html {
    let shape = match props.state {
        State::Running => html! { <circle class="fill" cx="6" cy="6" r="4" /> },
        State::Stopped => html! { <circle class="line" cx="6" cy="6" r="3.5" /> },
        State::Paused => html! { <path class="bars" d="M4.25 2.75v6.5M7.75 2.75v6.5" /> },
        State::Suspended => html! { <path class="fill" d="M10.4 7.4A4.6 4.6 0 1 1 4.6 1.6a3.7 3.7 0 0 0 5.8 5.8z" /> },
        State::Starting | State::Stopping | State::Suspending => html! {
            <><circle class="line faint" cx="6" cy="6" r="4" /><path class="line" d="M6 2a4 4 0 0 1 4 4" /></>
        },
        State::Crashed => html! {
            <><path class="fill" d="M6 1.2l5.2 9.3H.8z" /><path class="cut" d="M6 4.6v2.6M6 8.9h.01" /></>
        },
    };
    let class = classes!("glyph", state_class(props.state));
    html! {
        <svg {class} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false">{ shape }</svg>
    }
}

/// Properties of [`StateBadge`].
#[derive(Properties, PartialEq)]
pub struct StateBadgeProps {
    /// The machine.
    pub instance: Instance,
}

/// A machine's state as a sign and a word.
#[component]
pub fn StateBadge(props: &StateBadgeProps) -> Html {
    let state = props.instance.state;
    html! {
        <span class={classes!("badge", state_class(state))}>
            <StateGlyph {state} />
            { props.instance.state_label() }
        </span>
    }
}
