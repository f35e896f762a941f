use super::{
    dialogs::{DialogProps, objection},
    reason::has_memory,
};
use protocol::{DiskRequest, SNAPSHOT_NAME_MAX, SnapshotInfo};
use ui::{CheckField, FormDialog, TextField, memory, use_asking};
use yew::prelude::*;

/// Asks for the new snapshot's name, and whether it keeps the memory.
#[component]
pub(super) fn TakeDialog(props: &DialogProps) -> Html {
    let instance = &props.subject.instance;
    let name = use_state(|| proposal(&props.subject.disks.snapshots));
    let wanted = use_state(|| true);
    let asking = use_asking(props.end.reform(Some));
    let objection = objection(&name);
    let with_memory = has_memory(instance) && *wanted;
    let request =
        DiskRequest::TakeSnapshot { id: instance.id.clone(), name: name.trim().to_owned(), memory: with_memory };
    let hint = if with_memory {
        format!("Restoring it goes on exactly here. It takes up to {} more.", memory(instance.memory))
    } else {
        "Restoring it is like a start after a power cut.".to_owned()
    };
    html! {
        <FormDialog title={format!("Take a snapshot of {}", instance.name)} confirm="Take snapshot"
            blocked={objection.is_some()} busy={asking.busy} problem={asking.problem.clone()}
            on_confirm={asking.ask.reform(move |()| request.clone())} on_cancel={props.end.reform(|()| None)}>
            <TextField id="snapshot-name" label="Name" value={(*name).clone()} max={SNAPSHOT_NAME_MAX} first=true
                {objection} oninput={Callback::from({ let name = name.setter(); move |typed| name.set(typed) })} />
            if has_memory(instance) {
                <CheckField label="With memory" {hint} checked={*wanted}
                    onchange={Callback::from({ let wanted = wanted.setter(); move |now| wanted.set(now) })} />
            }
        </FormDialog>
    }
}

/// A name that no snapshot has.
fn proposal(snapshots: &[SnapshotInfo]) -> String {
    let taken = |name: &str| snapshots.iter().any(|snapshot| snapshot.name == name);
    // One more than there are names, so one of them is free.
    let mut names = (snapshots.len() + 1..=2 * snapshots.len() + 1).map(|number| format!("Snapshot {number}"));
    names.find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::SnapshotId;

    fn snapshots(names: &[&str]) -> Vec<SnapshotInfo> {
        let snapshot = |name: &&str| SnapshotInfo {
            id: SnapshotId::from_random(1),
            name: (*name).to_owned(),
            created: 0,
            parent: None,
            bytes: 0,
            memory_bytes: None,
        };
        names.iter().map(snapshot).collect()
    }

    #[test]
    fn a_proposed_name_is_a_new_one() {
        assert_eq!(proposal(&[]), "Snapshot 1");
        assert_eq!(proposal(&snapshots(&["Snapshot 2", "x"])), "Snapshot 3");
        assert_eq!(proposal(&snapshots(&["Snapshot 3", "Snapshot 4", "Snapshot 5"])), "Snapshot 6");
    }
}
