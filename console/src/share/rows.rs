//! The list of what is in the folder.

use super::{
    Place, Question,
    folder::{counted, found},
    listing::Listing,
};
use protocol::{FilePath, ShareEntry, ShareKind};
use std::rc::Rc;
use ui::{Button, Icon, Menu, MenuItem, bytes, moment};
use web_sys::HtmlInputElement;
use yew::prelude::*;

/// So many rows at first, and so many more at each press: a page with ten thousand is slow.
const ROWS: usize = 200;
/// From so many on, there is a field to find names by.
const MANY: usize = 20;

#[derive(Properties, PartialEq)]
pub(super) struct RowsProps {
    pub(super) place: Place,
    pub(super) entries: Rc<Vec<ShareEntry>>,
    pub(super) listing: Listing,
    pub(super) go: Callback<FilePath>,
    pub(super) pose: Callback<Question>,
    pub(super) download: Callback<FilePath>,
}

/// The rows, with a field to find them by where there are many. The field keeps its own text: drawing hundreds of rows takes longer than a
/// key press, and must not take back what was typed meanwhile.
#[component]
pub(super) fn Rows(props: &RowsProps) -> Html {
    let text = use_state(String::new);
    let shown = use_state(|| ROWS);
    let matching = found(&props.entries, &text);
    let rows = matching.iter().take(*shown).map(|entry| {
        html! {
            <Row key={entry.name.as_str()} place={props.place.clone()} entry={(*entry).clone()} go={props.go.clone()}
                pose={props.pose.clone()} download={props.download.clone()} />
        }
    });
    let visible = matching.len().min(*shown);
    let more = {
        let (shown, now) = (shown.setter(), *shown);
        Callback::from(move |_: MouseEvent| shown.set(now + ROWS))
    };
    html! {
        <>
            if props.entries.len() >= MANY {
                <input type="search" class="file-find" aria-label="Find by name" placeholder="Find by name"
                    spellcheck="false" oninput={Callback::from({
                        let text = text.setter();
                        move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value())
                    })} />
            }
            <ul class="files" aria-label="Files">{ for rows }</ul>
            <p class="why number" role="status">{ counted(visible, props.entries.len(), props.listing.more) }</p>
            if matching.len() > *shown {
                <Button label="Show more" class="small" onclick={more} />
            }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct RowProps {
    place: Place,
    entry: ShareEntry,
    go: Callback<FilePath>,
    pose: Callback<Question>,
    download: Callback<FilePath>,
}

#[component]
fn Row(props: &RowProps) -> Html {
    let entry = &props.entry;
    let path = props.place.path.join(&entry.name);
    let name = entry.name.shown();
    let folder = entry.stat.kind == ShareKind::Folder;
    let open = props.go.reform({
        let path = path.clone();
        move |_: MouseEvent| path.clone()
    });
    let icon = Html::from(if folder { Icon::Folder } else { Icon::File });
    html! {
        <li class="file" aria-label={name.clone()}>
            if folder {
                <button type="button" class="file-open" aria-label={format!("Open {name}")} title={name.clone()} onclick={open}>
                    { icon }<bdi class="file-name">{ &name }</bdi>
                </button>
            } else {
                <span class="file-plain" title={name.clone()}>{ icon }<bdi class="file-name">{ &name }</bdi></span>
            }
            <span class="file-about number">{ about(entry) }</span>
            <Menu label={format!("More for {name}")} icon={Icon::More} class="small" items={items(props, &path, &name)} />
        </li>
    }
}

/// Size and time, or what else it is.
fn about(entry: &ShareEntry) -> String {
    let when = moment(entry.stat.modified);
    match entry.stat.kind {
        ShareKind::Folder => when,
        ShareKind::File => format!("{} · {when}", bytes(entry.stat.bytes)),
        ShareKind::Link => format!("Link to {}", entry.target),
        ShareKind::Other => "Special file".to_owned(),
    }
}

fn items(props: &RowProps, path: &FilePath, name: &str) -> Vec<MenuItem> {
    let ask = |question: fn(ShareEntry) -> Question| {
        let entry = props.entry.clone();
        props.pose.reform(move |()| question(entry.clone()))
    };
    let item = |label: &'static str, icon: Icon, danger: bool, onselect: Callback<()>| MenuItem {
        label: label.into(),
        detail: None,
        name: Some(format!("{label} {name}").into()),
        icon: Some(icon),
        danger,
        onselect,
    };
    let download = props.download.reform({
        let path = path.clone();
        move |()| path.clone()
    });
    let mut items = match props.entry.stat.kind {
        ShareKind::Folder => vec![item("Download as zip", Icon::Export, false, download)],
        ShareKind::File => vec![item("Download", Icon::Export, false, download)],
        ShareKind::Link | ShareKind::Other => vec![],
    };
    items.push(item("Rename…", Icon::Pencil, false, ask(Question::Rename)));
    items.push(item("Delete…", Icon::Trash, true, ask(Question::Delete)));
    items
}
