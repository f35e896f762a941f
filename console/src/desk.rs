//! The page's two terminals and its attachment to the machine, and what the page's tools do with them.

use crate::{
    answers::Answers,
    channel::Channel,
    clipboard,
    flow::Feed,
    keys::{Command, Key, command},
    screen::{Listeners, Screen, Step},
    session::{Effect, Session},
    view::{Hint, Signal},
};
use gloo_timers::callback::Timeout;
use protocol::{InstanceId, Stream, TerminalSize};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlElement, KeyboardEvent};
use yew::Callback;

/// How long the window must have kept its size before the terminals take it, in milliseconds: wrapping ten thousand
/// lines anew on every step of a drag would stall the page.
const SETTLE_MS: u32 = 50;

/// Both terminals of a page.
pub(crate) struct Desk {
    session: RefCell<Session>,
    /// What is still to be done, in order: doing one thing can bring about the next.
    todo: RefCell<VecDeque<Effect>>,
    doing: Cell<bool>,
    serial: Screen,
    shell: Screen,
    channel: Channel,
    answers: Answers,
    /// Name of the lock that the page which answers for the machine holds.
    lock: String,
    run: Cell<Option<u32>>,
    tab: Cell<Stream>,
    /// The next terminal to be shown gets the keyboard.
    claims_focus: Cell<bool>,
    hidden: Cell<bool>,
    dark: Cell<bool>,
    /// What is searched for, while the search is open.
    search: RefCell<Option<String>>,
    settling: RefCell<Option<Timeout>>,
    /// The terminals have the size that the guest's shell has, whatever place there is.
    follows: Cell<bool>,
    listener: Callback<Signal>,
}

impl Desk {
    /// Sets up the terminals in their places, the serial one first, and opens the channel to the machine.
    pub(crate) fn new(
        id: &InstanceId,
        places: [&Element; 2],
        font: u32,
        dark: bool,
        listener: Callback<Signal>,
    ) -> Result<Rc<Self>, JsValue> {
        // As good as any number to tell a few pages apart.
        let viewer = (js_sys::Math::random() * f64::from(u32::MAX)) as u32;
        let channel = Channel::open(id)?;
        let desk = Rc::new_cyclic(|desk: &Weak<Self>| {
            let answers = Answers::default();
            let screen = |place, stream, name| {
                Screen::new(place, name, font, dark, answers.sibling(), listeners(desk, stream, &listener))
            };
            Self {
                session: RefCell::new(Session::new(viewer)),
                todo: RefCell::default(),
                doing: Cell::new(false),
                serial: screen(places[0], Stream::Serial, "Serial console"),
                shell: screen(places[1], Stream::Shell, "Shell"),
                channel,
                answers,
                lock: format!("console-answers:{id}"),
                run: Cell::new(None),
                tab: Cell::new(Stream::Serial),
                claims_focus: Cell::new(false),
                hidden: Cell::new(false),
                dark: Cell::new(dark),
                search: RefCell::default(),
                settling: RefCell::default(),
                follows: Cell::new(false),
                listener: listener.clone(),
            }
        });
        let weak = Rc::downgrade(&desk);
        desk.channel.listen(move |event| with(&weak, |desk| desk.update(|session| session.hear(event, ui::now()))));
        desk.answers.wait_for_turn(&desk.lock);
        Ok(desk)
    }

    /// One of the terminals.
    pub(crate) fn screen(&self, stream: Stream) -> &Screen {
        match stream {
            Stream::Serial => &self.serial,
            Stream::Shell => &self.shell,
        }
    }

    fn screens(&self) -> impl Iterator<Item = &Screen> {
        [&self.serial, &self.shell].into_iter()
    }

    /// The terminal that is shown.
    pub(crate) fn tab(&self) -> Stream {
        self.tab.get()
    }

    /// The background says which run is live.
    pub(crate) fn set_run(&self, run: Option<u32>) {
        self.run.set(run);
        self.update(|session| session.set_run(run, ui::now()));
    }

    /// Time has passed.
    pub(crate) fn tick(&self) {
        self.update(|session| session.tick(ui::now()));
    }

