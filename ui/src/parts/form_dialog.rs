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
    let onsubmit = {
        let (confirm, able) = (props.on_confirm.clone(), !props.blocked && !props.busy);
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if able {
                confirm.emit(());
            }
        })
    };
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
