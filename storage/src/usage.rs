use crate::account::{by_kind, kind_class, kind_label};
use protocol::{StorageKind, StorageReport};
use ui::{Button, Icon, Kind, Persistence, Room, bytes, use_persistence};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct UsageProps {
    pub(crate) report: StorageReport,
}

/// How much is in use, and by what.
#[component]
pub(crate) fn Usage(props: &UsageProps) -> Html {
    let StorageReport { usage, quota, items } = &props.report;
    let room = Room { usage: *usage, quota: *quota };
    let kinds = by_kind(items);
    let words = format!("{} of {} used", bytes(*usage), bytes(*quota));
    html! {
        <section class="section" aria-labelledby="usage">
            <h2 id="usage" class="visually-hidden">{ "Usage" }</h2>
            <div class="panel usage">
                <p class="usage-words number">
                    <strong>{ bytes(*usage) }</strong>
                    <span>{ format!("of {} used", bytes(*quota)) }</span>
                    <span class="usage-percent">{ percent(room) }</span>
                </p>
                <div class={classes!("meter", room.is_short().then_some("short"))} role="meter" aria-label="Storage in use"
                    aria-valuemin="0" aria-valuemax="100" aria-valuenow={room.percent().to_string()} aria-valuetext={words}>
                    { for kinds.iter().map(|(kind, size)| segment(*kind, *size, *quota)) }
                </div>
                <ul class="legend" aria-label="Usage by kind">
                    { for kinds.iter().map(|(kind, size)| html! {
                        <li>
                            <span class={classes!("swatch", kind_class(*kind))} />
                            <span class="legend-label">{ kind_label(*kind) }</span>
                            <span class="number">{ bytes(*size) }</span>
                        </li>
                    }) }
                </ul>
            </div>
        </section>
    }
}

fn percent(room: Room) -> String {
    let Room { usage, quota } = room;
    if usage > 0 && usage < quota / 100 { "under 1 %".to_owned() } else { format!("{} %", room.percent()) }
}

fn segment(kind: StorageKind, size: u64, quota: u64) -> Html {
    let share = size as f64 * 100.0 / quota.max(1) as f64;
    html! { <span class={classes!("segment", kind_class(kind))} style={format!("width: {share:.3}%")} /> }
}

/// Whether the browser may clear the storage, and a button to ask it not to.
#[component]
pub(crate) fn Protection() -> Html {
    let Persistence { granted, refused, ask } = use_persistence();
    let Some(granted) = granted else { return Html::default() };
    html! {
        <section class="section" aria-labelledby="protection">
            <h2 id="protection">{ "Protection" }</h2>
            <div class="panel protection">
                if granted {
                    <p class="protected" role="status">
                        { Html::from(Icon::Check) }
                        { "The browser keeps this storage, also when the computer’s disk runs full." }
                    </p>
                } else {
                    <p>{ "The browser has not promised to keep this storage when the computer’s disk runs full." }</p>
                    if refused {
                        <p class="refused" role="status">
                            { "The browser gave no promise. To be safe, export the machines that matter." }
                        </p>
                    }
                    <Button label="Ask the browser to promise" kind={Kind::Secondary} onclick={ask.reform(|_| ())} />
                }
            </div>
        </section>
    }
}
