//! One pairing: its session, its connection, and what it may do.

mod beside;
mod consoles;
mod shown;

use super::connection::Connection;
use super::refused;
use super::relay::{Relay, now};
use super::second::Beside;
use super::watch::{Show, Watched};
use crate::host::line::Line;
use peering::Essentials;
use peering::code::Code;
use peering::control::{ControlError, Machine, Message};
use peering::qr::Picture;
use peering::session::{Event, PairingError, Session};
use peering::stats::Link;
use protocol::{LanMachine, LanTraffic, PeerCode, PeerId, PeerRule, Problem, ProblemCode};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// So many seconds without a connection after the codes were exchanged, and it is given up.
const CONNECT_SECONDS: u32 = 60;
/// So many seconds without a word of a peer that was joined, and it is given up.
const BROKEN_SECONDS: u32 = 120;
/// So many seconds without a word, and another way is looked for: a short cut heals by itself.
const ANEW_SECONDS: u32 = 20;
/// How often an impatient browser is given another address to try, in seconds: it gives up after five.
const PATIENCE_SECONDS: u32 = 3;

/// How far a pairing is.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// The code is being made.
    Beginning,
    /// The code waits to be passed on.
    Waiting(PeerCode),
    /// The connection is being made.
    Connecting,
    /// The words are to be compared.
    Asking,
    /// Both have accepted.
    Joined,
    /// It is over.
    Over(String),
}

/// What a message changes.
pub enum Change {
    /// Nothing that is shown.
    Nothing,
    /// The other side has lost the better channel for frames.
    Relayed,
    /// It is asked with this number whether it is there, and how much has come.
    Asked(u32),
    /// Something that is shown.
    Shown,
    /// Which of its machines can be reached.
    Machines,
    /// It wants to see a machine's console, or not any more.
    Watch(String, bool),
    /// The other side has ended it.
    Ended(String),
    /// A new way is to be made.
    Restart(Essentials, bool),
    /// A second connection is to be made.
    Second(Essentials),
}

