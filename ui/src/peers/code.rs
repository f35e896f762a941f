//! A code that is to be passed on: as a text to copy, and as a picture.

use crate::{Button, Icon, countdown, use_now};
use protocol::PeerCode;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

#[wasm_bindgen]
extern "C" {
    // Absent where the browser keeps the clipboard to itself: then it throws.
    #[wasm_bindgen(catch, js_namespace = ["navigator", "clipboard"], js_name = writeText)]
    async fn write_text(text: &str) -> Result<JsValue, JsValue>;
}

/// How many modules stand around a QR code, by its standard (ISO/IEC 18004).
const QUIET: u32 = 4;

#[derive(Properties, PartialEq)]
pub(super) struct CodeProps {
    pub(super) id: AttrValue,
    pub(super) label: AttrValue,
    pub(super) code: PeerCode,
}

/// A code that is to be passed on.
#[component]
pub(super) fn Code(props: &CodeProps) -> Html {
    let copied = use_state(|| None::<bool>);
    let picture = use_state(|| false);
    let now = use_now(true);
    let PeerCode { text, picture: path, side, expires } = &props.code;
    let copy = {
        let (text, copied) = (text.clone(), copied.setter());
        Callback::from(move |_: MouseEvent| {
            let (text, copied) = (text.clone(), copied.clone());
            spawn_local(async move { copied.set(Some(write_text(&text).await.is_ok())) });
        })
    };
    let turn = {
        let picture = picture.clone();
        Callback::from(move |_: MouseEvent| picture.set(!*picture))
    };
    let seconds = countdown(*expires, now);
    let left = format!("{}:{:02}", seconds / 60, seconds % 60);
    let view = format!("-{QUIET} -{QUIET} {0} {0}", side + 2 * QUIET);
    html! {
        <div class="field">
            <label for={props.id.clone()}>{ &props.label }</label>
            <textarea id={props.id.clone()} class="code" rows="5" readonly=true spellcheck="false" value={text.clone()}
                onfocus={Callback::from(|event: FocusEvent| event.target_unchecked_into::<HtmlTextAreaElement>().select())} />
            <div class="code-buttons">
                <Button label={if *copied == Some(true) { "Copied" } else { "Copy" }} name="Copy the code"
                    icon={if *copied == Some(true) { Icon::Check } else { Icon::Copy }} class="small" onclick={copy} />
                <Button label={if *picture { "Hide QR code" } else { "Show QR code" }} class="small" pressed={Some(*picture)}
                    onclick={turn} />
                <span class="soft number" role="timer">{ format!("Good for {left}") }</span>
            </div>
            if *copied == Some(false) {
                <p class="field-about" role="status">{ "The browser keeps the clipboard to itself: press Ctrl+C in the field." }</p>
            }
            if *picture {
                <svg class="qr" role="img" aria-label="QR code" viewBox={view} shape-rendering="crispEdges">
                    <rect x={format!("-{QUIET}")} y={format!("-{QUIET}")} width="100%" height="100%" fill="#fff" />
                    <path d={path.clone()} fill="#000" />
                </svg>
            }
        </div>
    }
}
