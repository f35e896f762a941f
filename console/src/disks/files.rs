use super::{Question, Subject, reason::not_settled};
use protocol::{ImportWhat, Problem};
use ui::{Button, FilePicker, Icon, Notice, use_world};
use web_sys::File;
use yew::prelude::*;

/// The endings of archives.
pub(crate) const ARCHIVES: &str = ".tar,.tar.gz,.tgz,.gz,.zip";

#[derive(Properties, PartialEq)]
pub(super) struct FilesProps {
    pub(super) subject: Subject,
    pub(super) pose: Callback<Question>,
}

/// Files into the workspace and out of the machine.
#[component]
pub(super) fn Files(props: &FilesProps) -> Html {
    let workbench = use_world();
    let problem = use_state(|| None::<Problem>);
    let Subject { instance, disks } = &props.subject;
    let unsettled = not_settled(instance);
    let no_workspace = disks.workspace_size.is_none();
    let on_file = {
        let (problem, id) = (problem.setter(), instance.id.clone());
        Callback::from(move |file: File| {
            let problem = problem.clone();
            workbench.import(ImportWhat::Workspace(id.clone()), file, move |answer| problem.set(answer.err()));
        })
    };
    let hint = if no_workspace {
        "Create the workspace first."
    } else if instance.state.is_live() {
        "A tar or zip archive. Drop it here, or press to choose one."
    } else {
        "A tar or zip archive. It is unpacked at the next start."
    };
    html! {
        <section class="side-section" aria-labelledby="side-files">
            <div class="side-section-head">
                <h3 id="side-files">{ "Files" }</h3>
                <Button label="Export…" name={format!("Export… {}", instance.name)} icon={Icon::Export} class="small" disabled={unsettled.is_some()}
                    onclick={props.pose.reform(|_| Question::Export(None))} />
            </div>
            if let Some(problem_now) = (*problem).clone() {
                <Notice problem={problem_now} on_dismiss={Callback::from({
                    let problem = problem.setter();
                    move |()| problem.set(None)
                })} />
            }
            <FilePicker label="Import files into the workspace" {hint} accept={ARCHIVES}
                disabled={no_workspace || unsettled.is_some()} {on_file} />
            if disks.waiting_archives > 0 {
                <p class="why">{ waiting(disks.waiting_archives) }</p>
            }
            <p class="why">
                { "Export writes the workspace’s files, a disk, or the whole machine into a file." }
            </p>
        </section>
    }
}

fn waiting(count: u32) -> String {
    match count {
        1 => "One archive waits to be unpacked at the next start.".to_owned(),
        count => format!("{count} archives wait to be unpacked at the next start."),
    }
}
