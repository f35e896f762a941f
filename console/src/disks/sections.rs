use super::{
    Question, Subject,
    reason::{not_resizable, not_settled, not_stopped},
};
use protocol::{DiskReply, DiskRequest, SnapshotInfo};
use ui::{Button, Icon, Notice, SnapshotTree, bytes, use_asking};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(super) struct DiskSectionProps {
    pub(super) subject: Subject,
    pub(super) pose: Callback<Question>,
}

/// The disks and their sizes.
#[component]
pub(super) fn DiskSection(props: &DiskSectionProps) -> Html {
    let Subject { instance, disks } = &props.subject;
    let reason = not_resizable(instance, disks);
    let ask = |question: Question| props.pose.reform(move |_: MouseEvent| question.clone());
    html! {
        <section class="side-section" aria-labelledby="side-disks">
            <div class="side-section-head"><h3 id="side-disks">{ "Sizes" }</h3></div>
            <ul class="disks">
                <li class="disk" aria-label="System disk">
                    <div class="disk-text">
                        <span class="disk-name">{ "System disk" }</span>
                        <span class="disk-about number">{ bytes(disks.system_size) }</span>
                    </div>
                    <Button label="Make bigger…" name="Make bigger… system disk" class="small"
                        disabled={reason.is_some()} onclick={ask(Question::System)} />
                </li>
                <li class="disk" aria-label="Workspace">
                    <div class="disk-text">
                        <span class="disk-name">{ "Workspace" }</span>
                        <span class="disk-about number">
                            { disks.workspace_size.map_or("A second disk for your projects. None yet.".to_owned(), bytes) }
                        </span>
                    </div>
                    if disks.workspace_size.is_some() {
                        <Button label="Make bigger…" name="Make bigger… workspace" class="small"
                            disabled={reason.is_some()} onclick={ask(Question::Workspace)} />
                    } else {
                        <Button label="Create…" name="Create… workspace" class="small"
                            disabled={reason.is_some()} onclick={ask(Question::Workspace)} />
                    }
                </li>
            </ul>
            if let Some(reason) = reason {
                <p class="why">{ format!("A disk’s size can be changed while the machine is off. {reason}") }</p>
            }
            <p class="why number">
                { format!("This machine takes up {} of your storage, its snapshots included.", bytes(disks.own_bytes)) }
            </p>
        </section>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct SnapshotSectionProps {
    pub(super) subject: Subject,
    pub(super) pose: Callback<Question>,
    /// A machine was made.
    pub(super) made: Callback<DiskReply>,
}

/// The snapshots and what can be done with them.
#[component]
pub(super) fn SnapshotSection(props: &SnapshotSectionProps) -> Html {
    let Subject { instance, disks } = &props.subject;
    let clone = use_asking(props.made.clone());
    let (unsettled, unstopped) = (not_settled(instance), not_stopped(instance));
    let ask = |question: Question| props.pose.reform(move |_: MouseEvent| question.clone());
    let clone_of = |snapshot: Option<&SnapshotInfo>| {
        let request = DiskRequest::Clone { id: instance.id.clone(), snapshot: snapshot.map(|known| known.id.clone()) };
        clone.ask.reform(move |_: MouseEvent| request.clone())
    };
    let actions = {
        let (pose, clone_busy, unsettled) = (props.pose.clone(), clone.busy, unsettled.is_some());
        let (ask_clone, id) = (clone.ask.clone(), instance.id.clone());
        Callback::from(move |snapshot: SnapshotInfo| {
            let clone = DiskRequest::Clone { id: id.clone(), snapshot: Some(snapshot.id.clone()) };
            actions(
                &snapshot,
                unstopped.as_deref(),
                unsettled,
                clone_busy,
                &pose,
                ask_clone.reform(move |_| clone.clone()),
            )
        })
    };
    html! {
        <section class="side-section" aria-labelledby="side-snapshots">
            <div class="side-section-head">
                <h3 id="side-snapshots">{ "Snapshots" }</h3>
                <Button label="Clone" name={format!("Clone {}", instance.name)} icon={Icon::Clone} class="small" busy={clone.busy}
                    disabled={unsettled.is_some()} onclick={clone_of(None)} />
                <Button label="Take snapshot…" icon={Icon::Snapshot} class="small" disabled={unsettled.is_some()}
                    onclick={ask(Question::Take)} />
            </div>
            if let Some(reason) = unsettled { <p class="why">{ reason }</p> }
            if let Some(problem) = clone.problem.clone() { <Notice {problem} on_dismiss={clone.dismiss.clone()} /> }
            if disks.snapshots.is_empty() {
                <p class="why">
                    { "A snapshot keeps the disks as they are now, so that you can come back. It takes up only what changes afterwards." }
                </p>
            } else {
                <SnapshotTree label={format!("Snapshots of {}", instance.name)} disks={disks.clone()} {actions} />
            }
            if disks.resumes {
                <p class="why">{ "The next start goes on from a saved memory." }</p>
            }
        </section>
    }
}

fn actions(
    snapshot: &SnapshotInfo,
    unstopped: Option<&str>,
    unsettled: bool,
    cloning: bool,
    pose: &Callback<Question>,
    clone: Callback<MouseEvent>,
) -> Html {
    let name = &snapshot.name;
    let ask = |question: fn(SnapshotInfo) -> Question| {
        let snapshot = snapshot.clone();
        pose.reform(move |_: MouseEvent| question(snapshot.clone()))
    };
    html! {
        <>
            <Button label="Restore…" name={format!("Restore… {name}")} icon={Icon::Undo} class="small"
                disabled={unstopped.is_some()} onclick={ask(Question::Restore)} />
            <Button label="Clone" name={format!("Clone {name}")} icon={Icon::Clone} class="small" busy={cloning}
                disabled={unsettled} onclick={clone} />
            <Button label="Export…" name={format!("Export… {name}")} icon={Icon::Export} class="small"
                disabled={unsettled} onclick={ask(|snapshot| Question::Export(Some(snapshot)))} />
            <Button label="Rename…" name={format!("Rename… {name}")} icon={Icon::Pencil} class="small"
                onclick={ask(Question::Rename)} />
            <Button label="Delete…" name={format!("Delete… {name}")} icon={Icon::Trash} class="small"
                onclick={ask(Question::Delete)} />
            if let Some(reason) = unstopped { <p class="why">{ format!("To restore it: {reason}") }</p> }
        </>
    }
}
