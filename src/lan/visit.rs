//! Visits: a page of the extension asks a web server inside a machine, by a connection that the gateway opens to it.
//!
//! ```text
//!  page ── LanAsk::Visit ──► Visit: http::Exchange ──► gateway ── TCP ──► machine's port
//!       ◄── channel "visit:TOKEN": head, pieces of the body, end ──
//! ```
//!
//! What the page has not taken is not received, so a server that sends without end waits as it would for any slow client.

use super::{Hub, now};
use crate::bridge::{from_js, log, text_of, to_js};
use protocol::{VISIT_BODY_MAX, VISIT_WINDOW, VisitAsk, VisitRequest, VisitTold, visit_channel};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use vlan::gateway::tcp::{ConnId, TcpEvent};
use vlan::http::{Exchange, Part, Question};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// How many requests may be under way; more are refused.
const VISITS_MAX: usize = 64;
/// How long neither side may say anything: a page that was closed says nothing of it.
const SILENCE: Duration = Duration::from_secs(120);
/// How much is received at a time.
const PIECE: usize = 64 * 1024;

/// All requests that are under way.
#[derive(Default)]
pub struct Visits(RefCell<BTreeMap<ConnId, Rc<Visit>>>);

struct Visit {
    channel: BroadcastChannel,
    exchange: RefCell<Exchange>,
    /// What is still to be sent.
    question: RefCell<Vec<u8>>,
    /// Received, and not taken yet.
    rest: RefCell<Vec<u8>>,
    /// Bytes of the body that were sent to the page and not taken yet.
    ahead: Cell<usize>,
    connected: Cell<bool>,
    websocket: bool,
    ended: Cell<bool>,
    heard: Cell<Duration>,
    _hear: Closure<dyn Fn(MessageEvent)>,
}

fn say(channel: &BroadcastChannel, told: &VisitTold) {
    match to_js(told).map(|message| channel.post_message(&message)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log(&text_of(&error)),
        Err(problem) => log(&problem.message),
    }
}

fn latin(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|sign| u8::try_from(u32::from(sign)).ok()).collect()
}

impl Visits {
    /// A page asks.
    pub fn begin(&self, hub: &Rc<Hub>, request: VisitRequest) {
        let Some(name) = visit_channel(&request.token) else { return log("a visit has no channel") };
        let channel = match BroadcastChannel::new(&name) {
            Ok(channel) => channel,
            Err(error) => return log(&format!("a visit can’t be answered: {}", text_of(&error))),
        };
        if let Err(why) = self.open(hub, request, &channel) {
            say(&channel, &VisitTold::Failed(why));
            channel.close();
        }
    }

