//! A page's connection to the background.

use super::{backoff::Backoff, calls::Calls};
use crate::browser::{Port, connect};
use gloo_timers::callback::Timeout;
use protocol::{PORT_NAME, PageCall, PageEvent, PageRequest, Problem, ProblemCode, Reply, World};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::prelude::*;
use yew::Callback;

/// How long the background may be silent before the page says so, in milliseconds. Starting it takes far less.
const PATIENCE_MS: u32 = 4000;

/// How the link to the background is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The background has not spoken yet, or is being started again: nothing to worry about.
    Connecting,
    /// The background is there.
    Connected,
    /// The background does not answer; the page keeps trying.
    Silent,
}

/// What a client tells its page.
pub(crate) enum Update {
    World(Rc<World>),
    Link(Link),
    /// The background is there but could not start.
    Unavailable(Problem),
}

struct Connection {
    port: Port,
    /// Kept alive as long as the port may call them.
    _on_message: Closure<dyn Fn(JsValue)>,
    _on_disconnect: Closure<dyn Fn()>,
}

struct Inner {
    connection: RefCell<Option<Connection>>,
    /// The connection before, whose closures can't be dropped while one of them runs.
    retired: RefCell<Option<Connection>>,
    /// Whether a world has come on this connection.
    greeted: Cell<bool>,
    backoff: RefCell<Backoff>,
    retry: RefCell<Option<Timeout>>,
    /// Runs while the background is silent.
    patience: RefCell<Option<Timeout>>,
    calls: RefCell<Calls>,
    greeting: Option<PageRequest>,
    listener: Callback<Update>,
}

/// A page's connection to the background. It mends itself; clones share it.
#[derive(Clone)]
pub struct Client(Rc<Inner>);

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Client {
    /// Connects. `greeting` is said first on every connection; the listener hears every world and how the link is.
    pub(crate) fn new(greeting: Option<PageRequest>, listener: Callback<Update>) -> Self {
        let client = Self(Rc::new(Inner {
            connection: RefCell::default(),
            retired: RefCell::default(),
            greeted: Cell::new(false),
            backoff: RefCell::default(),
            retry: RefCell::default(),
            patience: RefCell::default(),
            calls: RefCell::default(),
            greeting,
            listener,
        }));
        client.await_world();
        client.connect_soon();
        client
    }

    /// Asks the background; `receiver` gets the answer, also when the connection is lost meanwhile.
    pub fn ask(&self, request: PageRequest, receiver: impl FnOnce(Result<Reply, Problem>) + 'static) {
        let call = self.0.calls.borrow_mut().add(request, Box::new(receiver));
        self.post(&call);
    }

    /// Closes the connection for good.
    pub(crate) fn close(&self) {
        self.0.retry.take();
        self.0.patience.take();
        if let Some(connection) = self.0.connection.take() {
            connection.port.disconnect();
        }
    }

    fn await_world(&self) {
        let listener = self.0.listener.clone();
        let patience = Timeout::new(PATIENCE_MS, move || listener.emit(Update::Link(Link::Silent)));
        self.0.patience.borrow_mut().get_or_insert(patience);
    }

    fn connect_soon(&self) {
        let wait = self.0.backoff.borrow_mut().next_ms();
        let client = self.clone();
        self.0.retry.replace(Some(Timeout::new(wait, move || client.connect())));
    }

    fn connect(&self) {
        self.0.greeted.set(false);
        let Ok(port) = connect(PORT_NAME) else {
            // The extension was reloaded or removed under this page, or the background can't be started.
            return self.connect_soon();
        };
        let client = self.clone();
        let on_message = Closure::<dyn Fn(JsValue)>::new(move |message: JsValue| client.hear(&message));
        let client = self.clone();
        let on_disconnect = Closure::<dyn Fn()>::new(move || client.lost());
        port.on_message().add_listener(on_message.as_ref().unchecked_ref());
        port.on_disconnect().add_listener(on_disconnect.as_ref().unchecked_ref());
        self.0.connection.replace(Some(Connection { port, _on_message: on_message, _on_disconnect: on_disconnect }));
        if let Some(greeting) = self.0.greeting.clone() {
            // What the greeting is about can be seen in the world; its answer adds nothing.
            self.ask(greeting, |_| ());
        }
    }

    fn post(&self, call: &PageCall) {
        let connection = self.0.connection.borrow();
        let Some(connection) = connection.as_ref() else { return };
        let Ok(text) = serde_json::to_string(call) else { return };
        // A port that is just being closed throws; the call is then sent on the next one.
        if connection.port.post_message(&text).is_ok() {
            self.0.calls.borrow_mut().sent(call.call);
        }
    }

    fn hear(&self, message: &JsValue) {
        // Whatever it says, it is not silent.
        self.0.patience.take();
        let event = message.as_string().map(|text| serde_json::from_str(&text));
        match event {
            Some(Ok(PageEvent::World(world))) => self.see(Rc::new(world)),
            Some(Ok(PageEvent::Unavailable(problem))) => self.0.listener.emit(Update::Unavailable(problem)),
            Some(Ok(PageEvent::Answer { call, result })) => {
                let receiver = self.0.calls.borrow_mut().answered(call);
                if let Some(receiver) = receiver {
                    receiver(result);
                }
            }
            // A background of another version, while the extension is being updated: this page is about to be closed.
            Some(Err(_)) | None => web_sys::console::warn_2(&"not a message for a page:".into(), message),
        }
    }

    fn see(&self, world: Rc<World>) {
        self.0.backoff.borrow_mut().reset();
        if !self.0.greeted.replace(true) {
            self.0.listener.emit(Update::Link(Link::Connected));
            let (again, ended) = self.0.calls.borrow_mut().settle(&world);
            again.iter().for_each(|call| self.post(call));
            ended.into_iter().for_each(|(receiver, answer)| receiver(answer));
        }
        self.0.listener.emit(Update::World(world));
    }

    fn lost(&self) {
        self.0.calls.borrow_mut().lost();
        self.0.retired.replace(self.0.connection.take());
        if self.0.greeted.get() {
            self.0.listener.emit(Update::Link(Link::Connecting));
        }
        self.await_world();
        self.connect_soon();
    }
}

/// What a page says when the background can't be reached.
pub(crate) fn silent() -> Problem {
    Problem {
        code: ProblemCode::Internal,
        message: "The extension does not answer.".to_owned(),
        advice: "Reload this page. If that does not help, restart the browser; your machines’ disks are kept."
            .to_owned(),
    }
}
