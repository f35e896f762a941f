//! One terminal on the page: xterm.js with its add-ons.

use crate::{
    answers::Answers,
    gpu,
    js::{number, object, set},
    palette,
    xterm::{FitAddon, SearchAddon, Terminal, Unicode11Addon, WebLinksAddon, WebglAddon},
};
use js_sys::Uint8Array;
use protocol::TerminalSize;
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::prelude::*;
use web_sys::{Element, KeyboardEvent};

/// Lines that can be scrolled back to.
const SCROLLBACK: u32 = 10_000;
/// System fonts for terminals, best first; the same as `--mono` in `tokens.css`.
const FONTS: &str = "ui-monospace, 'SF Mono', 'Cascadia Mono', 'Segoe UI Mono', Menlo, Consolas, 'Noto Sans Mono', \
                     'DejaVu Sans Mono', 'Liberation Mono', monospace";

/// What a terminal reports.
pub(crate) struct Listeners {
    /// Bytes for the machine.
    pub(crate) typed: Rc<dyn Fn(Vec<u8>)>,
    /// The last write is parsed.
    pub(crate) parsed: Rc<dyn Fn()>,
    /// The selection is another; whether there is one.
    pub(crate) selected: Rc<dyn Fn(bool)>,
    /// Search found this many matches and shows this one (from 0).
    pub(crate) found: Rc<dyn Fn(Found)>,
    /// The pointer is over a link to this address, or over none.
    pub(crate) pointed: Rc<dyn Fn(Option<String>)>,
    /// Whether a key is the page's and not the machine's.
    pub(crate) key: Rc<dyn Fn(&KeyboardEvent) -> bool>,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// How many matches there are.
    pub(crate) count: u32,
    /// Which one is shown, from 0; none while nobody has stepped to one, or when there are too many to count.
    pub(crate) at: Option<u32>,
}

/// One terminal.
pub(crate) struct Screen {
    terminal: Terminal,
    fit: FitAddon,
    search: SearchAddon,
    /// WebGL, while it is there.
    webgl: Rc<RefCell<Option<WebglAddon>>>,
    answers: Answers,
    parsed: Closure<dyn Fn()>,
}

impl Screen {
    /// A terminal inside `parent`.
    pub(crate) fn new(
        parent: &Element,
        name: &str,
        font: u32,
        dark: bool,
        answers: Answers,
        listeners: Listeners,
    ) -> Self {
        let links = link_handlers(&listeners.pointed);
        let terminal = Terminal::new(&object(&[
            ("allowProposedApi", true.into()),
            ("cursorBlink", (!prefers_less_motion()).into()),
            ("fontFamily", FONTS.into()),
            ("fontSize", font.into()),
            ("lineHeight", 1.15.into()),
            ("linkHandler", links.clone()),
            ("macOptionIsMeta", true.into()),
            ("minimumContrastRatio", 4.5.into()),
            ("scrollback", SCROLLBACK.into()),
            ("theme", palette::theme(dark)),
        ]));
        let (fit, search) = (FitAddon::new(), SearchAddon::new());
        let activate = Closure::<dyn Fn(JsValue, String)>::new(|_, address: String| open_link(&address));
        let found_links = WebLinksAddon::new(&activate, &links);
        activate.forget();
        for addon in [fit.as_ref(), search.as_ref(), found_links.as_ref(), Unicode11Addon::new().as_ref()] {
            // None of these four needs anything that a browser may lack.
            let _ = terminal.load_addon(addon);
        }
        terminal.unicode().set_active_version("11");
        terminal.open(parent);
        if let Some(textarea) = terminal.textarea() {
            // Names are valid, so this can't fail.
            let _ = textarea.set_attribute("aria-label", name);
            let _ = textarea.set_attribute("aria-describedby", "keys-hint");
        }
        answers.guard(&terminal);
        let parsed = Closure::<dyn Fn()>::new({
            let parsed = listeners.parsed.clone();
            move || parsed()
        });
        listen(&terminal, &search, &answers, listeners);
        Self { terminal, fit, search, webgl: Rc::default(), answers, parsed }
    }

