use super::{Button, Icon, Kind, Remark, Tone};
use crate::use_world;
use protocol::{InstanceId, PageRequest, Removed};
use web_sys::HtmlElement;
use yew::prelude::*;

/// Machines that were deleted, each with a way back for as long as there is one.
#[component]
pub fn RemovedMachines() -> Html {
    let workbench = use_world();
    let removed = workbench.world.as_ref().map(|world| world.removed.clone()).unwrap_or_default();
    html! {
        { for removed.iter().rev().map(|one| html! { <Row key={one.instance.id.as_str()} removed={one.clone()} /> }) }
    }
}

#[derive(Properties, PartialEq)]
struct RowProps {
    removed: Removed,
}

#[component]
fn Row(props: &RowProps) -> Html {
    let workbench = use_world();
    let node = use_node_ref();
    use_effect_with(node.clone(), |node| {
        // Its row in the list is gone, and the focus with it: a button in the page can take it.
        if let Some(button) = node.cast::<HtmlElement>().filter(|_| nothing_has_focus())
            && let Ok(Some(button)) = button.query_selector("button")
            && let Some(button) = wasm_bindgen::JsCast::dyn_ref::<HtmlElement>(&button)
        {
            let _ = button.focus();
        }
    });
    let instance = &props.removed.instance;
    let ask = |request: fn(InstanceId) -> PageRequest| {
        let (workbench, id) = (workbench.clone(), instance.id.clone());
        Callback::from(move |_: MouseEvent| workbench.ask(request(id.clone()), |_, _| ()))
    };
    html! {
        <div ref={node}>
            <Remark tone={Tone::Good} message={format!("{} was deleted.", instance.name)}
                advice="Its disks are kept for ten minutes.">
                <Button label="Undo" name={format!("Bring back {}", instance.name)} icon={Icon::Undo} class="small"
                    onclick={ask(PageRequest::BringBack)} />
                <Button label="Delete now" name={format!("Delete {} for good", instance.name)} kind={Kind::Ghost}
                    class="small" onclick={ask(PageRequest::Delete)} />
            </Remark>
        </div>
    }
}

fn nothing_has_focus() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| {
        let active = document.active_element();
        active.is_none_or(|active| document.body().is_some_and(|body| active == *body.as_ref()))
    })
}
