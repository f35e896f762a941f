use protocol::PageRequest;
use ui::{Button, Icon, Remark, Tone, use_world};
use yew::prelude::*;

/// Templates that were deleted, each with a way back for as long as there is one.
#[component]
pub(crate) fn RemovedTemplates() -> Html {
    let workbench = use_world();
    let removed = workbench.world.as_ref().map(|world| world.removed_templates.clone()).unwrap_or_default();
    let row = |one: &protocol::RemovedTemplate| {
        let (workbench, id) = (workbench.clone(), one.template.id.clone());
        let title = &one.template.plan.title;
        let back =
            Callback::from(move |_: MouseEvent| workbench.ask(PageRequest::BringBackTemplate(id.clone()), |_, _| ()));
        html! {
            <Remark key={one.template.id.as_str()} tone={Tone::Good} message={format!("“{title}” was deleted.")}
                advice="Its machines stay. It can be brought back for ten minutes.">
                <Button label="Undo" name={format!("Bring back {title}")} icon={Icon::Undo} class="small" onclick={back} />
            </Remark>
        }
    };
    html! { { for removed.iter().rev().map(row) } }
}
