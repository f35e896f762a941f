use super::{Button, Icon, Kind, bytes};
use crate::Room;
use yew::prelude::*;

/// What a [`Remark`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something went well.
    Good,
    /// Something is about to go wrong.
    Warning,
}

/// Properties of [`Remark`].
#[derive(Properties, PartialEq)]
pub struct RemarkProps {
    /// What it is about.
    pub tone: Tone,
    /// What there is to know.
    pub message: AttrValue,
    /// What to do next.
    #[prop_or_default]
    pub advice: Option<AttrValue>,
    /// What can be done about it here.
    #[prop_or_default]
    pub children: Html,
    /// Puts it away; without it, it stays.
    #[prop_or_default]
    pub on_dismiss: Option<Callback<()>>,
}

/// Something to know that is no failure; failures are [`super::Notice`]s.
#[component]
pub fn Remark(props: &RemarkProps) -> Html {
    let (class, icon) = match props.tone {
        Tone::Good => ("good", Icon::Check),
        Tone::Warning => ("warning", Icon::Warning),
    };
    html! {
        <div class={classes!("notice", class)} role="status">
            { Html::from(icon) }
            <div class="notice-body">
                <p class="notice-message">{ &props.message }</p>
                if let Some(advice) = &props.advice { <p class="notice-advice">{ advice }</p> }
                if props.children != Html::default() { <div class="notice-actions">{ props.children.clone() }</div> }
            </div>
            if let Some(dismiss) = props.on_dismiss.clone() {
                <Button label="Dismiss" kind={Kind::Ghost} icon={Icon::Close} icon_only=true class="small"
                    onclick={move |_| dismiss.emit(())} />
            }
        </div>
    }
}

/// Properties of [`RoomWarning`].
#[derive(Properties, PartialEq)]
pub struct RoomWarningProps {
    /// The use of the storage.
    pub room: Room,
    /// What to do next.
    pub advice: AttrValue,
    /// Where it can be done.
    #[prop_or_default]
    pub children: Html,
}

/// Says that the storage is nearly full; nothing as long as it is not.
#[component]
pub fn RoomWarning(props: &RoomWarningProps) -> Html {
    let Room { usage, quota } = props.room;
    if !props.room.is_short() {
        return Html::default();
    }
    let message = format!("The storage is {} % full: {} of {}.", props.room.percent(), bytes(usage), bytes(quota));
    html! {
        <Remark tone={Tone::Warning} {message} advice={props.advice.clone()}>{ props.children.clone() }</Remark>
    }
}
