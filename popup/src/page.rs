use crate::{launch::Launch, machine::Machine};
use protocol::{InstanceId, Job, JobId, JobStage, PageRequest, State, World};
use std::rc::Rc;
use ui::{
    EmptyState, Icon, Logo, Notice, Peers, Progress, RemovedMachines, RoomWarning, Tellings, WorldProvider, use_peers,
    use_room, use_world,
};
use yew::prelude::*;

/// The storage page's place, seen from the popup.
const STORAGE: &str = "../storage/index.html";

/// What the page's timeline says when the machines are there.
const SHOWN: &str = "machines-shown";

#[derive(Properties, PartialEq)]
pub(crate) struct PageProps {
    /// What is shown until the background speaks.
    pub(crate) was: Option<Rc<World>>,
}

/// The popup.
#[component]
pub(crate) fn Page(props: &PageProps) -> Html {
    html! { <WorldProvider was={props.was.clone()}><Popup /></WorldProvider> }
}

#[component]
fn Popup() -> Html {
    let workbench = use_world();
    let peers = use_peers();
    html! {
        <div class="popup">
            <header class="top">
                <Logo />
                <h1>{ "VM Workbench" }</h1>
                <a class="button ghost icon-only" href="../options/index.html" target="_blank" aria-label="Options" data-tip="Options">
                    { Html::from(Icon::Settings) }
                </a>
            </header>
            if let Some(problem) = workbench.problem.clone() {
                <div class="problem"><Notice {problem} on_dismiss={workbench.dismissal()} /></div>
            }
            if workbench.world.as_ref().is_some_and(|world| !world.tellings.is_empty()) {
                <div class="problem"><Tellings /></div>
            }
            if workbench.world.as_ref().is_some_and(|world| !world.removed.is_empty()) {
                <div class="problem"><RemovedMachines /></div>
            }
            <main>
                if let Some(world) = &workbench.world {
                    <Launch world={(**world).clone()} />
                    <Warning world={(**world).clone()} />
                    <Tasks jobs={world.jobs.clone()} />
                    <Machines world={(**world).clone()} />
                    <Peers seen={peers} />
                } else {
                    <Skeleton />
                }
            </main>
            <nav class="bottom" aria-label="Storage and history">
                <a class="button ghost small" href={STORAGE} target="_blank">{ Html::from(Icon::Disk) }{ "Storage" }</a>
                <a class="button ghost small" href={format!("{STORAGE}#import")} target="_blank">
                    { Html::from(Icon::Import) }{ "Import…" }
                </a>
                <a class="button ghost small" href="../network/index.html" target="_blank">
                    { Html::from(Icon::Network) }{ "Network" }
                </a>
                <a class="button ghost small" href="../history/index.html" target="_blank">
                    { Html::from(Icon::History) }{ "History" }
                </a>
            </nav>
        </div>
    }
}

/// Says that the storage is nearly full.
#[component]
fn Warning(props: &MachinesProps) -> Html {
    // What fills the storage: disks that change, and files that tasks write.
    let disks: Vec<(InstanceId, u32, State)> =
        props.world.instances.iter().map(|one| (one.id.clone(), one.disks, one.state)).collect();
    let jobs: Vec<(JobId, bool)> = props.world.jobs.iter().map(|job| (job.id.clone(), job.stage.is_over())).collect();
    let Some(room) = use_room((disks, jobs)).filter(|room| room.is_short()) else { return Html::default() };
    html! {
        <div class="warning-place">
            <RoomWarning {room} advice="Free something before a disk runs out of room.">
                <a class="button secondary small" href={STORAGE} target="_blank">{ "Open storage" }</a>
            </RoomWarning>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct TasksProps {
    jobs: Vec<Job>,
}

/// Long work in short; the storage page has what can be done about it.
#[component]
fn Tasks(props: &TasksProps) -> Html {
    if props.jobs.is_empty() {
        return Html::default();
    }
    let task = |job: &Job| {
        let state = match &job.stage {
            JobStage::Done(outcome) if outcome.file.is_some() => "Done: save the file",
            JobStage::Done(_) => "Done",
            JobStage::Failed(_) => "Failed",
            JobStage::WaitingForFile | JobStage::Working { .. } => "",
        };
        html! {
            <li key={job.id.as_str()} class="task">
                <a href={STORAGE} target="_blank">
                    <span class="task-title">{ &job.title }</span>
                    if !state.is_empty() { <span class="task-state">{ state }</span> }
                </a>
                <Progress job={job.clone()} brief=true />
            </li>
        }
    };
    html! {
        <section class="tasks">
            <h2 id="tasks">{ "Tasks" }</h2>
            <ul aria-labelledby="tasks">{ for props.jobs.iter().map(task) }</ul>
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct MachinesProps {
    world: World,
}

#[component]
fn Machines(props: &MachinesProps) -> Html {
    use_effect_with((), |()| {
        if let Some(performance) = web_sys::window().and_then(|window| window.performance()) {
            // For the benchmark of the popup; a page that can't keep it shows its machines all the same.
            drop(performance.mark(SHOWN));
        }
    });
    let instances = &props.world.instances;
    if instances.is_empty() {
        return html! {
            <EmptyState title="No machines yet" picture={picture()}
                text="Launch gives you a small Linux machine in a few seconds. It runs in this browser, and its disk stays when you close it." />
        };
    }
    let running = instances.iter().filter(|instance| instance.state == State::Running).count();
    let names: Vec<AttrValue> = instances.iter().map(|instance| instance.name.clone().into()).collect();
    let title = |id: &protocol::TemplateId| props.world.template(id).map(|template| template.plan.title.clone());
    html! {
        <section class="machines">
            <div class="machines-head">
                <h2 id="machines">{ "Machines" }</h2>
                <span class="number">{ format!("{running} running") }</span>
            </div>
            <ul class="list" aria-label="Machines">
                { for instances.iter().map(|instance| html! {
                    <Machine key={instance.id.as_str()} instance={instance.clone()} names={names.clone()}
                        template={title(&instance.template)} />
                }) }
            </ul>
        </section>
    }
}

/// The request that the Launch button makes; here so that the button and the menu agree.
pub(crate) fn launch(template: Option<protocol::TemplateId>) -> PageRequest {
    PageRequest::Launch { template }
}

#[component]
fn Skeleton() -> Html {
    html! {
        <div class="skeleton" aria-busy="true" aria-label="Loading" role="status">
            <div class="bone bone-launch" />
            <div class="bone bone-head" />
            <div class="bone bone-row" />
            <div class="bone bone-row" />
        </div>
    }
}

fn picture() -> Html {
    html! {
        <svg class="picture" viewBox="0 0 112 72" width="112" height="72" aria-hidden="true" focusable="false">
            <rect class="picture-back" x="24" y="3" width="64" height="44" rx="7" />
            <rect class="picture-front" x="8" y="15" width="96" height="54" rx="8" />
            <path class="picture-bar" d="M8 29h96" />
            <path class="picture-dots" d="M17 22h.01M24 22h.01M31 22h.01" />
            <path class="picture-mark" d="M21 40l7 6.5-7 6.5M33 54h14" />
        </svg>
    }
}
