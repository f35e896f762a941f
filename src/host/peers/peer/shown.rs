//! What pages, the history and the name server are told of a pairing.

use super::{Peer, Stage};
use crate::host::peers::relay::now;
use peering::Numbers;
use peering::control::Machine;
use protocol::{LanTraffic, PeerMachine, PeerStage, Reachable, SessionKind, SessionLog};
use std::time::Duration;

impl Peer {
    /// For the history.
    pub fn log(&self, joined: bool, reason: &str) -> SessionLog {
        let traffic = self.traffic.borrow();
        let duration = (!joined && self.is_joined()).then(|| (js_sys::Date::now() - self.since.get()).max(0.0) as u64);
        SessionLog {
            id: self.id.to_string(),
            kind: SessionKind::Peer,
            name: self.name().unwrap_or_default(),
            network: self.numbers().map(|numbers| numbers.to_string()).unwrap_or_default(),
            machines: Reachable::Only(self.rule().machines),
            joined,
            duration,
            bytes: traffic.sent.1 + traffic.received.1,
            reason: reason.to_owned(),
        }
    }

    /// What its LAN is called, once its code was read.
    pub fn name(&self) -> Option<String> {
        self.session.borrow().theirs().map(|theirs| theirs.name.clone())
    }

    /// The numbers of its LAN, once its code was read.
    pub fn numbers(&self) -> Option<Numbers> {
        self.session.borrow().theirs().map(|theirs| theirs.numbers)
    }

    /// Its machines that can be reached.
    pub fn machines(&self) -> Vec<PeerMachine> {
        let session = self.session.borrow();
        let mut watchable = self.watchable();
        let shown = |machine: &Machine| PeerMachine {
            name: machine.name.clone(),
            address: machine.address.to_string(),
            watch: watchable.remove(&machine.name),
        };
        session.machines().iter().map(shown).collect()
    }

    /// How far it is, as pages see it.
    pub fn shown_stage(&self) -> PeerStage {
        match &*self.stage.borrow() {
            Stage::Beginning | Stage::Connecting => PeerStage::Connecting,
            Stage::Waiting(code) => PeerStage::Waiting(code.clone()),
            Stage::Asking => {
                let session = self.session.borrow();
                PeerStage::Asking { accepted: session.has_accepted(), was_accepted: session.was_accepted() }
            }
            Stage::Joined if self.link.borrow().is_silent(now()) => PeerStage::Broken,
            Stage::Joined => PeerStage::Joined,
            Stage::Over(reason) => PeerStage::Over(reason.clone()),
        }
    }

    /// The words that both sides see.
    pub fn words(&self) -> Option<Vec<String>> {
        let session = self.session.borrow();
        session.words().map(|words| words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// How long a message takes there and back, and which part of the batches was lost.
    pub fn measured(&self) -> (Option<Duration>, Option<f32>) {
        let link = self.link.borrow();
        (link.rtt(), link.loss())
    }

    /// What went over its line so far.
    pub fn traffic(&self) -> LanTraffic {
        self.traffic.borrow().clone()
    }

    /// Since when it is in its stage, in milliseconds since 1970.
    pub fn since(&self) -> u64 {
        self.since.get() as u64
    }
}
