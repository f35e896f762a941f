//! What is joined: the peers' ports on the LAN, their names there, and what the LAN tells of them.

use super::Peers;
use super::peer::{Peer, Stage};
use crate::host::lan::LanNews;
use peering::Numbers;
use protocol::{LanCommand, Problem};
use wasm_bindgen_futures::spawn_local;

impl Peers {
    /// Both have accepted: frames may flow from now on.
    pub(super) fn join_if_both(&self, peer: &Peer) {
        if !peer.both_accepted() || peer.is_joined() {
            return;
        }
        match self.attach(peer) {
            Ok(()) => {
                peer.set_stage(Stage::Joined);
                self.tell_background(Some(peer.log(true, "")));
            }
            Err(problem) => self.end(peer, &problem.message, true),
        }
    }

    fn attach(&self, peer: &Peer) -> Result<(), Problem> {
        let line = self.lan.attach_peer(&peer.id, peer.numbers().unwrap_or(Numbers { a: 0, b: 0 }), &peer.rule())?;
        let before = peer.relay(line)?;
        self.buried.borrow_mut().extend(before);
        self.name(peer);
        Ok(())
    }

    /// Has the name server know its machines, under a name that no other peer has.
    pub(super) fn name(&self, peer: &Peer) {
        let name = peer.name().unwrap_or_default();
        let others: Vec<String> = self
            .all()
            .iter()
            .filter(|other| other.id < peer.id && other.is_joined())
            .filter_map(|other| other.name())
            .collect();
        let taken = others.iter().filter(|other| **other == name).count();
        let name = if taken == 0 { name } else { format!("{name}-{}", taken + 1) };
        self.lan.tell(&LanCommand::PeerMachines(peer.id.clone(), name, peer.machines()));
    }

    pub(super) fn hear_lan(&self, news: LanNews) {
        match news {
            LanNews::Machines => {
                let machines = self.lan.machines();
                self.all().iter().for_each(|peer| peer.share(&machines));
                self.show();
            }
            LanNews::Misconduct(id, why) => {
                if let Ok(peer) = self.get(&id) {
                    self.end(&peer, &format!("Cut off: {why}."), true);
                    self.show();
                }
            }
            LanNews::Count(id, ping, [sent, received]) => {
                let Ok(peer) = self.get(&id) else { return };
                match ping {
                    Some(number) => peer.pong(number, received),
                    None => peer.ping(sent),
                }
            }
            LanNews::Traffic(traffic) => {
                for (id, traffic) in traffic {
                    if let Ok(peer) = self.get(&id) {
                        peer.set_traffic(traffic);
                    }
                }
            }
            LanNews::Gone => {
                // The worker is started anew by the first that asks; not within the look that has just ended it.
                let own = self.own.clone();
                spawn_local(async move {
                    let Some(own) = own.upgrade() else { return };
                    own.all().iter().for_each(|peer| peer.lose_direct());
                    for peer in own.all().iter().filter(|peer| peer.is_joined()) {
                        if let Err(problem) = own.attach(peer) {
                            own.end(peer, &problem.message, true);
                        }
                    }
                });
            }
        }
    }
}
