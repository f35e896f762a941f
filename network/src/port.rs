//! Asks which port of a machine is to be opened, and opens it in a tab.

use crate::view;
use protocol::Instance;
use ui::{FormDialog, TextField};
use yew::prelude::*;

/// Where most people let their first server listen.
const USUAL: &str = "8080";

/// The port that a text names.
fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port > 0)
}

#[derive(Properties, PartialEq)]
pub(crate) struct PortDialogProps {
    pub(crate) instance: Instance,
    pub(crate) on_close: Callback<()>,
}

#[component]
pub(crate) fn PortDialog(props: &PortDialogProps) -> Html {
    let Instance { id, name, .. } = &props.instance;
    let text = use_state(|| USUAL.to_owned());
    let chosen = port(&text);
    let objection = chosen.is_none().then_some(AttrValue::from("A port is a number from 1 to 65535"));
    let on_confirm = {
        let (id, close) = (id.clone(), props.on_close.clone());
        Callback::from(move |()| {
            if let (Some(port), Some(window)) = (chosen, web_sys::window()) {
                // A tab that the browser did not open can be asked for again.
                let _ = window.open_with_url_and_target(&format!("{}?id={id}&port={port}", view::FILE), "_blank");
            }
            close.emit(());
        })
    };
    let on_text = text.setter();
    html! {
        <FormDialog title={format!("Open which port of {name}?")} confirm="Open" blocked={chosen.is_none()} {on_confirm}
            on_cancel={props.on_close.clone()}
            text="Shows the machine’s web site in a tab, apart from the extension. All that the site loads comes from the machine.">
            <TextField id="port" label="Port" value={(*text).clone()} max={5} {objection} first=true number=true
                hint="Where the machine’s web server listens, such as 80 or 8080"
                oninput={Callback::from(move |now| on_text.set(now))} />
        </FormDialog>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_that_a_server_can_have() {
        assert_eq!(port(" 8080 "), Some(8080));
        for wrong in ["", "0", "65536", "-1", "http", "8080/"] {
            assert_eq!(port(wrong), None, "{wrong}");
        }
    }
}
