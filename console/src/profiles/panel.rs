use super::{
    Question,
    card::Card,
    editor::Editor,
    import::Own,
    keys::{Keys, TrustDialog},
    run::{LogCard, RunCard},
    talk::use_talk,
};
use bundles::use_catalog;
use profile::{MarkState, Name, order};
use protocol::{DiskRequest, Instance, Problem, ProblemCode, ProfileAsk, ProfileVerb};
use ui::{Button, CheckField, ConfirmDialog, FilePicker, Icon, Kind, Notice, use_asking, use_latest};
use wasm_bindgen::JsCast;
use web_sys::{Element, File, HtmlElement};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct ProfilesPanelProps {
    pub(crate) instance: Instance,
    /// It is closed.
    pub(crate) on_close: Callback<()>,
}

/// The panel. Escape closes it.
#[component]
pub(crate) fn ProfilesPanel(props: &ProfilesPanelProps) -> Html {
    let instance = &props.instance;
    let catalog = use_catalog();
    let talk = use_talk(&instance.id, instance.state.is_live().then_some(instance.boot));
    let question = use_state(|| None::<Question>);
    let problem = use_state(|| None::<Problem>);
    let snapshot = use_latest(|| false);
    let waiting = use_mut_ref(|| None::<(ProfileVerb, Name)>);
    let node = use_node_ref();
    use_effect_with(node.clone(), |node| {
        if let Some(panel) = node.cast::<HtmlElement>() {
            // It was just rendered and can take the focus.
            let _ = panel.focus();
        }
    });
    let go = {
        let (ask, waiting) = (talk.ask.clone(), waiting.clone());
        Callback::from(move |_| {
            if let Some((verb, name)) = waiting.take() {
                ask.emit(ProfileAsk::Run { verb, name });
            }
        })
    };
    // Its answer is a snapshot that is there: then what waits for it can begin.
    let freezing = use_asking(go.clone());
    let now = talk.now.clone().unwrap_or_default();
    let running = now.run.as_ref().is_some_and(|run| run.ended.is_none());
    let idle = !now.ready || running || freezing.busy;
    let act = {
        let (profiles, freeze, go) = (catalog.profiles(), freezing.ask.clone(), go);
        let (snapshot, id, problem, marks) =
            (snapshot.clone(), instance.id.clone(), problem.setter(), now.marks.clone());
        Callback::from(move |(verb, name): (ProfileVerb, Name)| {
            problem.set(None);
            let there = marks.iter().flatten().filter(|mark| mark.state == MarkState::Applied);
            let there: Vec<Name> = there.map(|mark| mark.name.clone()).collect();
            if let (ProfileVerb::Apply, Err(error)) = (verb, order(&name, &profiles, &there)) {
                let advice = "Roll back what stands in its way, or change the profile.".to_owned();
                return problem.set(Some(Problem { code: ProblemCode::Refused, message: format!("{error}."), advice }));
            }
            waiting.replace(Some((verb, name.clone())));
            if snapshot.now() && verb == ProfileVerb::Apply {
                freeze.emit(DiskRequest::TakeSnapshot {
                    id: id.clone(),
                    name: format!("Before {name}"),
                    memory: false,
                });
            } else {
                go.emit(protocol::DiskReply::Done);
            }
        })
    };
    let own = Own {
        catalog: catalog.clone(),
        ask: talk.ask.clone(),
        ended: {
            let (problem, question) = (problem.setter(), question.setter());
            Callback::from(move |done: Result<(), Problem>| {
                if done.is_ok() {
                    question.set(None);
                }
                problem.set(done.err());
            })
        },
    };
    let onkeydown = {
        let close = props.on_close.clone();
        Callback::from(move |event: KeyboardEvent| {
            let both = event.ctrl_key() && event.shift_key() && matches!(event.key().as_str(), "G" | "g");
            // In a dialog, Escape leaves the dialog.
            if both || (event.key() == "Escape" && !in_dialog(&event)) {
                event.prevent_default();
                close.emit(());
            }
        })
    };
    let pose = {
        let (question, problem) = (question.setter(), problem.setter());
        Callback::from(move |next| {
            problem.set(None);
            question.set(Some(next));
        })
    };
    let leave = {
        let question = question.setter();
        Callback::from(move |()| question.set(None))
    };
    let failed = {
        let problem = problem.setter();
        Callback::from(move |now| problem.set(Some(now)))
    };
    let in_editor = matches!(*question, Some(Question::Edit(_)));
    html! {
        <aside ref={node} class="side" tabindex="-1" aria-labelledby="profiles-title" {onkeydown}>
            <header class="side-head">
                <h2 id="profiles-title">{ "Profiles" }</h2>
                <Button label="Close profiles" kind={Kind::Ghost} icon={Icon::Close} icon_only=true class="small"
                    onclick={props.on_close.reform(|_| ())} />
            </header>
            <div class="side-body">
                // In a place of their own: Yew loses the place of what comes before a component that shows nothing.
                <div class="side-notes">
                    if let Some(problem) = catalog.problem.clone() { <Notice {problem} /> }
                    if let Some(problem) = now.trouble.clone() { <Notice {problem} /> }
                    if let (false, Some(problem_now)) = (in_editor, (*problem).clone()) {
                        <Notice problem={problem_now} on_dismiss={Callback::from({
                            let problem = problem.setter();
                            move |()| problem.set(None)
                        })} />
                    }
                    if let Some(problem) = freezing.problem.clone() {
                        <Notice {problem} on_dismiss={freezing.dismiss.clone()} />
                    }
                    if let Some(log) = now.log.clone() { <LogCard {log} ask={talk.ask.clone()} /> }
                    if let Some(run) = now.run.clone() { <RunCard {run} ask={talk.ask.clone()} /> }
                </div>
                if !instance.state.is_live() {
                    <p class="why">{ "Start the machine to apply profiles, and to see which are applied." }</p>
                } else if !now.ready {
                    <p class="why" role="status">{ "Waiting until the machine can be asked…" }</p>
                }
                <CheckField label="Take a snapshot first" hint="The disks as they are, before a profile is applied." checked={*snapshot.shown()}
                    onchange={Callback::from({
                        let snapshot = snapshot.clone();
                        move |on| snapshot.change(|chosen| *chosen = on)
                    })} />
                if let Some(entries) = catalog.entries.clone() {
                    <ul class="profiles">
                        { for entries.iter().map(|entry| {
                            let name = &entry.bundle.profile().name;
                            let mark = now.marks.iter().flatten().find(|mark| mark.name == *name).cloned();
                            html! {
                                <Card key={name.as_str()} entry={entry.clone()} {mark} known={now.marks.is_some()} {idle}
                                    pose={pose.clone()} act={act.clone()} ask={talk.ask.clone()} failed={failed.clone()} />
                            }
                        }) }
                    </ul>
                } else if catalog.problem.is_none() {
                    <div class="skeleton" role="status" aria-label="Loading"><div class="bone bone-side" /></div>
                }
                // In a place of its own, as above.
                <div><Keys keys={now.keys.clone()} {idle} pose={pose.clone()} /></div>
                <div class="profiles-own">
                    <Button label="New profile…" icon={Icon::FolderPlus} onclick={pose.reform(|_| Question::Edit(None))} />
                    <FilePicker label="Import a profile" hint="A tar or zip file. Read its scripts before you apply it." accept=".zip,.tar,.gz,.tgz"
                        on_file={Callback::from({ let own = own.clone(); move |file: File| own.import(file) })} />
                </div>
                { asked(&question, &own, &problem, &leave, &act, &talk.ask) }
            </div>
        </aside>
    }
}

