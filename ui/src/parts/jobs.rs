//! Long work: how far it is, and what can be done about it.

use super::{Button, Icon, Kind, Notice, bytes};
use crate::{Download, save, use_world};
use protocol::{DiskRequest, ExportedFile, Instance, Job, JobStage, PageRequest, Problem};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// Properties of [`Jobs`].
#[derive(Properties, PartialEq)]
pub struct JobsProps {
    /// The jobs to show.
    pub jobs: Vec<Job>,
}

/// A list of jobs with all that can be done about them.
#[component]
pub fn Jobs(props: &JobsProps) -> Html {
    if props.jobs.is_empty() {
        return Html::default();
    }
    html! {
        <ul class="jobs" aria-label="Tasks">
            { for props.jobs.iter().map(|job| html! { <JobCard key={job.id.as_str()} job={job.clone()} /> }) }
        </ul>
    }
}

#[derive(Properties, PartialEq)]
struct JobCardProps {
    job: Job,
}

#[component]
fn JobCard(props: &JobCardProps) -> Html {
    let workbench = use_world();
    let problem = use_state(|| None::<Problem>);
    let busy = use_state(|| false);
    let Job { id, title, stage, .. } = &props.job;
    let ask = |request: DiskRequest| {
        let (workbench, busy, problem) = (workbench.clone(), busy.setter(), problem.setter());
        Callback::from(move |_: MouseEvent| {
            busy.set(true);
            let (busy, problem) = (busy.clone(), problem.clone());
            workbench.ask_disks(request.clone(), move |answer| {
                busy.set(false);
                problem.set(answer.err());
            });
        })
    };
    let dismiss = || {
        html! {
            <Button label="Dismiss" name={format!("Dismiss {title}")} class="small" busy={*busy}
                onclick={ask(DiskRequest::DismissJob(id.clone()))} />
        }
    };
    let body = match stage {
        JobStage::Done(outcome) => html! {
            <>
                <p class="job-step good" role="status">
                    { Html::from(Icon::Check) }
                    { if outcome.message.is_empty() { "Done." } else { outcome.message.as_str() } }
                </p>
                if let Some(file) = &outcome.file {
                    <SaveFile job={props.job.clone()} file={file.clone()}>{ dismiss() }</SaveFile>
                } else {
                    <div class="job-actions">
                        if let Some(made) = &outcome.made { <OpenMade made={(**made).clone()} /> }
                        { dismiss() }
                    </div>
                }
            </>
        },
        JobStage::Failed(problem) => html! { <Notice problem={problem.clone()}>{ dismiss() }</Notice> },
        JobStage::WaitingForFile | JobStage::Working { .. } => html! {
            <>
                <Progress job={props.job.clone()} />
                <div class="job-actions">
                    <Button label="Cancel" name={format!("Cancel {title}")} class="small" busy={*busy}
                        onclick={ask(DiskRequest::CancelJob(id.clone()))} />
                </div>
            </>
        },
    };
    html! {
        <li class="job" aria-label={title.clone()}>
            <p class="job-title">{ title }</p>
            { body }
            if let Some(now) = (*problem).clone() {
                <Notice problem={now} on_dismiss={Callback::from({
                    let problem = problem.setter();
                    move |()| problem.set(None)
                })} />
            }
        </li>
    }
}

/// Properties of [`Progress`].
#[derive(Properties, PartialEq)]
pub struct ProgressProps {
    /// The job.
    pub job: Job,
    /// Without the words.
    #[prop_or_default]
    pub brief: bool,
}

/// How far a job that is not over is.
#[component]
pub fn Progress(props: &ProgressProps) -> Html {
    let (step, done, total) = match &props.job.stage {
        JobStage::WaitingForFile => ("Waiting for the file", 0, None),
        JobStage::Working { step, done, total } => (step.as_str(), *done, *total),
        JobStage::Done(_) | JobStage::Failed(_) => return Html::default(),
    };
    let percent = share(done, total);
    let amount = amount(done, total);
    let words = if amount.is_empty() { step.to_owned() } else { format!("{step}: {amount}") };
    html! {
        <>
            if !props.brief {
                <p class="job-step"><span>{ step }</span><span class="number">{ amount }</span></p>
            }
            <div class={classes!("progress", percent.is_none().then_some("unknown"))} role="progressbar"
                aria-label={props.job.title.clone()} aria-valuemin="0" aria-valuemax="100"
                aria-valuenow={percent.map(|percent| percent.to_string())} aria-valuetext={words}>
                <span style={percent.map(|percent| format!("width: {percent}%"))} />
            </div>
        </>
    }
}

