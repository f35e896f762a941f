//! One connection of a machine to the gateway, and the request that is under way on it.

use crate::bridge::log;
use crate::lan::{Hub, now};
use authority::Tls;
use futures_channel::oneshot;
use js_sys::Uint8Array;
use std::cell::{Cell, RefCell};
use vlan::gateway::tcp::ConnId;
use vlan::http::{Connection, Limits, Request, Via};
use web_sys::AbortController;

/// How much is received at a time.
const PIECE: usize = 64 * 1024;

/// What TLS begins with: the type of a record with a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// A connection.
pub struct Stream {
    /// Which one.
    pub conn: ConnId,
    /// How the machine came here.
    via: RefCell<Via>,
    /// Whether its next bytes are its first ones, which say whether it speaks TLS.
    first: Cell<bool>,
    tls: RefCell<Option<Tls>>,
    /// What is spoken on it, or within its TLS.
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
    /// TLS has been ended.
    said_end: Cell<bool>,
    /// Nobody waits for an answer any more.
    gone: Cell<bool>,
    /// Received, and not taken yet.
    rest: RefCell<Vec<u8>>,
    room: RefCell<Option<oneshot::Sender<()>>>,
}

fn connection(via: Via) -> Connection {
    Connection::new(via, Limits { body_bytes: super::BODY_MAX, ..Limits::default() }, now())
}

impl Stream {
    /// A connection that has just been accepted.
    pub fn new(conn: ConnId, via: Via) -> Self {
        Self {
            conn,
            via: RefCell::new(via.clone()),
            first: Cell::new(via != Via::Proxy),
            tls: RefCell::default(),
            http: RefCell::new(connection(via)),
            ended: Cell::new(false),
            closed: Cell::new(false),
            request: RefCell::default(),
            body: RefCell::default(),
            abort: RefCell::default(),
            told_end: Cell::new(false),
            said_end: Cell::new(false),
            gone: Cell::new(false),
            rest: RefCell::default(),
            room: RefCell::default(),
        }
    }

    /// Takes in what the machine has sent; says whether it was anything.
    pub fn take_in(&self, hub: &Hub) -> bool {
        let mut rest = self.rest.borrow_mut();
        if rest.is_empty() {
            let mut raw = vec![0; PIECE];
            let count = hub.lan.borrow_mut().gateway().receive(self.conn, &mut raw);
            raw.truncate(count);
            if self.first.get() && !raw.is_empty() {
                self.first.set(false);
                if raw[0] == HANDSHAKE {
                    self.begin_tls(hub);
                }
            }
            let read = match &mut *self.tls.borrow_mut() {
                Some(tls) => tls.input(&raw, &mut rest).map_err(|error| error.to_string()),
                None => {
                    *rest = raw;
                    Ok(())
                }
            };
            if let Err(error) = read {
                log(&format!("HTTPS of a machine: {error}"));
                self.http.borrow_mut().give_up();
            }
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
        let Some(tls) = &mut *self.tls.borrow_mut() else {
            if output.is_empty() {
                return false;
            }
            let sent = hub.lan.borrow_mut().gateway().send(self.conn, output);
            http.sent(sent, now());
            return sent > 0;
        };
        let taken = if output.is_empty() { 0 } else { tls.send(output) };
        http.sent(taken, now());
        if http.is_over() && !self.said_end.replace(true) {
            tls.close();
        }
        let sealed = tls.output();
        let sent = if sealed.is_empty() { 0 } else { hub.lan.borrow_mut().gateway().send(self.conn, sealed) };
        tls.sent(sent);
        taken + sent > 0
    }

    /// Whether nothing is left that was written and not sent.
    pub fn is_flushed(&self) -> bool {
        self.tls.borrow_mut().as_mut().is_none_or(|tls| tls.output().is_empty())
    }

    /// The machine has begun to speak TLS. From here on its bytes, and what it is answered, go through that.
    fn begin_tls(&self, hub: &Hub) {
        let mut via = self.via.borrow_mut();
        let Via::Caught { name, address, tls, .. } = &mut *via else { return };
        let host = name.clone().unwrap_or_else(|| address.to_string());
        match hub.web.tls(self.conn, &host) {
            Ok(secured) => {
                *tls = true;
                *self.http.borrow_mut() = connection(via.clone());
                *self.tls.borrow_mut() = Some(secured);
            }
            Err(why) => {
                hub.web.note(self, "HTTPS", &host, Err(&why));
                self.http.borrow_mut().give_up();
            }
        }
    }

    /// Grants a tunnel to a host. What comes next is for the gateway all the same, which answers in the host's place.
    pub fn tunnel(&self, hub: &Hub, host: String, port: u16) {
        let mut http = self.http.borrow_mut();
        http.tunnel();
        // A connection that has just brought a request has room for one line.
        hub.lan.borrow_mut().gateway().send(self.conn, http.output());
        let via = Via::Caught { name: Some(host), address: std::net::Ipv4Addr::UNSPECIFIED, port, tls: false };
        *http = connection(via.clone());
        *self.via.borrow_mut() = via;
        self.first.set(true);
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