    /// Parses these bytes and reports when it is done.
    pub(crate) fn write(&self, bytes: &[u8], replay: bool) {
        self.answers.replaying.set(replay);
        // xterm.js refuses only when more than 50 MB wait.
        let _ = self.terminal.write(&Uint8Array::from(bytes), self.parsed.as_ref().unchecked_ref());
    }

    /// Forgets everything that was written.
    pub(crate) fn reset(&self) {
        self.terminal.reset();
    }

    /// Draws with WebGL from now on where the browser has it in hardware, and with elements where it has not or has lost
    /// it: WebGL in software takes the processor that the machine needs.
    pub(crate) fn use_webgl(&self) {
        if self.webgl.borrow().is_some() || !gpu::draws() {
            return;
        }
        let Ok(addon) = WebglAddon::new() else { return };
        let lost = Closure::<dyn Fn()>::new({
            let webgl = self.webgl.clone();
            move || {
                if let Some(addon) = webgl.take() {
                    addon.dispose();
                }
            }
        });
        addon.on_context_loss(&lost);
        lost.forget();
        if self.terminal.load_addon(addon.as_ref()).is_ok() {
            self.webgl.replace(Some(addon));
        }
    }

    /// The size that fits its place, when it is shown.
    pub(crate) fn fitting(&self) -> Option<TerminalSize> {
        let size = self.fit.propose_dimensions();
        let whole = |key| number(&size, key).filter(|value| (1.0..=f64::from(u16::MAX)).contains(value));
        Some(TerminalSize { cols: whole("cols")? as u16, rows: whole("rows")? as u16 })
    }

    /// Its size.
    pub(crate) fn size(&self) -> TerminalSize {
        TerminalSize { cols: self.terminal.cols(), rows: self.terminal.rows() }
    }

    /// Gives it this size.
    pub(crate) fn resize(&self, size: TerminalSize) {
        if self.size() != size {
            self.terminal.resize(size.cols, size.rows);
        }
    }

    /// Changes the size of its font, in CSS pixels.
    pub(crate) fn set_font(&self, font: u32) {
        set(&self.terminal.options(), "fontSize", &font.into());
    }

    /// Keeps what is in it readable for a screen reader, which costs some speed.
    pub(crate) fn set_spoken(&self, spoken: bool) {
        set(&self.terminal.options(), "screenReaderMode", &spoken.into());
    }

    /// Changes its colours.
    pub(crate) fn set_dark(&self, dark: bool) {
        set(&self.terminal.options(), "theme", &palette::theme(dark));
    }

    /// Finds the next match, or the one before.
    pub(crate) fn find(&self, text: &str, step: Step, dark: bool) {
        let options =
            |incremental: bool| object(&[("incremental", incremental.into()), ("decorations", palette::marks(dark))]);
        match step {
            Step::Here => self.search.find_next(text, &options(true)),
            Step::Next => self.search.find_next(text, &options(false)),
            Step::Before => self.search.find_previous(text, &options(false)),
        };
    }

    /// Takes the marks of the last search away.
    pub(crate) fn end_search(&self) {
        self.search.clear_decorations();
    }

    /// The selected text, if any.
    pub(crate) fn selection(&self) -> Option<String> {
        self.terminal.has_selection().then(|| self.terminal.get_selection())
    }

    /// Types this text as a paste.
    pub(crate) fn paste(&self, text: &str) {
        self.terminal.paste(text);
    }

    /// Forgets all lines but the last.
    pub(crate) fn clear(&self) {
        self.terminal.clear();
    }

    /// Takes the keyboard.
    pub(crate) fn focus(&self) {
        self.terminal.focus();
    }

