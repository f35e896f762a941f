use crate::account::{Freeable, freeable};
use protocol::{DiskRequest, Removable, StorageReport, World};
use ui::{Button, FormDialog, Icon, Kind, Notice, bytes, use_asking};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct FreeProps {
    pub(crate) report: StorageReport,
    pub(crate) world: World,
    /// Something was freed.
    pub(crate) refresh: Callback<()>,
}

/// What can be freed, with a button each.
#[component]
pub(crate) fn Free(props: &FreeProps) -> Html {
    let things = freeable(&props.report.items, &props.world);
    let total: u64 = things.iter().map(|thing| thing.bytes).sum();
    html! {
        <section class="section" aria-labelledby="free">
            <div class="section-head">
                <h2 id="free">{ "Can be freed" }</h2>
                if total > 0 { <span class="number">{ bytes(total) }</span> }
            </div>
            if things.is_empty() {
                <p class="panel nothing">{ "Nothing: there are no snapshots, exported files or leftovers." }</p>
            } else {
                <ul class="panel rows" aria-label="Can be freed">
                    { for things.iter().map(|thing| html! {
                        <Row key={format!("{:?}", thing.what)} thing={thing.clone()} refresh={props.refresh.clone()} />
                    }) }
                </ul>
            }
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct RowProps {
    thing: Freeable,
    refresh: Callback<()>,
}

#[component]
fn Row(props: &RowProps) -> Html {
    let Freeable { what, bytes: size, title, .. } = &props.thing;
    let confirming = use_state(|| false);
    let set = |to: bool| {
        let confirming = confirming.setter();
        Callback::from(move |()| confirming.set(to))
    };
    let done = {
        let (close, refresh) = (set(false), props.refresh.clone());
        Callback::from(move |_| {
            close.emit(());
            refresh.emit(());
        })
    };
    let asking = use_asking(done);
    let remove = {
        let request = DiskRequest::Free(what.clone());
        asking.ask.reform(move |()| request.clone())
    };
    let loses = matches!(what, Removable::Snapshot(..));
    let (label, name) = match what {
        Removable::Snapshot(..) => ("Delete…", format!("Delete… snapshot {title}")),
        Removable::Export(_) | Removable::Warm(_) => ("Remove", format!("Remove {title}")),
        Removable::Leftovers => ("Remove", "Remove leftovers".to_owned()),
    };
    let onclick = if loses { set(true).reform(|_: MouseEvent| ()) } else { remove.reform(|_: MouseEvent| ()) };
    html! {
        <li class="row" aria-label={title.clone()}>
            <div class="row-text">
                <span class="row-name">{ title }</span>
                <span class="row-about">{ about(&props.thing) }</span>
            </div>
            <span class="row-size number">{ bytes(*size) }</span>
            <Button {label} {name} icon={Icon::Trash} class="small" busy={asking.busy && !*confirming} {onclick} />
            if *confirming {
                <FormDialog title={format!("Delete {title}?")} confirm="Delete" kind={Kind::Danger} busy={asking.busy}
                    text="You can’t come back to this snapshot any more. The machine’s present state and its other snapshots stay as they are."
                    problem={asking.problem.clone()} on_confirm={remove} on_cancel={set(false)} />
            } else if let Some(problem) = asking.problem.clone() {
                <Notice {problem} on_dismiss={asking.dismiss.clone()} />
            }
        </li>
    }
}

/// What is lost with it.
fn about(thing: &Freeable) -> String {
    let of = thing.machine.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    match (&thing.what, thing.count) {
        (Removable::Snapshot(..), 1) => format!("Snapshot{of}"),
        (Removable::Snapshot(..), _) => format!("Snapshot{of}, with its saved memory"),
        (Removable::Export(_), _) => format!("Exported file{of}: a copy, kept until you have saved it"),
        (Removable::Warm(_), _) => "New machines like this begin at once; without it the next one boots".to_owned(),
        (Removable::Leftovers, 1) => "One thing that no machine uses".to_owned(),
        (Removable::Leftovers, count) => format!("{count} things that no machine uses"),
    }
}
