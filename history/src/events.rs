use crate::rows::{EventRow, duration};
use protocol::EventKind;
use ui::{bytes, moment};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct EventsProps {
    /// Newest first; none until they have come.
    pub(crate) events: Option<Vec<EventRow>>,
    /// There are more.
    pub(crate) more: bool,
}

/// The events in a table.
#[component]
pub(crate) fn Events(props: &EventsProps) -> Html {
    let Some(events) = &props.events else {
        return html! { <div class="skeleton" role="status" aria-label="Opening the catalog"><div class="bone bone-events" /></div> };
    };
    if events.is_empty() {
        return html! { <p class="panel nothing">{ "Nothing has happened here in this time." }</p> };
    }
    html! {
        <>
            <div class="panel scroll events" tabindex="0" role="region" aria-label="Events">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{ "When" }</th>
                            <th scope="col">{ "Machine" }</th>
                            <th scope="col">{ "What" }</th>
                            <th scope="col">{ "Took" }</th>
                            <th scope="col">{ "Details" }</th>
                        </tr>
                    </thead>
                    <tbody>{ for events.iter().map(row) }</tbody>
                </table>
            </div>
            if props.more { <p class="remark">{ "Only the newest are shown. Choose a shorter time or one machine to see others, or ask in SQL." }</p> }
        </>
    }
}

/// The name by which the style sheet knows how serious a kind is.
fn tone(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::Crashed | EventKind::WorkFailed => Some("bad"),
        EventKind::Forced | EventKind::Interrupted | EventKind::Rebuilt | EventKind::Recovered | EventKind::Dropped => {
            Some("warn")
        }
        EventKind::Booted => Some("ok"),
        _ => None,
    }
}

fn row(event: &EventRow) -> Html {
    let size = event.bytes.map(bytes);
    let details = match (size, event.details.as_str()) {
        (Some(size), "") => size,
        (Some(_), details) if event.kind == EventKind::Storage => {
            format!(
                "{} in use{}",
                event.bytes.map(bytes).unwrap_or_default(),
                details.find(", ").map_or("", |at| &details[at..])
            )
        }
        (Some(size), details) => format!("{details}, {size}"),
        (None, details) => details.to_owned(),
    };
    html! {
        <tr key={event.id.clone()}>
            <td class="when">{ moment(event.time) }</td>
            <td>{ event.name.clone().unwrap_or_default() }</td>
            <td><span class={classes!("kind", tone(event.kind))}>{ event.kind.label() }</span></td>
            <td class="number">{ event.duration.map(duration).unwrap_or_default() }</td>
            <td class="details">{ details }</td>
        </tr>
    }
}