/// What is left of a pairing that is over, until it can be dropped.
pub enum Remains {
    /// Its connection.
    Connection(#[expect(dead_code, reason = "it is kept to be dropped later")] Rc<Connection>),
    /// Its relay.
    Relay(#[expect(dead_code, reason = "it is kept to be dropped later")] Relay),
}

/// A pairing.
pub struct Peer {
    /// Its identifier.
    pub id: PeerId,
    session: RefCell<Session>,
    connection: RefCell<Option<Rc<Connection>>>,
    relay: RefCell<Option<Relay>>,
    /// A second connection.
    beside: Beside,
    stage: RefCell<Stage>,
    rule: RefCell<PeerRule>,
    link: RefCell<Link>,
    traffic: RefCell<LanTraffic>,
    /// When it began, in milliseconds since 1970.
    pub begun: f64,
    /// Since when it is in its stage, in milliseconds since 1970.
    since: Cell<f64>,
    /// Seconds in this stage, or since the last word of the peer.
    seconds: Cell<u32>,
    silent: Cell<u32>,
    tried: Cell<u16>,
    /// The other side hears the last of the channels for frames only.
    is_relayed: Cell<bool>,
    /// This side has lost the one that the lan worker had.
    has_lost: Cell<bool>,
    /// The consoles that are shown to it, by the machine's name.
    shows: RefCell<BTreeMap<String, Show>>,
    /// What is new on them is gathered, and which of them is next.
    gathers: Cell<bool>,
    turn: Cell<usize>,
    /// The consoles of its machines that pages may look at.
    watched: RefCell<BTreeMap<String, Watched>>,
}

impl Peer {
    /// Begins.
    pub fn new(id: PeerId, session: Session, connection: Connection) -> Self {
        Self {
            id,
            session: RefCell::new(session),
            connection: RefCell::new(Some(Rc::new(connection))),
            relay: RefCell::default(),
            beside: Beside::default(),
            stage: RefCell::new(Stage::Beginning),
            rule: RefCell::default(),
            link: RefCell::new(Link::new(now())),
            traffic: RefCell::default(),
            begun: js_sys::Date::now(),
            since: Cell::new(js_sys::Date::now()),
            seconds: Cell::new(0),
            silent: Cell::new(0),
            tried: Cell::new(0),
            is_relayed: Cell::new(false),
            has_lost: Cell::new(false),
            shows: RefCell::default(),
            gathers: Cell::new(false),
            turn: Cell::new(0),
            watched: RefCell::default(),
        }
    }

    /// Its connection, unless it is over.
    pub fn connection(&self) -> Result<Rc<Connection>, Problem> {
        let over = || refused("this pairing is over", "Begin again with a new invitation.");
        self.connection.borrow().clone().ok_or_else(over)
    }

    /// The code for the other side.
    pub fn make_code(&self, essentials: Essentials) -> Result<PeerCode, Problem> {
        let nowhere = essentials.candidates.is_empty();
        let code = self.session.borrow_mut().to_code(essentials);
        if nowhere {
            let advice =
                "Check the network of this computer; a browser that hides all of its addresses can’t be joined.";
            return Err(refused("the browser found no address at which it could be reached", advice));
        }
        let failed = |error: &dyn std::fmt::Display| {
            Problem::new(ProblemCode::Internal, format!("No code could be made: {error}."))
        };
        let text = code.to_text().map_err(|error| failed(&error))?;
        let picture = Picture::of(&text).map_err(|error| failed(&error))?;
        let expires = u64::from(code.expires) * 1000;
        Ok(PeerCode { text, picture: picture.path(), side: picture.side as u32, expires })
    }

    /// Whether this answer can be taken, which changes nothing.
    pub fn check_answer(&self, code: &Code, unix: u32) -> Result<(), PairingError> {
        self.session.borrow().clone().take_answer(code, unix)
    }

    /// Takes an answer.
    pub fn take_answer(&self, code: &Code, unix: u32) -> Result<(), PairingError> {
        self.session.borrow_mut().take_answer(code, unix)
    }

    /// The connection is there: says hello.
    pub fn greet(&self) {
        let hello = self.session.borrow().hello();
        if let Ok(connection) = self.connection() {
            connection.say(&hello);
            if self.has_lost.get() {
                connection.say(&Message::Relayed);
            }
        }
        self.set_stage(Stage::Connecting);
    }

    /// The user lets the peer in.
    pub fn accept(&self, machines: &[LanMachine]) -> Result<(), Problem> {
        if self.session.borrow().has_accepted() {
            return Ok(());
        }
        let shared = self.shared(machines);
        let early = |error: ControlError| refused(error, "Wait until the words are shown.");
        let accept = self.session.borrow_mut().accept(shared).map_err(early)?;
        self.connection()?.say(&accept);
        Ok(())
    }

    /// Tells the peer which machines it may reach, if that has changed.
    pub fn share(&self, machines: &[LanMachine]) {
        self.hide(machines);
        let message = self.session.borrow_mut().share(self.shared(machines));
        if let (Some(message), Ok(connection)) = (message, self.connection()) {
            connection.say(&message);
        }
    }

    fn shared(&self, machines: &[LanMachine]) -> Vec<Machine> {
        let rule = self.rule.borrow();
        let allowed = machines.iter().filter(|machine| rule.machines.contains(&machine.id));
        let shown = allowed.filter_map(|machine| {
            let address = machine.address.parse().ok()?;
            Some(Machine { name: machine.name.clone(), address, watch: rule.may_watch() })
        });
        shown.collect()
    }

    /// A control message has come.
    pub fn receive(&self, bytes: &[u8]) -> Result<Change, ControlError> {
        self.silent.set(0);
        self.link.borrow_mut().heard(now());
        let event = self.session.borrow_mut().receive(bytes, now())?;
        Ok(match event {
            None => Change::Shown,
            Some(Event::Words) => {
                self.set_stage(Stage::Asking);
                Change::Shown
            }
            Some(Event::Joined) => Change::Shown,
            Some(Event::Machines) => Change::Machines,
            Some(Event::Watch { machine, on }) => Change::Watch(machine, on),
            Some(Event::Screen(screen)) => {
                self.see(&screen);
                Change::Nothing
            }
            Some(Event::Ping(number)) => Change::Asked(number),
            Some(Event::Relayed) => {
                self.is_relayed.set(true);
                self.drop_second();
                if let Some(relay) = &*self.relay.borrow() {
                    relay.keep_last();
                }
                Change::Relayed
            }
            Some(Event::Pong { number, received }) => {
                self.link.borrow_mut().pong(number, received, now());
                Change::Nothing
            }
            Some(Event::Restart { essentials, answer }) => Change::Restart(essentials, answer),
            Some(Event::Second(essentials)) => Change::Second(essentials),
            Some(Event::Bye(reason)) if reason.is_empty() => Change::Ended("Ended by the other side.".to_owned()),
            Some(Event::Bye(reason)) => Change::Ended(format!("Ended by the other side: {reason}")),
        })
    }

    /// Joins this page's channels and the line to the LAN; returns what was joined before.
    pub fn relay(&self, line: Line) -> Result<Option<Remains>, Problem> {
        let frames = self.connection()?.frames.clone();
        let before = self.relay.borrow_mut().take();
        if let Some(before) = &before {
            // Its listeners would take the place of the next one's.
            before.end();
        }
        let relay = Relay::new(line, frames);
        if self.is_relayed.get() {
            relay.keep_last();
        }
        *self.relay.borrow_mut() = Some(relay);
        self.relay_second();
        Ok(before.map(Remains::Relay))
    }

    /// The lan worker has died: with it the channel that it had, if it had one, which the other side can't see by itself.
    pub fn lose_direct(&self) {
        if let Ok(connection) = self.connection()
            && connection.has_handed_over()
        {
            self.has_lost.set(true);
            self.drop_second();
            connection.say(&Message::Relayed);
        }
    }

    /// The browser says whether the way works. It says so seconds late, so it only tells that it is worth asking.
    pub fn reachable(&self, there: bool) {
        if there {
            self.silent.set(0);
        }
    }

    /// Whether a way should be looked for: this side begins, if it has invited.
    pub fn wants_another_way(&self) -> bool {
        self.is_joined() && self.is_inviter() && self.silent.get() == ANEW_SECONDS
    }

    /// Looks where this browser can be reached now, and tells the other side as soon as anything gets through.
    pub async fn look_for_another_way(&self) -> Result<(), Problem> {
        let connection = self.connection()?;
        let essentials = connection.agent.offer_anew().await?;
        connection.say(&Message::Restart { essentials, answer: false });
        Ok(())
    }

    /// The other side has looked for another way.
    pub async fn go_on(&self, essentials: &Essentials, answer: bool) -> Result<(), Problem> {
        let connection = self.connection()?;
        if answer {
            return connection.agent.take_answer(essentials).await;
        }
        let essentials = connection.agent.answer(essentials).await?;
        connection.say(&Message::Restart { essentials, answer: true });
        Ok(())
    }

    /// Comes once a second; returns why it is over, if it is.
    pub fn tick(&self, unix: u32) -> Option<&'static str> {
        self.seconds.set(self.seconds.get().saturating_add(1));
        let stage = self.stage.borrow().clone();
        match stage {
            Stage::Beginning | Stage::Over(_) => None,
            Stage::Waiting(_) => {
                self.have_patience();
                let expired = self.session.borrow().expires() <= unix;
                expired.then_some("The code has expired.")
            }
            Stage::Connecting => {
                let late = self.seconds.get() > CONNECT_SECONDS;
                late.then_some("The two browsers found no way to each other. Both have to be in one network, which lets them speak to each other.")
            }
            Stage::Asking | Stage::Joined => {
                self.look_at_second();
                self.gone()
            }
        }
    }

    fn gone(&self) -> Option<&'static str> {
        self.silent.set(self.silent.get().saturating_add(1));
        (self.silent.get() > BROKEN_SECONDS).then_some("Nothing was heard of the other browser for two minutes.")
    }

