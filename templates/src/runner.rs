use crate::talk::use_talk;
use crate::text::shown;
use protocol::{
    DiskReply, DiskRequest, ExportedFile, FileName, FilePath, InstanceId, Job, JobId, JobStage, PageRequest, Problem,
    ProblemCode, ShareRequest, ShareWhat, TASK_ARTIFACTS, TASK_INPUT, TASK_SCRIPT_MAX, Task, TaskAsk, TaskEnd,
    TaskStage, TemplateId, World,
};
use ui::{Button, Download, FilePicker, Icon, Kind, Notice, Remark, SelectField, Tone, Workbench, use_now, use_world};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, File, HtmlTextAreaElement};
use yew::prelude::*;

/// How long a script can be given: in words, and in seconds.
const TIMES: [(&str, u32); 5] =
    [("1 minute", 60), ("5 minutes", 300), ("30 minutes", 1_800), ("2 hours", 7_200), ("1 day", 86_400)];
/// What is in the field at first: it runs, and shows what can be done.
const EXAMPLE: &str =
    "uname -a\nls -la                     # your files are here\necho it works > /artifacts/result.txt\n";

/// How far the page is with it.
#[derive(Clone, PartialEq)]
enum Step {
    /// The script is being written.
    Form,
    /// The machine is being made, and files are brought to it.
    Bringing(Option<JobId>),
    /// The script runs, or waits for the machine.
    Running,
    /// It is over, and what it made is being fetched.
    Fetching(TaskEnd, Option<JobId>),
    /// All is done, and the machine is gone.
    Done(TaskEnd, Option<(JobId, ExportedFile)>),
}

fn folder(name: &str) -> FilePath {
    FileName::from_bytes(name.as_bytes()).map(|name| FilePath::root().join(&name)).unwrap_or_default()
}

fn share(id: &InstanceId, what: ShareWhat) -> DiskRequest {
    DiskRequest::Share(ShareRequest { id: id.clone(), what })
}

fn stage<'a>(world: Option<&'a World>, job: &JobId) -> Option<&'a JobStage> {
    world?.jobs.iter().find(|one: &&Job| one.id == *job).map(|job| &job.stage)
}

/// The machine that may have a script already, as after this page was loaded anew.
fn there(world: Option<&World>) -> Option<InstanceId> {
    world?.instances.iter().find(|one| one.ephemeral && one.state.is_live()).map(|one| one.id.clone())
}

#[derive(Properties, PartialEq)]
pub(crate) struct RunnerProps {
    pub(crate) template: TemplateId,
    pub(crate) on_close: Callback<()>,
}

