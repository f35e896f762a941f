//! Where the user writes a profile: its files one at a time, and what is wrong with them, as it is typed.

use profile::Bundle;
use protocol::Problem;
use std::collections::BTreeMap;
use std::rc::Rc;
use ui::{FormDialog, SelectField, TextField};
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

/// What a new profile begins with.
const NEW: [(&str, &str); 4] = [
    (
        "profile.toml",
        "name = \"mine\"\nversion = \"1.0\"\ndescription = \"What it is good for.\"\nsize-mib = 1\n\n[packages]\nalpine = []\ndebian = []\n",
    ),
    (
        "apply.sh",
        "# What is changed with these is taken back by itself:\n#   put FILE PATH [MODE]   directory PATH [MODE]   line TEXT PATH   owned PATH\n",
    ),
    ("rollback.sh", "# What apply.sh has done in other ways is taken back here. It may be called more than once.\n:\n"),
    ("check.sh", "# Ends with status 0 if the profile works.\n:\n"),
];

type Files = BTreeMap<String, Vec<u8>>;

fn start(bundle: Option<&Bundle>) -> Files {
    match bundle {
        Some(bundle) => bundle.files().clone(),
        None => NEW.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect(),
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct EditorProps {
    /// What is edited; none for a new one.
    pub(super) bundle: Option<Rc<Bundle>>,
    /// Why it could not be kept.
    pub(super) problem: Option<Problem>,
    /// Keep it.
    pub(super) keep: Callback<Bundle>,
    /// Leave it.
    pub(super) leave: Callback<()>,
}

/// The dialog.
#[component]
pub(super) fn Editor(props: &EditorProps) -> Html {
    let files = use_state(|| start(props.bundle.as_deref()));
    let open = use_state(|| NEW[0].0.to_owned());
    let path = use_state(String::new);
    let names: Vec<String> = files.keys().cloned().collect();
    let text = files.get(&*open).map(|bytes| String::from_utf8(bytes.clone()));
    let checked = Bundle::new((*files).clone());
    let oninput = {
        let (files, open) = (files.clone(), (*open).clone());
        Callback::from(move |event: InputEvent| {
            let text = event.target_unchecked_into::<HtmlTextAreaElement>().value();
            let mut now = (*files).clone();
            now.insert(open.clone(), text.into_bytes());
            files.set(now);
        })
    };
    let choose = {
        let (open, names) = (open.setter(), names.clone());
        Callback::from(move |at: usize| open.set(names.get(at).cloned().unwrap_or_default()))
    };
    let add = {
        let (files, open, path) = (files.clone(), open.setter(), path.clone());
        Callback::from(move |_: MouseEvent| {
            let name = path.trim().to_owned();
            if name.is_empty() || files.contains_key(&name) {
                return;
            }
            let mut now = (*files).clone();
            now.insert(name.clone(), vec![]);
            files.set(now);
            open.set(name);
            path.set(String::new());
        })
    };
    let remove = {
        let (files, open) = (files.clone(), open.clone());
        Callback::from(move |_: MouseEvent| {
            let mut now = (*files).clone();
            now.remove(&*open);
            files.set(now);
            open.set(NEW[0].0.to_owned());
        })
    };
    let on_confirm = {
        let (files, keep) = (files.clone(), props.keep.clone());
        Callback::from(move |()| {
            if let Ok(bundle) = Bundle::new((*files).clone()) {
                keep.emit(bundle);
            }
        })
    };
    let title = match &props.bundle {
        Some(bundle) => format!("Edit {}", bundle.profile().name),
        None => "New profile".to_owned(),
    };
    let required = NEW.iter().any(|(path, _)| *path == *open);
    html! {
        <FormDialog {title} confirm="Save" blocked={checked.is_err()} problem={props.problem.clone()} {on_confirm}
            on_cancel={props.leave.clone()}>
            <div class="profile-editor">
                <SelectField id="profile-file" label="File" chosen={names.iter().position(|name| *name == *open).unwrap_or(0)}
                    options={names.iter().map(|name| AttrValue::from(name.clone())).collect::<Vec<_>>()} onchoose={choose} />
                { match text {
                    Some(Ok(text)) => html! {
                        <textarea id="profile-text" class="mono" aria-label={format!("Content of {}", *open)} rows="16" cols="72"
                            spellcheck="false" autocomplete="off" value={text} aria-describedby="profile-objection" {oninput} />
                    },
                    _ => html! { <p class="why">{ "This file is no text and can’t be edited here." }</p> },
                } }
                <p id="profile-objection" class={classes!("field-about", checked.is_err().then_some("bad"))} role="status">
                    { match &checked {
                        Ok(_) => "Nothing is wrong with it.".to_owned(),
                        Err(error) => error.to_string(),
                    } }
                </p>
                <TextField id="profile-add" label="Another file" value={(*path).clone()} max={profile::PATH_MAX}
                    hint="Such as page.html, or NAME.service for a service." oninput={path.setter_callback()}>
                    <ui::Button label="Add" class="small" onclick={add} />
                    <ui::Button label="Remove this file" class="small" disabled={required} onclick={remove} />
                </TextField>
            </div>
        </FormDialog>
    }
}

/// A state's setter as a callback.
trait SetterCallback {
    fn setter_callback(&self) -> Callback<String>;
}

impl SetterCallback for UseStateHandle<String> {
    fn setter_callback(&self) -> Callback<String> {
        let setter = self.setter();
        Callback::from(move |text| setter.set(text))
    }
}