    fn open(&self, hub: &Rc<Hub>, request: VisitRequest, channel: &BroadcastChannel) -> Result<(), String> {
        if self.0.borrow().len() >= VISITS_MAX {
            return Err("too many requests to machines are under way".to_owned());
        }
        if request.body.len() > VISIT_BODY_MAX {
            return Err("more can’t be sent to a machine at once".to_owned());
        }
        let headers = request.headers.into_iter().map(|(name, value)| latin(&value).map(|value| (name, value)));
        let headers = headers.collect::<Option<_>>().ok_or("a header has a sign that headers can’t have")?;
        let VisitRequest { id, port, host, method, target, body, websocket, .. } = request;
        let question = Question { method, target, host, headers, body, websocket };
        let bytes = question.bytes().map_err(|error| error.to_string())?;
        let at = hub.place(&id).ok_or("the machine is not on the LAN: it is not running, or its network is not up")?;
        let conn = hub.lan.borrow_mut().gateway().connect(at, port, now()).map_err(|error| error.to_string())?;
        let own = hub.clone();
        let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            if let Ok(ask) = from_js::<VisitAsk>(event.data()) {
                own.visits.told(&own, conn, &ask);
            }
        });
        channel.set_onmessage(Some(hear.as_ref().unchecked_ref()));
        let visit = Visit {
            channel: channel.clone(),
            exchange: RefCell::new(Exchange::new(&question)),
            question: RefCell::new(bytes),
            rest: RefCell::default(),
            ahead: Cell::new(0),
            connected: Cell::new(false),
            websocket,
            ended: Cell::new(false),
            heard: Cell::new(now()),
            _hear: hear,
        };
        self.0.borrow_mut().insert(conn, Rc::new(visit));
        hub.turn();
        Ok(())
    }

    fn told(&self, hub: &Rc<Hub>, conn: ConnId, ask: &VisitAsk) {
        let visit = self.0.borrow().get(&conn).cloned();
        let Some(visit) = visit else { return };
        match ask {
            VisitAsk::Taken(bytes) => {
                visit.ahead.set(visit.ahead.get().saturating_sub(*bytes));
                visit.heard.set(now());
                self.pump(hub, conn, &visit);
            }
            VisitAsk::Send(bytes) => {
                visit.heard.set(now());
                match visit.send(bytes) {
                    Ok(()) => self.pump(hub, conn, &visit),
                    Err(why) => self.over(hub, conn, Some(why.to_owned())),
                }
            }
            VisitAsk::Stop => self.over(hub, conn, None),
        }
        hub.turn();
    }

    /// Something has happened to a connection; says whether it is one of a visit.
    pub fn hear(&self, hub: &Rc<Hub>, event: &TcpEvent) -> bool {
        let conn = event.conn();
        let visit = self.0.borrow().get(&conn).cloned();
        let Some(visit) = visit else { return false };
        visit.heard.set(now());
        match event {
            TcpEvent::Connected(_) => visit.connected.set(true),
            TcpEvent::Ended(_) => visit.ended.set(true),
            TcpEvent::Closed(_) | TcpEvent::Aborted(_) => {
                let why = match visit.connected.get() {
                    true => "the machine’s server broke the connection off",
                    false => "nothing in the machine answers at this port",
                };
                self.over(hub, conn, Some(why.to_owned()));
                return true;
            }
            _ => {}
        }
        self.pump(hub, conn, &visit);
        true
    }

    /// Moves bytes both ways as far as they go.
    fn pump(&self, hub: &Rc<Hub>, conn: ConnId, visit: &Visit) {
        if visit.connected.get() {
            let mut question = visit.question.borrow_mut();
            let sent = hub.lan.borrow_mut().gateway().send(conn, &question);
            question.drain(..sent);
        }
        match visit.take_in(hub, conn) {
            Ok(false) => {}
            Ok(true) => self.over(hub, conn, None),
            Err(why) => self.over(hub, conn, Some(why)),
        }
    }

    /// Comes once a second.
    pub fn look(&self, hub: &Rc<Hub>) {
        let late = |visit: &Visit| now().saturating_sub(visit.heard.get()) > SILENCE;
        let late: Vec<ConnId> =
            self.0.borrow().iter().filter(|(_, visit)| late(visit)).map(|(conn, _)| *conn).collect();
        for conn in late {
            self.over(hub, conn, Some("the machine’s server did not answer in time".to_owned()));
        }
    }

    /// The end of a visit, and why, if the page does not know it yet.
    fn over(&self, hub: &Rc<Hub>, conn: ConnId, why: Option<String>) {
        let visit = self.0.borrow_mut().remove(&conn);
        let Some(visit) = visit else { return };
        if let Some(why) = why {
            say(&visit.channel, &VisitTold::Failed(why));
        }
        hub.lan.borrow_mut().gateway().abort(conn, now());
        visit.channel.set_onmessage(None);
        visit.channel.close();
        // Its own message may be what ended it: it must not be dropped while that is handled.
        wasm_bindgen_futures::spawn_local(async move { drop(visit) });
    }
}

impl Visit {
    /// More to be sent.
    fn send(&self, bytes: &[u8]) -> Result<(), &'static str> {
        if !self.websocket {
            return Err("only a web socket takes more than was asked");
        }
        let mut question = self.question.borrow_mut();
        if question.len() + bytes.len() > VISIT_BODY_MAX {
            return Err("the machine’s server does not take what is sent to it");
        }
        question.extend(bytes);
        Ok(())
    }

    /// Receives what the page has room for; says whether the answer is complete.
    fn take_in(&self, hub: &Hub, conn: ConnId) -> Result<bool, String> {
        let mut exchange = self.exchange.borrow_mut();
        let mut rest = self.rest.borrow_mut();
        loop {
            if rest.is_empty() {
                rest.resize(PIECE, 0);
                let count = hub.lan.borrow_mut().gateway().receive(conn, &mut rest);
                rest.truncate(count);
            }
            let taken = exchange.input(&rest).map_err(|error| error.to_string())?;
            rest.drain(..taken);
            if rest.is_empty() && self.ended.get() {
                exchange.ended().map_err(|error| error.to_string())?;
            }
            let mut some = taken > 0;
            while self.ahead.get() < VISIT_WINDOW {
                let Some(part) = exchange.part() else { break };
                some = true;
                match part {
                    Part::Head(head) => {
                        let text = |value: Vec<u8>| value.into_iter().map(char::from).collect();
                        let headers = head.headers.into_iter().map(|(name, value)| (name, text(value))).collect();
                        say(&self.channel, &VisitTold::Head { status: head.status, headers, length: head.length });
                    }
                    Part::Body(bytes) => {
                        self.ahead.set(self.ahead.get() + bytes.len());
                        say(&self.channel, &VisitTold::Body(bytes));
                    }
                    Part::End => {
                        say(&self.channel, &VisitTold::End);
                        return Ok(true);
                    }
                }
            }
            if !some {
                return Ok(false);
            }
        }
    }
}
