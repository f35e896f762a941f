use super::chart::Chart;
use protocol::Instance;
use std::rc::Rc;
use ui::{Past, Rates, bytes, memory, uptime, use_now};
use yew::prelude::*;

/// What the chart of a rate shows at least as its full height, in bytes a second: a few bytes are no mountain.
const LEAST_RATE: f64 = 64.0 * 1024.0;

#[derive(Properties, PartialEq)]
pub(super) struct FiguresProps {
    pub(super) instance: Instance,
    pub(super) past: Rc<Past>,
}

/// How the machine is doing, as figures with charts.
#[component]
pub(super) fn Figures(props: &FiguresProps) -> Html {
    let FiguresProps { instance, past } = props;
    let live = instance.state.is_live();
    let now = use_now(live && instance.started.is_some());
    let (rates, guest) = (past.now().filter(|_| live), past.guest().filter(|_| live));
    let processor = rates.map(|rates| format!("{:.0} %", 100.0 * rates.processor));
    let load = guest.map(|guest| format!("{:.2}", guest.load));
    let used = guest.map(|guest| guest.memory_total - guest.memory_available);
    let taken = guest.zip(used).map(|(guest, used)| format!("{} of {}", whole(used), whole(guest.memory_total)));
    let room = guest.map(|guest| format!("{} free of {}", whole(guest.root_free), whole(guest.root_total)));
    let pair = |words: [&str; 2], figures: Option<[f64; 2]>| {
        figures.map(|[first, second]| format!("{} {}, {} {}", rate(first), words[0], rate(second), words[1]))
    };
    let disk = pair(["read", "written"], rates.map(|rates| rates.disk));
    let network = pair(["in", "out"], rates.map(|rates| rates.network));
    let line = |figure: fn(&Rates) -> f64| past.line(figure);
    html! {
        <section class="side-section" aria-labelledby="health-now">
            <div class="side-section-head"><h3 id="health-now">{ "Now" }</h3></div>
            <dl class="figures">
                { figure("Processor", processor, vec![line(|rates| rates.processor)], 1.0) }
                { figure("Load in the guest", load, vec![past.loads()], 1.0) }
                { figure("Disks", disk, vec![line(|rates| rates.disk[0]), line(|rates| rates.disk[1])], LEAST_RATE) }
                { figure("Network", network, vec![line(|rates| rates.network[0]), line(|rates| rates.network[1])], LEAST_RATE) }
                { figure("Memory in use", taken, vec![], 0.0) }
                { figure("System disk", room, vec![], 0.0) }
                { figure("Uptime", instance.started.filter(|_| live).map(|started| uptime(started, now)), vec![], 0.0) }
                { figure("Memory given to it", Some(memory(instance.memory)), vec![], 0.0) }
                <div class="figure wide">
                    <dt>{ "Last problem" }</dt>
                    <dd>{ instance.problem.as_ref().map_or("None since its last start", |problem| problem.message.as_str()) }</dd>
                </div>
            </dl>
            if !live { <p class="why">{ "It does not run: there is nothing to measure." }</p> }
        </section>
    }
}

fn figure(label: &'static str, value: Option<String>, lines: Vec<Vec<f64>>, top: f64) -> Html {
    let words = value.unwrap_or_else(|| "–".to_owned());
    let chart = format!("{label}, last minute, now {words}");
    html! {
        <div class={classes!("figure", (!lines.is_empty()).then_some("charted"))}>
            <dt>{ label }</dt>
            <dd class="number">{ words }</dd>
            if !lines.is_empty() { <dd class="figure-plot"><Chart label={chart} {lines} {top} /></dd> }
        </div>
    }
}

fn whole(count: f64) -> String {
    bytes(count.max(0.0) as u64)
}

fn rate(count: f64) -> String {
    format!("{}/s", if count < 1.0 { "0".to_owned() } else { whole(count) })
}
