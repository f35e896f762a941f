use crate::page::launch;
use protocol::{Template, TemplateId, World};
use ui::{Button, Icon, Kind, Menu, MenuItem, close_if_popup, use_world};
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct LaunchProps {
    pub(crate) world: World,
}

/// The one thing that most people open the popup for.
#[component]
pub(crate) fn Launch(props: &LaunchProps) -> Html {
    let workbench = use_world();
    let busy = use_state(|| false);
    let run = {
        let busy = busy.clone();
        Callback::from(move |template: Option<TemplateId>| {
            if *busy {
                return;
            }
            busy.set(true);
            let busy = busy.setter();
            workbench.ask(launch(template), move |_, well| {
                busy.set(false);
                if well {
                    close_if_popup();
                }
            });
        })
    };
    let world = &props.world;
    let default = world.templates.iter().find(|template| template.id == world.settings.template);
    let entry = |template: &Template| MenuItem {
        label: template.plan.title.clone().into(),
        detail: Some(template.plan.description.clone().into()),
        name: Some(format!("Launch {}", template.plan.title).into()),
        icon: None,
        danger: false,
        onselect: {
            let (run, id) = (run.clone(), template.id.clone());
            Callback::from(move |()| run.emit(Some(id.clone())))
        },
    };
    let several = world.templates.len() > 1;
    let items: Vec<MenuItem> = world.templates.iter().map(entry).collect();
    html! {
        <div class="launch">
            <div class={classes!("launch-buttons", several.then_some("split"))}>
                <Button label="Launch" kind={Kind::Primary} icon={Icon::Play} class="launch-main" busy={*busy}
                    onclick={run.reform(|_| None)} />
                if several {
                    <Menu label="Launch from another template" icon={Icon::ChevronDown} kind={Kind::Primary}
                        class="launch-menu" {items} />
                }
            </div>
            if let Some(template) = default {
                <p class="launch-what">
                    { format!("{} · {} · ", template.plan.title, ui::memory(template.plan.memory.unwrap_or(world.settings.memory))) }
                    <a href="../templates/index.html" target="_blank">{ "Templates" }</a>
                </p>
            }
        </div>
    }
}
