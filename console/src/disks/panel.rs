use super::{
    Question, Subject,
    dialogs::Dialogs,
    files::Files,
    sections::{DiskSection, SnapshotSection},
};
use protocol::{DiskReply, DiskRequest, Disks, Instance, InstanceId, Job, PageRequest};
use ui::{Button, Icon, Jobs, Kind, Notice, Remark, Tone, use_asking, use_world};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct PanelProps {
    pub(crate) instance: Instance,
    /// It is closed.
    pub(crate) on_close: Callback<()>,
}

/// The panel. Escape closes it.
#[component]
pub(crate) fn Panel(props: &PanelProps) -> Html {
    let workbench = use_world();
    let instance = &props.instance;
    let disks = use_state(|| None::<Disks>);
    let question = use_state(|| None::<Question>);
    let made = use_state(|| None::<InstanceId>);
    let node = use_node_ref();
    let shown = {
        let disks = disks.setter();
        Callback::from(move |reply| {
            if let DiskReply::Disks(now) = reply {
                disks.set(Some(now));
            }
        })
    };
    let show = use_asking(shown);
    use_effect_with((instance.id.clone(), instance.disks, instance.state), {
        let ask = show.ask.clone();
        move |(id, ..)| ask.emit(DiskRequest::Show(id.clone()))
    });
    use_effect_with(node.clone(), |node| {
        if let Some(panel) = node.cast::<HtmlElement>() {
            // It was just rendered and can take the focus.
            let _ = panel.focus();
        }
    });
    let onkeydown = {
        let close = props.on_close.clone();
        Callback::from(move |event: KeyboardEvent| {
            let both = event.ctrl_key() && event.shift_key() && matches!(event.key().as_str(), "D" | "d");
            // In a dialog, Escape leaves the dialog.
            if both || (event.key() == "Escape" && !in_dialog(&event)) {
                event.prevent_default();
                close.emit(());
            }
        })
    };
    let pose = {
        let question = question.setter();
        Callback::from(move |next| question.set(Some(next)))
    };
    let end = {
        let (question, made) = (question.setter(), made.setter());
        Callback::from(move |reply| {
            question.set(None);
            if let Some(DiskReply::Instance(id)) = reply {
                made.set(Some(id));
            }
        })
    };
    let jobs = workbench.world.as_ref().map(|world| jobs_of(&world.jobs, &instance.id)).unwrap_or_default();
    let subject = (*disks).clone().map(|disks| Subject { instance: instance.clone(), disks });
    let retry = {
        let (ask, id) = (show.ask.clone(), instance.id.clone());
        Callback::from(move |_: MouseEvent| ask.emit(DiskRequest::Show(id.clone())))
    };
    html! {
        <aside ref={node} class="side" tabindex="-1" aria-labelledby="side-title" {onkeydown}>
            <header class="side-head">
                <h2 id="side-title">{ "Disks" }</h2>
                <Button label="Close disks" kind={Kind::Ghost} icon={Icon::Close} icon_only=true class="small"
                    onclick={props.on_close.reform(|_| ())} />
            </header>
            <div class="side-body">
                // In a place of their own: Yew loses the place of what comes before a component that shows nothing.
                <div class="side-notes">
                    if let Some(problem) = show.problem.clone() {
                        <Notice {problem}><Button label="Try again" class="small" onclick={retry} /></Notice>
                    }
                    if let Some(id) = (*made).clone() {
                        <Made {id} on_dismiss={Callback::from({ let made = made.setter(); move |()| made.set(None) })} />
                    }
                    if !jobs.is_empty() { <Jobs {jobs} /> }
                </div>
                if let Some(subject) = subject {
                    <SnapshotSection subject={subject.clone()} pose={pose.clone()} made={end.reform(Some)} />
                    <DiskSection subject={subject.clone()} pose={pose.clone()} />
                    <Files subject={subject.clone()} {pose} />
                    if let Some(question) = (*question).clone() { <Dialogs {subject} {question} {end} /> }
                } else if show.problem.is_none() {
                    <div class="skeleton" role="status" aria-label="Loading">
                        <div class="bone bone-side" /><div class="bone bone-side" />
                    </div>
                }
            </div>
        </aside>
    }
}

fn in_dialog(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|element| element.closest("dialog").is_ok_and(|dialog| dialog.is_some()))
}

fn jobs_of(jobs: &[Job], id: &InstanceId) -> Vec<Job> {
    jobs.iter().filter(|job| job.instance.as_ref() == Some(id)).cloned().collect()
}

#[derive(Properties, PartialEq)]
struct MadeProps {
    id: InstanceId,
    on_dismiss: Callback<()>,
}

/// Says that a machine was made, and opens it.
#[component]
fn Made(props: &MadeProps) -> Html {
    let workbench = use_world();
    let Some(name) = workbench.world.as_ref().and_then(|world| world.instance(&props.id).map(|made| made.name.clone()))
    else {
        return Html::default();
    };
    let open = {
        let (id, dismiss) = (props.id.clone(), props.on_dismiss.clone());
        Callback::from(move |_: MouseEvent| {
            dismiss.emit(());
            workbench.ask(PageRequest::OpenConsole(id.clone()), |_, _| ());
        })
    };
    html! {
        <Remark tone={Tone::Good} message={format!("The clone is called {name}.")}
            advice="It is stopped, and shares what is unchanged with its original." on_dismiss={props.on_dismiss.clone()}>
            <Button label={format!("Open {name}")} icon={Icon::Terminal} class="small" onclick={open} />
        </Remark>
    }
}
