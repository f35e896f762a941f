use super::{Button, ConfirmDialog, Control, Icon, Kind, Menu, MenuItem, in_menu, in_sight};
use crate::{countdown, moment, use_now, use_world};
use protocol::{Checkpoint, Instance, State};
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// Properties of [`MachineControls`].
#[derive(Properties, PartialEq)]
pub struct MachineControlsProps {
    /// The machine.
    pub instance: Instance,
    /// There is room for the controls that are used less often.
    #[prop_or_default]
    pub roomy: bool,
    /// What the page adds to the menu.
    #[prop_or_default]
    pub more: Vec<MenuItem>,
}

/// What can be done to a machine now: the common controls as buttons, the others in a menu.
#[component]
pub fn MachineControls(props: &MachineControlsProps) -> Html {
    let workbench = use_world();
    let busy = use_state(|| None::<Control>);
    let confirming = use_state(|| None::<Control>);
    let node = use_node_ref();
    let Instance { id, name, state, .. } = &props.instance;
    use_focus_kept(&node, *state);
    let act = {
        let (busy, id) = (busy.setter(), id.clone());
        Callback::from(move |control: Control| {
            busy.set(Some(control));
            let busy = busy.clone();
            workbench.ask(control.request(id.clone()), move |_, _| busy.set(None));
        })
    };
    let choose = {
        let (act, confirming) = (act.clone(), confirming.setter());
        let loses = loses_writes(&props.instance);
        Callback::from(move |control| match control {
            Control::ForceStop | Control::Boot | Control::Reset | Control::GoBack => confirming.set(Some(control)),
            Control::Stop | Control::Restart if loses => confirming.set(Some(control)),
            _ => act.emit(control),
        })
    };
    let button = |&control: &Control| {
        let choose = choose.clone();
        html! {
            <Button key={control.label()} label={control.label()} name={format!("{} {name}", control.label())}
                kind={Kind::Ghost} icon={control.icon()} icon_only=true busy={*busy == Some(control)}
                onclick={move |_| choose.emit(control)} />
        }
    };
    let entry = |&control: &Control| MenuItem {
        label: control.label().into(),
        detail: None,
        name: Some(format!("{} {name}", control.label()).into()),
        icon: Some(control.icon()),
        danger: matches!(control, Control::ForceStop | Control::Boot | Control::Reset),
        onselect: choose.reform(move |()| control),
    };
    let mut items: Vec<MenuItem> =
        in_menu(*state, props.roomy).iter().map(entry).chain(props.more.iter().cloned()).collect();
    // What takes something away comes last.
    items.sort_by_key(|item| item.danger);
    let confirmed = {
        let (act, confirming_now, confirming) = (act.clone(), confirming.clone(), confirming.setter());
        let control = *confirming_now;
        Callback::from(move |()| {
            confirming.set(None);
            if let Some(control) = control {
                act.emit(control);
            }
        })
    };
    let left = {
        let confirming = confirming.setter();
        Callback::from(move |()| confirming.set(None))
    };
    html! {
        <div class="controls" ref={node} role="group" aria-label={format!("Controls of {name}")}>
            if props.instance.way_back().is_some() { { button(&Control::GoBack) } }
            { for in_sight(*state, props.roomy).iter().map(button) }
            if !items.is_empty() {
                <Menu label={format!("More for {name}")} icon={Icon::More} {items} />
            }
            if let Some(control) = confirming.filter(|control| state.is_live() != matches!(control, Control::Boot | Control::GoBack)) {
                <ConfirmDialog title={question(control, name)} confirm={confirm(control)} text={warning(&props.instance, control)}
                    on_confirm={confirmed} on_cancel={left} />
            }
        </div>
    }
}

/// Whether the machine stands still because its disk could not be written: what waits is lost if it is stopped.
fn loses_writes(instance: &Instance) -> bool {
    instance.state == State::Paused && instance.problem.is_some()
}

