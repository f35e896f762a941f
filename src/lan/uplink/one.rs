//! One uplink: what the user said about it, and how it is.

use super::session::{self, Heard, Session};
use super::transport::Transport;
use super::words::Why;
use crate::lan::{Hub, kept, now, tell};
use crate::storage::pause;
use protocol::{LanNotice, Problem, SessionKind, SessionLog, UplinkId, UplinkSettings, UplinkState, certificate_hash};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use uplink::{Backoff, Decoder, Hello, Member, VERSION};
use vlan::switch::{Confinement, PortId};
use vlan::{Counters, DropReason};
use wasm_bindgen_futures::spawn_local;

/// How many events of an uplink are remembered.
const LOG_MAX: usize = 50;
/// How many hashes that an endpoint told us are kept: the newest.
const LEARNED_MAX: usize = 4;
/// A session that lasted so long has worked: the next wait is a short one again.
const LASTED: Duration = Duration::from_secs(20);

/// What is kept of an uplink.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    /// Which one.
    pub id: UplinkId,
    /// What the user said about it.
    pub settings: UplinkSettings,
    /// What lets us into the room.
    pub token: String,
    /// By which the endpoint knows us when we come back.
    pub key: [u8; 16],
    /// Hashes of certificates that the endpoint has announced.
    #[serde(default)]
    pub learned: Vec<[u8; 32]>,
    /// Whether nothing is let through.
    #[serde(default)]
    pub muted: bool,
}

/// How it is.
#[derive(Debug, Clone)]
enum Now {
    Away(Option<Problem>),
    Connecting,
    Joined,
    Waiting(Duration, Problem),
}

/// What was counted in sessions that are over.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// Frames and bytes that went there.
    pub sent: (u64, u64),
    /// Frames and bytes that came from there.
    pub received: (u64, u64),
    /// Frames from there that were dropped.
    pub dropped: Vec<(DropReason, u64)>,
}

impl Sums {
    /// These and those.
    pub fn with(&self, counters: &Counters) -> Self {
        let mut sums = self.clone();
        sums.sent = (sums.sent.0 + counters.frames_out, sums.sent.1 + counters.bytes_out);
        sums.received = (sums.received.0 + counters.frames_in, sums.received.1 + counters.bytes_in);
        for (why, count) in counters.drops() {
            match sums.dropped.iter_mut().find(|(known, _)| *known == why) {
                Some((_, sum)) => *sum += count,
                None => sums.dropped.push((why, count)),
            }
        }
        sums
    }
}

/// An uplink.
pub struct Uplink {
    pub stored: RefCell<Stored>,
    now: RefCell<Now>,
    session: RefCell<Option<Rc<Session>>>,
    /// Counts what the user has decided about joining: whoever acts on an earlier decision stops.
    decision: Cell<u64>,
    /// When it was joined last.
    joined: Cell<Duration>,
    pub sums: RefCell<Sums>,
    pub rtt: Cell<Option<Duration>>,
    pub members: RefCell<Vec<Member>>,
    pub log: RefCell<VecDeque<(u64, String)>>,
}

impl Uplink {
    pub fn new(stored: Stored) -> Rc<Self> {
        Rc::new(Self {
            stored: RefCell::new(stored),
            now: RefCell::new(Now::Away(None)),
            session: RefCell::default(),
            decision: Cell::new(0),
            joined: Cell::default(),
            sums: RefCell::default(),
            rtt: Cell::default(),
            members: RefCell::default(),
            log: RefCell::default(),
        })
    }

    /// The session, if it is joined.
    pub fn session(&self) -> Option<Rc<Session>> {
        self.session.borrow().clone()
    }

    /// The port at which it is attached, if it is joined.
    pub fn port(&self) -> Option<PortId> {
        self.session.borrow().as_ref().map(|session| session.port)
    }

