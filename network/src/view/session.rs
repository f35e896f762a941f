//! One visit to a machine's sites: where it has been, what is shown now, and what becomes of what the frame says.

use super::asking::Ask;
use super::document::{self, Scripts};
use super::frame::{Fetch, Go, Hears, Line, Says, fill, listen};
use super::load::{Trouble, Visitor};
use super::socket::{self, Sockets};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use url::Url;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlIFrameElement;
use websocket::Message;
use yew::Callback;

/// The largest page, in bytes.
const PAGE_MAX: usize = 32 * 1024 * 1024;
/// The largest file that is handed on, in bytes.
const FILE_MAX: usize = 256 * 1024 * 1024;
/// How many pages are remembered.
const HISTORY_MAX: usize = 200;
/// How many requests of a page's scripts may be under way.
const FETCHES_MAX: u32 = 32;
/// How long a frame may take to say that the page is still in it; a script that keeps it busy may take a while.
const FRAME_MS: u32 = 5_000;
/// The longest time after which a page can go on to another by itself, in seconds.
const REFRESH_MAX: u32 = 3600;

/// What is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// Nothing yet.
    Nothing,
    /// A page, in a frame. The number is another one for each page.
    Page { number: u32, html: Rc<str> },
    /// A file that is not shown but can be saved.
    File { name: String, bytes: Rc<Vec<u8>> },
    /// Why nothing can be shown.
    Trouble(Trouble),
}

/// Everything that the page around the frame shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) shown: Shown,
    pub(crate) url: Option<Url>,
    pub(crate) title: String,
    /// How many bytes have come of a page that is loading.
    pub(crate) loading: Option<usize>,
    pub(crate) back: bool,
    pub(crate) forward: bool,
    pub(crate) status: u16,
}

/// The visit.
pub(crate) struct Session {
    visitor: Visitor,
    scripts: Scripts,
    history: RefCell<Vec<Url>>,
    at: Cell<usize>,
    view: RefCell<View>,
    show: Callback<View>,
    /// Counts what was begun to load: only the newest is shown.
    turn: Cell<u32>,
    line: RefCell<Option<Line>>,
    /// Whether the frame has answered that the page is in it.
    here: Cell<bool>,
    fetches: Cell<u32>,
    /// Requests of scripts that were given up.
    given_up: RefCell<Vec<u32>>,
    sockets: Sockets,
}

/// Where a page that is loaded has its place in the history.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    New,
    Same,
}

impl Session {
    pub(crate) fn new(visitor: Visitor, scripts: Scripts, show: Callback<View>) -> Rc<Self> {
        let view = View {
            shown: Shown::Nothing,
            url: None,
            title: String::new(),
            loading: None,
            back: false,
            forward: false,
            status: 0,
        };
        Rc::new(Self {
            visitor,
            scripts,
            history: RefCell::default(),
            at: Cell::new(0),
            view: RefCell::new(view),
            show,
            turn: Cell::new(0),
            line: RefCell::default(),
            here: Cell::new(false),
            fetches: Cell::new(0),
            given_up: RefCell::default(),
            sockets: Sockets::default(),
        })
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.view.borrow_mut();
        change(&mut view);
        view.back = self.at.get() > 0;
        view.forward = self.at.get() + 1 < self.history.borrow().len();
        let now = view.clone();
        drop(view);
        self.show.emit(now);
    }

    fn url(&self) -> Option<Url> {
        self.view.borrow().url.clone()
    }

    /// Opens a page.
    pub(crate) fn open(self: &Rc<Self>, url: Url) {
        self.load(Ask::get(url), Place::New);
    }

    /// Opens what was typed.
    pub(crate) fn typed(self: &Rc<Self>, text: &str) {
        let Some(base) = self.url() else { return };
        match self.visitor.site.typed(&base, text) {
            Ok(url) => self.open(url),
            Err(elsewhere) => self.trouble(elsewhere.words()),
        }
    }

