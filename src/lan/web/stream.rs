//! One connection of a machine to the gateway, and the request that is under way on it.

use super::secured::Tls;
use crate::lan::{Hub, now};
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
/// A record with the alert `access_denied`, for who is not allowed to speak TLS here (RFC 8446, sections 5.1 and 6.2).
const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// A connection.
pub struct Stream {
    /// Which one.
    pub conn: ConnId,
    /// How the machine came here.
    via: RefCell<Via>,
    /// Where the tunnel leads that was granted and begins when that has been said.
    tunnel: RefCell<Option<Via>>,
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
    /// Received with what was read before the tunnel.
    early: RefCell<Vec<u8>>,
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
            tunnel: RefCell::default(),
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
            early: RefCell::default(),
            rest: RefCell::default(),
            room: RefCell::default(),
        }
    }

    /// Takes in what the machine has sent; says whether it was anything.
    pub fn take_in(&self, hub: &Hub) -> bool {
        let read = self.rest.borrow().is_empty() && self.read(hub);
        let mut rest = self.rest.borrow_mut();
        let taken = self.http.borrow_mut().input(&rest, now());
        rest.drain(..taken);
        let ended = self.ended.get() || self.tls.borrow().as_ref().is_some_and(Tls::ended);
        if rest.is_empty() && ended && !self.told_end.replace(true) {
            self.http.borrow_mut().ended();
            return true;
        }
        read || taken > 0
    }

    /// Receives the next bytes, and takes TLS off them; says whether there were any.
    fn read(&self, hub: &Hub) -> bool {
        let mut raw = self.early.take();
        if raw.is_empty() {
            raw.resize(PIECE, 0);
            let count = hub.lan.borrow_mut().gateway().receive(self.conn, &mut raw);
            raw.truncate(count);
        }
        if raw.is_empty() {
            return false;
        }
        if self.first.replace(false) && raw[0] == HANDSHAKE {
            self.begin_tls(hub);
        }
        let failed = match &*self.tls.borrow() {
            Some(tls) => tls.input(&raw, &mut self.rest.borrow_mut()).err(),
            None => {
                *self.rest.borrow_mut() = raw;
                None
            }
        };
        if let Some(error) = failed {
            hub.web.note(self, "TLS", &self.host(), Err(&error));
            self.shut();
        }
        true
    }

    /// Nothing more can be understood on this connection. What waits to be sent is sent, unless an answer would seem whole by that.
    fn shut(&self) {
        let mut http = self.http.borrow_mut();
        http.ended();
        if !http.is_over() {
            http.give_up();
        }
    }

    /// Sends what is to be sent; says whether it was anything.
    pub fn send_out(&self, hub: &Hub) -> bool {
        let mut moved = 0;
        let mut http = self.http.borrow_mut();
        if !http.output().is_empty() {
            moved = match &*self.tls.borrow() {
                Some(tls) => tls.send(http.output()),
                None => hub.lan.borrow_mut().gateway().send(self.conn, http.output()),
            };
            http.sent(moved, now());
        }
        if http.output().is_empty()
            && let Some(via) = self.tunnel.take()
        {
            *http = connection(via.clone());
            *self.via.borrow_mut() = via;
            *self.early.borrow_mut() = self.rest.take();
            self.first.set(true);
            self.told_end.set(false);
            return true;
        }
        if let Some(tls) = &*self.tls.borrow() {
            if http.is_over() && !self.said_end.replace(true) {
                tls.close();
            }
            let sealed = tls.output();
            if !sealed.is_empty() {
                let sent = hub.lan.borrow_mut().gateway().send(self.conn, &sealed);
                tls.sent(sent);
                moved += sent;
            }
        }
        moved > 0
    }

    /// Whether nothing is left that was written and not sent.
    pub fn is_flushed(&self) -> bool {
        self.tls.borrow().as_ref().is_none_or(|tls| !tls.waits())
    }

    /// The host that the machine believes to speak with.
    fn host(&self) -> String {
        let named = self.tls.borrow().as_ref().and_then(Tls::host);
        named.unwrap_or_else(|| match &*self.via.borrow() {
            Via::Caught { name: Some(name), .. } => name.clone(),
            Via::Caught { address, .. } => address.to_string(),
            Via::Proxy => String::new(),
        })
    }

    /// The machine has begun to speak TLS. From here on its bytes, and what it is answered, go through that.
    fn begin_tls(&self, hub: &Hub) {
        let host = self.host();
        match hub.web.authorities.tls(self.conn.port, &host) {
            Ok(secured) => {
                let mut via = self.via.borrow_mut();
                if let Via::Caught { tls, .. } = &mut *via {
                    *tls = true;
                }
                *self.http.borrow_mut() = connection(via.clone());
                *self.tls.borrow_mut() = Some(secured);
            }
            Err(why) => {
                hub.web.note(self, "TLS", &host, Err(&why));
                // Nothing has been sent yet, so there is room for it.
                hub.lan.borrow_mut().gateway().send(self.conn, &ACCESS_DENIED);
                self.shut();
            }
        }
    }

    /// Grants a tunnel to a host. What comes then is for the gateway all the same, which answers in the host's place.
    pub fn grant_tunnel(&self, host: String, port: u16) {
        self.http.borrow_mut().tunnel();
        let via = Via::Caught { name: Some(host), address: std::net::Ipv4Addr::UNSPECIFIED, port, tls: false };
        *self.tunnel.borrow_mut() = Some(via);
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
