use crate::draft::{Draft, HOSTS, NETWORKS, memories, saved_disk};
use crate::profiles::Profiles;
use protocol::{CMDLINE_MAX, DESCRIPTION_MAX, ImageChoice, PageRequest, Plan, TITLE_MAX, Template, TemplateId};
use ui::{CheckField, FormDialog, SelectField, TextField, use_latest, use_world};
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

/// The most characters of lists of names.
const LIST_MAX: usize = 2_000;

#[derive(Properties, PartialEq)]
pub(crate) struct EditorProps {
    /// The template that is changed; none for a new one.
    pub(crate) id: Option<TemplateId>,
    /// Itself, or the one that the new one is like.
    pub(crate) like: Option<Template>,
    /// What is in the fields at first.
    pub(crate) plan: Plan,
    pub(crate) images: Vec<ImageChoice>,
    pub(crate) on_close: Callback<()>,
}

/// Makes a template, or changes one.
#[component]
pub(crate) fn Editor(props: &EditorProps) -> Html {
    let workbench = use_world();
    let latest = use_latest(|| Draft::of(&props.plan));
    let draft = latest.shown();
    let busy = use_state(|| false);
    let plan = draft.plan();
    let on_confirm = {
        let (workbench, id, busy) = (workbench.clone(), props.id.clone(), busy.setter());
        let (latest, close) = (latest.clone(), props.on_close.clone());
        let like = props.like.as_ref().map(|like| like.id.clone());
        Callback::from(move |()| {
            let Ok(plan) = latest.now().plan() else { return };
            busy.set(true);
            let (busy, close) = (busy.clone(), close.clone());
            let plan = Box::new(plan);
            let request = PageRequest::SaveTemplate { id: id.clone(), plan, like: like.clone() };
            workbench.ask(request, move |_, well| {
                busy.set(false);
                if well {
                    close.emit(());
                }
            });
        })
    };
    let set = |change: fn(&mut Draft, String)| {
        let latest = latest.clone();
        Callback::from(move |text: String| latest.change(|draft| change(draft, text)))
    };
    let choose = |change: fn(&mut Draft, usize)| {
        let latest = latest.clone();
        Callback::from(move |at: usize| latest.change(|draft| change(draft, at)))
    };
    // A disk that was saved lies on the image that it lies on.
    let disk = props.like.as_ref().and_then(|like| like.disk.as_ref());
    let offered = if disk.is_some() { vec![] } else { props.images.clone() };
    let images: Vec<AttrValue> = match disk {
        Some(disk) => vec![saved_disk(disk).into()],
        None => offered.iter().map(|image| image.title.clone().into()).collect(),
    };
    let image = offered.iter().position(|image| image.id == draft.image).unwrap_or(0);
    let choose_image = {
        let (latest, images) = (latest.clone(), offered);
        Callback::from(move |at: usize| {
            if let Some(image) = images.get(at) {
                latest.change(|draft| draft.image = image.id.clone());
            }
        })
    };
    let sizes: Vec<AttrValue> = memories()
        .into_iter()
        .map(|size| size.map_or_else(|| "As in the options".to_owned(), ui::memory).into())
        .collect();
    let networks: Vec<AttrValue> = NETWORKS.iter().map(|text| AttrValue::from(*text)).collect();
    let vanish = {
        let latest = latest.clone();
        Callback::from(move |ephemeral| latest.change(|draft| draft.ephemeral = ephemeral))
    };
    let pick = {
        let latest = latest.clone();
        Callback::from(move |(name, on)| latest.change(|draft| draft.choose(name, on)))
    };
    let script = set(|draft, text| draft.script = text)
        .reform(|event: InputEvent| event.target_unchecked_into::<HtmlTextAreaElement>().value());
    let title = if props.id.is_some() { "Edit template" } else { "New template" };
    let problem = workbench.problem.clone();
    html! {
        <FormDialog {title} confirm="Save" blocked={plan.is_err()} busy={*busy} {problem} {on_confirm}
            on_cancel={props.on_close.clone()}>
            <div class="editor">
                <TextField id="title" label="Title" value={draft.title.clone()} max={TITLE_MAX} first=true
                    oninput={set(|draft, text| draft.title = text)} />
                <TextField id="description" label="Description" value={draft.description.clone()} max={DESCRIPTION_MAX}
                    oninput={set(|draft, text| draft.description = text)} />
                <div class="pair">
                    <SelectField id="image" label="Image" options={images} chosen={image} onchoose={choose_image} />
                    <SelectField id="memory" label="Memory" options={sizes} chosen={draft.memory}
                        onchoose={choose(|draft, at| draft.memory = at)} />
                </div>
                <div class="pair">
                    <SelectField id="network" label="It may reach" options={networks} chosen={draft.network}
                        onchoose={choose(|draft, at| draft.network = at)} />
                    <TextField id="workspace" label="Workspace in GiB" value={draft.workspace.clone()} max=10
                        hint="Empty for none." oninput={set(|draft, text| draft.workspace = text)} />
                </div>
                if draft.network == HOSTS {
                    <TextField id="hosts" label="Hosts" value={draft.hosts.clone()} max={LIST_MAX}
                        hint="The browser is asked for leave on the network page."
                        oninput={set(|draft, text| draft.hosts = text)} />
                }
                <Profiles chosen={draft.profiles.clone()} onchange={pick} />
                <div class="field">
                    <label for="script">{ "First script" }</label>
                    <textarea id="script" class="mono" rows="4" spellcheck="false" autocomplete="off" value={draft.script.clone()}
                        aria-describedby="script-about" oninput={script} />
                    <p id="script-about" class="field-about">{ "Run by a shell as root, once, after the profiles." }</p>
                </div>
                <TextField id="cmdline" label="Kernel command line" value={draft.cmdline.clone()} max={CMDLINE_MAX}
                    hint="Added to what the image says." oninput={set(|draft, text| draft.cmdline = text)} />
                <CheckField label="Vanishes when it ends" checked={draft.ephemeral} onchange={vanish}
                    hint="The machine and its disks are removed as soon as it stops, or the browser is closed." />
                if let Err(objection) = &plan { <p class="field-about bad" role="status">{ objection }</p> }
            </div>
        </FormDialog>
    }
}