/// Runs a script in a machine that vanishes afterwards.
#[component]
pub(crate) fn Runner(props: &RunnerProps) -> Html {
    let workbench = use_world();
    let world = workbench.world.as_deref();
    let script = use_state(|| EXAMPLE.to_owned());
    let time = use_state(|| 1_usize);
    let files = use_state(Vec::<File>::new);
    let id = use_state(|| there(world));
    let step = use_state(|| Step::Form);
    let problem = use_state(|| None::<Problem>);
    let started = id.as_ref().and_then(|id| world?.instance(id)?.started);
    let (heard, ask) = use_talk(id.as_ref(), &started);

    let bring = {
        let (workbench, id, step, problem) = (workbench.clone(), id.setter(), step.setter(), problem.setter());
        let (template, files) = (props.template.clone(), (*files).clone());
        Callback::from(move |_: MouseEvent| {
            problem.set(None);
            step.set(Step::Bringing(None));
            let (again, id, step, problem, files) =
                (workbench.clone(), id.clone(), step.clone(), problem.clone(), files.clone());
            workbench.ask(PageRequest::LaunchForTask { template: template.clone() }, move |made, _| {
                let Some(made) = made else { return step.set(Step::Form) };
                id.set(Some(made.clone()));
                match files.is_empty() {
                    true => step.set(Step::Running),
                    false => upload(&again, made, files, step, problem),
                }
            });
        })
    };

    // Why its machine is no more, though nobody ended it.
    let instance = id.as_ref().and_then(|id| world?.instance(id));
    let lost = match (&*id, instance) {
        (Some(_), None) if world.is_some() => Some(ended_early()),
        (_, Some(one)) if !one.state.is_live() => Some(one.problem.clone().unwrap_or_else(ended_early)),
        _ => None,
    };
    let is_there = instance.map(|one| one.state.is_live());
    use_effect_with((matches!(*step, Step::Done(..)), (*id).clone()), {
        let workbench = workbench.clone();
        move |(done, id)| match (done, id.clone(), is_there) {
            (true, Some(id), Some(true)) => workbench.ask(PageRequest::ForceStop(id), |_, _| ()),
            (true, Some(id), Some(false)) => workbench.ask(PageRequest::Delete(id), |_, _| ()),
            _ => {}
        }
    });
    // What the world says of the job that goes on, and what the worker says of the script.
    let job_stage = match &*step {
        Step::Bringing(Some(job)) | Step::Fetching(_, Some(job)) => stage(world, job).cloned(),
        _ => None,
    };
    use_effect_with((job_stage, heard.stage.clone(), lost, (*step).clone()), {
        let (workbench, id, to, problem) = (workbench.clone(), (*id).clone(), step.setter(), problem.setter());
        let task = Task { script: (*script).clone(), seconds: TIMES.get(*time).map_or(300, |(_, seconds)| *seconds) };
        let ask = ask.clone();
        move |(job, heard, lost, step)| match (step, job, heard) {
            // A page that was loaded anew shows the run that is there.
            (Step::Form, _, Some(TaskStage::Waiting | TaskStage::Running(_) | TaskStage::Over(_))) if id.is_some() => {
                to.set(Step::Running);
            }
            (Step::Bringing(Some(done)), Some(JobStage::Done(_)), _) => {
                workbench.ask_disks(DiskRequest::DismissJob(done.clone()), |_| ());
                to.set(Step::Running);
            }
            (Step::Bringing(Some(_)), Some(JobStage::Failed(why)), _) => {
                to.set(Step::Done(TaskEnd::Failed(why.clone()), None))
            }
            (Step::Fetching(end, Some(job)), Some(JobStage::Done(outcome)), _) => {
                to.set(Step::Done(end.clone(), outcome.file.clone().map(|file| (job.clone(), file))));
            }
            (Step::Fetching(end, Some(_)), Some(JobStage::Failed(why)), _) => {
                problem.set(Some(why.clone()));
                to.set(Step::Done(end.clone(), None));
            }
            (Step::Running, _, Some(TaskStage::Over(end))) => {
                if let Some(id) = id {
                    to.set(Step::Fetching(end.clone(), None));
                    fetch(&workbench, id, end.clone(), to, problem);
                }
            }
            (Step::Running | Step::Bringing(_) | Step::Fetching(..), ..) if lost.is_some() => {
                to.set(Step::Done(TaskEnd::Failed(lost.clone().unwrap_or_else(ended_early)), None));
            }
            (Step::Running, _, Some(TaskStage::None)) => ask.emit(TaskAsk::Run(task)),
            _ => {}
        }
    });

    let write = {
        let script = script.setter();
        Callback::from(move |event: InputEvent| {
            script.set(event.target_unchecked_into::<HtmlTextAreaElement>().value());
        })
    };
    let choose = {
        let files = files.setter();
        Callback::from(move |chosen| files.set(chosen))
    };
    let set_time = {
        let time = time.setter();
        Callback::from(move |at| time.set(at))
    };
    let again = {
        let (id, step, problem, workbench) = (id.setter(), step.clone(), problem.setter(), workbench.clone());
        Callback::from(move |_: MouseEvent| {
            if let Step::Done(_, Some((job, _))) = &*step {
                workbench.ask_disks(DiskRequest::DismissJob(job.clone()), |_| ());
            }
            id.set(None);
            problem.set(None);
            step.set(Step::Form);
        })
    };
    let cancel = {
        let (ask, step, workbench) = (ask.clone(), step.clone(), workbench.clone());
        let runs = matches!(heard.stage, Some(TaskStage::Running(_) | TaskStage::Waiting));
        Callback::from(move |_: MouseEvent| {
            if runs {
                return ask.emit(TaskAsk::Cancel);
            }
            if let Step::Bringing(Some(job)) = &*step {
                workbench.ask_disks(DiskRequest::CancelJob(job.clone()), |_| ());
            }
            step.set(Step::Done(TaskEnd::Canceled, None));
        })
    };
    let long = script.len() > TASK_SCRIPT_MAX;
    let too_long = format!("A script has at most {} KiB.", TASK_SCRIPT_MAX >> 10);
    html! {
        <section class="section runner" aria-labelledby="runner">
            <div class="section-head">
                <h2 id="runner">{ "Run a script" }</h2>
                if matches!(*step, Step::Form | Step::Done(..)) {
                    <Button label="Close" name="Close the runner" icon={Icon::Close} kind={Kind::Ghost} icon_only=true class="small"
                        onclick={props.on_close.reform(|_| ())} />
                }
            </div>
            <div class="panel runner-panel">
                if let Some(problem) = (*problem).clone() { <Notice {problem} /> }
                if *step == Step::Form {
                    <div class="field">
                        <label for="task">{ "Script" }</label>
                        <textarea id="task" class="mono" rows="10" spellcheck="false" autocomplete="off" value={(*script).clone()}
                            aria-describedby="task-about" oninput={write} />
                        <p id="task-about" class={classes!("field-about", long.then_some("bad"))}>
                            { if long { too_long.as_str() } else {
                                "Runs as root in /work. What it leaves in /artifacts is yours; all else vanishes with the machine."
                            } }
                        </p>
                    </div>
                    <FilePicker label="Add files" hint={chosen(&files)} accept="" on_files={choose} />
                    <div class="runner-foot">
                        <SelectField id="time" label="At most" chosen={*time} onchoose={set_time}
                            options={TIMES.iter().map(|(text, _)| AttrValue::from(*text)).collect::<Vec<_>>()} />
                        <Button label="Run" name="Run the script" kind={Kind::Primary} icon={Icon::Play} disabled={long || script.trim().is_empty()}
                            onclick={bring} />
                    </div>
                } else {
                    <Status step={(*step).clone()} stage={heard.stage.clone()} />
                    <Output text={shown(&heard.said)} />
                    <div class="runner-foot">
                        { match &*step {
                            Step::Done(_, made) => html! {
                                <>
                                    if let Some((job, file)) = made.clone() { <Artifacts {job} {file} /> }
                                    <Button label="Run another" icon={Icon::Restart} onclick={again} />
                                </>
                            },
                            _ => html! { <Button label="Cancel" name="Cancel the script" icon={Icon::Stop} onclick={cancel} /> },
                        } }
                    </div>
                }
            </div>
        </section>
    }
}

