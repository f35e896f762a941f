//! Other browsers: pairs with them by codes, holds the connections, and joins them to the LAN once both users have accepted.
//!
//! `peering` says what a code, a message and the order of things are; this has the browser's part. A pairing goes on whatever pages are closed.
//! Pages ask by the background, and see on a `BroadcastChannel` how everything is. Nothing of a pairing is stored: keys die with this page.

mod agent;
mod connection;
mod joined;
mod peer;
mod relay;
mod second;
mod view;
mod watch;

use super::lan::Lan;
use super::notices;
use super::worker::every;
use crate::bridge::{log, problem};
use connection::{Connection, Heard};
use peer::{Peer, Stage};
use peering::Numbers;
use peering::code::{Code, CodeError, name_is_fine};
use peering::session::{Own, PairingError, Session};
use protocol::{
    LanCommand, Notice, PEER_CODE_MAX, PeerId, PeerRequest, PeerRule, Problem, ProblemCode, SessionLog, sentence,
};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// The most pairings that are shown: those that are over go first.
const PEERS_MAX: usize = 32;
/// How often everything is looked at.
const TICK_MS: i32 = 1_000;

/// All pairings.
pub struct Peers {
    lan: Rc<Lan>,
    peers: RefCell<BTreeMap<PeerId, Rc<Peer>>>,
    /// Invitations that were answered already, and those of this browser.
    used: RefCell<BTreeSet<[u8; 8]>>,
    /// What may not be dropped while one of its listeners runs.
    buried: RefCell<Vec<peer::Remains>>,
    told: Cell<u32>,
    window: view::Window,
    own: Weak<Self>,
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Peers")
    }
}

/// A refusal with what to do next.
fn refused(message: impl std::fmt::Display, advice: &str) -> Problem {
    Problem { code: ProblemCode::Refused, message: sentence(message), advice: advice.to_owned() }
}

/// The browser's part of a connection has failed.
fn failed(error: JsValue) -> Problem {
    problem(ProblemCode::Internal, "The browser could not make the connection", &error)
}

/// Seconds since 1970.
fn unix() -> u32 {
    (js_sys::Date::now() / 1000.0) as u32
}

/// Random bytes that nobody can guess.
fn secret<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    let missing = || Problem::new(ProblemCode::Internal, "The browser gives no random numbers.");
    let crypto = web_sys::window().and_then(|window| window.crypto().ok()).ok_or_else(missing)?;
    crypto.get_random_values_with_u8_array(&mut bytes).map_err(|_| missing())?;
    Ok(bytes)
}

impl Peers {
    /// Nobody yet.
    pub fn new(lan: Rc<Lan>) -> Result<Rc<Self>, JsValue> {
        let window = view::Window::open()?;
        let peers = Rc::new_cyclic(|own: &Weak<Self>| Self {
            lan,
            peers: RefCell::default(),
            used: RefCell::default(),
            buried: RefCell::default(),
            told: Cell::new(0),
            window,
            own: own.clone(),
        });
        peers.window.serve(&peers);
        let own = Rc::downgrade(&peers);
        peers.lan.listen(move |news| {
            if let Some(own) = own.upgrade() {
                own.hear_lan(news);
            }
        });
        let own = peers.clone();
        every(TICK_MS, move || own.tick())?;
        Ok(peers)
    }

    /// How many are under way or joined.
    pub fn live(&self) -> u32 {
        self.all().iter().filter(|peer| !peer.is_over()).count() as u32
    }

    /// Does what a page asks.
    pub async fn answer(&self, request: PeerRequest) -> Result<PeerId, Problem> {
        let id = match request {
            PeerRequest::Invite(name) => self.invite(name).await?,
            PeerRequest::Join { name, code, renumber } => self.join(name, &read(&code)?, renumber).await?,
            PeerRequest::Answer(id, code) => {
                self.connect(&*self.get(&id)?, &read(&code)?).await?;
                id
            }
            PeerRequest::Accept(id, rule) => {
                self.accept(&*self.get(&id)?, rule)?;
                id
            }
            PeerRequest::Change(id, rule) => {
                self.change(&*self.get(&id)?, rule);
                id
            }
            PeerRequest::End(id) => {
                self.end(&*self.get(&id)?, "Ended here.", true);
                id
            }
            PeerRequest::Forget(id) => {
                self.end(&*self.get(&id)?, "Ended here.", true);
                self.peers.borrow_mut().remove(&id);
                id
            }
        };
        self.show();
        Ok(id)
    }

    fn all(&self) -> Vec<Rc<Peer>> {
        self.peers.borrow().values().cloned().collect()
    }

