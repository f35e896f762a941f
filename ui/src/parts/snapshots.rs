//! A machine's snapshots, after the “tree view” pattern of the ARIA Authoring Practices.

use super::lineage::{Node, Rail, Row, rows};
use super::{Icon, bytes};
use crate::moment;
use protocol::{Disks, SnapshotInfo};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// Properties of [`SnapshotTree`].
#[derive(Properties, PartialEq)]
pub struct SnapshotTreeProps {
    /// The tree's accessible name.
    pub label: AttrValue,
    /// What it shows.
    pub disks: Disks,
    /// The buttons for the snapshot that is chosen.
    pub actions: Callback<SnapshotInfo, Html>,
}

/// Snapshots as a tree, with the present state where it belongs. One row is chosen: by a press, or by the arrow keys; it
/// shows what can be done with it.
#[component]
pub fn SnapshotTree(props: &SnapshotTreeProps) -> Html {
    let rows = use_memo(props.disks.clone(), rows);
    let chosen = use_state(|| None::<Node>);
    let list = use_node_ref();
    let here = rows.iter().position(|row| row.node == Node::Present).unwrap_or(0);
    let at = chosen.as_ref().and_then(|node| rows.iter().position(|row| same(&row.node, node))).unwrap_or(here);
    let onkeydown = {
        let (rows, chosen, list) = (rows.clone(), chosen.setter(), list.clone());
        Callback::from(move |event: KeyboardEvent| {
            let in_buttons = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            if in_buttons.is_some_and(|element| element.get_attribute("role").as_deref() != Some("treeitem")) {
                return;
            }
            let Some(to) = target(&rows, at, &event.key()) else { return };
            event.prevent_default();
            chosen.set(rows.get(to).map(|row| row.node.clone()));
            focus_row(&list, to);
        })
    };
    let view = |(i, row): (usize, &Row)| {
        let onclick = {
            let (chosen, node) = (chosen.setter(), row.node.clone());
            Callback::from(move |_: MouseEvent| chosen.set(Some(node.clone())))
        };
        let buttons = match &row.node {
            Node::Snapshot(snapshot) if i == at => Some(props.actions.emit(snapshot.clone())),
            _ => None,
        };
        html! { <TreeRow key={key(&row.node)} row={row.clone()} bytes={props.disks.bytes} chosen={i == at} {buttons} {onclick} /> }
    };
    html! {
        <ul ref={list} class="tree" role="tree" aria-label={props.label.clone()} {onkeydown}>
            { for rows.iter().enumerate().map(view) }
        </ul>
    }
}

/// Whether it is the same row, whatever has become of its name and size.
fn same(one: &Node, other: &Node) -> bool {
    key(one) == key(other)
}

fn key(node: &Node) -> String {
    match node {
        Node::Snapshot(snapshot) => snapshot.id.to_string(),
        Node::Present => "present".to_owned(),
    }
}

/// Where a key leads from the row `at`.
fn target(rows: &[Row], at: usize, key: &str) -> Option<usize> {
    let to = match key {
        "ArrowDown" => at + 1,
        "ArrowUp" => at.checked_sub(1)?,
        "ArrowLeft" => rows.get(at)?.parent?,
        "ArrowRight" => rows.iter().position(|row| row.parent == Some(at))?,
        "Home" => 0,
        "End" => rows.len().checked_sub(1)?,
        _ => return None,
    };
    (to < rows.len()).then_some(to)
}

fn focus_row(list: &NodeRef, to: usize) {
    let Some(list) = list.cast::<Element>() else { return };
    let row = u32::try_from(to).ok().and_then(|to| list.children().item(to));
    if let Some(row) = row.as_ref().and_then(JsCast::dyn_ref::<HtmlElement>) {
        // It is in the page and can take the focus.
        let _ = row.focus();
    }
}

#[derive(Properties, PartialEq)]
struct TreeRowProps {
    row: Row,
    /// What the present state takes up.
    bytes: u64,
    chosen: bool,
    buttons: Option<Html>,
    onclick: Callback<MouseEvent>,
}

#[component]
fn TreeRow(props: &TreeRowProps) -> Html {
    let row = &props.row;
    let about = format!("about-{}", key(&row.node));
    let (name, present) = match &row.node {
        Node::Snapshot(snapshot) => (snapshot.name.clone(), false),
        Node::Present => ("You are here".to_owned(), true),
    };
    let (place, count) = row.place;
    let dot = classes!(
        "rail",
        "dot",
        present.then_some("present"),
        row.above.then_some("above"),
        row.below.then_some("below"),
        (!row.rails.is_empty() && !row.above).then_some("beside"),
    );
    html! {
        <li role="treeitem" class="tree-row" tabindex={if props.chosen { "0" } else { "-1" }} aria-label={name.clone()}
            aria-describedby={about.clone()} aria-level={row.level.to_string()} aria-posinset={place.to_string()}
            aria-setsize={count.to_string()} aria-selected={if props.chosen { "true" } else { "false" }}
            aria-current={present.then_some("true")} onclick={props.onclick.clone()}>
            { for row.rails.iter().map(|rail| html! { <span class={classes!("rail", class(*rail))} /> }) }
            <span class={dot} />
            <div class="tree-body">
                <span class="tree-name">{ name }</span>
                <span class="tree-about number" id={about}>{ words(&row.node, props.bytes) }</span>
                if let Some(buttons) = props.buttons.clone() { <div class="tree-actions">{ buttons }</div> }
            </div>
        </li>
    }
}

fn class(rail: Rail) -> &'static str {
    match rail {
        Rail::Empty => "none",
        Rail::Through => "through",
        Rail::Tee => "tee",
        Rail::Corner => "corner",
    }
}

/// The line under the name.
fn words(node: &Node, present: u64) -> Html {
    match node {
        Node::Present => html! { { format!("The present state · {} changed", bytes(present)) } },
        Node::Snapshot(snapshot) => html! {
            <>
                { format!("{} · {}", moment(snapshot.created), bytes(snapshot.bytes)) }
                if let Some(memory) = snapshot.memory_bytes {
                    { " · " }<span class="tree-memory">{ Html::from(Icon::Memory) }{ format!("with memory, {}", bytes(memory)) }</span>
                }
            </>
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(parent: Option<usize>) -> Row {
        Row { node: Node::Present, parent, level: 1, place: (1, 1), rails: vec![], above: false, below: false }
    }

    #[test]
    fn arrow_keys_go_through_the_tree() {
        let rows = [row(None), row(Some(0)), row(Some(1)), row(Some(0))];
        assert_eq!(target(&rows, 1, "ArrowDown"), Some(2));
        assert_eq!(target(&rows, 1, "ArrowUp"), Some(0));
        assert_eq!(target(&rows, 3, "ArrowLeft"), Some(0), "to what it was made from");
        assert_eq!(target(&rows, 0, "ArrowRight"), Some(1), "to what was made from it");
        assert_eq!((target(&rows, 2, "Home"), target(&rows, 0, "End")), (Some(0), Some(3)));
    }

    #[test]
    fn at_its_ends_the_tree_ends() {
        let rows = [row(None), row(Some(0))];
        assert_eq!(target(&rows, 0, "ArrowUp"), None);
        assert_eq!(target(&rows, 1, "ArrowDown"), None);
        assert_eq!(target(&rows, 0, "ArrowLeft"), None);
        assert_eq!(target(&rows, 1, "ArrowRight"), None);
        assert_eq!(target(&rows, 0, "a"), None);
    }
}