/// What was chosen, or what can be.
fn chosen(files: &[File]) -> String {
    match files {
        [] => "Put beside the script; .tar, .tar.gz and .zip are unpacked".to_owned(),
        [one] => one.name(),
        several => format!("{} files", several.len()),
    }
}

fn ended_early() -> Problem {
    Problem {
        code: ProblemCode::Interrupted,
        message: "The machine ended before the script did, and what it had made is gone.".to_owned(),
        advice: "A script must not switch the machine off. The history says what became of it.".to_owned(),
    }
}

/// Brings the user's files to where the machine finds them.
fn upload(
    workbench: &Workbench,
    id: InstanceId,
    files: Vec<File>,
    step: UseStateSetter<Step>,
    problem: UseStateSetter<Option<Problem>>,
) {
    let again = workbench.clone();
    workbench.ask_disks(share(&id, ShareWhat::MakeFolder(folder(TASK_INPUT))), move |_| {
        // Whether the folder is there now is said by what comes next.
        again.upload(&id, &folder(TASK_INPUT), files, move |job| match job {
            Ok(job) => step.set(Step::Bringing(Some(job))),
            Err(why) => {
                problem.set(Some(why.clone()));
                step.set(Step::Done(TaskEnd::Failed(why), None));
            }
        });
    });
}

