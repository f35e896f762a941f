//! One connection of a machine to the gateway, and the request that is under way on it.

use crate::lan::{Hub, now};
use futures_channel::oneshot;
use js_sys::Uint8Array;
use std::cell::{Cell, RefCell};
use vlan::gateway::tcp::ConnId;
use vlan::http::{Connection, Limits, Request, Via};
use web_sys::AbortController;

/// How much is received at a time.
const PIECE: usize = 64 * 1024;

/// A connection.
pub struct Stream {
    /// Which one.
    pub conn: ConnId,
    /// What is spoken on it.
    pub http: RefCell<Connection>,
    /// The machine sends no more.
    pub ended: Cell<bool>,
    /// Our side has been ended.
    pub closed: Cell<bool>,
    /// A request that is allowed, while its body is coming.
    pub request: RefCell<Option<Request>>,
    /// What has come of the body.
    pub body: RefCell<Vec<Uint8Array>>,
    /// Gives up the fetch that is under way.
    pub abort: RefCell<Option<AbortController>>,
    told_end: Cell<bool>,
    /// Nobody waits for an answer any more.
    gone: Cell<bool>,
    /// Received, and not taken yet.
    rest: RefCell<Vec<u8>>,
    room: RefCell<Option<oneshot::Sender<()>>>,
}

impl Stream {
    /// A connection that has just been accepted.
    pub fn new(conn: ConnId, via: Via, body_max: u64) -> Self {
        let limits = Limits { body_bytes: body_max, ..Limits::default() };
        Self {
            conn,
            http: RefCell::new(Connection::new(via, limits, now())),
            ended: Cell::new(false),
            closed: Cell::new(false),
            request: RefCell::default(),
            body: RefCell::default(),
            abort: RefCell::default(),
            told_end: Cell::new(false),
            gone: Cell::new(false),
            rest: RefCell::default(),
            room: RefCell::default(),
        }
    }

    /// Takes in what the machine has sent; says whether it was anything.
    pub fn take_in(&self, hub: &Hub) -> bool {
        let mut rest = self.rest.borrow_mut();
        if rest.is_empty() {
            rest.resize(PIECE, 0);
            let count = hub.lan.borrow_mut().gateway().receive(self.conn, &mut rest);
            rest.truncate(count);
        }
        let taken = self.http.borrow_mut().input(&rest, now());
        rest.drain(..taken);
        if rest.is_empty() && self.ended.get() && !self.told_end.replace(true) {
            self.http.borrow_mut().ended();
            return true;
        }
        taken > 0
    }

    /// Sends what is to be sent; says whether it was anything.
    pub fn send_out(&self, hub: &Hub) -> bool {
        let mut http = self.http.borrow_mut();
        let output = http.output();
        if output.is_empty() {
            return false;
        }
        let sent = hub.lan.borrow_mut().gateway().send(self.conn, output);
        http.sent(sent, now());
        sent > 0
    }

    /// Whoever waits for room goes on, if there is some.
    pub fn wake_if_room(&self) {
        if self.http.borrow().room() > 0
            && let Some(wake) = self.room.take()
        {
            // Who waited may have been given up.
            let _ = wake.send(());
        }
    }

    /// Waits until more of an answer can be taken; says whether anybody is still there for it.
    pub async fn room(&self) -> bool {
        if self.gone.get() {
            return false;
        }
        let (wake, woken) = oneshot::channel();
        *self.room.borrow_mut() = Some(wake);
        woken.await.is_ok() && !self.gone.get()
    }

    /// Whether nobody waits for an answer any more.
    pub fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// Nobody waits for an answer any more.
    pub fn give_up(&self) {
        self.gone.set(true);
        self.request.take();
        self.body.take();
        self.room.take();
        if let Some(abort) = self.abort.take() {
            abort.abort();
        }
    }
}