/// The dialog that asks what is asked.
fn asked(
    question: &Option<Question>,
    own: &Own,
    problem: &Option<Problem>,
    leave: &Callback<()>,
    act: &Callback<(ProfileVerb, Name)>,
    ask: &Callback<ProfileAsk>,
) -> Html {
    match question.clone() {
        None => html! {},
        Some(Question::Edit(bundle)) => {
            let before = bundle.as_ref().map(|bundle| bundle.profile().name.clone());
            let keep = Callback::from({
                let own = own.clone();
                move |bundle| own.keep(bundle, before.clone())
            });
            html! { <Editor {bundle} problem={problem.clone()} {keep} leave={leave.clone()} /> }
        }
        Some(Question::Delete(bundle)) => {
            let name = bundle.profile().name.clone();
            let on_confirm = Callback::from({
                let (own, name) = (own.clone(), name.clone());
                move |()| own.delete(name.clone())
            });
            html! {
                <ConfirmDialog title={format!("Delete {name}?")} confirm="Delete" {on_confirm} on_cancel={leave.clone()}
                    text="It goes from your profiles. Machines where it is applied keep it, and can still roll it back. Export it first if you may want it again." />
            }
        }
        Some(Question::Trust(key)) => {
            let on_confirm = Callback::from({
                let (ask, leave, key) = (ask.clone(), leave.clone(), key.clone());
                move |()| {
                    leave.emit(());
                    ask.emit(ProfileAsk::Trust(key.clone()));
                }
            });
            html! { <TrustDialog key_asked={key} {on_confirm} on_cancel={leave.clone()} /> }
        }
        Some(Question::Rollback(name)) => {
            let on_confirm = Callback::from({
                let (act, leave, name) = (act.clone(), leave.clone(), name.clone());
                move |()| {
                    leave.emit(());
                    act.emit((ProfileVerb::Rollback, name.clone()));
                }
            });
            html! {
                <ConfirmDialog title={format!("Roll back {name}?")} confirm="Roll back" {on_confirm} on_cancel={leave.clone()}
                    text="Its packages, files and services go, and what came only because of it. Files of yours stay." />
            }
        }
    }
}

fn in_dialog(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|element| element.closest("dialog, .menu").is_ok_and(|dialog| dialog.is_some()))
}
