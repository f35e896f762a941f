use crate::account::{MachineUse, by_machine, item_label, kind_class};
use protocol::{CatalogRequest, Instance, PageRequest, Problem, StorageItem, StorageKind, StorageReport, World};
use ui::{Button, ConfirmDialog, EmptyState, Icon, Notice, StateBadge, bytes, leave_disks_note, use_world};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct MachinesProps {
    pub(crate) report: StorageReport,
    pub(crate) world: World,
}

/// What each machine takes up.
#[component]
pub(crate) fn Machines(props: &MachinesProps) -> Html {
    let (machines, _) = by_machine(&props.report.items, &props.world);
    html! {
        <section class="section" aria-labelledby="machines">
            <h2 id="machines">{ "Machines" }</h2>
            if machines.is_empty() {
                <div class="panel">
                    <EmptyState title="No machines yet"
                        text="Launch one from the toolbar’s button, or import a disk or a machine here." />
                </div>
            } else {
                <ul class="machines" aria-label="Machines">
                    { for machines.iter().map(|machine| html! {
                        <Machine key={machine.instance.id.to_string()} machine={machine.clone()} />
                    }) }
                </ul>
            }
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct MachineProps {
    machine: MachineUse,
}

#[component]
fn Machine(props: &MachineProps) -> Html {
    let workbench = use_world();
    let deleting = use_state(|| false);
    let MachineUse { instance, bytes: size, items } = &props.machine;
    let Instance { id, name, state, .. } = instance;
    let set = |to: bool| {
        let deleting = deleting.setter();
        Callback::from(move |()| deleting.set(to))
    };
    let open = {
        let (workbench, id) = (workbench.clone(), id.clone());
        Callback::from(move |_: MouseEvent| {
            leave_disks_note(&id);
            workbench.ask(PageRequest::OpenConsole(id.clone()), |_, _| ());
        })
    };
    let delete = {
        let (id, close) = (id.clone(), set(false));
        Callback::from(move |()| {
            close.emit(());
            workbench.ask(PageRequest::Delete(id.clone()), |_, _| ());
        })
    };
    html! {
        <li class="panel machine" aria-label={name.clone()}>
            <div class="machine-head">
                <h3>{ name }</h3>
                <StateBadge instance={instance.clone()} />
                <span class="machine-size number">{ bytes(*size) }</span>
                <div class="machine-actions">
                <Button label="Disks" name={format!("Disks of {name}")} icon={Icon::Disk} class="small" onclick={open} />
                if !state.is_live() {
                    <Button label="Delete…" name={format!("Delete… {name}")} icon={Icon::Trash} class="small"
                        onclick={set(true).reform(|_| ())} />
                }
                </div>
            </div>
            <Items items={items.clone()} />
            if *deleting && !state.is_live() {
                <ConfirmDialog title={format!("Delete {name}?")} confirm="Delete"
                    text="The machine, its snapshots and everything on its disks will be gone for good."
                    on_confirm={delete} on_cancel={set(false)} />
            }
        </li>
    }
}

/// What belongs to no machine.
#[component]
pub(crate) fn Shared(props: &MachinesProps) -> Html {
    let (_, items) = by_machine(&props.report.items, &props.world);
    if items.is_empty() {
        return Html::default();
    }
    let missing = items.iter().any(|item| item.kind == StorageKind::Leftover);
    html! {
        <section class="section" aria-labelledby="shared">
            <h2 id="shared">{ "Shared" }</h2>
            <div class="panel shared">
                <Items {items} />
                if missing { <Recover /> }
            </div>
        </section>
    }
}

/// Brings machines back that have disks and are missing in the list.
#[component]
fn Recover() -> Html {
    let workbench = use_world();
    let busy = use_state(|| false);
    let problem = use_state(|| None::<Problem>);
    let onclick = {
        let (busy, problem) = (busy.setter(), problem.setter());
        Callback::from(move |_: MouseEvent| {
            busy.set(true);
            let (busy, problem) = (busy.clone(), problem.clone());
            workbench.ask_catalog(CatalogRequest::Recover, move |answer| {
                busy.set(false);
                problem.set(answer.err());
            });
        })
    };
    html! {
        <>
            <Button label="Recover machines" icon={Icon::Undo} class="small" busy={*busy} {onclick} />
            if let Some(problem) = (*problem).clone() { <Notice {problem} /> }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct ItemsProps {
    items: Vec<StorageItem>,
}

#[component]
fn Items(props: &ItemsProps) -> Html {
    if props.items.is_empty() {
        return html! { <p class="nothing">{ "Nothing yet: its disk is made at the first start." }</p> };
    }
    html! {
        <ul class="items">
            { for props.items.iter().map(|item| html! {
                <li>
                    <span class={classes!("swatch", kind_class(item.kind))} />
                    <span class="item-name">{ item_label(item) }</span>
                    <span class="number">{ bytes(item.bytes) }</span>
                </li>
            }) }
        </ul>
    }
}
