use super::Icon;
use yew::prelude::*;

/// How much a button stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// The one thing to do here.
    Primary,
    /// One of several equal things.
    #[default]
    Secondary,
    /// Part of a tool bar.
    Ghost,
    /// Takes something away for good.
    Danger,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Ghost => "ghost",
            Self::Danger => "danger",
        }
    }
}

/// Properties of [`Button`].
#[derive(Properties, PartialEq)]
pub struct ButtonProps {
    /// The text on it; with `icon_only`, its tooltip.
    pub label: AttrValue,
    /// Its accessible name where the text alone does not say what it acts on; it contains the text.
    #[prop_or_default]
    pub name: Option<AttrValue>,
    /// How much it stands out.
    #[prop_or_default]
    pub kind: Kind,
    /// The icon before the text.
    #[prop_or_default]
    pub icon: Option<Icon>,
    /// Shows the icon alone.
    #[prop_or_default]
    pub icon_only: bool,
    /// Its last press is still being worked on; pressing again does nothing.
    #[prop_or_default]
    pub busy: bool,
    /// It can't be pressed now.
    #[prop_or_default]
    pub disabled: bool,
    /// For a switch: whether it is on.
    #[prop_or_default]
    pub pressed: Option<bool>,
    /// For a button with a menu: whether the menu is open.
    #[prop_or_default]
    pub popup: Option<bool>,
    /// More classes.
    #[prop_or_default]
    pub class: Classes,
    /// The element.
    #[prop_or_default]
    pub node: NodeRef,
    /// It was pressed.
    pub onclick: Callback<MouseEvent>,
}

/// A button. One that is busy keeps the focus and its width.
#[component]
pub fn Button(props: &ButtonProps) -> Html {
    let onclick = {
        let (onclick, idle) = (props.onclick.clone(), !props.busy);
        Callback::from(move |event: MouseEvent| {
            if idle {
                onclick.emit(event);
            }
        })
    };
    let name = props.name.clone().or_else(|| props.icon_only.then(|| props.label.clone()));
    let class = classes!("button", props.kind.class(), props.icon_only.then_some("icon-only"), props.class.clone());
    html! {
        <button
            ref={props.node.clone()}
            type="button"
            {class}
            aria-label={name}
            data-tip={props.icon_only.then(|| props.label.clone())}
            aria-busy={props.busy.then_some("true")}
            aria-pressed={props.pressed.map(text)}
            aria-haspopup={props.popup.map(|_| "menu")}
            aria-expanded={props.popup.map(text)}
            disabled={props.disabled}
            {onclick}
        >
            { props.icon.map(Html::from) }
            if !props.icon_only { <span class="button-text">{ props.label.clone() }</span> }
        </button>
    }
}

fn text(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}