    fn have_patience(&self) {
        if self.is_inviter() || self.seconds.get() % PATIENCE_SECONDS != 1 {
            return;
        }
        let Ok(connection) = self.connection() else { return };
        if connection.agent.is_impatient() {
            self.tried.set(self.tried.get().wrapping_add(1) % 10_000);
            connection.agent.have_patience(self.tried.get());
        }
    }

    /// Asks the other side whether it is there, if it is time to. So many batches were sent.
    pub fn ping(&self, sent: u64) {
        let number = self.link.borrow_mut().ping(sent, now());
        if let (Some(number), Ok(connection)) = (number, self.connection()) {
            connection.say(&Message::Ping { number, sent });
        }
    }

    /// Says that this side is there, and how many batches have come.
    pub fn pong(&self, number: u32, received: u64) {
        if let Ok(connection) = self.connection() {
            connection.say(&Message::Pong { number, received });
        }
    }

    /// Ends it. What must not be dropped at once is returned.
    pub fn end(&self, reason: &str, say: bool) -> Vec<Remains> {
        let connection = self.connection.borrow_mut().take();
        let relay = self.relay.borrow_mut().take();
        self.drop_second();
        self.shows.borrow_mut().clear();
        self.watched.borrow_mut().clear();
        if let (true, Some(connection)) = (say, &connection) {
            connection.say(&Message::Bye { reason: String::new() });
        }
        if let Some(relay) = &relay {
            relay.end();
        }
        self.set_stage(Stage::Over(reason.to_owned()));
        connection.map(Remains::Connection).into_iter().chain(relay.map(Remains::Relay)).collect()
    }

    /// It is this far now.
    pub fn set_stage(&self, stage: Stage) {
        *self.stage.borrow_mut() = stage;
        self.since.set(js_sys::Date::now());
        self.seconds.set(0);
        self.silent.set(0);
    }

    /// What it may do from now on.
    pub fn set_rule(&self, rule: PeerRule) {
        *self.rule.borrow_mut() = rule;
    }

    /// What went over its line.
    pub fn set_traffic(&self, traffic: LanTraffic) {
        *self.traffic.borrow_mut() = traffic;
    }

    /// What it may do.
    pub fn rule(&self) -> PeerRule {
        self.rule.borrow().clone()
    }

    /// Whether this browser has invited.
    pub fn is_inviter(&self) -> bool {
        self.session.borrow().is_inviter()
    }

    /// Whether it is about this invitation.
    pub fn has_session(&self, id: &[u8; 8]) -> bool {
        self.session.borrow().id() == id
    }

    /// Whether both sides have accepted.
    pub fn both_accepted(&self) -> bool {
        self.session.borrow().is_joined()
    }

    /// Whether frames may flow.
    pub fn is_joined(&self) -> bool {
        *self.stage.borrow() == Stage::Joined
    }

    /// Whether the other side is asked now and then how it is.
    pub fn is_in_touch(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Asking | Stage::Joined)
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Over(_))
    }
}
