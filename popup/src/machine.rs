use crate::name::{objection, tidy};
use protocol::{DiskReply, DiskRequest, Instance, PageRequest, Problem, State};
use ui::{
    Button, Icon, Kind, MachineControls, MenuItem, Notice, Remark, SaveTemplate, StateGlyph, StoppingNote, Tone,
    close_if_popup, leave_disks_note, memory, moment, uptime, use_asking, use_now, use_past, use_world,
};
use web_sys::{HtmlElement, HtmlInputElement};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct MachineProps {
    pub(crate) instance: Instance,
    /// The names of all machines.
    pub(crate) names: Vec<AttrValue>,
    /// What its template is called, if it still exists.
    pub(crate) template: Option<String>,
}

/// One machine in the list: pressing it opens its console.
#[component]
pub(crate) fn Machine(props: &MachineProps) -> Html {
    let workbench = use_world();
    let renaming = use_state(|| false);
    let saving = use_state(|| false);
    let saved = use_state(|| None::<String>);
    let (row, before) = (use_node_ref(), use_mut_ref(|| false));
    use_effect_with(*renaming, {
        let row = row.clone();
        move |now| {
            let ended = before.replace(*now) && !now;
            if let (true, Some(button)) = (ended, row.cast::<HtmlElement>()) {
                // The name's field is gone: the keyboard goes to the machine. A button in the page can take it.
                let _ = button.focus();
            }
        }
    });
    let Instance { id, name, state, .. } = &props.instance;
    let open = {
        let (workbench, id) = (workbench.clone(), id.clone());
        Callback::from(move |()| {
            workbench.ask(PageRequest::OpenConsole(id.clone()), |_, well| {
                if well {
                    close_if_popup();
                }
            });
        })
    };
    let item = |label: &'static str, icon, danger, onselect| MenuItem {
        label: label.into(),
        detail: None,
        name: Some(format!("{label} {name}").into()),
        icon: Some(icon),
        danger,
        onselect,
    };
    let set = |flag: &UseStateHandle<bool>, to: bool| {
        let flag = flag.setter();
        Callback::from(move |()| flag.set(to))
    };
    let cloned = use_state(|| None);
    let cloning = use_asking({
        let cloned = cloned.setter();
        Callback::from(move |reply| {
            if let DiskReply::Instance(made) = reply {
                cloned.set(Some(made));
            }
        })
    });
    let clone = {
        let (ask, id) = (cloning.ask.clone(), id.clone());
        Callback::from(move |()| ask.emit(DiskRequest::Clone { id: id.clone(), snapshot: None }))
    };
    let clone_name = cloned.as_ref().and_then(|made| Some(workbench.world.as_ref()?.instance(made)?.name.clone()));
    let snapshots = {
        let (open, id) = (open.clone(), id.clone());
        Callback::from(move |()| {
            leave_disks_note(&id);
            open.emit(());
        })
    };
    let mut more = vec![
        item("Snapshots…", Icon::Snapshot, false, snapshots),
        item("Clone", Icon::Clone, false, clone),
        item("Save as template…", Icon::Package, false, set(&saving, true)),
        item("Rename", Icon::Pencil, false, set(&renaming, true)),
    ];
    if !state.is_live() {
        let (workbench, id) = (workbench.clone(), id.clone());
        // It can be brought back, so nobody need be asked.
        let remove = Callback::from(move |()| workbench.ask(PageRequest::Remove(id.clone()), |_, _| ()));
        more.push(item("Delete", Icon::Trash, true, remove));
    }
    html! {
        <li class="machine" aria-label={name.clone()}>
            if *renaming {
                <Rename instance={props.instance.clone()} names={props.names.clone()} on_done={set(&renaming, false)} />
            } else {
                <div class="machine-row">
                    <button ref={row} type="button" class="machine-open" aria-label={format!("Open console of {name}")}
                        aria-describedby={format!("about-{id}")} onclick={open.reform(|_: MouseEvent| ())}>
                        <StateGlyph state={*state} />
                        <span class="machine-text">
                            <span class="machine-name">{ name }</span>
                            <About instance={props.instance.clone()} template={props.template.clone()} />
                        </span>
                    </button>
                    <MachineControls instance={props.instance.clone()} {more} />
                </div>
            }
            <StoppingNote instance={props.instance.clone()} />
            if let Some(problem) = props.instance.problem.clone().map(|problem| with_choice(problem, &props.instance)) {
                <div class="machine-problem"><Notice {problem} /></div>
            }
            if let Some(problem) = cloning.problem.clone() {
                <div class="machine-problem"><Notice {problem} on_dismiss={cloning.dismiss.clone()} /></div>
            }
            if *saving {
                <SaveTemplate instance={props.instance.clone()} on_cancel={set(&saving, false)}
                    on_saved={Callback::from({
                        let (saving, saved) = (saving.setter(), saved.setter());
                        move |title| {
                            saving.set(false);
                            saved.set(Some(title));
                        }
                    })} />
            }
            if let Some(title) = &*saved {
                <div class="machine-problem">
                    <Remark tone={Tone::Good} message={format!("{name} is saved as the template “{title}”.")}
                        on_dismiss={Callback::from({ let saved = saved.setter(); move |()| saved.set(None) })} />
                </div>
            }
            if let Some(clone) = clone_name {
                <div class="machine-problem">
                    <Remark tone={Tone::Good} message={format!("{clone} is a clone of {name}.")}
                        on_dismiss={Callback::from({ let cloned = cloned.setter(); move |()| cloned.set(None) })} />
                </div>
            }
        </li>
    }
}

