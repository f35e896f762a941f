use crate::draft::facts;
use crate::file::{self, Saved};
use protocol::{PageRequest, Problem, Settings, Template, TemplateId};
use ui::{Button, Icon, Kind, Menu, MenuItem, use_world};
use yew::prelude::*;

/// What is to be done with a template that needs more of the page.
#[derive(Clone, PartialEq)]
pub(crate) enum Wish {
    /// Change it.
    Edit(Template),
    /// Make one like it.
    Duplicate(Template),
    /// Run a script in a machine of it.
    Run(TemplateId),
    /// Show what went wrong.
    Tell(Problem),
}

#[derive(Properties, PartialEq)]
pub(crate) struct CardProps {
    pub(crate) template: Template,
    pub(crate) settings: Settings,
    pub(crate) on_wish: Callback<Wish>,
}

/// A template.
#[component]
pub(crate) fn Card(props: &CardProps) -> Html {
    let workbench = use_world();
    let busy = use_state(|| false);
    // Kept as long as the browser may read it.
    let saved = use_mut_ref(|| None::<Saved>);
    let Template { id, plan, packaged, disk } = &props.template;
    let is_default = props.settings.template == *id;
    let launch = {
        let (workbench, id, busy) = (workbench.clone(), id.clone(), busy.setter());
        Callback::from(move |_: MouseEvent| {
            busy.set(true);
            let busy = busy.clone();
            workbench.ask(PageRequest::Launch { template: Some(id.clone()) }, move |_, _| busy.set(false));
        })
    };
    let wish = |wish: Wish| props.on_wish.reform(move |()| wish.clone());
    let item = |label: &'static str, icon, danger, onselect| MenuItem {
        label: label.into(),
        detail: None,
        name: Some(format!("{label} {}", plan.title).into()),
        icon: Some(icon),
        danger,
        onselect,
    };
    let export = {
        let (plan, saved, tell) = (plan.clone(), saved.clone(), props.on_wish.clone());
        Callback::from(move |()| match file::save(&plan) {
            Ok(now) => drop(saved.replace(Some(now))),
            Err(problem) => tell.emit(Wish::Tell(problem)),
        })
    };
    let make_default = {
        let (workbench, settings) = (workbench.clone(), Settings { template: id.clone(), ..props.settings.clone() });
        Callback::from(move |()| workbench.ask(PageRequest::SaveSettings(settings.clone()), |_, _| ()))
    };
    let mut more = vec![];
    if !packaged {
        more.push(item("Edit", Icon::Pencil, false, wish(Wish::Edit(props.template.clone()))));
    }
    more.push(item("Duplicate", Icon::Copy, false, wish(Wish::Duplicate(props.template.clone()))));
    // A file of text can't bring a disk.
    if disk.is_none() {
        more.push(item("Export", Icon::Export, false, export));
    }
    if !is_default {
        more.push(item("Make default", Icon::Check, false, make_default));
    }
    if !packaged {
        let (workbench, id) = (workbench.clone(), id.clone());
        let remove = Callback::from(move |()| workbench.ask(PageRequest::RemoveTemplate(id.clone()), |_, _| ()));
        more.push(item("Delete", Icon::Trash, true, remove));
    }
    let run = wish(Wish::Run(id.clone())).reform(|_: MouseEvent| ());
    html! {
        <li class="card" aria-label={plan.title.clone()}>
            <div class="card-head">
                <h3>{ &plan.title }</h3>
                if is_default { <span class="mark">{ "Default" }</span> }
                if !packaged { <span class="mark own">{ "Yours" }</span> }
            </div>
            <p class="card-text">{ &plan.description }</p>
            <ul class="facts">{ for facts(&props.template).into_iter().map(|fact| html! { <li>{ fact }</li> }) }</ul>
            <div class="card-actions">
                if plan.ephemeral {
                    <Button label="Run a script…" name={format!("Run a script in {}", plan.title)} kind={Kind::Primary}
                        icon={Icon::Terminal} class="small" onclick={run} />
                    <Button label="Launch" name={format!("Launch {}", plan.title)} class="small" busy={*busy} onclick={launch} />
                } else {
                    <Button label="Launch" name={format!("Launch {}", plan.title)} kind={Kind::Primary} icon={Icon::Play}
                        class="small" busy={*busy} onclick={launch} />
                }
                <Menu label={format!("More for {}", plan.title)} icon={Icon::More} items={more} />
            </div>
        </li>
    }
}
