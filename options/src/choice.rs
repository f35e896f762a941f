use yew::prelude::*;

/// One of several things to choose from.
#[derive(Clone, PartialEq)]
pub(crate) struct Choice {
    /// Its name.
    pub(crate) label: AttrValue,
    /// A second line.
    pub(crate) detail: Option<AttrValue>,
    /// Its picture.
    pub(crate) icon: Html,
    /// It is the one that holds.
    pub(crate) chosen: bool,
    /// It is chosen.
    pub(crate) onchoose: Callback<()>,
}

/// Properties of [`Choices`].
#[derive(Properties, PartialEq)]
pub(crate) struct ChoicesProps {
    /// What is being chosen.
    pub(crate) legend: AttrValue,
    /// What it is for.
    pub(crate) hint: AttrValue,
    /// Name of the group of radio buttons.
    pub(crate) name: &'static str,
    /// How the choices are laid out: `segments`, `cards` or `rows`.
    pub(crate) layout: &'static str,
    /// The choices.
    pub(crate) choices: Vec<Choice>,
}

/// A group of native radio buttons, so that keys and assistive technology work as everywhere.
#[component]
pub(crate) fn Choices(props: &ChoicesProps) -> Html {
    let hint = format!("{}-hint", props.name);
    html! {
        <fieldset class="setting" aria-describedby={hint.clone()}>
            <legend>{ &props.legend }</legend>
            <p class="setting-hint" id={hint}>{ &props.hint }</p>
            <div class={props.layout}>
                { for props.choices.iter().map(|choice| view(props.name, choice)) }
            </div>
        </fieldset>
    }
}

fn view(name: &'static str, choice: &Choice) -> Html {
    html! {
        <label class="choice">
            <input type="radio" {name} value={choice.label.clone()} checked={choice.chosen}
                onchange={choice.onchoose.reform(|_: Event| ())} />
            { choice.icon.clone() }
            <span class="choice-text">
                <span class="choice-label">{ &choice.label }</span>
                if let Some(detail) = &choice.detail { <small>{ detail }</small> }
            </span>
        </label>
    }
}
