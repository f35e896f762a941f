use crate::chart::{Chart, Unit};
use crate::events::Events;
use crate::filter::{Chosen, Filter, machines};
use crate::plot::Sample;
use crate::query::Query;
use crate::rows::{EventRow, events};
use protocol::{CatalogReply, CatalogRequest, EventFilter, EventKind, InstanceId, JobId, Problem, State, World};
use ui::{Button, Icon, Logo, Notice, Tellings, Workbench, WorldProvider, now, use_world};
use yew::prelude::*;

/// Most events in the list.
const LISTED: u32 = 300;
/// Most events in a chart: more can't be told apart.
const CHARTED: u32 = 1000;

/// The history page.
#[component]
pub(crate) fn Page() -> Html {
    html! { <WorldProvider><History /></WorldProvider> }
}

/// What the history depends on, as far as the world tells.
#[derive(PartialEq)]
struct Key(Vec<(InstanceId, String, State, u32, u32)>, Vec<(JobId, bool)>, Vec<u32>);

fn key(world: &World) -> Key {
    Key(
        world.instances.iter().map(|one| (one.id.clone(), one.name.clone(), one.state, one.boot, one.disks)).collect(),
        world.jobs.iter().map(|job| (job.id.clone(), job.stage.is_over())).collect(),
        world.tellings.iter().map(|telling| telling.id).collect(),
    )
}

/// What the catalog has answered.
#[derive(Clone, Default, PartialEq)]
struct Shown {
    events: Option<Vec<EventRow>>,
    more: bool,
    measured: Vec<EventRow>,
}

/// Asks for events; what goes wrong goes to `problem`.
fn ask(
    workbench: &Workbench,
    filter: EventFilter,
    problem: UseStateSetter<Option<Problem>>,
    done: impl FnOnce(Vec<EventRow>, bool) + 'static,
) {
    workbench.ask_catalog(CatalogRequest::Events(filter), move |answer| match answer {
        Ok(CatalogReply::Table(table)) => done(events(&table), table.more),
        Ok(CatalogReply::Done | CatalogReply::Recovered(_)) => {}
        Err(failed) => problem.set(Some(failed)),
    });
}

#[component]
fn History() -> Html {
    let workbench = use_world();
    let chosen = use_state(Chosen::default);
    let listed = use_state(|| (None::<Vec<EventRow>>, false));
    let measured = use_state(Vec::<EventRow>::new);
    let problem = use_state(|| None::<Problem>);
    let tick = use_state(|| 0_u32);
    let wanted = (workbench.world.as_deref().map(key), (*chosen).clone(), *tick);
    use_effect_with(wanted, {
        let (workbench, problem) = (workbench.clone(), problem.setter());
        let (listed, measured) = (listed.setter(), measured.setter());
        move |(key, chosen, _)| {
            if key.is_none() {
                return;
            }
            let time = now();
            problem.set(None);
            ask(&workbench, chosen.filter(time, LISTED), problem.clone(), move |rows, more| {
                listed.set((Some(rows), more))
            });
            let kinds = vec![EventKind::Booted, EventKind::Storage];
            // Of all machines: how much storage is in use is no machine's own.
            let charted = EventFilter { machine: None, kinds, since: chosen.since(time), limit: CHARTED };
            ask(&workbench, charted, problem, move |rows, _| measured.set(rows));
        }
    });
    let refresh = {
        let tick = tick.clone();
        Callback::from(move |_: MouseEvent| tick.set(tick.wrapping_add(1)))
    };
    let shown = Shown { events: listed.0.clone(), more: listed.1, measured: (*measured).clone() };
    let choose = {
        let chosen = chosen.setter();
        Callback::from(move |now| chosen.set(now))
    };
    html! {
        <div class="page">
            <header class="head">
                <Logo />
                <h1>{ "History" }</h1>
                <Button label="Refresh" icon={Icon::Restart} class="small" onclick={refresh.clone()} />
                <a class="button secondary small" href="../storage/index.html">{ Html::from(Icon::Disk) }{ "Storage" }</a>
                <a class="button secondary small" href="../options/index.html">{ Html::from(Icon::Settings) }{ "Options" }</a>
            </header>
            <Tellings />
            if let Some(problem) = workbench.problem.clone() {
                <Notice {problem} on_dismiss={workbench.dismissal()} />
            }
            if let Some(problem) = (*problem).clone() {
                <Notice {problem}><Button label="Try again" class="small" onclick={refresh} /></Notice>
            }
            <main>
                <section class="section" aria-labelledby="happened">
                    <div class="section-head">
                        <h2 id="happened">{ "What happened" }</h2>
                        <Filter machines={choices(&workbench, &shown)} chosen={(*chosen).clone()} onchoose={choose} />
                    </div>
                    <Events events={shown.events.clone()} more={shown.more} />
                </section>
                <div class="charts">{ charts(&shown, chosen.machine.as_ref()) }</div>
                <Query />
            </main>
        </div>
    }
}

fn choices(workbench: &Workbench, shown: &Shown) -> Vec<(InstanceId, String)> {
    let Some(world) = &workbench.world else { return vec![] };
    let rows = shown.events.iter().flatten().chain(&shown.measured);
    let gone: Vec<_> = rows.filter_map(|row| row.machine.clone().zip(row.name.clone())).collect();
    machines(world, &gone)
}

/// The charts, oldest sample first.
fn charts(shown: &Shown, machine: Option<&InstanceId>) -> Html {
    let of = |kind| shown.measured.iter().rev().filter(move |row| row.kind == kind);
    let own = |row: &&EventRow| machine.is_none_or(|id| row.machine.as_deref() == Some(id.as_str()));
    let boots: Vec<Sample> =
        of(EventKind::Booted).filter(own).filter_map(|row| Some((row.time, row.duration?))).collect();
    let storage: Vec<Sample> = of(EventKind::Storage).filter_map(|row| Some((row.time, row.bytes?))).collect();
    html! {
        <>
            <Chart id="boots" title="Time to start" samples={boots} unit={Unit::Milliseconds}
                empty="No machine was started in this time." />
            <Chart id="stored" title="Storage in use" samples={storage} unit={Unit::Bytes} line=true
                empty="The storage was not measured in this time." />
        </>
    }
}
