//! A field for a code of the other side.

use super::camera::Camera;
use super::reader::{Reader, Why};
use crate::Button;
use protocol::PEER_CODE_MAX;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{ClipboardEvent, DataTransfer, File, HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

/// What is on the button for files.
const PICTURE: &str = "From a picture…";
/// What is on the button for the camera.
const CAMERA: &str = "Scan with the camera…";

/// Whether the page is a tab, which stays when the browser asks its user for something: a popup does not.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct InTab(pub(super) bool);

#[derive(Properties, PartialEq)]
pub(super) struct CodeFieldProps {
    pub(super) id: AttrValue,
    pub(super) label: AttrValue,
    pub(super) value: AttrValue,
    #[prop_or_default]
    pub(super) first: bool,
    pub(super) oninput: Callback<String>,
}

/// How a code gets into its field, beside typing.
#[derive(Clone, PartialEq)]
enum Scan {
    Idle,
    /// A picture is being read.
    Reading,
    Camera,
    Failed(Why),
}

/// A field for a code: pasted, or read in a picture that is chosen, dropped or pasted, or by the camera.
#[component]
pub(super) fn CodeField(props: &CodeFieldProps) -> Html {
    let node = use_node_ref();
    use_effect_with(node.clone(), {
        let first = props.first;
        move |node| {
            if let (true, Some(field)) = (first, node.cast::<HtmlTextAreaElement>()) {
                // A field that was just rendered can take the focus.
                let _ = field.focus();
            }
        }
    });
    let scan = use_state(|| Scan::Idle);
    let oninput = {
        let (oninput, scan) = (props.oninput.clone(), scan.setter());
        Callback::from(move |event: InputEvent| {
            scan.set(Scan::Idle);
            oninput.emit(event.target_unchecked_into::<HtmlTextAreaElement>().value());
        })
    };
    let on_text = {
        let (oninput, scan) = (props.oninput.clone(), scan.setter());
        Callback::from(move |text: String| {
            scan.set(Scan::Idle);
            oninput.emit(text);
        })
    };
    let on_end = {
        let scan = scan.setter();
        Callback::from(move |why: Option<Why>| scan.set(why.map_or(Scan::Idle, Scan::Failed)))
    };
    let on_file = {
        let (scan, on_text, on_end) = (scan.setter(), on_text.clone(), on_end.clone());
        Callback::from(move |file: File| {
            scan.set(Scan::Reading);
            let (on_text, on_end) = (on_text.clone(), on_end.clone());
            spawn_local(async move {
                match read(&file).await {
                    Ok(text) => on_text.emit(text),
                    Err(why) => on_end.emit(Some(why)),
                }
            });
        })
    };
    let start = {
        let scan = scan.setter();
        Callback::from(move |()| scan.set(Scan::Camera))
    };
    html! {
        <div class="field">
            <label for={props.id.clone()}>{ &props.label }</label>
            <textarea ref={node} id={props.id.clone()} class="code" rows="4" maxlength={PEER_CODE_MAX.to_string()} spellcheck="false"
                autocomplete="off" value={props.value.clone()} {oninput} ondragover={Callback::from(allow)} ondrop={dropped(&on_file)}
                onpaste={pasted(&on_file)} />
            if *scan == Scan::Camera {
                <Camera {on_text} {on_end} />
            } else {
                <ScanButtons busy={*scan == Scan::Reading} {on_file} {start} />
            }
            if let Scan::Failed(why) = &*scan { <p class="field-about bad" role="alert">{ why }</p> }
        </div>
    }
}

async fn read(file: &File) -> Result<String, Why> {
    Reader::new()?.file(file).await
}

#[derive(Properties, PartialEq)]
struct ScanButtonsProps {
    busy: bool,
    on_file: Callback<File>,
    start: Callback<()>,
}

#[component]
fn ScanButtons(props: &ScanButtonsProps) -> Html {
    let in_tab = use_context::<InTab>() == Some(InTab(true));
    let onchange = {
        let on_file = props.on_file.clone();
        Callback::from(move |event: Event| {
            let field: HtmlInputElement = event.target_unchecked_into();
            let file = field.files().and_then(|files| files.get(0));
            // So that choosing the same file again is a change.
            field.set_value("");
            file.into_iter().for_each(|file| on_file.emit(file));
        })
    };
    html! {
        <div class="code-buttons">
            <span class="button secondary small file-button" aria-busy={props.busy.then_some("true")}>
                <span class="button-text" aria-hidden="true">{ PICTURE }</span>
                <input type="file" accept="image/*" aria-label={PICTURE} title="" disabled={props.busy} {onchange} />
            </span>
            if in_tab {
                <Button label={CAMERA} class="small" disabled={props.busy} onclick={props.start.reform(|_| ())} />
            } else {
                <a class="button secondary small" href="../network/index.html" target="_blank"
                    title="On the network page, where you see this too">{ CAMERA }</a>
            }
        </div>
    }
}

/// Lets a file be dropped; anything else goes the browser's way.
fn allow(event: DragEvent) {
    let Some(data) = event.data_transfer() else { return };
    if data.types().iter().any(|kind| kind == "Files") {
        event.prevent_default();
    }
}

fn dropped(on_file: &Callback<File>) -> Callback<DragEvent> {
    let on_file = on_file.clone();
    Callback::from(move |event: DragEvent| taken(event.data_transfer(), &event, &on_file))
}

fn pasted(on_file: &Callback<File>) -> Callback<Event> {
    let on_file = on_file.clone();
    Callback::from(move |event: Event| {
        let data = event.dyn_ref::<ClipboardEvent>().and_then(ClipboardEvent::clipboard_data);
        taken(data, &event, &on_file);
    })
}

/// Takes the first file, if it is one and no text.
fn taken(data: Option<DataTransfer>, event: &Event, on_file: &Callback<File>) {
    if let Some(file) = data.and_then(|data| data.files()).and_then(|files| files.get(0)) {
        event.prevent_default();
        on_file.emit(file);
    }
}