    /// The page goes away, or to sleep.
    pub(crate) fn leave(&self) {
        self.update(Session::leave);
    }

    /// The page has come back.
    pub(crate) fn come_back(&self) {
        self.set_run(self.run.get());
    }

    /// This terminal is shown. It gets the keyboard unless something else on the page has it.
    pub(crate) fn show(&self, tab: Stream) {
        self.tab.set(tab);
        self.screen(tab).use_webgl();
        self.fit();
        if self.claims_focus.take() || is_focus_free() {
            self.screen(tab).focus();
        }
    }

    /// The terminal that is shown, or will be in a moment, gets the keyboard.
    pub(crate) fn focus(&self, tab: Stream) {
        if tab == self.tab() {
            self.screen(tab).focus();
        } else {
            self.claims_focus.set(true);
        }
    }

    /// The page is shown, or hidden.
    pub(crate) fn set_hidden(&self, hidden: bool) {
        self.hidden.set(hidden);
        self.update(|session| session.set_hidden(hidden));
        self.tell_size();
    }

    /// The page has the keyboard: it is the one that answers.
    pub(crate) fn take_turn(&self) {
        self.answers.take_turn(&self.lock);
    }

    /// The terminals' place may have another size.
    pub(crate) fn fit_soon(self: &Rc<Self>) {
        let desk = Rc::downgrade(self);
        self.settling.replace(Some(Timeout::new(SETTLE_MS, move || with(&desk, Self::fit))));
    }

    /// From now on the terminals have the size that the guest's shell has.
    pub(crate) fn follow(&self) {
        self.follows.set(true);
    }

    /// Gives both terminals the size that the shown one's place has.
    pub(crate) fn fit(&self) {
        if self.follows.get() {
            return;
        }
        let Some(size) = self.screen(self.tab()).fitting() else { return };
        self.screens().for_each(|screen| screen.resize(size));
        self.listener.emit(Signal::Size(size));
        self.tell_size();
    }

    fn tell_size(&self) {
        let shown = self.tab() == Stream::Shell && !self.hidden.get();
        let size: Option<TerminalSize> = shown.then(|| self.shell.size());
        self.update(|session| session.set_size(size));
    }

    /// Changes the font's size.
    pub(crate) fn set_font(&self, font: u32) {
        self.screens().for_each(|screen| screen.set_font(font));
        self.fit();
    }

    /// Keeps the terminals readable for a screen reader, or not.
    pub(crate) fn set_spoken(&self, spoken: bool) {
        self.screens().for_each(|screen| screen.set_spoken(spoken));
    }

    /// Changes the colours.
    pub(crate) fn set_dark(&self, dark: bool) {
        self.dark.set(dark);
        self.screens().for_each(|screen| screen.set_dark(dark));
    }

    /// Searches the shown terminal.
    pub(crate) fn find(&self, text: &str, step: Step) {
        self.search.replace(Some(text.to_owned()));
        self.screen(self.tab()).find(text, step, self.dark.get());
    }

    /// Ends the search.
    pub(crate) fn end_search(&self) {
        self.search.take();
        self.screens().for_each(Screen::end_search);
    }

    /// Copies the selection.
    pub(crate) fn copy(&self) {
        let Some(text) = self.screen(self.tab()).selection() else { return };
        let listener = self.listener.clone();
        spawn_local(async move {
            let hint = match clipboard::write(&text).await {
                Ok(()) => Hint { text: "Copied".to_owned(), bad: false },
                Err(_) => Hint { text: "The browser does not let this page copy.".to_owned(), bad: true },
            };
            listener.emit(Signal::Say(hint));
        });
    }

    /// Pastes what is on the clipboard.
    pub(crate) fn paste(self: &Rc<Self>) {
        let desk = self.clone();
        spawn_local(async move {
            match clipboard::read().await {
                Ok(text) => desk.screen(desk.tab()).paste(&text),
                Err(_) => desk.listener.emit(Signal::Say(Hint {
                    text: "The browser did not hand over the clipboard. Ctrl+Shift+V works without asking.".to_owned(),
                    bad: true,
                })),
            }
        });
    }

