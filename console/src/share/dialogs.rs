//! Asks for names, and before something is lost.

use super::{Place, Question};
use protocol::{FileName, ShareEntry, ShareKind, ShareWhat, sentence};
use ui::{FormDialog, Kind, TextField, use_asking};
use yew::prelude::*;

/// Most characters of a name that can be typed; a name's bytes are counted when it is checked.
const NAME_MAX: usize = 255;

#[derive(Properties, PartialEq)]
pub(super) struct DialogsProps {
    pub(super) place: Place,
    pub(super) question: Question,
    /// It was answered, or left.
    pub(super) end: Callback<()>,
}

/// The dialog that asks the question.
#[component]
pub(super) fn Dialogs(props: &DialogsProps) -> Html {
    let (place, end) = (props.place.clone(), props.end.clone());
    match props.question.clone() {
        Question::NewFolder => html! { <NewFolder {place} {end} /> },
        Question::Rename(entry) => html! { <Rename {place} {entry} {end} /> },
        Question::Delete(entry) => html! { <Delete {place} {entry} {end} /> },
    }
}

/// The name that was typed, or why it can't be one.
fn checked(typed: &str) -> Result<FileName, AttrValue> {
    let name = FileName::from_bytes(typed.trim().as_bytes());
    name.map_err(|error| sentence(error).into())
}

#[derive(Properties, PartialEq)]
struct NewFolderProps {
    place: Place,
    end: Callback<()>,
}

#[component]
fn NewFolder(props: &NewFolderProps) -> Html {
    let typed = use_state(|| "New folder".to_owned());
    let asking = use_asking(props.end.reform(|_| ()));
    let name = checked(&typed);
    let on_confirm = {
        let (ask, place, name) = (asking.ask.clone(), props.place.clone(), name.clone());
        Callback::from(move |()| {
            if let Ok(name) = &name {
                ask.emit(place.request(ShareWhat::MakeFolder(place.path.join(name))));
            }
        })
    };
    html! {
        <FormDialog title="New folder" confirm="Create" blocked={name.is_err()} busy={asking.busy}
            problem={asking.problem.clone()} {on_confirm} on_cancel={props.end.clone()}>
            <TextField id="file-name" label="Name" value={(*typed).clone()} max={NAME_MAX} first=true
                objection={name.err()} oninput={Callback::from({ let typed = typed.setter(); move |now| typed.set(now) })} />
        </FormDialog>
    }
}

#[derive(Properties, PartialEq)]
struct EntryProps {
    place: Place,
    entry: ShareEntry,
    end: Callback<()>,
}

#[component]
fn Rename(props: &EntryProps) -> Html {
    let old = &props.entry.name;
    let typed = use_state(|| old.shown());
    let asking = use_asking(props.end.reform(|_| ()));
    let name = checked(&typed);
    let on_confirm = {
        let (ask, place, old, name, end) =
            (asking.ask.clone(), props.place.clone(), old.clone(), name.clone(), props.end.clone());
        Callback::from(move |()| match &name {
            Ok(name) if *name == old => end.emit(()),
            Ok(name) => {
                let (from, to) = (place.path.join(&old), place.path.join(name));
                ask.emit(place.request(ShareWhat::Rename { from, to }));
            }
            Err(_) => {}
        })
    };
    html! {
        <FormDialog title={format!("Rename {old}")} confirm="Rename" blocked={name.is_err()} busy={asking.busy}
            problem={asking.problem.clone()} {on_confirm} on_cancel={props.end.clone()}>
            <TextField id="file-name" label="Name" value={(*typed).clone()} max={NAME_MAX} first=true
                objection={name.err()} oninput={Callback::from({ let typed = typed.setter(); move |now| typed.set(now) })} />
        </FormDialog>
    }
}

#[component]
fn Delete(props: &EntryProps) -> Html {
    let name = &props.entry.name;
    let asking = use_asking(props.end.reform(|_| ()));
    let request = props.place.request(ShareWhat::Delete(props.place.path.join(name)));
    let text = match props.entry.stat.kind {
        ShareKind::Folder => "The folder and all that is in it are gone then, in the machine too.",
        ShareKind::File | ShareKind::Link | ShareKind::Other => "It is gone then, in the machine too.",
    };
    html! {
        <FormDialog title={format!("Delete {name}?")} {text} confirm="Delete" kind={Kind::Danger} busy={asking.busy}
            problem={asking.problem.clone()} on_confirm={asking.ask.reform(move |()| request.clone())}
            on_cancel={props.end.clone()} />
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_has_to_be_a_name() {
        assert_eq!(checked(" notes ").unwrap().shown(), "notes");
        assert_eq!(checked("..").unwrap_err(), "A name is not “.” or “..”, and has no “/”.");
        assert!(checked("").is_err() && checked("a/b").is_err());
        assert!(checked(&"ä".repeat(128)).is_err(), "bytes count");
    }
}
