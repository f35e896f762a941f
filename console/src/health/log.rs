//! What was said: by the machine while it booted, and about it by the extension.

use crate::stage::DeskHandle;
use gloo_events::EventListener;
use gloo_timers::callback::Interval;
use protocol::{Instance, InstanceId, LOG_KEY, LogLine, Stream};
use ui::{Button, Icon, Kind, Notice, SelectField};
use wasm_bindgen::prelude::*;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, HtmlInputElement, Url};
use yew::prelude::*;

/// The most lines that are shown; a file has all.
const SHOWN_MAX: usize = 300;
/// The most lines that are read of the serial console: xterm.js keeps no more.
const SERIAL_MAX: u32 = 10_000;
/// How often the serial console is read again while it is shown, in milliseconds.
const READ_MS: u32 = 2_000;

/// Whose words are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Host,
    Boot,
}

#[derive(Properties, PartialEq)]
pub(super) struct LogProps {
    pub(super) instance: Instance,
    pub(super) desk: Option<DeskHandle>,
}

/// The log, which can be searched and saved.
#[component]
pub(super) fn LogSection(props: &LogProps) -> Html {
    let source = use_state(|| Source::Host);
    let wanted = use_state(String::new);
    let lines = use_lines(props, *source);
    let download = use_mut_ref(|| None::<Download>);
    let problem = use_state(|| None);
    let found: Vec<&String> = lines.iter().filter(|line| contains(line, &wanted)).collect();
    let save = {
        let (text, problem) = (lines.join("\n") + "\n", problem.setter());
        let kind = if *source == Source::Host { "host" } else { "boot" };
        let name = format!("{}-{kind}.log", props.instance.name);
        Callback::from(move |_: MouseEvent| match Download::begin(&name, &text) {
            Ok(begun) => *download.borrow_mut() = Some(begun),
            Err(_) => problem.set(Some(protocol::Problem::new(
                protocol::ProblemCode::Internal,
                format!("The browser did not begin to save {name}."),
            ))),
        })
    };
    let search = {
        let wanted = wanted.setter();
        Callback::from(move |event: InputEvent| wanted.set(event.target_unchecked_into::<HtmlInputElement>().value()))
    };
    let choose = {
        let source = source.setter();
        Callback::from(move |index| source.set(if index == 0 { Source::Host } else { Source::Boot }))
    };
    let hidden = found.len().saturating_sub(SHOWN_MAX);
    html! {
        <section class="side-section" aria-labelledby="health-log">
            <div class="side-section-head">
                <h3 id="health-log">{ "Log" }</h3>
                <Button label="Save log" icon={Icon::Export} icon_only=true kind={Kind::Ghost} class="small"
                    disabled={lines.is_empty()} onclick={save} />
            </div>
            <div class="log-tools">
                <SelectField id="log-source" label="Whose words" bare=true
                    options={vec![AttrValue::from("Workbench"), AttrValue::from("Serial console")]}
                    chosen={usize::from(*source == Source::Boot)} onchoose={choose} />
                <input type="search" aria-label="Search the log" placeholder="Search" value={(*wanted).clone()}
                    oninput={search} />
            </div>
            if let Some(problem) = (*problem).clone() { <Notice {problem} /> }
            <div class="log mono" tabindex="0" role="log" aria-label="Log">
                if found.is_empty() {
                    <p class="why">{ if lines.is_empty() { "Nothing was said yet." } else { "Nothing matches." } }</p>
                }
                if hidden > 0 { <p class="why">{ format!("{hidden} earlier lines: save the log to see them.") }</p> }
                { for found.iter().skip(hidden).map(|line| html! { <p>{ *line }</p> }) }
            </div>
        </section>
    }
}

fn contains(line: &str, wanted: &str) -> bool {
    wanted.is_empty() || line.to_lowercase().contains(&wanted.to_lowercase())
}

/// The lines, oldest first, anew whenever there are others.
#[hook]
fn use_lines(props: &LogProps, source: Source) -> Vec<String> {
    let lines = use_state(Vec::new);
    let desk = props.desk.clone();
    use_effect_with((source, props.instance.id.clone(), desk.clone()), {
        let lines = lines.setter();
        move |(source, id, desk)| {
            let read = {
                let (source, id, desk) = (*source, id.clone(), desk.clone());
                move || lines.set(read(source, &id, desk.as_ref()))
            };
            read();
            let window = web_sys::window();
            let kept = match (source, window) {
                (Source::Host, Some(window)) => (Some(EventListener::new(&window, "storage", move |_| read())), None),
                _ => (None, Some(Interval::new(READ_MS, read))),
            };
            move || drop(kept)
        }
    });
    (*lines).clone()
}

fn read(source: Source, id: &InstanceId, desk: Option<&DeskHandle>) -> Vec<String> {
    match source {
        Source::Host => host_lines(id),
        Source::Boot => {
            let text = desk.map(|DeskHandle(desk)| desk.screen(Stream::Serial).text(SERIAL_MAX)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        }
    }
}

/// What the host page keeps of this machine, and of none in particular.
fn host_lines(id: &InstanceId) -> Vec<String> {
    let storage = web_sys::window().and_then(|window| window.local_storage().ok().flatten());
    let text = storage.and_then(|storage| storage.get_item(LOG_KEY).ok().flatten());
    let list = text.and_then(|text| js_sys::JSON::parse(&text).ok());
    let lines: Vec<LogLine> = list.and_then(|list| webbridge::from_js(list).ok()).unwrap_or_default();
    let about = |line: &&LogLine| line.machine.as_ref().is_none_or(|machine| machine == id);
    lines.iter().filter(about).map(shown).collect()
}

fn shown(line: &LogLine) -> String {
    let date = js_sys::Date::new(&(line.at as f64).into());
    let (hours, minutes, seconds) = (date.get_hours(), date.get_minutes(), date.get_seconds());
    format!("{hours:02}:{minutes:02}:{seconds:02} {}: {}", line.part.label(), line.text)
}

/// A file on its way to the downloads. The browser may read it as long as this is kept.
struct Download(String);

impl Drop for Download {
    fn drop(&mut self) {
        // Fails only for what is no address.
        let _ = Url::revoke_object_url(&self.0);
    }
}

impl Download {
    fn begin(name: &str, text: &str) -> Result<Self, JsValue> {
        let options = BlobPropertyBag::new();
        options.set_type("text/plain;charset=utf-8");
        let blob = Blob::new_with_str_sequence_and_options(&js_sys::Array::of1(&text.into()), &options)?;
        let download = Self(Url::create_object_url_with_blob(&blob)?);
        let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::UNDEFINED)?;
        let link: HtmlAnchorElement = document.create_element("a")?.dyn_into()?;
        link.set_href(&download.0);
        link.set_download(name);
        link.click();
        Ok(download)
    }
}
