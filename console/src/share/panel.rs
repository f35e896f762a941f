use super::{Place, Question, crumbs::Crumbs, dialogs::Dialogs, listing::use_listing, rows::Rows};
use protocol::{FilePath, Instance, InstanceId, Job, Problem, ProblemCode, ShareWhat};
use ui::{Button, EmptyState, FilePicker, Icon, Jobs, Kind, Notice, PageDrop, use_asking, use_world};
use wasm_bindgen::JsCast;
use web_sys::{Element, File, HtmlElement};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct FilesPanelProps {
    pub(crate) instance: Instance,
    /// It is closed.
    pub(crate) on_close: Callback<()>,
}

/// The panel. Escape closes it.
#[component]
pub(crate) fn FilesPanel(props: &FilesPanelProps) -> Html {
    let workbench = use_world();
    let instance = &props.instance;
    let path = use_state(FilePath::root);
    let question = use_state(|| None::<Question>);
    let problem = use_state(|| None::<Problem>);
    let node = use_node_ref();
    let place = Place { id: instance.id.clone(), path: (*path).clone() };
    // A machine that has been started or has ended is another owner of the files.
    let listing = use_listing(&place, u32::from(instance.state.is_live()));
    let asking = use_asking(Callback::noop());
    // Also in another folder: the button that led there is gone, and the terminal must not get the keyboard.
    use_effect_with((node.clone(), place.path.clone()), |(node, _)| {
        if let Some(panel) = node.cast::<HtmlElement>() {
            // It was just rendered and can take the focus.
            let _ = panel.focus();
        }
    });
    let go = {
        let (path, problem) = (path.setter(), problem.setter());
        Callback::from(move |to| {
            problem.set(None);
            path.set(to);
        })
    };
    let gone = listing.problem.as_ref().is_some_and(|problem| problem.code == ProblemCode::NotFound);
    use_effect_with((gone, place.path.clone()), {
        let go = go.clone();
        move |(gone, path)| {
            // The guest has removed the folder that was shown.
            if let (true, Some(above)) = (*gone, path.parent()) {
                go.emit(above);
            }
        }
    });
    let onkeydown = {
        let close = props.on_close.clone();
        Callback::from(move |event: KeyboardEvent| {
            let both = event.ctrl_key() && event.shift_key() && matches!(event.key().as_str(), "E" | "e");
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
    let on_files = {
        let (workbench, problem, place) = (workbench.clone(), problem.setter(), place.clone());
        Callback::from(move |files: Vec<File>| {
            let problem = problem.clone();
            workbench.upload(&place.id, &place.path, files, move |answer| problem.set(answer.err()));
        })
    };
    let download = {
        let (ask, place) = (asking.ask.clone(), place.clone());
        Callback::from(move |path| ask.emit(place.request(ShareWhat::Download(path))))
    };
    let jobs = workbench.world.as_ref().map(|world| jobs_of(&world.jobs, &instance.id)).unwrap_or_default();
    let drop_text = AttrValue::from(format!("Drop files to copy them into {}", shown_place(&place.path)));
    let retry = listing.reload.reform(|_: MouseEvent| ());
    html! {
        <aside ref={node} class="side" tabindex="-1" aria-labelledby="files-title" {onkeydown}>
            <header class="side-head">
                <h2 id="files-title">{ "Files" }</h2>
                <Button label="Close files" kind={Kind::Ghost} icon={Icon::Close} icon_only=true class="small"
                    onclick={props.on_close.reform(|_| ())} />
            </header>
            <div class="side-body">
                // In a place of their own: Yew loses the place of what comes before a component that shows nothing.
                <div class="side-notes">
                    if let Some(problem) = listing.problem.clone() {
                        <Notice {problem}><Button label="Try again" class="small" onclick={retry} /></Notice>
                    }
                    if let Some(problem_now) = (*problem).clone() {
                        <Notice problem={problem_now} on_dismiss={Callback::from({
                            let problem = problem.setter();
                            move |()| problem.set(None)
                        })} />
                    }
                    if let Some(problem) = asking.problem.clone() {
                        <Notice {problem} on_dismiss={asking.dismiss.clone()} />
                    }
                    if !jobs.is_empty() { <Jobs {jobs} /> }
                </div>
                <div class="files-head">
                    <Crumbs path={place.path.clone()} go={go.clone()} />
                    <Button label="New folder…" icon={Icon::FolderPlus} icon_only=true kind={Kind::Ghost} class="small"
                        onclick={pose.reform(|_| Question::NewFolder)} />
                    <Button label="Download this folder as zip" icon={Icon::Export} icon_only=true kind={Kind::Ghost} class="small"
                        busy={asking.busy} onclick={download.reform({ let path = place.path.clone(); move |_| path.clone() })} />
                </div>
                <FilePicker label="Add files" hint="Drop them here, or press to choose." accept="" on_files={on_files.clone()} />
                if let Some(entries) = listing.entries.clone() {
                    if entries.is_empty() {
                        <EmptyState title="Nothing here yet" text={empty_text(&place.path)} />
                    } else {
                        <Rows key={place.path.as_str()} place={place.clone()} {entries} listing={listing.clone()} {go} pose={pose.clone()} {download} />
                    }
                } else if listing.problem.is_none() {
                    <div class="skeleton" role="status" aria-label="Loading"><div class="bone bone-side" /></div>
                }
                <p class="why">
                    { "In the machine: " }<code class="mono">{ shown_place(&place.path) }</code>
                    { ". Snapshots, clones and exported machines leave these files out." }
                </p>
                if let Some(asked) = (*question).clone() {
                    <Dialogs {place} question={asked} end={Callback::from({
                        let question = question.setter();
                        move |()| question.set(None)
                    })} />
                }
            </div>
            <PageDrop text={drop_text} {on_files} />
        </aside>
    }
}

/// Where the folder is in the guest.
fn shown_place(path: &FilePath) -> String {
    if path.parent().is_none() { "/mnt/host/share".to_owned() } else { format!("/mnt/host/share/{path}") }
}

fn empty_text(path: &FilePath) -> String {
    format!("Add files here, or put some into {} in the machine.", shown_place(path))
}

fn in_dialog(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|element| element.closest("dialog, .menu").is_ok_and(|dialog| dialog.is_some()))
}

fn jobs_of(jobs: &[Job], id: &InstanceId) -> Vec<Job> {
    jobs.iter().filter(|job| job.instance.as_ref() == Some(id)).cloned().collect()
}
