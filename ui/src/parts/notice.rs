use super::{Button, Icon, Kind};
use protocol::Problem;
use yew::prelude::*;

/// Properties of [`Notice`].
#[derive(Properties, PartialEq)]
pub struct NoticeProps {
    /// What went wrong.
    pub problem: Problem,
    /// What can be done about it here.
    #[prop_or_default]
    pub children: Html,
    /// Puts it away; without it, it stays.
    #[prop_or_default]
    pub on_dismiss: Option<Callback<()>>,
}

/// Something that went wrong, and what to do next.
#[component]
pub fn Notice(props: &NoticeProps) -> Html {
    html! {
        <div class="notice" role="alert">
            { Html::from(Icon::Warning) }
            <div class="notice-body">
                <p class="notice-message">{ &props.problem.message }</p>
                <p class="notice-advice">{ &props.problem.advice }</p>
                if props.children != Html::default() { <div class="notice-actions">{ props.children.clone() }</div> }
            </div>
            if let Some(dismiss) = props.on_dismiss.clone() {
                <Button label="Dismiss" kind={Kind::Ghost} icon={Icon::Close} icon_only=true class="small"
                    onclick={move |_| dismiss.emit(())} />
            }
        </div>
    }
}