    fn get(&self, id: &PeerId) -> Result<Rc<Peer>, Problem> {
        let gone = || refused("this pairing is not there any more", "Begin again with a new invitation.");
        self.peers.borrow().get(id).cloned().ok_or_else(gone)
    }

    async fn this_side(&self, name: String) -> Result<Own, Problem> {
        if !name_is_fine(&name) {
            let what = "a LAN’s name has up to 32 small letters, digits and hyphens";
            return Err(refused(what, "Choose another name, such as your first name."));
        }
        Ok(Own { name, numbers: self.lan.numbers().await?, nonce: secret()? })
    }

    async fn invite(&self, name: String) -> Result<PeerId, Problem> {
        let own = self.this_side(name).await?;
        let session = Session::invite(own, secret()?, unix());
        self.used.borrow_mut().insert(*session.id());
        let peer = self.begin(session)?;
        let essentials = peer.connection()?.agent.offer().await;
        self.hand_out(&peer, essentials)
    }

    async fn join(&self, name: String, code: &Code, renumber: bool) -> Result<PeerId, Problem> {
        let own = self.this_side(name).await?;
        if self.used.borrow().contains(&code.session) {
            let mine = self.all().iter().any(|peer| peer.is_inviter() && peer.has_session(&code.session));
            let why = if mine { CodeError::Own } else { CodeError::Used };
            return Err(refused(why, "Ask the other side for a new invitation."));
        }
        let mut session = Session::join(own.clone(), code, unix());
        if let Err(PairingError::SameNumbers(numbers)) = session {
            let numbers = self.make_way(numbers, renumber).await?;
            session = Session::join(Own { numbers, ..own }, code, unix());
        }
        let session = session.map_err(|error| refused(error, "Ask the other side for a new invitation."))?;
        self.check_numbers(code.numbers)?;
        self.used.borrow_mut().insert(code.session);
        let peer = self.begin(session)?;
        let essentials = peer.connection()?.agent.answer(&code.essentials).await;
        self.hand_out(&peer, essentials)
    }

    /// Has this LAN take other numbers than these, if the user lets it. It is for whoever joins to do so: the invitation names the other's, and nothing
    /// names this one's yet.
    async fn make_way(&self, from: Numbers, may: bool) -> Result<Numbers, Problem> {
        let same = PairingError::SameNumbers(from);
        if self.live() > 0 {
            let advice = "Other browsers know this one’s addresses. Disconnect them and cancel invitations first, or invite the other side: then it takes other addresses.";
            return Err(refused(same, advice));
        }
        if !may {
            return Err(Problem::new(ProblemCode::SameAddresses, sentence(same)));
        }
        self.lan.renumber(from).await
    }

    async fn connect(&self, peer: &Peer, code: &Code) -> Result<(), Problem> {
        let advice = "Paste the answer that the other side was given for your invitation.";
        peer.check_answer(code, unix()).map_err(|error| refused(error, advice))?;
        self.check_numbers(code.numbers)?;
        peer.take_answer(code, unix()).map_err(|error| refused(error, advice))?;
        peer.set_stage(Stage::Connecting);
        let connected = peer.connection()?.agent.take_answer(&code.essentials).await;
        connected.inspect_err(|problem| self.end(peer, &problem.message, false))
    }

    fn check_numbers(&self, numbers: Numbers) -> Result<(), Problem> {
        if self.all().iter().any(|peer| !peer.is_over() && peer.numbers() == Some(numbers)) {
            let error = PairingError::TakenNumbers(numbers);
            return Err(refused(error, "If it is the same browser, disconnect it first."));
        }
        Ok(())
    }

    /// A new pairing, with a connection that goes nowhere yet.
    fn begin(&self, session: Session) -> Result<Rc<Peer>, Problem> {
        self.make_room()?;
        let id = PeerId::from_random(u64::from_le_bytes(secret()?));
        let (own, of) = (self.own.clone(), id.clone());
        let hear = move |heard| {
            if let Some(own) = own.upgrade() {
                own.hear(&of, heard);
            }
        };
        let connection = Connection::new(hear, |channel| self.lan.hand_over(&id, channel))?;
        let peer = Rc::new(Peer::new(id.clone(), session, connection));
        self.peers.borrow_mut().insert(id, peer.clone());
        self.tell_background(None);
        Ok(peer)
    }

    fn make_room(&self) -> Result<(), Problem> {
        let mut peers = self.peers.borrow_mut();
        while peers.len() >= PEERS_MAX {
            let Some(over) = peers.values().find(|peer| peer.is_over()).map(|peer| peer.id.clone()) else {
                return Err(refused("there are as many peers as there may be", "Disconnect one first."));
            };
            peers.remove(&over);
        }
        Ok(())
    }