    fn trouble(&self, (message, advice): (String, String)) {
        self.change(|view| {
            view.shown = Shown::Trouble(Trouble { message, advice });
            view.loading = None;
        });
    }

    /// Loads the page anew.
    pub(crate) fn reload(self: &Rc<Self>) {
        if let Some(url) = self.url() {
            self.load(Ask::get(url), Place::Same);
        }
    }

    /// Goes back or forward.
    pub(crate) fn step(self: &Rc<Self>, forward: bool) {
        let at = self.at.get();
        let to = if forward { at + 1 } else { at.wrapping_sub(1) };
        let url = self.history.borrow().get(to).cloned();
        if let Some(url) = url {
            self.at.set(to);
            self.load(Ask::get(url), Place::Same);
        }
    }

    /// Gives up what is being loaded.
    pub(crate) fn stop(&self) {
        self.turn.set(self.turn.get() + 1);
        self.change(|view| view.loading = None);
    }

    fn keep_place(&self, url: &Url, place: Place) {
        let mut history = self.history.borrow_mut();
        if place == Place::New && history.get(self.at.get()) != Some(url) {
            let next = if history.is_empty() { 0 } else { self.at.get() + 1 };
            history.truncate(next);
            history.push(url.clone());
            if history.len() > HISTORY_MAX {
                history.remove(0);
            }
            self.at.set(history.len() - 1);
        } else if let Some(entry) = history.get_mut(self.at.get()) {
            *entry = url.clone();
        }
    }

    fn load(self: &Rc<Self>, ask: Ask, place: Place) {
        let turn = self.turn.get() + 1;
        self.turn.set(turn);
        let asked = ask.url.clone();
        self.keep_place(&asked, place);
        self.change(|view| {
            view.loading = Some(0);
            view.url = Some(asked);
        });
        let own = self.clone();
        spawn_local(async move {
            let loaded = own.loaded(ask, turn).await;
            if own.turn.get() != turn {
                return;
            }
            match loaded {
                Ok((url, status, shown, title, refresh)) => {
                    own.line.take();
                    own.keep_place(&url, Place::Same);
                    own.change(|view| {
                        (view.shown, view.url, view.title) = (shown, Some(url), title);
                        (view.status, view.loading) = (status, None);
                    });
                    own.go_on_by_itself(turn, refresh);
                }
                Err(Trouble { message, advice }) => own.trouble((message, advice)),
            }
        });
    }

    async fn loaded(&self, ask: Ask, turn: u32) -> Result<Loaded, Trouble> {
        let (url, answer) = self.visitor.load(ask).await?;
        let (status, kind) = (answer.status, answer.header("content-type").unwrap_or("text/html").to_owned());
        let attached = answer.header("content-disposition").is_some_and(|value| value.trim_start().starts_with("att"));
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let page = !attached && (essence.starts_with("text/") || essence.ends_with("xml") || essence.ends_with("json"));
        let image = !attached && essence.starts_with("image/");
        let progress = |bytes| {
            if self.turn.get() == turn {
                self.change(|view| view.loading = Some(bytes));
            }
        };
        let broken = |why: String| Trouble {
            message: format!("The page did not come whole: {why}."),
            advice: "Reload it; or fetch it from another machine on the LAN.".to_owned(),
        };
        let max = if page || image { PAGE_MAX } else { FILE_MAX };
        let body = answer.whole(max, progress).await.map_err(broken)?;
        let name = url.path_segments().and_then(|mut parts| parts.next_back()).filter(|name| !name.is_empty());
        let name = name.unwrap_or("index").to_owned();
        if !page && !image {
            return Ok((url, status, Shown::File { name, bytes: Rc::new(body) }, String::new(), None));
        }
        let text = match &*essence {
            "text/html" | "application/xhtml+xml" => document::decode(&body, &kind),
            _ if image => document::picture(&essence, &body, &name),
            _ => document::plain(&document::decode(&body, &kind)),
        };
        let failed = |_| Trouble {
            message: "The browser could not read this page.".to_owned(),
            advice: "Reload it, or save it from within the machine.".to_owned(),
        };
        let ready = document::ready(&self.visitor, &url, &text, self.scripts).await.map_err(failed)?;
        let shown = Shown::Page { number: turn, html: ready.html.into() };
        Ok((url, status, shown, ready.title, ready.refresh))
    }