    /// The newest lines in it as text, a line for each line that was printed; `lines` counts those of the screen.
    pub(crate) fn text(&self, lines: u32) -> String {
        let buffer = self.terminal.buffer().active();
        let mut text = String::new();
        for y in buffer.length().saturating_sub(lines)..buffer.length() {
            let Some(line) = buffer.get_line(y) else { break };
            let continues = buffer.get_line(y + 1).is_some_and(|next| next.is_wrapped());
            text.push_str(&line.translate_to_string(!continues));
            if !continues {
                text.push('\n');
            }
        }
        text.truncate(text.trim_end_matches('\n').len());
        text
    }
}

fn prefers_less_motion() -> bool {
    let query = web_sys::window().map(|window| window.match_media("(prefers-reduced-motion: reduce)"));
    matches!(query, Some(Ok(Some(query))) if query.matches())
}

/// Where a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It stays at a match that still fits.
    Here,
    /// To the next match.
    Next,
    /// To the match before.
    Before,
}

fn listen(terminal: &Terminal, search: &SearchAddon, answers: &Answers, listeners: Listeners) {
    let Listeners { typed, selected, found, key, .. } = listeners;
    let on_data = Closure::<dyn Fn(String)>::new({
        let (typed, replaying) = (typed.clone(), answers.replaying.clone());
        move |text: String| {
            // A replayed “tell me of the focus” is answered at once; who asked has stopped waiting.
            let reports_focus = matches!(text.as_str(), "\x1b[I" | "\x1b[O");
            if !(reports_focus && replaying.get()) {
                typed(text.into_bytes());
            }
        }
    });
    terminal.on_data(&on_data);
    let on_binary = Closure::<dyn Fn(String)>::new(move |text: String| typed(crate::input::from_binary(&text)));
    terminal.on_binary(&on_binary);
    let on_selection = Closure::<dyn Fn()>::new({
        let terminal = terminal.clone();
        move || selected(terminal.has_selection())
    });
    terminal.on_selection_change(&on_selection);
    let on_key = Closure::<dyn Fn(KeyboardEvent) -> bool>::new(move |event: KeyboardEvent| !key(&event));
    terminal.attach_custom_key_event_handler(&on_key);
    let on_found = Closure::<dyn Fn(JsValue)>::new(move |results: JsValue| {
        let whole = |key| number(&results, key).filter(|value| *value >= 0.0).map(|value| value as u32);
        found(Found { count: whole("resultCount").unwrap_or(0), at: whole("resultIndex") });
    });
    search.on_did_change_results(&on_found);
    // They live as long as the page.
    on_data.forget();
    on_binary.forget();
    on_selection.forget();
    on_key.forget();
    on_found.forget();
}

/// How links behave, for those that a program marks and for those that are found in the text alike.
fn link_handlers(pointed: &Rc<dyn Fn(Option<String>)>) -> JsValue {
    let activate = Closure::<dyn Fn(JsValue, String)>::new(|_, address: String| open_link(&address));
    let hover = Closure::<dyn Fn(JsValue, String)>::new({
        let pointed = pointed.clone();
        move |_, address| pointed(Some(address))
    });
    let leave = Closure::<dyn Fn()>::new({
        let pointed = pointed.clone();
        move || pointed(None)
    });
    object(&[
        ("activate", activate.into_js_value()),
        ("hover", hover.into_js_value()),
        ("leave", leave.into_js_value()),
        ("allowNonHttpProtocols", false.into()),
    ])
}

/// Opens an address that the guest printed: only on the web, in a tab that knows nothing of this page.
fn open_link(address: &str) {
    let web = address.starts_with("https://") || address.starts_with("http://");
    if let (true, Some(window)) = (web, web_sys::window()) {
        // A browser that blocks new tabs says so itself.
        let _ = window.open_with_url_and_target_and_features(address, "_blank", "noopener,noreferrer");
    }
}
