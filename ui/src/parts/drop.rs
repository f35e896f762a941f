//! Where a file is expected: it can be dropped, or chosen in the browser's own dialog.

use super::Icon;
use gloo_events::{EventListener, EventListenerOptions};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{DataTransfer, DragEvent, File, FileList, HtmlInputElement};
use yew::prelude::*;

/// Properties of [`FilePicker`].
#[derive(Properties, PartialEq)]
pub struct FilePickerProps {
    /// What is to be done with the file: its accessible name.
    pub label: AttrValue,
    /// Which files are meant.
    pub hint: AttrValue,
    /// The endings of files that the browser's dialog shows first, such as `.tar,.zip`.
    pub accept: AttrValue,
    /// No file can be taken now.
    #[prop_or_default]
    pub disabled: bool,
    /// It has the keyboard first.
    #[prop_or_default]
    pub first: bool,
    /// A file was chosen or dropped.
    #[prop_or_default]
    pub on_file: Callback<File>,
    /// Files were chosen or dropped; without it only one can be.
    #[prop_or_default]
    pub on_files: Option<Callback<Vec<File>>>,
}

/// A place to drop a file on, or to press and choose one. A native file field lies over it, unseen: so keys, names and
/// dropping work as everywhere.
#[component]
pub fn FilePicker(props: &FilePickerProps) -> Html {
    let over = use_state(|| false);
    let node = use_node_ref();
    use_effect_with((node.clone(), props.first), |(node, first)| {
        if let (true, Some(field)) = (*first, node.cast::<HtmlInputElement>()) {
            field.scroll_into_view();
            // A field that is in the page can take the focus.
            let _ = field.focus();
        }
    });
    let onchange = {
        let (taker, over) = (Taker::new(&props.on_file, &props.on_files), over.setter());
        Callback::from(move |event: Event| {
            over.set(false);
            let field: HtmlInputElement = event.target_unchecked_into();
            let files = field.files().map(listed).unwrap_or_default();
            // So that choosing the same file again is a change.
            field.set_value("");
            taker.take(files);
        })
    };
    let mark = |to: bool| {
        let over = over.setter();
        Callback::from(move |_: DragEvent| over.set(to))
    };
    let class = classes!("picker", over.then_some("over"), props.disabled.then_some("disabled"));
    html! {
        <div {class}>
            { Html::from(Icon::Import) }
            <span class="picker-text" aria-hidden="true">
                <span class="picker-label">{ &props.label }</span>
                <small>{ &props.hint }</small>
            </span>
            <input ref={node} type="file" aria-label={props.label.clone()} aria-description={props.hint.clone()}
                title="" accept={props.accept.clone()} disabled={props.disabled} multiple={props.on_files.is_some()} {onchange} ondragenter={mark(true)}
                ondragleave={mark(false)} ondrop={mark(false)} />
        </div>
    }
}

/// Properties of [`PageDrop`].
#[derive(Properties, PartialEq)]
pub struct PageDropProps {
    /// What will become of a file that is dropped; none when nothing can be done with one.
    pub text: Option<AttrValue>,
    /// A file was dropped.
    #[prop_or_default]
    pub on_file: Callback<File>,
    /// Files were dropped; without it the first one is taken.
    #[prop_or_default]
    pub on_files: Option<Callback<Vec<File>>>,
}

/// Who is given the files.
#[derive(Clone, PartialEq)]
struct Taker {
    one: Callback<File>,
    all: Option<Callback<Vec<File>>>,
}

impl Taker {
    fn new(one: &Callback<File>, all: &Option<Callback<Vec<File>>>) -> Self {
        Self { one: one.clone(), all: all.clone() }
    }

    fn take(&self, files: Vec<File>) {
        match &self.all {
            Some(all) if !files.is_empty() => all.emit(files),
            Some(_) => {}
            None => files.into_iter().take(1).for_each(|file| self.one.emit(file)),
        }
    }
}

fn listed(files: FileList) -> Vec<File> {
    (0..files.length()).filter_map(|at| files.get(at)).collect()
}

/// Takes a file that is dropped anywhere on the page, and says so while one is dragged over it. Without it the browser
/// would leave the page to show the file.
#[component]
pub fn PageDrop(props: &PageDropProps) -> Html {
    let over = use_state(|| false);
    let takes = props.text.is_some();
    use_effect_with((takes, Taker::new(&props.on_file, &props.on_files)), {
        let over = over.setter();
        move |(takes, taker)| {
            let listeners = listen(*takes, over, taker.clone());
            move || drop(listeners)
        }
    });
    match &props.text {
        Some(text) if *over => html! {
            <div class="page-drop" role="status">
                <p>{ Html::from(Icon::Import) }{ text }</p>
            </div>
        },
        _ => Html::default(),
    }
}

fn listen(takes: bool, over: UseStateSetter<bool>, taker: Taker) -> Vec<EventListener> {
    let Some(window) = web_sys::window() else { return Vec::new() };
    // Every element that the pointer goes over is entered before the one before is left.
    let depth = Rc::new(Cell::new(0_u32));
    let on = |name: &'static str, act: Box<dyn Fn(&DataTransfer)>| {
        EventListener::new_with_options(&window, name, EventListenerOptions::enable_prevent_default(), move |event| {
            let Some(event) = event.dyn_ref::<DragEvent>() else { return };
            let Some(data) = event.data_transfer().filter(has_files) else { return };
            event.prevent_default();
            act(&data);
        })
    };
    let (enter, leave, end) = (depth.clone(), depth.clone(), depth);
    let (shown, hidden, dropped) = (over.clone(), over.clone(), over);
    vec![
        on(
            "dragenter",
            Box::new(move |_| {
                enter.set(enter.get() + 1);
                shown.set(true);
            }),
        ),
        on("dragover", Box::new(move |data| data.set_drop_effect(if takes { "copy" } else { "none" }))),
        on(
            "dragleave",
            Box::new(move |_| {
                leave.set(leave.get().saturating_sub(1));
                hidden.set(leave.get() > 0);
            }),
        ),
        on(
            "drop",
            Box::new(move |data| {
                end.set(0);
                dropped.set(false);
                if takes {
                    taker.take(data.files().map(listed).unwrap_or_default());
                }
            }),
        ),
    ]
}

fn has_files(data: &DataTransfer) -> bool {
    (0..data.types().length()).any(|i| data.types().get(i).as_string().as_deref() == Some("Files"))
}
