use super::dialog::use_modal;
use super::{Button, Kind, Notice};
use protocol::Problem;
use yew::prelude::*;

/// Properties of [`FormDialog`].
#[derive(Properties, PartialEq)]
pub struct FormDialogProps {
    /// What is asked.
    pub title: AttrValue,
    /// What it is about.
    #[prop_or_default]
    pub text: Option<AttrValue>,
    /// The button that does it.
    pub confirm: AttrValue,
    /// [`Kind::Danger`] where something is lost.
    #[prop_or(Kind::Primary)]
    pub kind: Kind,
    /// It can't be done with what is in the fields.
    #[prop_or_default]
    pub blocked: bool,
    /// It is being done.
    #[prop_or_default]
    pub busy: bool,
    /// Why it could not be done.
    #[prop_or_default]
    pub problem: Option<Problem>,
    /// Do it while the press itself is handled, as browsers want it before they ask for leave. What was chosen last may not be drawn then, so whoever
    /// does it has to know by other means.
    #[prop_or_default]
    pub at_once: bool,
    /// Do it.
    pub on_confirm: Callback<()>,
    /// Leave it.
    pub on_cancel: Callback<()>,
    /// The fields.
    #[prop_or_default]
    pub children: Html,
}

/// Asks for something before it is done. It is open as long as it is rendered; Enter does it, Escape leaves it, and the
/// browser's native dialog keeps the focus inside and gives it back afterwards. What goes wrong is said in it.
#[component]
pub fn FormDialog(props: &FormDialogProps) -> Html {
    let node = use_node_ref();
    use_modal(&node);
    // A page in the background, or on a busy computer, is drawn some time after a key, and what was drawn last would do what the fields said before.
    // The press is a state as what was typed is, and comes after it.
    let pressed = use_state(|| 0_u32);
    let (confirm, able) = (props.on_confirm.clone(), !props.blocked && !props.busy);
    let onsubmit = {
        let (confirm, at_once, next, set) = (confirm.clone(), props.at_once, pressed.wrapping_add(1), pressed.setter());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            match at_once {
                true if able => confirm.emit(()),
                true => {}
                false => set.set(next),
            }
        })
    };
    use_effect_with(*pressed, move |pressed| {
        if *pressed > 0 && able {
            confirm.emit(());
        }
    });
    let oncancel = props.on_cancel.reform(|event: Event| event.prevent_default());
    let kind = if props.kind == Kind::Danger { "danger" } else { "primary" };
    html! {
        <dialog ref={node} class="dialog" aria-labelledby="form-title" {oncancel}>
            <form {onsubmit}>
                <h2 id="form-title">{ &props.title }</h2>
                if let Some(text) = &props.text { <p>{ text }</p> }
                { props.children.clone() }
                if let Some(problem) = props.problem.clone() { <Notice {problem} /> }
                <div class="dialog-actions">
                    <Button label="Cancel" onclick={props.on_cancel.reform(|_| ())} />
                    <button type="submit" class={classes!("button", kind)} disabled={props.blocked}
                        aria-busy={props.busy.then_some("true")}>
                        <span class="button-text">{ &props.confirm }</span>
                    </button>
                </div>
            </form>
        </dialog>
    }
}