    /// Goes where the page wants to go on to by itself.
    fn go_on_by_itself(self: &Rc<Self>, turn: u32, refresh: Option<(u32, String)>) {
        let (Some((seconds, address)), Some(base)) = (refresh, self.url()) else { return };
        let Ok(url) = self.visitor.site.resolve(&base, &address) else { return };
        if seconds > REFRESH_MAX {
            return;
        }
        let own = self.clone();
        spawn_local(async move {
            gloo_timers::future::TimeoutFuture::new(seconds.max(1) * 1000).await;
            if own.turn.get() == turn {
                own.load(Ask::get(url), Place::Same);
            }
        });
    }

    /// The frame has been loaded, and gets its page.
    pub(crate) fn frame_is_there(self: &Rc<Self>, frame: &HtmlIFrameElement, html: &str) {
        let own = self.clone();
        let hear = move |says: Says| own.hear(says);
        if self.scripts == Scripts::None {
            if let Some(document) = frame.content_document() {
                match fill(document.unchecked_ref(), html) {
                    Ok(()) => listen(&document, hear),
                    Err(error) => web_sys::console::error_1(&error),
                }
            }
            return;
        }
        if self.line.borrow().is_some() {
            return self.look_for_frame();
        }
        let Some(url) = self.url() else { return };
        match Line::open(frame, hear) {
            Ok(line) => {
                let cookies = self.visitor.script_cookies(&url);
                line.say(&Hears::Page { html: html.to_owned(), url: url.into(), cookies });
                *self.line.borrow_mut() = Some(line);
            }
            Err(_) => self
                .trouble(("The browser did not open a frame for the site.".to_owned(), "Reload the page.".to_owned())),
        }
    }

    /// Something was loaded in the frame: the page that was put into it, or what the site has led it away to. That has no line, and does not answer.
    fn look_for_frame(self: &Rc<Self>) {
        self.here.set(false);
        self.say(&Hears::Still(true));
        let (own, turn) = (self.clone(), self.turn.get());
        spawn_local(async move {
            gloo_timers::future::TimeoutFuture::new(FRAME_MS).await;
            if !own.here.get() && own.turn.get() == turn {
                own.line.take();
                own.trouble((
                    "The site has tried to leave its frame, which is not allowed.".to_owned(),
                    "Reload the page, or go back.".to_owned(),
                ));
            }
        });
    }

    fn hear(self: &Rc<Self>, says: Says) {
        let Some(base) = self.url() else { return };
        match says {
            Says::Go(go) => self.go(&base, go),
            Says::Fetch(fetch) => self.fetch(&base, fetch),
            Says::Stop(number) => {
                let mut given_up = self.given_up.borrow_mut();
                if given_up.len() < FETCHES_MAX as usize {
                    given_up.push(number);
                }
            }
            Says::Socket { n, url, protocols } => self.open_socket(n, &base, &url, protocols),
            Says::SendText { n, text } => self.sockets.send(n, &Message::Text(text)),
            Says::SendBytes { n, bytes } => self.sockets.send(n, &Message::Binary(bytes)),
            Says::EndSocket { n, reason } => self.sockets.end(n, reason),
            Says::Cookie(line) => {
                self.visitor.set_script_cookie(&base, &line);
                self.say(&Hears::Cookies(self.visitor.script_cookies(&base)));
            }
            Says::Moved { url, replace } => {
                if let Ok(url) = self.visitor.site.resolve(&base, &url) {
                    self.keep_place(&url, if replace { Place::Same } else { Place::New });
                    self.change(|view| view.url = Some(url));
                }
            }
            Says::Title(title) => self.change(|view| view.title = title.chars().take(200).collect()),
            Says::Back(_) => self.step(false),
            Says::Here(_) => self.here.set(true),
        }
    }

