use super::{Button, Kind};
use web_sys::HtmlDialogElement;
use yew::prelude::*;

/// Properties of [`ConfirmDialog`].
#[derive(Properties, PartialEq)]
pub struct ConfirmDialogProps {
    /// The question.
    pub title: AttrValue,
    /// What will happen.
    pub text: AttrValue,
    /// The button that does it.
    pub confirm: AttrValue,
    /// It is being done.
    #[prop_or_default]
    pub busy: bool,
    /// Do it.
    pub on_confirm: Callback<()>,
    /// Leave it.
    pub on_cancel: Callback<()>,
}

/// Asks before something is lost. It is open as long as it is rendered; Escape leaves it, and the browser's native
/// dialog keeps the focus inside and gives it back afterwards.
#[component]
pub fn ConfirmDialog(props: &ConfirmDialogProps) -> Html {
    let node = use_node_ref();
    use_modal(&node);
    let on_cancel = props.on_cancel.reform(|_: MouseEvent| ());
    let on_escape = props.on_cancel.reform(|event: Event| event.prevent_default());
    html! {
        <dialog ref={node} class="dialog" aria-labelledby="dialog-title" aria-describedby="dialog-text" oncancel={on_escape}>
            <h2 id="dialog-title">{ &props.title }</h2>
            <p id="dialog-text">{ &props.text }</p>
            <div class="dialog-actions">
                <Button label="Cancel" onclick={on_cancel} />
                <Button label={props.confirm.clone()} kind={Kind::Danger} busy={props.busy}
                    onclick={props.on_confirm.reform(|_| ())} />
            </div>
        </dialog>
    }
}

/// Keeps a dialog open, and modal, as long as it is rendered.
#[hook]
pub(super) fn use_modal(node: &NodeRef) {
    use_effect_with(node.clone(), |node| {
        let dialog = node.cast::<HtmlDialogElement>();
        if let Some(dialog) = &dialog {
            // Fails only for a dialog that is open already.
            let _ = dialog.show_modal();
        }
        move || {
            if let Some(dialog) = dialog {
                dialog.close();
            }
        }
    });
}