/// Where there is a choice how to go on, what each costs.
fn with_choice(problem: Problem, instance: &Instance) -> Problem {
    let Some(checkpoint) = instance.way_back() else { return problem };
    let then = moment(checkpoint.at);
    let advice = format!(
        "Go back to its checkpoint ({then}): what it has done since is lost, on its disks too. Or start it: it boots with its disks as they are."
    );
    Problem { advice, ..problem }
}

#[derive(Properties, PartialEq)]
struct AboutProps {
    instance: Instance,
    template: Option<String>,
}

/// The line under the name.
#[component]
fn About(props: &AboutProps) -> Html {
    let Instance { id, state, started, memory: size, boot, .. } = &props.instance;
    let running = *state == State::Running;
    let now = use_now(started.is_some() && running);
    let past = use_past(id, running.then_some(*boot));
    let mut words = vec![props.instance.state_label().to_owned()];
    match (state, started) {
        (State::Running, Some(started)) => {
            words.push(uptime(*started, now));
            words.extend(past.now().map(|rates| format!("{:.0} % CPU", 100.0 * rates.processor)));
        }
        // There are two controls beside it then, and no room.
        _ if props.instance.way_back().is_some() => {}
        (State::Stopped | State::Suspended | State::Crashed, _) => words.extend(props.template.clone()),
        _ => {}
    }
    words.push(memory(*size));
    html! { <span class="machine-about number" id={format!("about-{id}")}>{ words.join(" · ") }</span> }
}

#[derive(Properties, PartialEq)]
struct RenameProps {
    instance: Instance,
    names: Vec<AttrValue>,
    on_done: Callback<()>,
}

/// The name as a field: Enter keeps it, Escape leaves it.
#[component]
fn Rename(props: &RenameProps) -> Html {
    let workbench = use_world();
    let old = &props.instance.name;
    let typed = use_state(|| old.clone());
    let busy = use_state(|| false);
    let field = use_node_ref();
    use_effect_with(field.clone(), |field| {
        if let Some(field) = field.cast::<HtmlInputElement>() {
            // A field that was just rendered can take the focus.
            let _ = field.focus();
            field.select();
        }
    });
    let objection = objection(&typed, old, props.names.iter().map(AttrValue::as_str));
    let onsubmit = {
        let (done, busy, id) = (props.on_done.clone(), busy.clone(), props.instance.id.clone());
        let name = (objection.is_none() && !*busy).then(|| (*typed).clone());
        let same = *typed == *old;
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let Some(name) = name.clone() else { return };
            if same {
                return done.emit(());
            }
            busy.set(true);
            let (done, busy) = (done.clone(), busy.setter());
            workbench.ask(PageRequest::Rename(id.clone(), name), move |_, well| {
                busy.set(false);
                if well {
                    done.emit(());
                }
            });
        })
    };
    let oninput = {
        let typed = typed.setter();
        Callback::from(move |event: InputEvent| {
            typed.set(tidy(&event.target_unchecked_into::<HtmlInputElement>().value()))
        })
    };
    let onkeydown = {
        let done = props.on_done.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                // Else the browser closes the whole popup.
                event.prevent_default();
                done.emit(());
            }
        })
    };
    html! {
        <form class="rename" {onsubmit} {onkeydown}>
            <div class="rename-row">
                <input ref={field} type="text" value={(*typed).clone()} maxlength="32" spellcheck="false" autocomplete="off"
                    aria-label={format!("New name of {old}")} aria-invalid={objection.is_some().then_some("true")}
                    aria-describedby="rename-hint" {oninput} />
                <button type="submit" class="button primary icon-only" aria-label="Save name" disabled={objection.is_some()}>
                    { Html::from(Icon::Check) }
                </button>
                <Button label="Cancel" kind={Kind::Ghost} icon={Icon::Close} icon_only=true
                    onclick={props.on_done.reform(|_| ())} />
            </div>
            <p id="rename-hint" role="status" class={classes!("rename-hint", objection.is_some().then_some("bad"))}>
                { objection.unwrap_or_else(|| "The guest takes its new host name at its next start.".to_owned()) }
            </p>
        </form>
    }
}