/// Fetches what the script has made, if anything.
fn fetch(
    workbench: &Workbench,
    id: InstanceId,
    end: TaskEnd,
    step: UseStateSetter<Step>,
    problem: UseStateSetter<Option<Problem>>,
) {
    let again = workbench.clone();
    let list = ShareWhat::List { path: folder(TASK_ARTIFACTS), after: 0 };
    workbench.ask_disks(share(&id, list), move |answer| {
        let made = matches!(&answer, Ok(DiskReply::Share(listing)) if !listing.entries.is_empty());
        if !made {
            return step.set(Step::Done(end, None));
        }
        again.ask_disks(share(&id, ShareWhat::Download(folder(TASK_ARTIFACTS))), move |answer| match answer {
            Ok(DiskReply::Job(job)) => step.set(Step::Fetching(end, Some(job))),
            Ok(_) => step.set(Step::Done(end, None)),
            Err(why) => {
                problem.set(Some(why));
                step.set(Step::Done(end, None));
            }
        });
    });
}

#[derive(Properties, PartialEq)]
struct StatusProps {
    step: Step,
    stage: Option<TaskStage>,
}

/// How it goes, in a sentence.
#[component]
fn Status(props: &StatusProps) -> Html {
    let since = match &props.stage {
        Some(TaskStage::Running(since)) => Some(*since),
        _ => None,
    };
    let now = use_now(since.is_some() && props.step == Step::Running);
    let words = match (&props.step, since) {
        (Step::Bringing(Some(_)), _) => "Bringing your files to the machine…".to_owned(),
        (Step::Running, Some(since)) => format!("Running for {}", ui::uptime(since, now)),
        (Step::Fetching(..), _) => "Fetching what it made…".to_owned(),
        _ => "Starting the machine…".to_owned(),
    };
    match &props.step {
        Step::Done(TaskEnd::Exit(0), _) => html! {
            <Remark tone={Tone::Good} message="Exit status 0: it went well." advice="The machine is gone." />
        },
        Step::Done(TaskEnd::Exit(status), _) => html! {
            <Remark tone={Tone::Warning} message={format!("Exit status {status}: it failed.")} advice="The machine is gone." />
        },
        Step::Done(TaskEnd::Canceled, _) => html! {
            <Remark tone={Tone::Warning} message="It was canceled." advice="The machine is gone." />
        },
        Step::Done(TaskEnd::TimedOut, _) => html! {
            <Remark tone={Tone::Warning} message="It took longer than it was given, and was ended." advice="The machine is gone." />
        },
        Step::Done(TaskEnd::Failed(problem), _) => html! { <Notice problem={problem.clone()} /> },
        _ => html! { <p class="runner-status" role="status"><span class="pulse" />{ words }</p> },
    }
}

#[derive(Properties, PartialEq)]
struct OutputProps {
    text: String,
}

/// What the script says; it stays at the end while it grows.
#[component]
fn Output(props: &OutputProps) -> Html {
    let node = use_node_ref();
    use_effect_with((node.clone(), props.text.len()), |(node, _)| {
        if let Some(element) = node.cast::<Element>() {
            element.set_scroll_top(element.scroll_height());
        }
    });
    let nothing = props.text.is_empty();
    html! {
        <pre ref={node} class="output mono" role="log" aria-label="Output" tabindex="0">
            { if nothing { "It has said nothing yet." } else { props.text.as_str() } }
        </pre>
    }
}

#[derive(Properties, PartialEq)]
struct ArtifactsProps {
    job: JobId,
    file: ExportedFile,
}

/// What the script has made, to be saved.
#[component]
fn Artifacts(props: &ArtifactsProps) -> Html {
    let problem = use_state(|| None::<Problem>);
    // Kept as long as the browser may read it.
    let saved = use_mut_ref(|| None::<Download>);
    let save = {
        let (job, name, problem) = (props.job.clone(), props.file.name.clone(), problem.setter());
        Callback::from(move |_: MouseEvent| {
            let (job, name, problem, saved) = (job.clone(), name.clone(), problem.clone(), saved.clone());
            spawn_local(async move {
                match ui::save(&job, &name).await {
                    Ok(download) => drop(saved.replace(Some(download))),
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    html! {
        <>
            <Button label={format!("Save artifacts ({})", ui::bytes(props.file.bytes))} kind={Kind::Primary} icon={Icon::Export} onclick={save} />
            if let Some(problem) = (*problem).clone() { <Notice {problem} /> }
        </>
    }
}