fn question(control: Control, name: &str) -> String {
    match control {
        Control::ForceStop => format!("Force {name} to stop?"),
        Control::Boot => format!("Boot {name} without its memory?"),
        Control::GoBack => format!("Go back to {name}’s last checkpoint?"),
        Control::Reset => format!("Reset {name}?"),
        _ => format!("{} {name} and lose what waits?", control.label()),
    }
}

fn confirm(control: Control) -> &'static str {
    match control {
        Control::Boot => "Boot and lose it",
        Control::GoBack => "Go back",
        _ => control.label(),
    }
}

fn warning(instance: &Instance, control: Control) -> String {
    if let (Control::GoBack, Some(checkpoint)) = (control, instance.way_back()) {
        return lost_since(checkpoint);
    }
    let words = if instance.state == State::Suspended {
        "What ran when it was suspended is lost, as if its plug had been pulled then. Its disks are kept."
    } else if loses_writes(instance) {
        "What the machine wrote last could not be stored yet and is lost. Free some room and resume it to keep that."
    } else {
        "This is like pulling the plug: what the machine has not written to its disk yet is lost."
    };
    words.to_owned()
}

/// What going back to the checkpoint costs.
pub fn lost_since(checkpoint: Checkpoint) -> String {
    let then = moment(checkpoint.at);
    format!("Programs go on as they were then ({then}). Whatever the machine has done since is lost, on its disks too.")
}

/// When a control that had the focus is gone with its state, the focus goes to the machine's next control, not to the
/// start of the page.
#[hook]
fn use_focus_kept(node: &NodeRef, state: State) {
    let had_focus = use_mut_ref(|| false);
    // Seen while rendering, before the old controls are taken away.
    if let Some(group) = node.cast::<Element>() {
        *had_focus.borrow_mut() = has_focus(&group);
    }
    use_effect_with((state, node.clone()), move |(_, node)| {
        let Some(group) = node.cast::<Element>() else { return };
        if *had_focus.borrow() && !has_focus(&group) {
            let next = group.query_selector("button").ok().flatten();
            if let Some(next) = next.as_ref().and_then(wasm_bindgen::JsCast::dyn_ref::<HtmlElement>) {
                // A button that is in the page can take the focus.
                let _ = next.focus();
            }
        }
    });
}

fn has_focus(group: &Element) -> bool {
    let active = web_sys::window().and_then(|window| window.document()?.active_element());
    active.is_some_and(|element| group.contains(Some(&element)))
}

/// Properties of [`StoppingNote`].
#[derive(Properties, PartialEq)]
pub struct StoppingNoteProps {
    /// The machine.
    pub instance: Instance,
}

/// For a machine that is stopping: when it will be stopped by force, and a button for those who won't wait.
#[component]
pub fn StoppingNote(props: &StoppingNoteProps) -> Html {
    let workbench = use_world();
    let busy = use_state(|| false);
    let stopping = props.instance.state == State::Stopping;
    let now = use_now(stopping);
    if !stopping {
        return Html::default();
    }
    let onclick = {
        let (busy, id) = (busy.setter(), props.instance.id.clone());
        Callback::from(move |_| {
            busy.set(true);
            let busy = busy.clone();
            workbench.ask(Control::ForceStop.request(id.clone()), move |_, _| busy.set(false));
        })
    };
    let (doing, forcing) = match props.instance.restarting {
        true => ("Restarting", "Restarting it by force…"),
        false => ("Shutting down", "Stopping it by force…"),
    };
    let text = match props.instance.forced_at.map(|then| countdown(then, now)) {
        Some(0) => forcing.to_owned(),
        Some(seconds) => format!("{doing}, by force in {seconds} s"),
        None => format!("{doing}…"),
    };
    html! {
        <div class="stopping-note">
            <span>{ text }</span>
            <Button label="Force stop" name={format!("Force stop {}", props.instance.name)} class="small" busy={*busy}
                {onclick} />
        </div>
    }
}