    /// How it is, as pages are told.
    pub fn state(&self) -> UplinkState {
        match &*self.now.borrow() {
            Now::Away(problem) => UplinkState::Away(problem.clone()),
            Now::Connecting => UplinkState::Connecting,
            Now::Joined => UplinkState::Joined,
            Now::Waiting(until, problem) => {
                let seconds = until.saturating_sub(now()).as_secs_f64().ceil();
                UplinkState::Waiting(seconds as u32, problem.clone())
            }
        }
    }

    fn note(&self, what: impl Into<String>) {
        let mut log = self.log.borrow_mut();
        log.push_front((js_sys::Date::now() as u64, what.into()));
        log.truncate(LOG_MAX);
    }

    /// Tells the history: it is joined, or over after so many bytes for this reason.
    fn tell_history(&self, over: Option<(u64, &str)>) {
        let stored = self.stored.borrow();
        let UplinkSettings { address, room, machines, .. } = &stored.settings;
        // What follows the host may be something that only the endpoint is to know.
        let host = address.split(['/', '?']).nth(2).unwrap_or_default();
        let (bytes, reason) = over.unwrap_or_default();
        let lasted = (now() - self.joined.get()).as_millis() as u64;
        tell(&LanNotice::Uplink(SessionLog {
            id: format!("uplink-{:08x}", stored.id.0),
            kind: SessionKind::Uplink,
            name: format!("{room} at {host}"),
            network: format!("https://{host}"),
            machines: machines.clone(),
            joined: over.is_none(),
            duration: over.map(|_| lasted),
            bytes,
            reason: reason.to_owned(),
        }));
    }

    /// The limit each way, in bytes a second.
    fn rate(&self) -> Option<u64> {
        let kib = self.stored.borrow().settings.rate_kib;
        (kib > 0).then(|| u64::from(kib) * 1024)
    }

    /// Joins now, and again whenever that is lost, until the user says otherwise.
    pub fn join(self: &Rc<Self>, hub: &Rc<Hub>) {
        let decision = self.decide(hub);
        let (own, hub) = (self.clone(), hub.clone());
        spawn_local(async move { own.stay(&hub, decision).await });
    }

    /// Leaves, and stays away.
    pub fn leave(&self, hub: &Rc<Hub>) {
        if !matches!(*self.now.borrow(), Now::Away(None)) {
            self.note("Left.");
        }
        self.decide(hub);
    }

    /// What was decided before counts no more.
    fn decide(&self, hub: &Rc<Hub>) -> u64 {
        self.decision.set(self.decision.get() + 1);
        self.part(hub, "Left.");
        self.now.replace(Now::Away(None));
        self.decision.get()
    }

    /// Ends the session, if there is one, for this reason.
    fn part(&self, hub: &Rc<Hub>, why: &str) {
        let Some(session) = self.session.take() else { return };
        session.close();
        let mut lan = hub.lan.borrow_mut();
        let mut bytes = 0;
        if let Some(counters) = lan.switch().counters(session.port) {
            bytes = counters.bytes_in + counters.bytes_out;
            let sums = self.sums.borrow().with(counters);
            self.sums.replace(sums);
        }
        lan.detach(session.port);
        drop(lan);
        self.tell_history(Some((bytes, why)));
        self.rtt.set(None);
        self.members.take();
        hub.name_others();
    }

