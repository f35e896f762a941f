//! The way out: requests of machines to the gateway, by plain HTTP, become `fetch()`es of the extension.
//!
//! ```text
//!  machine ── TCP ──► gateway ──► Stream: http::Connection ── policy ──► fetching ──► fetch()
//!                                         ◄─────── answer, piece by piece ── packages (a cache)
//! ```
//!
//! What a machine says by TLS is read here with certificates of an authority of its own ([`authorities`]), if the user wants that.
//!
//! Machines come to the proxy's port of the gateway, or to port 80 of whichever host they believe to speak with.

mod authorities;
mod fetching;
mod packages;
mod permit;
mod records;
mod secured;
mod stream;

use super::{Hub, now};
use authorities::Authorities;
use js_sys::{Function, Uint8Array};
use permit::Permit;
use protocol::{Access, InstanceId};
use records::Records;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use stream::Stream;
use vlan::gateway::Services;
use vlan::gateway::tcp::{ConnId, TcpEvent};
use vlan::http::{Event, HttpError, Via};
use vlan::switch::PortId;
use wasm_bindgen_futures::spawn_local;

/// Where the gateway is an HTTP proxy: the port that most people know for one.
pub const PROXY_PORT: u16 = 3128;
/// The ports of other hosts at which the gateway answers in their place: HTTP's and HTTPS's (RFC 9110, sections 4.2.1 and 4.2.2), and one by custom.
const CAUGHT: [u16; 3] = [80, 443, 8080];
/// The largest body of a request, in bytes. It is held until it is whole: not every browser can send one that is still coming.
const BODY_MAX: u64 = 512 << 20;

/// All machines' ways out.
pub struct Web {
    streams: RefCell<BTreeMap<ConnId, Rc<Stream>>>,
    permits: RefCell<BTreeMap<PortId, Permit>>,
    /// Who signs for the machines whose HTTPS is read.
    authorities: Authorities,
    /// What was asked for.
    pub records: Records,
}

impl Web {
    /// Of no machine yet. `load_tls` gives a promise of the module with TLS.
    pub fn new(load_tls: Function) -> Self {
        Self {
            streams: RefCell::default(),
            permits: RefCell::default(),
            authorities: Authorities::new(load_tls),
            records: Records::default(),
        }
    }

    /// A machine is there, or may reach something else than before.
    pub fn admit(&self, hub: &Rc<Hub>, at: PortId, id: &InstanceId, access: &Access) {
        self.authorities.want(hub, at, id, access.https);
        let permit = Permit::new(id.clone(), access);
        hub.lan.borrow_mut().gateway().set_outside(at, permit.names());
        self.permits.borrow_mut().insert(at, permit);
        let own = self.permits.borrow();
        let caught: BTreeSet<u16> = CAUGHT.into_iter().chain(own.values().flat_map(Permit::ports)).collect();
        let services = Services { gateway: [80, 443, PROXY_PORT].into(), caught };
        hub.lan.borrow_mut().gateway().set_services(services);
    }

    /// A machine has gone.
    pub fn leave(&self, at: PortId) {
        self.permits.borrow_mut().remove(&at);
        self.authorities.leave(at);
    }

    /// Something has happened to a connection.
    pub fn hear(&self, hub: &Rc<Hub>, event: TcpEvent) {
        match event {
            TcpEvent::Accepted { conn, local, name, .. } => {
                let via = match *local.ip() == hub.kept.plan().gateway() {
                    true if local.port() == PROXY_PORT => Via::Proxy,
                    // What the gateway has for its machines.
                    true => {
                        let (name, address) = (Some("gateway.lan".to_owned()), *local.ip());
                        Via::Caught { name, address, port: local.port(), tls: false }
                    }
                    false => Via::Caught { name, address: *local.ip(), port: local.port(), tls: false },
                };
                self.streams.borrow_mut().insert(conn, Rc::new(Stream::new(conn, via)));
            }
            TcpEvent::Connected(_) => {}
            TcpEvent::Readable(conn) | TcpEvent::Writable(conn) => self.pump_one(hub, conn),
            TcpEvent::Ended(conn) => {
                if let Some(stream) = self.stream(conn) {
                    stream.ended.set(true);
                    self.pump(hub, &stream);
                }
            }
            TcpEvent::Closed(conn) | TcpEvent::Aborted(conn) => self.forget(conn),
        }
    }

    fn stream(&self, conn: ConnId) -> Option<Rc<Stream>> {
        self.streams.borrow().get(&conn).cloned()
    }

    fn forget(&self, conn: ConnId) {
        let stream = self.streams.borrow_mut().remove(&conn);
        if let Some(stream) = stream {
            stream.give_up();
        }
    }

