use super::{CheckField, FormDialog, TextField};
use crate::{use_asking, use_world};
use protocol::{DESCRIPTION_MAX, DiskReply, DiskRequest, Instance, Plan, State, TITLE_MAX, World, sentence};
use yew::prelude::*;

/// Properties of [`SaveTemplate`].
#[derive(Properties, PartialEq)]
pub struct SaveTemplateProps {
    /// What is saved.
    pub instance: Instance,
    /// It is saved, under this title.
    pub on_saved: Callback<String>,
    /// Leave it.
    pub on_cancel: Callback<()>,
}

/// Asks how the template is to be called that is made of a machine.
#[component]
pub fn SaveTemplate(props: &SaveTemplateProps) -> Html {
    let workbench = use_world();
    let Instance { id, name, state, .. } = &props.instance;
    let title = use_state(|| name.clone());
    let description = use_state(String::new);
    let with_workspace = use_state(|| false);
    let workspace = use_state(|| None::<u64>);
    let looking = use_asking({
        let workspace = workspace.setter();
        Callback::from(move |reply| {
            if let DiskReply::Disks(disks) = reply {
                workspace.set(disks.workspace_size);
            }
        })
    });
    use_effect_with(id.clone(), {
        let ask = looking.ask.clone();
        move |id| ask.emit(DiskRequest::Show(id.clone()))
    });
    let done = {
        let (saved, title) = (props.on_saved.clone(), (*title).clone());
        Callback::from(move |_| saved.emit(title.trim().to_owned()))
    };
    let saving = use_asking(done);
    let plan = Plan {
        title: title.trim().to_owned(),
        description: description.trim().to_owned(),
        ..Plan::of(&props.instance, *workspace)
    };
    let rests = matches!(state, State::Stopped | State::Crashed);
    let objection = objection(&plan, workbench.world.as_deref());
    // Without an answer it is not known whether there is a workspace, and it would be left out.
    let blocked = !rests || looking.busy || looking.problem.is_some() || objection.is_some();
    let problem = saving.problem.clone().or_else(|| looking.problem.clone());
    let on_confirm = {
        let request = DiskRequest::SaveTemplate {
            id: id.clone(),
            plan: Box::new(plan),
            workspace: *with_workspace && workspace.is_some(),
        };
        saving.ask.reform(move |()| request.clone())
    };
    let text = match rests {
        true => {
            "New machines begin with what is on its disk now, and have its memory and network. Nothing is copied: they share its layers."
        }
        false => "Shut it down first: a template is what is on a disk while nothing runs.",
    };
    let set = |field: &UseStateHandle<String>| {
        let field = field.setter();
        Callback::from(move |text| field.set(text))
    };
    html! {
        <FormDialog title={format!("Save {name} as a template")} {text} confirm="Save" busy={saving.busy}
            {blocked} {problem} {on_confirm} on_cancel={props.on_cancel.clone()}>
            <TextField id="template-title" label="Title" value={(*title).clone()} max={TITLE_MAX} first=true {objection}
                oninput={set(&title)} />
            <TextField id="template-description" label="Description" value={(*description).clone()} max={DESCRIPTION_MAX}
                oninput={set(&description)} />
            if workspace.is_some() {
                <CheckField label="With the files of its workspace" checked={*with_workspace}
                    hint="Else new machines have an empty one of that size."
                    onchange={Callback::from({ let with = with_workspace.setter(); move |to| with.set(to) })} />
            }
        </FormDialog>
    }
}

/// Why it can't be saved so, as far as that is known here.
fn objection(plan: &Plan, world: Option<&World>) -> Option<AttrValue> {
    let taken = world.is_some_and(|world| world.templates.iter().any(|other| other.plan.title == plan.title));
    match plan.check() {
        Err(error) => Some(sentence(error).into()),
        Ok(()) if taken => Some(format!("There is another template called “{}”.", plan.title).into()),
        Ok(()) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::samples::{template, world};

    #[test]
    fn a_title_is_one_that_no_template_has() {
        let plan = |title: &str| Plan::plain(title, "", template());
        let said = |title: &str| objection(&plan(title), Some(&world(&[]))).map(|text| text.to_string());
        assert_eq!(said("Mine"), None);
        assert_eq!(said("Alpine").as_deref(), Some("There is another template called “Alpine”."));
        assert!(said("").is_some_and(|text| text.starts_with("A title has 1 to")));
    }
}
