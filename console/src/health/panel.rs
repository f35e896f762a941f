use super::{care::CareSection, figures::Figures, log::LogSection};
use crate::stage::DeskHandle;
use protocol::Instance;
use ui::{Button, Icon, Kind, use_past};
use web_sys::HtmlElement;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct HealthPanelProps {
    pub(crate) instance: Instance,
    pub(crate) desk: Option<DeskHandle>,
    /// It is closed.
    pub(crate) on_close: Callback<()>,
}

/// The panel. Escape closes it.
#[component]
pub(crate) fn HealthPanel(props: &HealthPanelProps) -> Html {
    let instance = &props.instance;
    let past = use_past(&instance.id, instance.state.is_live().then_some(instance.boot));
    let node = use_node_ref();
    use_effect_with(node.clone(), |node| {
        if let Some(panel) = node.cast::<HtmlElement>() {
            // It was just rendered and can take the focus.
            let _ = panel.focus();
        }
    });
    let onkeydown = {
        let close = props.on_close.clone();
        Callback::from(move |event: KeyboardEvent| {
            let both = event.ctrl_key() && event.shift_key() && matches!(event.key().as_str(), "H" | "h");
            if both || event.key() == "Escape" {
                event.prevent_default();
                close.emit(());
            }
        })
    };
    html! {
        <aside ref={node} class="side health" tabindex="-1" aria-labelledby="side-title" {onkeydown}>
            <header class="side-head">
                <h2 id="side-title">{ "Health" }</h2>
                <Button label="Close health" kind={Kind::Ghost} icon={Icon::Close} icon_only=true class="small"
                    onclick={props.on_close.reform(|_| ())} />
            </header>
            <div class="side-body">
                <Figures instance={instance.clone()} {past} />
                <CareSection instance={instance.clone()} />
                <LogSection instance={instance.clone()} desk={props.desk.clone()} />
            </div>
        </aside>
    }
}
