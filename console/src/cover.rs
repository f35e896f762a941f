use protocol::{Instance, PageRequest, Problem, State};
use ui::{Button, Control, Kind, StateGlyph, StoppingNote, lost_since, use_world};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct CoverProps {
    pub(crate) instance: Option<Instance>,
    /// There is something to read in the terminals.
    pub(crate) has_output: bool,
}

/// What stands with terminals that nothing comes from: why that is, and what to press. It lies over empty ones, and
/// below those that have something to read: the last lines are often the reason.
#[component]
pub(crate) fn Cover(props: &CoverProps) -> Html {
    let workbench = use_world();
    let busy = use_state(|| false);
    let Some(instance) = &props.instance else { return Html::default() };
    if instance.state == State::Stopping {
        return html! {
            <div class="cover low">
                <section class="card" aria-label={format!("{} is {}", instance.name, instance.state_label().to_lowercase())}>
                    <StateGlyph state={instance.state} />
                    <StoppingNote instance={instance.clone()} />
                </section>
            </div>
        };
    }
    let Some(text) = text(instance, props.has_output) else { return Html::default() };
    let act = |request: PageRequest| {
        let (busy, workbench) = (busy.setter(), workbench.clone());
        Callback::from(move |_: MouseEvent| {
            busy.set(true);
            let busy = busy.clone();
            workbench.ask(request.clone(), move |_, _| busy.set(false));
        })
    };
    let button = |control: Control, kind: Kind| {
        html! {
            <Button label={control.label()} name={format!("{} {}", control.label(), instance.name)} {kind}
                icon={control.icon()} busy={*busy} onclick={act(control.request(instance.id.clone()))} />
        }
    };
    let problem = instance.problem.as_ref();
    html! {
        <div class={classes!("cover", props.has_output.then_some("low"))}>
            <section class="card" role={problem.map(|_| "alert")} aria-label={text.title.clone()}>
                <StateGlyph state={instance.state} />
                <div class="card-text">
                    <h2>{ &text.title }</h2>
                    if let Some(Problem { message, advice, .. }) = problem {
                        <p class="card-message">
                            { if instance.is_interrupted() { "The browser ended while it ran." } else { message } }
                        </p>
                        if instance.way_back().is_none() { <p>{ advice }</p> }
                    } else if !text.more.is_empty() {
                        <p>{ text.more }</p>
                    }
                    if let Some(checkpoint) = instance.way_back() {
                        <div class="card-choices">
                            <div class="card-choice">
                                <p>{ lost_since(checkpoint) }</p>
                                { button(Control::GoBack, Kind::Primary) }
                            </div>
                            <div class="card-choice">
                                <p>{ "Or boot it. Its disks have all that it has written; what was in its memory is lost." }</p>
                                { button(Control::Start, Kind::Secondary) }
                            </div>
                        </div>
                    }
                </div>
                if let Some(control) = text.control.filter(|_| instance.way_back().is_none()) {
                    { button(control, Kind::Primary) }
                }
            </section>
        </div>
    }
}

struct Text {
    title: String,
    more: &'static str,
    control: Option<Control>,
}

/// What the cover says of a machine; none while its terminals speak for themselves.
fn text(instance: &Instance, has_output: bool) -> Option<Text> {
    let name = &instance.name;
    let text = |title: String, more, control| Some(Text { title, more, control });
    match instance.state {
        State::Stopped if instance.is_interrupted() => {
            text(format!("{name} was interrupted"), "", Some(Control::Start))
        }
        State::Stopped => {
            text(format!("{name} is stopped"), "Its disk is kept. Start it to go on.", Some(Control::Start))
        }
        State::Crashed => text(format!("{name} has crashed"), "Start it again to go on.", Some(Control::Start)),
        State::Paused => {
            text(format!("{name} is paused"), "Its processor stands still, its memory is kept.", Some(Control::Resume))
        }
        State::Suspended => text(
            format!("{name} is suspended"),
            "Its memory is kept beside its disk, and it goes on from there.",
            Some(Control::Resume),
        ),
        State::Suspending => text(format!("Suspending {name}…"), "Its memory is being saved.", None),
        State::Starting if !has_output => text(format!("Starting {name}…"), "", None),
        State::Starting | State::Running | State::Stopping => None,
    }
}