    /// Shows the code, or gives up.
    fn hand_out(&self, peer: &Peer, essentials: Result<peering::Essentials, Problem>) -> Result<PeerId, Problem> {
        let made = essentials.and_then(|essentials| peer.make_code(essentials));
        match made {
            Ok(code) => peer.set_stage(Stage::Waiting(code)),
            Err(problem) => {
                self.end(peer, &problem.message, false);
                self.peers.borrow_mut().remove(&peer.id);
                return Err(problem);
            }
        }
        Ok(peer.id.clone())
    }

    fn accept(&self, peer: &Peer, rule: PeerRule) -> Result<(), Problem> {
        peer.set_rule(rule);
        peer.accept(&self.lan.machines())?;
        self.join_if_both(peer);
        Ok(())
    }

    fn change(&self, peer: &Peer, rule: PeerRule) {
        peer.set_rule(rule.clone());
        peer.share(&self.lan.machines());
        if peer.is_joined() {
            self.lan.tell(&LanCommand::PeerRule(peer.id.clone(), rule));
        }
    }

    /// Ends a pairing: at once as far as frames go, and a moment later for the connection, so that the other side hears why.
    fn end(&self, peer: &Peer, reason: &str, say: bool) {
        if peer.is_over() {
            return;
        }
        let was_joined = peer.is_joined();
        let log = peer.log(false, reason);
        self.lan.tell(&LanCommand::DetachPeer(peer.id.clone()));
        self.buried.borrow_mut().extend(peer.end(reason, say));
        let known = was_joined || peer.name().is_some();
        self.tell_background(known.then_some(log));
    }

    fn hear(&self, id: &PeerId, heard: Heard) {
        let Ok(peer) = self.get(id) else { return };
        if peer.is_over() {
            return;
        }
        match heard {
            Heard::Open => peer.greet(),
            Heard::Reachable(there) => peer.reachable(there),
            Heard::Closed => self.end(&peer, "The other browser has gone.", false),
            Heard::Message(bytes) => match peer.receive(&bytes) {
                Err(error) => self.end(&peer, &format!("Cut off: {error}."), true),
                Ok(peer::Change::Nothing) => return,
                Ok(peer::Change::Relayed) => return self.lan.tell(&LanCommand::DropChannels(id.clone())),
                Ok(peer::Change::Asked(ping)) => return self.lan.count_peer(id, Some(ping)),
                Ok(peer::Change::Shown) => self.join_if_both(&peer),
                Ok(peer::Change::Machines) => {
                    self.name(&peer);
                    peer.watch();
                }
                Ok(peer::Change::Watch(machine, on)) => return peer.show(&machine, on, &self.lan.machines()),
                Ok(peer::Change::Ended(reason)) => self.end(&peer, &reason, false),
                Ok(peer::Change::Restart(essentials, answer)) => {
                    return go_on(async move { peer.go_on(&essentials, answer).await });
                }
                Ok(peer::Change::Second(essentials)) => {
                    let (own, lan) = (peer.clone(), self.lan.clone());
                    return go_on(async move { own.go_on_with_second(&essentials, &lan).await });
                }
            },
        }
        self.show();
    }

    /// Comes once a second.
    fn tick(&self) {
        self.buried.take();
        for peer in self.all() {
            if let Some(reason) = peer.tick(unix()) {
                self.end(&peer, reason, true);
            }
            if peer.is_joined() {
                peer.watch();
            }
            if peer.is_in_touch() {
                self.lan.count_peer(&peer.id, None);
            }
            if peer.wants_second() {
                let (own, lan) = (peer.clone(), self.lan.clone());
                go_on(async move { own.begin_second(&lan).await });
            }
            if peer.wants_another_way() {
                go_on(async move { peer.look_for_another_way().await });
            }
        }
        if self.live() > 0 || self.told.get() > 0 {
            self.show();
        }
    }

    fn show(&self) {
        self.window.show(view::view(&self.all(), self.lan.machines()));
    }

    fn tell_background(&self, what: Option<SessionLog>) {
        let live = self.live();
        self.told.set(live);
        spawn_local(async move {
            notices::tell(Notice::Peers(live, what)).await;
        });
    }
}

/// Does something for which nobody waits.
fn go_on(work: impl Future<Output = Result<(), Problem>> + 'static) {
    spawn_local(async move {
        if let Err(problem) = work.await {
            log(&problem.message);
        }
    });
}

fn read(pasted: &str) -> Result<Code, Problem> {
    let read = if pasted.len() > PEER_CODE_MAX { Err(CodeError::NoCode) } else { Code::from_text(pasted) };
    read.map_err(|error| {
        let advice = match error {
            CodeError::Version(_) => "Update the extension in both browsers.",
            _ => "Copy the whole code once more, and paste it here.",
        };
        refused(error, advice)
    })
}
