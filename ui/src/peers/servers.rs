//! STUN and TURN servers, which only the user names.

use super::forms::storage;
use crate::{Button, FormDialog, Kind};
use protocol::{ICE_SERVERS_KEY, ICE_TEXT_MAX, IceServer, Problem, ProblemCode};
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

/// What is on the button.
const LABEL: &str = "STUN and TURN servers…";

fn kept() -> String {
    storage().and_then(|storage| storage.get_item(ICE_SERVERS_KEY).ok()?).unwrap_or_default()
}

fn keep(text: &str) -> Result<(), Problem> {
    let failed = || Problem::new(ProblemCode::Internal, "The browser could not keep the servers.");
    storage().and_then(|storage| storage.set_item(ICE_SERVERS_KEY, text.trim()).ok()).ok_or_else(failed)
}

/// How many servers are named.
fn count(text: &str) -> String {
    match IceServer::all(text).map_or(0, |servers| servers.len()) {
        0 => format!("{LABEL} none named"),
        count => format!("{LABEL} {count} named"),
    }
}

/// Says how many servers there are, and opens a dialog to change them.
#[component]
pub fn ServersButton() -> Html {
    let open = use_state(|| false);
    let named = use_state(kept);
    let show = {
        let open = open.setter();
        Callback::from(move |_: MouseEvent| open.set(true))
    };
    let on_close = {
        let (open, named) = (open.setter(), named.setter());
        Callback::from(move |()| {
            open.set(false);
            named.set(kept());
        })
    };
    html! {
        <>
            <Button label={LABEL} name={count(&named)} kind={Kind::Secondary} class="small" onclick={show} />
            if *open { <ServersDialog {on_close} /> }
        </>
    }
}

#[derive(Properties, PartialEq)]
struct ServersProps {
    on_close: Callback<()>,
}

#[component]
fn ServersDialog(props: &ServersProps) -> Html {
    let text = use_state(kept);
    let problem = use_state(|| None::<Problem>);
    let objection = IceServer::all(&text).err().map(|error| error.to_string());
    let on_confirm = {
        let (text, problem, close) = ((*text).clone(), problem.setter(), props.on_close.clone());
        Callback::from(move |()| match keep(&text) {
            Ok(()) => close.emit(()),
            Err(failed) => problem.set(Some(failed)),
        })
    };
    let oninput = {
        let text = text.setter();
        Callback::from(move |event: InputEvent| {
            text.set(event.target_unchecked_into::<HtmlTextAreaElement>().value());
        })
    };
    let bad = objection.is_some();
    let about =
        objection.unwrap_or_else(|| "One in each line: stun:HOST:PORT, or turn:HOST:PORT NAME PASSWORD".to_owned());
    html! {
        <FormDialog title="STUN and TURN servers" confirm="Save" blocked={bad} problem={(*problem).clone()} {on_confirm}
            on_cancel={props.on_close.clone()}
            text="New invitations and answers use them. Whoever runs a STUN server sees the address of this computer; a TURN server passes on everything, which it can’t read. Both sides need one if a router is in the way.">
            <div class="field">
                <label for="ice-servers">{ "Servers" }</label>
                <textarea id="ice-servers" class="code" rows="4" maxlength={ICE_TEXT_MAX.to_string()} spellcheck="false"
                    autocomplete="off" aria-invalid={bad.then_some("true")} aria-describedby="ice-servers-about"
                    value={(*text).clone()} {oninput} />
                <p id="ice-servers-about" class={classes!("field-about", bad.then_some("bad"))}>{ about }</p>
            </div>
        </FormDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_button_says_how_many_there_are() {
        assert_eq!(count(""), "STUN and TURN servers… none named");
        assert_eq!(count("stun:a\nturn:b me secret"), "STUN and TURN servers… 2 named");
    }
}
