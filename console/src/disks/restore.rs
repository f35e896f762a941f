use super::dialogs::{SnapshotDialogProps, objection};
use protocol::{DiskRequest, SNAPSHOT_NAME_MAX, SnapshotInfo};
use ui::{CheckField, FormDialog, Kind, TextField, use_asking};
use yew::prelude::*;

/// Asks before the disks go back, and keeps the present state unless told otherwise.
#[component]
pub(super) fn RestoreDialog(props: &SnapshotDialogProps) -> Html {
    let SnapshotInfo { id: snapshot, name, memory_bytes, .. } = &props.snapshot;
    let instance = &props.subject.instance;
    let keep = use_state(|| true);
    let kept_name = use_state(|| proposal(name));
    let asking = use_asking(props.end.reform(Some));
    let objection = objection(&kept_name).filter(|_| *keep);
    let request = DiskRequest::RestoreSnapshot {
        id: instance.id.clone(),
        snapshot: snapshot.clone(),
        keep: keep.then(|| kept_name.trim().to_owned()),
    };
    let then = if memory_bytes.is_some() { " The next start goes on from its saved memory." } else { "" };
    let text = format!("The disks of {} become what they were when it was taken.{then}", instance.name);
    let (confirm, kind) = if *keep { ("Restore", Kind::Primary) } else { ("Restore and lose changes", Kind::Danger) };
    html! {
        <FormDialog title={format!("Restore {name}?")} {text} {confirm} {kind} blocked={objection.is_some()}
            busy={asking.busy} problem={asking.problem.clone()}
            on_confirm={asking.ask.reform(move |()| request.clone())} on_cancel={props.end.reform(|()| None)}>
            <CheckField label="Keep the present state as a snapshot" checked={*keep}
                hint={if *keep { "You can come back to it." } else { "What has changed since the last snapshot is lost." }}
                onchange={Callback::from({ let keep = keep.setter(); move |now| keep.set(now) })} />
            if *keep {
                <TextField id="snapshot-name" label="Its name" value={(*kept_name).clone()} max={SNAPSHOT_NAME_MAX}
                    {objection} oninput={Callback::from({
                        let kept_name = kept_name.setter();
                        move |typed| kept_name.set(typed)
                    })} />
            }
        </FormDialog>
    }
}

/// A name for the state that is left.
fn proposal(name: &str) -> String {
    format!("Before restoring {name}").chars().take(SNAPSHOT_NAME_MAX).collect()
}
