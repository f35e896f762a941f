use crate::{
    screen::{Found, Step},
    stage::DeskHandle,
    view::Signal,
};
use protocol::Stream;
use ui::{Button, Icon, Kind};
use web_sys::HtmlInputElement;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(crate) struct FindBarProps {
    pub(crate) desk: DeskHandle,
    pub(crate) tab: Stream,
    pub(crate) found: Option<Found>,
    pub(crate) signal: Callback<Signal>,
}

/// Searches the shown terminal: Enter and F3 to the next match, with Shift to the one before, Escape to leave.
#[component]
pub(crate) fn FindBar(props: &FindBarProps) -> Html {
    let text = use_state(String::new);
    let field = use_node_ref();
    let step = {
        let (desk, text) = (props.desk.clone(), text.clone());
        Callback::from(move |step: Step| desk.0.find(&text, step))
    };
    use_effect_with(field.clone(), {
        let desk = props.desk.clone();
        move |field| {
            if let Some(field) = field.cast::<HtmlInputElement>() {
                if let Some(selected) = desk.0.screen(desk.0.tab()).selection().filter(|text| !text.contains('\n')) {
                    field.set_value(&selected);
                }
                // The field was just rendered and can take the focus.
                let _ = field.focus();
                field.select();
            }
            move || {
                desk.0.end_search();
                desk.0.focus(desk.0.tab());
            }
        }
    });
    use_effect_with((props.tab, (*text).clone()), {
        let step = step.clone();
        move |_| step.emit(Step::Here)
    });
    let oninput = {
        let text = text.setter();
        Callback::from(move |event: InputEvent| text.set(event.target_unchecked_into::<HtmlInputElement>().value()))
    };
    let onkeydown = {
        let (step, signal) = (step.clone(), props.signal.clone());
        Callback::from(move |event: KeyboardEvent| {
            match (event.key().as_str(), event.shift_key()) {
                ("Enter" | "F3", false) => step.emit(Step::Next),
                ("Enter" | "F3", true) => step.emit(Step::Before),
                ("Escape", _) => signal.emit(Signal::EndSearch),
                ("F" | "f", true) if event.ctrl_key() => signal.emit(Signal::EndSearch),
                _ => return,
            }
            event.prevent_default();
        })
    };
    let go = |to: Step| step.reform(move |_: MouseEvent| to);
    html! {
        <div class="find" role="search">
            <input ref={field} type="text" aria-label="Search the terminal" placeholder="Search" spellcheck="false"
                autocomplete="off" {oninput} {onkeydown} />
            <span class="find-count number" role="status">{ count(&text, props.found) }</span>
            <Button label="Previous match" icon={Icon::ChevronUp} icon_only=true kind={Kind::Ghost} class="small"
                onclick={go(Step::Before)} />
            <Button label="Next match" icon={Icon::ChevronDown} icon_only=true kind={Kind::Ghost} class="small"
                onclick={go(Step::Next)} />
            <Button label="Close search" icon={Icon::Close} icon_only=true kind={Kind::Ghost} class="small"
                onclick={props.signal.reform(|_| Signal::EndSearch)} />
        </div>
    }
}

/// What was found, in words.
fn count(text: &str, found: Option<Found>) -> String {
    match found {
        _ if text.is_empty() => String::new(),
        Some(Found { count: 0, .. }) => "None".to_owned(),
        Some(Found { count, at: Some(at) }) => format!("{} of {count}", at + 1),
        Some(Found { count, at: None }) => format!("{count} or more"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_says_how_many_matches_there_are() {
        assert_eq!(count("", None), "");
        assert_eq!(count("x", Some(Found { count: 0, at: None })), "None");
        assert_eq!(count("x", Some(Found { count: 17, at: Some(2) })), "3 of 17");
        assert_eq!(count("x", Some(Found { count: 1000, at: None })), "1000 or more");
    }
}
