use crate::{
    free::Free,
    import::Import,
    machines::{Machines, Shared},
    usage::{Protection, Usage},
};
use protocol::{DiskReply, DiskRequest, InstanceId, JobId, State, StorageReport, World};
use ui::{
    Button, Icon, Jobs, Logo, Notice, RemovedMachines, Room, RoomWarning, Tellings, WorldProvider, use_asking,
    use_world,
};
use yew::prelude::*;

/// The storage page.
#[component]
pub(crate) fn Page() -> Html {
    html! { <WorldProvider><Storage /></WorldProvider> }
}

/// What the report depends on, as far as the world tells.
#[derive(PartialEq)]
struct Key(Vec<(InstanceId, u32, State)>, Vec<(JobId, bool)>, usize);

fn key(world: &World) -> Key {
    Key(
        world.instances.iter().map(|one| (one.id.clone(), one.disks, one.state)).collect(),
        world.jobs.iter().map(|job| (job.id.clone(), job.stage.is_over())).collect(),
        world.removed.len(),
    )
}

#[component]
fn Storage() -> Html {
    let workbench = use_world();
    let report = use_state(|| None::<StorageReport>);
    let answered = {
        let report = report.setter();
        Callback::from(move |reply| {
            if let DiskReply::Storage(now) = reply {
                report.set(Some(now));
            }
        })
    };
    let asking = use_asking(answered);
    let refresh = asking.ask.reform(|()| DiskRequest::Storage);
    use_effect_with(workbench.world.as_deref().map(key), {
        let refresh = refresh.clone();
        move |key| {
            if key.is_some() {
                refresh.emit(());
            }
        }
    });
    let room = report.as_ref().map(|report| Room { usage: report.usage, quota: report.quota });
    html! {
        <div class="page">
            <header class="head">
                <Logo />
                <h1>{ "Storage" }</h1>
                <Button label="Refresh" icon={Icon::Restart} class="small" busy={asking.busy && report.is_some()}
                    onclick={refresh.reform(|_| ())} />
                <a class="button secondary small" href="../history/index.html">{ Html::from(Icon::History) }{ "History" }</a>
                <a class="button secondary small" href="../options/index.html">{ Html::from(Icon::Settings) }{ "Options" }</a>
            </header>
            <Tellings />
            <RemovedMachines />
            if let Some(problem) = workbench.problem.clone() {
                <Notice {problem} on_dismiss={workbench.dismissal()} />
            }
            if let Some(problem) = asking.problem.clone() {
                <Notice {problem}>
                    <Button label="Try again" class="small" onclick={refresh.reform(|_| ())} />
                </Notice>
            }
            if let Some(room) = room {
                <RoomWarning {room} advice="Free something below, or delete machines you no longer need, before a disk runs out of room." />
            }
            <main>
                <div class="column">
                    if let (Some(report), Some(world)) = (&*report, &workbench.world) {
                        <Usage report={report.clone()} />
                        <Free report={report.clone()} world={(**world).clone()} {refresh} />
                        <Machines report={report.clone()} world={(**world).clone()} />
                        <Shared report={report.clone()} world={(**world).clone()} />
                    } else if asking.problem.is_none() {
                        <div class="skeleton" role="status" aria-label="Loading">
                            <div class="bone bone-usage" /><div class="bone bone-section" />
                        </div>
                    }
                </div>
                <div class="column">
                    <Import />
                    <Tasks world={workbench.world.as_deref().cloned()} />
                    <Protection />
                </div>
            </main>
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct TasksProps {
    world: Option<World>,
}

/// Everything that goes on, and what has ended and was not dismissed.
#[component]
fn Tasks(props: &TasksProps) -> Html {
    let jobs = props.world.as_ref().map(|world| world.jobs.clone()).unwrap_or_default();
    if jobs.is_empty() {
        return Html::default();
    }
    html! {
        <section class="section" aria-labelledby="tasks">
            <h2 id="tasks">{ "Tasks" }</h2>
            <Jobs {jobs} />
        </section>
    }
}