    async fn stay(self: &Rc<Self>, hub: &Rc<Hub>, decision: u64) {
        let mut backoff = Backoff::default();
        loop {
            self.now.replace(Now::Connecting);
            let begun = now();
            let why = self.attempt(hub, decision).await;
            if self.decision.get() != decision {
                return;
            }
            let problem = {
                let stored = self.stored.borrow();
                why.problem(&stored.settings.address, stored.settings.hashes.len())
            };
            self.part(hub, &problem.message);
            self.note(problem.message.clone());
            if !why.passes() {
                self.now.replace(Now::Away(Some(problem)));
                return;
            }
            if now() - begun > LASTED {
                backoff.reset();
            }
            let wait = backoff.wait(kept::random());
            self.now.replace(Now::Waiting(now() + wait, problem));
            pause(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)).await;
            if self.decision.get() != decision {
                return;
            }
        }
    }

    /// A session from its beginning to its end; says why it ended.
    async fn attempt(self: &Rc<Self>, hub: &Rc<Hub>, decision: u64) -> Why {
        let (address, hashes, hello) = self.introduction(hub);
        let transport = match Transport::open(&address, &hashes).await {
            Ok(transport) => transport,
            Err(said) => return Why::Unreachable(said),
        };
        let mut decoder = Decoder::default();
        let welcome = match session::greet(&transport, &mut decoder, hello).await {
            Ok(welcome) => welcome,
            Err(why) => return why,
        };
        if self.decision.get() != decision {
            // The user has decided otherwise meanwhile; whoever asked for this looks for that.
            return Why::Silent;
        }
        let attached = hub.lan.borrow_mut().attach_outside();
        let port = match attached {
            Ok(port) => port,
            Err(error) => return Why::Full(error.to_string()),
        };
        let session = Session::new(transport, port, &welcome, self.rate());
        self.session.replace(Some(session.clone()));
        self.now.replace(Now::Joined);
        self.note("Joined.");
        self.joined.set(now());
        self.tell_history(None);
        self.confine(hub);
        hub.uplinks.admit(hub);
        self.learn(hub, &welcome.certificates);
        session.hear_datagrams(hub);
        session.read(hub, decoder, |heard| self.hear(hub, heard)).await
    }

    fn introduction(&self, hub: &Hub) -> (String, Vec<[u8; 32]>, Hello) {
        let stored = self.stored.borrow();
        let plan = hub.kept.plan();
        let mut hashes: Vec<_> = stored.settings.hashes.iter().filter_map(|hash| certificate_hash(hash)).collect();
        if !hashes.is_empty() {
            // Without hashes the browser believes whom it believes anyway.
            hashes.extend(&stored.learned);
        }
        let hello = Hello {
            version: VERSION,
            datagrams: true,
            a: plan.a,
            b: plan.b,
            key: stored.key,
            room: stored.settings.room.clone(),
            name: stored.settings.name.clone(),
            token: stored.token.clone(),
        };
        (stored.settings.address.clone(), hashes, hello)
    }

    /// The endpoint has said which certificates it will have: whoever knows this one is told by it.
    fn learn(&self, hub: &Hub, announced: &[[u8; 32]]) {
        let mut stored = self.stored.borrow_mut();
        let new: Vec<_> = announced.iter().filter(|hash| !stored.learned.contains(hash)).copied().collect();
        if stored.settings.hashes.is_empty() || new.is_empty() {
            return;
        }
        stored.learned.extend(new);
        let surplus = stored.learned.len().saturating_sub(LEARNED_MAX);
        stored.learned.drain(..surplus);
        drop(stored);
        hub.uplinks.keep(hub);
    }

    fn hear(&self, hub: &Rc<Hub>, heard: Heard) {
        match heard {
            Heard::Members(members) => {
                if let Some(port) = self.port() {
                    let lans = members.iter().map(super::plan).collect();
                    hub.lan.borrow_mut().switch().announce(port, &lans);
                }
                self.members.replace(members);
                hub.name_others();
            }
            // A single one says little when machines have the processor.
            Heard::Answered(passed) => self.rtt.set(Some(match self.rtt.get() {
                None => passed,
                Some(before) => (before * 3 + passed) / 4,
            })),
        }
    }

    /// Lets through what the user lets through.
    pub fn confine(&self, hub: &Hub) {
        if let Some(session) = self.session() {
            let confinement = Confinement { blocked: self.stored.borrow().muted, isolated: false };
            hub.lan.borrow_mut().switch().confine(session.port, confinement);
            session.set_rate(self.rate());
        }
    }
}
