use super::{
    Question, Subject,
    export::ExportDialog,
    grow::{SystemDialog, WorkspaceDialog},
    restore::RestoreDialog,
    take::TakeDialog,
};
use protocol::{DiskReply, DiskRequest, SNAPSHOT_NAME_MAX, SnapshotInfo};
use ui::{FormDialog, Kind, TextField, bytes, use_asking};
use yew::prelude::*;

/// Properties of every dialog.
#[derive(Properties, PartialEq)]
pub(super) struct DialogProps {
    pub(super) subject: Subject,
    /// It was answered, or left.
    pub(super) end: Callback<Option<DiskReply>>,
}

#[derive(Properties, PartialEq)]
pub(super) struct DialogsProps {
    pub(super) subject: Subject,
    pub(super) question: Question,
    pub(super) end: Callback<Option<DiskReply>>,
}

/// The dialog that asks the question.
#[component]
pub(super) fn Dialogs(props: &DialogsProps) -> Html {
    let (subject, end) = (props.subject.clone(), props.end.clone());
    match props.question.clone() {
        Question::Take => html! { <TakeDialog {subject} {end} /> },
        Question::Restore(snapshot) => html! { <RestoreDialog {subject} {snapshot} {end} /> },
        Question::Rename(snapshot) => html! { <RenameDialog {subject} {snapshot} {end} /> },
        Question::Delete(snapshot) => html! { <DeleteDialog {subject} {snapshot} {end} /> },
        Question::Workspace => html! { <WorkspaceDialog {subject} {end} /> },
        Question::System => html! { <SystemDialog {subject} {end} /> },
        Question::Export(snapshot) => html! { <ExportDialog {subject} {snapshot} {end} /> },
    }
}

/// Properties of the dialogs about one snapshot.
#[derive(Properties, PartialEq)]
pub(super) struct SnapshotDialogProps {
    pub(super) subject: Subject,
    pub(super) snapshot: SnapshotInfo,
    pub(super) end: Callback<Option<DiskReply>>,
}

/// Why this can't be a snapshot's name.
pub(super) fn objection(name: &str) -> Option<AttrValue> {
    let length = name.chars().count();
    (name.trim().is_empty() || length > SNAPSHOT_NAME_MAX)
        .then(|| format!("A snapshot’s name has 1 to {SNAPSHOT_NAME_MAX} characters.").into())
}

#[component]
fn RenameDialog(props: &SnapshotDialogProps) -> Html {
    let SnapshotInfo { id: snapshot, name: old, .. } = &props.snapshot;
    let name = use_state(|| old.clone());
    let asking = use_asking(props.end.reform(Some));
    let objection = objection(&name);
    let request = DiskRequest::RenameSnapshot {
        id: props.subject.instance.id.clone(),
        snapshot: snapshot.clone(),
        name: name.trim().to_owned(),
    };
    html! {
        <FormDialog title={format!("Rename {old}")} confirm="Rename" blocked={objection.is_some()} busy={asking.busy}
            problem={asking.problem.clone()} on_confirm={asking.ask.reform(move |()| request.clone())}
            on_cancel={props.end.reform(|()| None)}>
            <TextField id="snapshot-name" label="Name" value={(*name).clone()} max={SNAPSHOT_NAME_MAX} first=true
                {objection} oninput={Callback::from({ let name = name.setter(); move |typed| name.set(typed) })} />
        </FormDialog>
    }
}

#[component]
fn DeleteDialog(props: &SnapshotDialogProps) -> Html {
    let SnapshotInfo { id: snapshot, name, bytes: size, memory_bytes, .. } = &props.snapshot;
    let asking = use_asking(props.end.reform(Some));
    let request = DiskRequest::DeleteSnapshot { id: props.subject.instance.id.clone(), snapshot: snapshot.clone() };
    let most = bytes(size.saturating_add(memory_bytes.unwrap_or(0)));
    let text = format!(
        "You can’t come back to it any more. The present state and the other snapshots stay as they are. This frees up to {most}."
    );
    html! {
        <FormDialog title={format!("Delete {name}?")} {text} confirm="Delete" kind={Kind::Danger} busy={asking.busy}
            problem={asking.problem.clone()} on_confirm={asking.ask.reform(move |()| request.clone())}
            on_cancel={props.end.reform(|()| None)} />
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshots_name_is_not_empty_and_not_a_novel() {
        assert!(objection("").is_some() && objection("  ").is_some());
        assert!(objection(&"ä".repeat(81)).is_some());
        assert!(objection(&"ä".repeat(80)).is_none(), "characters are counted, not bytes");
    }
}