/// How much of it is done, in whole percent; none when there is no telling.
fn share(done: u64, total: Option<u64>) -> Option<u64> {
    let total = total.filter(|total| *total > 0)?;
    u64::try_from(u128::from(done.min(total)) * 100 / u128::from(total)).ok()
}

fn amount(done: u64, total: Option<u64>) -> String {
    match total.filter(|total| *total > 0) {
        Some(total) => format!("{} of {}", bytes(done.min(total)), bytes(total)),
        None if done > 0 => bytes(done),
        None => String::new(),
    }
}

#[derive(Properties, PartialEq)]
struct SaveFileProps {
    job: Job,
    file: ExportedFile,
    /// More buttons.
    children: Html,
}

/// An exported file, to be saved. It takes up room until it is dismissed, and the browser may read it until then.
#[component]
fn SaveFile(props: &SaveFileProps) -> Html {
    let saved = use_state(|| false);
    let problem = use_state(|| None::<Problem>);
    let download = use_mut_ref(|| None::<Download>);
    let ExportedFile { name, bytes: size } = &props.file;
    let onclick = {
        let (job, name, download) = (props.job.id.clone(), name.clone(), download.clone());
        let (saved, problem) = (saved.setter(), problem.setter());
        Callback::from(move |_: MouseEvent| {
            let (job, name, download) = (job.clone(), name.clone(), download.clone());
            let (saved, problem) = (saved.clone(), problem.clone());
            spawn_local(async move {
                match save(&job, &name).await {
                    Ok(begun) => {
                        download.replace(Some(begun));
                        saved.set(true);
                        problem.set(None);
                    }
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    html! {
        <>
            <p class="job-file"><span class="mono">{ name }</span><span class="number">{ bytes(*size) }</span></p>
            if *saved {
                <p class="job-hint">
                    { "When the browser says that the download is complete, dismiss this: it removes the extension’s own copy." }
                </p>
            }
            if let Some(problem) = (*problem).clone() { <Notice {problem} /> }
            <div class="job-actions">
                <Button label={if *saved { "Save again" } else { "Save" }} icon={Icon::Export} class="small"
                    kind={if *saved { Kind::Secondary } else { Kind::Primary }}
                    name={format!("{} {name}", if *saved { "Save again" } else { "Save" })} {onclick} />
                { props.children.clone() }
            </div>
        </>
    }
}

#[derive(Properties, PartialEq)]
struct OpenMadeProps {
    made: Instance,
}

/// Opens the machine that a job made, by the name that it has now.
#[component]
fn OpenMade(props: &OpenMadeProps) -> Html {
    let workbench = use_world();
    let known = workbench.world.as_ref().and_then(|world| world.instance(&props.made.id)).cloned();
    let Some(Instance { id, name, .. }) = known else { return Html::default() };
    let onclick = Callback::from(move |_: MouseEvent| workbench.ask(PageRequest::OpenConsole(id.clone()), |_, _| ()));
    html! { <Button label={format!("Open {name}")} icon={Icon::Terminal} kind={Kind::Primary} class="small" {onclick} /> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_only_where_the_whole_is_known() {
        assert_eq!(share(5, None), None);
        assert_eq!(share(0, Some(0)), None);
        assert_eq!(share(999, Some(1000)), Some(99));
        assert_eq!(share(2000, Some(1000)), Some(100), "an estimate that was too small");
        assert_eq!(share(u64::MAX, Some(u64::MAX)), Some(100));
    }

    #[test]
    fn an_amount_has_both_sizes() {
        assert_eq!(amount(1 << 20, Some(4 << 20)), "1 MiB of 4 MiB");
        assert_eq!(amount(1 << 20, None), "1 MiB");
        assert_eq!(amount(0, None), "");
    }
}
