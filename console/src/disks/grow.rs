//! Asks for a disk's size.

use super::dialogs::DialogProps;
use protocol::{DISK_MAX, DiskRequest, WORKSPACE_MIN};
use ui::{FormDialog, SelectField, TextField, bytes, typed_bytes, use_asking};
use yew::prelude::*;

/// What a new workspace gets unless told otherwise, in bytes.
const WORKSPACE_USUAL: u64 = 2 << 30;
const GIB: u64 = 1 << 30;

/// Makes the workspace, or makes it bigger.
#[component]
pub(super) fn WorkspaceDialog(props: &DialogProps) -> Html {
    let size = props.subject.disks.workspace_size;
    let id = props.subject.instance.id.clone();
    let (title, text, confirm) = match size {
        None => (
            "Create a workspace",
            "A second disk for your projects, apart from the system. It takes up room only as it fills, and can be made bigger later.",
            "Create",
        ),
        Some(_) => (
            "Make the workspace bigger",
            "The guest makes its file system as big at its next start. A disk can’t be made smaller again.",
            "Make bigger",
        ),
    };
    let make = Callback::from(move |bytes| DiskRequest::SetWorkspace { id: id.clone(), bytes });
    html! {
        <SizeDialog {title} {text} {confirm} {size} least={WORKSPACE_MIN} {make} subject={props.subject.clone()}
            end={props.end.clone()} />
    }
}

/// Makes the first disk bigger.
#[component]
pub(super) fn SystemDialog(props: &DialogProps) -> Html {
    let id = props.subject.instance.id.clone();
    let make = Callback::from(move |bytes| DiskRequest::GrowSystem { id: id.clone(), bytes });
    html! {
        <SizeDialog title="Make the system disk bigger" confirm="Make bigger" size={props.subject.disks.system_size} least=0
            text="The guest makes its file system as big at its next start. A disk can’t be made smaller again."
            {make} subject={props.subject.clone()} end={props.end.clone()} />
    }
}

#[derive(Properties, PartialEq)]
struct SizeDialogProps {
    title: AttrValue,
    text: AttrValue,
    confirm: AttrValue,
    /// The size that it has, in bytes.
    size: Option<u64>,
    /// The smallest size that it can have, in bytes.
    least: u64,
    make: Callback<u64, DiskRequest>,
    subject: super::Subject,
    end: Callback<Option<protocol::DiskReply>>,
}

#[component]
fn SizeDialog(props: &SizeDialogProps) -> Html {
    let usual = props.size.map_or(WORKSPACE_USUAL, |size| size.saturating_mul(2).min(DISK_MAX));
    let in_gib = use_state(|| usual.is_multiple_of(GIB));
    let number = use_state(|| if usual.is_multiple_of(GIB) { usual / GIB } else { usual >> 20 }.to_string());
    let asking = use_asking(props.end.reform(Some));
    let (bytes_wanted, objection) = match checked(&number, *in_gib, props.size, props.least) {
        Ok(wanted) => (Some(wanted), None),
        Err(text) => (None, Some(AttrValue::from(text))),
    };
    let on_confirm = {
        let (ask, make) = (asking.ask.clone(), props.make.clone());
        Callback::from(move |()| {
            if let Some(wanted) = bytes_wanted {
                ask.emit(make.emit(wanted));
            }
        })
    };
    let hint = props.size.map(|size| AttrValue::from(format!("It has {} now.", bytes(size))));
    html! {
        <FormDialog title={props.title.clone()} text={props.text.clone()} confirm={props.confirm.clone()}
            blocked={objection.is_some()} busy={asking.busy} problem={asking.problem.clone()} {on_confirm}
            on_cancel={props.end.reform(|()| None)}>
            <TextField id="disk-size" label="Size" value={(*number).clone()} max={12} first=true number=true {objection} {hint}
                oninput={Callback::from({ let number = number.setter(); move |typed| number.set(typed) })}>
                <SelectField id="disk-unit" label="Unit" bare=true options={vec!["MiB".into(), "GiB".into()]}
                    chosen={usize::from(*in_gib)} onchoose={Callback::from({
                        let in_gib = in_gib.setter();
                        move |unit| in_gib.set(unit == 1)
                    })} />
            </TextField>
        </FormDialog>
    }
}

/// The size that was typed, in bytes, or why it can't be taken.
fn checked(number: &str, in_gib: bool, now: Option<u64>, least: u64) -> Result<u64, String> {
    let wanted = typed_bytes(number, in_gib).ok_or_else(|| "Type a size in whole MiB.".to_owned())?;
    match now {
        Some(now) if wanted <= now => Err(format!("It has {} now: choose more.", bytes(now))),
        _ if wanted < least => Err(format!("Choose {} or more.", bytes(least))),
        _ if wanted > DISK_MAX => Err(format!("Choose {} or less.", bytes(DISK_MAX))),
        _ => Ok(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_disk_keeps_to_the_bounds() {
        assert_eq!(checked("2", true, None, WORKSPACE_MIN), Ok(2 << 30));
        assert!(checked("255", false, None, WORKSPACE_MIN).unwrap_err().contains("256 MiB"));
        assert!(checked("2049", true, None, WORKSPACE_MIN).unwrap_err().contains("2 TiB"));
        assert!(checked("two", true, None, WORKSPACE_MIN).is_err());
    }

    #[test]
    fn a_disk_only_grows() {
        assert!(checked("1", true, Some(1 << 30), 0).unwrap_err().contains("1 GiB now"));
        assert_eq!(checked("1025", false, Some(1 << 30), 0), Ok(1025 << 20));
    }
}
