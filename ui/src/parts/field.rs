//! Fields of a form: native controls with their labels.

use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// Properties of [`TextField`].
#[derive(Properties, PartialEq)]
pub struct TextFieldProps {
    /// Names the field in the page; unique there.
    pub id: &'static str,
    /// What is asked for.
    pub label: AttrValue,
    /// What is in it.
    pub value: AttrValue,
    /// Most characters.
    #[prop_or(80)]
    pub max: usize,
    /// Why what is in it can't be taken.
    #[prop_or_default]
    pub objection: Option<AttrValue>,
    /// What else there is to know.
    #[prop_or_default]
    pub hint: Option<AttrValue>,
    /// It has the keyboard first, with all its text selected.
    #[prop_or_default]
    pub first: bool,
    /// It takes a number.
    #[prop_or_default]
    pub number: bool,
    /// What stands behind it.
    #[prop_or_default]
    pub children: Html,
    /// Its text was changed.
    pub oninput: Callback<String>,
}

/// A line of text.
#[component]
pub fn TextField(props: &TextFieldProps) -> Html {
    let node = use_node_ref();
    use_effect_with(node.clone(), {
        let first = props.first;
        move |node| {
            if let (true, Some(field)) = (first, node.cast::<HtmlInputElement>()) {
                // A field that was just rendered can take the focus.
                let _ = field.focus();
                field.select();
            }
        }
    });
    let oninput = props.oninput.reform(|event: InputEvent| event.target_unchecked_into::<HtmlInputElement>().value());
    let about = format!("{}-about", props.id);
    let words = props.objection.clone().or_else(|| props.hint.clone());
    html! {
        <div class="field">
            <label for={props.id}>{ &props.label }</label>
            <div class="field-row">
                <input ref={node} id={props.id} type="text" value={props.value.clone()} maxlength={props.max.to_string()}
                    inputmode={props.number.then_some("decimal")} spellcheck="false" autocomplete="off"
                    aria-invalid={props.objection.is_some().then_some("true")}
                    aria-describedby={words.is_some().then(|| about.clone())} {oninput} />
                { props.children.clone() }
            </div>
            if let Some(words) = words {
                <p id={about} class={classes!("field-about", props.objection.is_some().then_some("bad"))}>{ words }</p>
            }
        </div>
    }
}

/// Properties of [`CheckField`].
#[derive(Properties, PartialEq)]
pub struct CheckFieldProps {
    /// What is chosen.
    pub label: AttrValue,
    /// What it means.
    #[prop_or_default]
    pub hint: Option<AttrValue>,
    /// Whether it is chosen.
    pub checked: bool,
    /// It was chosen, or not any more.
    pub onchange: Callback<bool>,
}

/// A box to tick.
#[component]
pub fn CheckField(props: &CheckFieldProps) -> Html {
    let onchange = props.onchange.reform(|event: Event| event.target_unchecked_into::<HtmlInputElement>().checked());
    html! {
        <label class="tick">
            <input type="checkbox" aria-label={props.label.clone()} checked={props.checked} {onchange} />
            <span>
                { &props.label }
                if let Some(hint) = &props.hint { <small>{ hint }</small> }
            </span>
        </label>
    }
}

/// Properties of [`SelectField`].
#[derive(Properties, PartialEq)]
pub struct SelectFieldProps {
    /// Names the field in the page; unique there.
    pub id: &'static str,
    /// What is asked for.
    pub label: AttrValue,
    /// Only assistive technology is told the label.
    #[prop_or_default]
    pub bare: bool,
    /// What can be chosen.
    pub options: Vec<AttrValue>,
    /// The index of what is chosen.
    pub chosen: usize,
    /// What the chosen one is like.
    #[prop_or_default]
    pub hint: Option<AttrValue>,
    /// Another one was chosen.
    pub onchoose: Callback<usize>,
}

/// One of several things, in a native list.
#[component]
pub fn SelectField(props: &SelectFieldProps) -> Html {
    let onchange = props.onchoose.reform(|event: Event| {
        // Nothing is chosen only in an empty list.
        usize::try_from(event.target_unchecked_into::<HtmlSelectElement>().selected_index()).unwrap_or(0)
    });
    let options = props.options.iter().enumerate().map(|(index, label)| {
        html! { <option value={index.to_string()} selected={index == props.chosen}>{ label }</option> }
    });
    let about = format!("{}-about", props.id);
    let select = html! {
        <select id={props.id} aria-label={props.bare.then(|| props.label.clone())}
            aria-describedby={props.hint.is_some().then(|| about.clone())} {onchange}>{ for options }</select>
    };
    if props.bare {
        return select;
    }
    html! {
        <div class="field">
            <label for={props.id}>{ &props.label }</label>
            { select }
            if let Some(hint) = &props.hint { <p id={about} class="field-about">{ hint }</p> }
        </div>
    }
}