    fn say(&self, hears: &Hears) {
        if let Some(line) = &*self.line.borrow() {
            line.say(hears);
        }
    }

    fn go(self: &Rc<Self>, base: &Url, go: Go) {
        match self.visitor.site.resolve(base, &go.url) {
            Err(elsewhere) => self.trouble(elsewhere.words()),
            Ok(url) => {
                let kind = go.kind.map(|kind| ("content-type".to_owned(), kind));
                let headers = kind.into_iter().collect();
                self.load(Ask { method: go.method, headers, body: go.body, ..Ask::get(url) }, Place::New);
            }
        }
    }

    /// A script of the page asks the machine.
    fn fetch(self: &Rc<Self>, base: &Url, fetch: Fetch) {
        let n = fetch.n;
        let failed = |why: &str| self.say(&Hears::Failed { n, why: why.to_owned() });
        let url = match self.visitor.site.resolve(base, &fetch.url) {
            Ok(url) => url,
            Err(elsewhere) => return failed(&elsewhere.words().0),
        };
        if self.fetches.get() >= FETCHES_MAX {
            return failed("The page asks for too much at once.");
        }
        self.fetches.set(self.fetches.get() + 1);
        let (own, turn) = (self.clone(), self.turn.get());
        spawn_local(async move {
            let ask = Ask { method: fetch.method, headers: fetch.headers, body: fetch.body, ..Ask::get(url) };
            if let Err(why) = own.passed_on(n, ask, turn).await {
                own.say(&Hears::Failed { n, why });
            }
            own.fetches.set(own.fetches.get() - 1);
        });
    }

    /// A script of the page opens a web socket to the machine.
    fn open_socket(self: &Rc<Self>, n: u32, base: &Url, url: &str, protocols: Vec<String>) {
        let (own, turn) = (self.clone(), self.turn.get());
        let url = socket::resolve(&self.visitor, base, url);
        let base = base.clone();
        spawn_local(async move {
            let wanted = || own.turn.get() == turn;
            let told = |hears: Hears| {
                if wanted() {
                    own.say(&hears);
                }
            };
            let visitor = &own.visitor;
            let end = own.sockets.serve(n, visitor, (&base, url), protocols, &told, &wanted).await;
            // A script is told no more than this, whoever looks for the reason finds it here.
            let (status, reason, clean) = end.unwrap_or_else(|why| {
                web_sys::console::warn_1(&format!("A web socket has ended: {why}").into());
                (socket::BROKEN, String::new(), false)
            });
            told(Hears::Closed { n, status, reason, clean });
        });
    }

    async fn passed_on(&self, n: u32, ask: Ask, turn: u32) -> Result<(), String> {
        let (url, mut answer) = self.visitor.load(ask).await.map_err(|trouble| trouble.message)?;
        let mut headers = std::mem::take(&mut answer.headers);
        headers.retain(|(name, _)| name != "set-cookie");
        self.say(&Hears::Cookies(self.visitor.script_cookies(&url)));
        self.say(&Hears::Head { n, status: answer.status, url: url.into(), headers });
        while let Some(bytes) = answer.piece().await? {
            let given_up = self.given_up.borrow().contains(&n);
            if given_up || self.turn.get() != turn {
                self.given_up.borrow_mut().retain(|other| *other != n);
                return Ok(());
            }
            self.say(&Hears::Body { n, bytes });
        }
        self.say(&Hears::End { n });
        Ok(())
    }
}

/// A page that was loaded: where it came from, its status, itself, its title, and where it goes on to.
type Loaded = (Url, u16, Shown, String, Option<(u32, String)>);