    /// Comes once a second: who is too slow is told so.
    pub fn look(&self, hub: &Rc<Hub>) {
        let all: Vec<_> = self.streams.borrow().values().cloned().collect();
        for stream in all {
            stream.http.borrow_mut().tick(now());
            self.pump(hub, &stream);
        }
    }

    fn pump_one(&self, hub: &Rc<Hub>, conn: ConnId) {
        if let Some(stream) = self.stream(conn) {
            self.pump(hub, &stream);
        }
    }

    /// Moves bytes both ways as far as they go.
    pub fn pump(&self, hub: &Rc<Hub>, stream: &Rc<Stream>) {
        loop {
            let taken = stream.take_in(hub);
            let handled = self.events(hub, stream);
            let sent = stream.send_out(hub);
            if !(taken || handled || sent) {
                break;
            }
        }
        stream.wake_if_room();
        let (over, cut) = {
            let http = stream.http.borrow();
            let flushed = stream.is_flushed();
            (http.is_over() && flushed, http.is_cut())
        };
        if over && !stream.closed.replace(true) {
            hub.lan.borrow_mut().gateway().close(stream.conn, now());
        }
        if cut {
            hub.lan.borrow_mut().gateway().abort(stream.conn, now());
            self.forget(stream.conn);
        }
    }

    fn events(&self, hub: &Rc<Hub>, stream: &Rc<Stream>) -> bool {
        let mut some = false;
        loop {
            let Some(event) = stream.http.borrow_mut().event() else { return some };
            some = true;
            match event {
                Event::Request(request) if self.authorities.serve(hub, stream, &request) => {}
                Event::Request(request) => self.begin(stream, request),
                Event::Connect(host, port) => self.connect(stream, host, port),
                Event::Body(bytes) => stream.body.borrow_mut().push(Uint8Array::from(&bytes[..])),
                Event::BodyEnd => {
                    let request = stream.request.take();
                    if let Some(request) = request {
                        let body = stream.body.take();
                        spawn_local(fetching::serve(hub.clone(), stream.clone(), request, body));
                    }
                }
                Event::Broken(error) => self.broken(stream, &error),
            }
        }
    }

    /// A machine wants a tunnel to a host, for its own HTTPS.
    fn connect(&self, stream: &Stream, host: String, port: u16) {
        let place = format!("{host}:{port}");
        let refused = match self.authorities.of(stream.conn.port, &place) {
            Err(why) => Some((501, why)),
            Ok(_) => self
                .check(stream.conn.port, &format!("https://{place}/"))
                .err()
                .map(|why| (403, format!("Not fetched: {why}."))),
        };
        match refused {
            None => stream.grant_tunnel(host, port),
            Some((status, sentence)) => {
                self.note(stream, "CONNECT", &place, Err(&sentence));
                stream.http.borrow_mut().refuse(status, &sentence);
            }
        }
    }

    /// A request whose body may still be coming. One that is refused is refused before that.
    fn begin(&self, stream: &Rc<Stream>, request: vlan::http::Request) {
        stream.body.borrow_mut().clear();
        let allowed = match self.permits.borrow().get(&stream.conn.port) {
            Some(permit) => permit.policy.check(&request.url).map_err(|refusal| refusal.to_string()),
            None => Err("the machine has left the LAN".to_owned()),
        };
        if let Err(why) = allowed {
            self.note(stream, &request.method, request.url.as_str(), Err(&why));
            return stream.http.borrow_mut().refuse(403, &format!("Not fetched: {why}."));
        }
        if request.expects_continue {
            stream.http.borrow_mut().proceed();
        }
        *stream.request.borrow_mut() = Some(request);
    }

    fn broken(&self, stream: &Stream, error: &HttpError) {
        stream.give_up();
        self.note(stream, "", "", Err(&error.to_string()));
    }

    /// Keeps a record of a request, and what came of it.
    pub fn note(&self, stream: &Stream, method: &str, url: &str, outcome: Result<u16, &str>) {
        if let Some(permit) = self.permits.borrow().get(&stream.conn.port) {
            self.records.push(&permit.id, method, url, outcome);
        }
    }

    /// What the machine may fetch; nothing once it has gone.
    fn check(&self, at: PortId, url: &str) -> Result<(), String> {
        let url = vlan::policy::parse(url).map_err(|refusal| refusal.to_string())?;
        match self.permits.borrow().get(&at) {
            Some(permit) => permit.policy.check(&url).map_err(|refusal| refusal.to_string()),
            None => Err("the machine has left the LAN".to_owned()),
        }
    }

    /// Where the request is really sent to.
    fn upgraded(&self, at: PortId, url: &url::Url) -> fetching::Target {
        self.permits.borrow().get(&at).map_or_else(|| fetching::Target::only(url), |permit| permit.target(url))
    }
}
