use super::{Button, Icon, Kind};
use crate::use_world;
use protocol::CatalogRequest;
use yew::prelude::*;

/// What the background has found out and the user has to know, each until it is put away.
#[component]
pub fn Tellings() -> Html {
    let workbench = use_world();
    let tellings = workbench.world.as_ref().map(|world| world.tellings.clone()).unwrap_or_default();
    let dismiss = |id| {
        let workbench = workbench.clone();
        Callback::from(move |_: MouseEvent| workbench.ask_catalog(CatalogRequest::Dismiss(id), |_| ()))
    };
    html! {
        { for tellings.iter().map(|telling| html! {
            <div key={telling.id} class="notice telling" role="status">
                { Html::from(Icon::Warning) }
                <div class="notice-body">
                    <p class="notice-message">{ &telling.message }</p>
                    <p class="notice-advice">{ &telling.advice }</p>
                </div>
                <Button label="Dismiss" kind={Kind::Ghost} icon={Icon::Close} icon_only=true class="small"
                    onclick={dismiss(telling.id)} />
            </div>
        }) }
    }
}