    /// Lets the session decide, and does what it says.
    fn update(&self, decide: impl FnOnce(&mut Session) -> Vec<Effect>) {
        let effects = decide(&mut self.session.borrow_mut());
        self.todo.borrow_mut().extend(effects);
        if self.doing.replace(true) {
            return;
        }
        loop {
            let next = self.todo.borrow_mut().pop_front();
            match next {
                Some(effect) => self.perform(effect),
                None => break,
            }
        }
        self.doing.set(false);
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Send(request) => self.channel.send(&request),
            Effect::Feed(stream, Feed::Reset) => self.screen(stream).reset(),
            Effect::Feed(stream, Feed::Write { bytes, replay }) => self.screen(stream).write(&bytes, replay),
            Effect::Printed(stream) => self.listener.emit(Signal::Printed(stream)),
            Effect::NewRun => self.listener.emit(Signal::NewRun),
            Effect::GuestSize(size) => {
                if self.follows.get() {
                    self.screens().for_each(|screen| screen.resize(size));
                }
                self.listener.emit(Signal::GuestSize(size));
            }
        }
    }

    /// Does what a key asks for, if it is the page's; says whether it is.
    fn key(&self, event: &KeyboardEvent) -> bool {
        let key = event.key();
        let key = Key {
            key: &key,
            ctrl: event.ctrl_key(),
            shift: event.shift_key(),
            alt: event.alt_key(),
            meta: event.meta_key(),
        };
        let Some(command) = command(key, self.search.borrow().is_some()) else { return false };
        if event.type_() == "keydown" && command != Command::Paste {
            event.prevent_default();
            self.obey(command);
        }
        true
    }

    fn obey(&self, command: Command) {
        let again = |step| {
            let text = self.search.borrow().clone();
            if let Some(text) = text {
                self.find(&text, step);
            }
        };
        match command {
            Command::Find => self.listener.emit(Signal::Find),
            Command::FindNext => again(Step::Next),
            Command::FindBefore => again(Step::Before),
            Command::Copy => self.copy(),
            Command::Disks => self.listener.emit(Signal::ToggleDisks),
            Command::Files => self.listener.emit(Signal::ToggleFiles),
            Command::Profiles => self.listener.emit(Signal::ToggleProfiles),
            Command::Leave => leave_terminal(),
            Command::Health => self.listener.emit(Signal::ToggleHealth),
            // The browser does it.
            Command::Paste => {}
        }
    }
}

/// Moves the focus from the terminal, which takes the Tab key too, to the page's tools.
fn leave_terminal() {
    let document = web_sys::window().and_then(|window| window.document());
    let tab = document.and_then(|document| document.query_selector("[role=tab][aria-selected=true]").ok().flatten());
    if let Some(tab) = tab.as_ref().and_then(JsCast::dyn_ref::<HtmlElement>) {
        // It is in the page and can take the focus.
        let _ = tab.focus();
    }
}

/// Whether nothing has the keyboard, or a terminal.
fn is_focus_free() -> bool {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return false };
    match document.active_element() {
        Some(active) => active.tag_name() == "BODY" || active.closest(".terminal").is_ok_and(|place| place.is_some()),
        None => true,
    }
}

fn with(desk: &Weak<Desk>, act: impl FnOnce(&Desk)) {
    if let Some(desk) = desk.upgrade() {
        act(&desk);
    }
}

fn listeners(desk: &Weak<Desk>, stream: Stream, listener: &Callback<Signal>) -> Listeners {
    let (typing, parsing, pressing) = (desk.clone(), desk.clone(), desk.clone());
    let (selecting, finding, pointing) = (listener.clone(), listener.clone(), listener.clone());
    Listeners {
        typed: Rc::new(move |bytes| with(&typing, |desk| desk.update(|session| session.input(stream, &bytes)))),
        parsed: Rc::new(move || with(&parsing, |desk| desk.update(|session| session.parsed(stream)))),
        selected: Rc::new(move |selected| selecting.emit(Signal::Selected(selected))),
        found: Rc::new(move |found| finding.emit(Signal::Found(found))),
        pointed: Rc::new(move |address| pointing.emit(Signal::Pointed(address))),
        key: Rc::new(move |event| pressing.upgrade().is_some_and(|desk| desk.key(event))),
    }
}
