//! What pages see of the peers.

use super::Peers;
use super::peer::Peer;
use crate::bridge::{from_js, log, text_of, to_js};
use protocol::{LanMachine, PEERS_CHANNEL, PeerView, PeersAsk, PeersTold, PeersView};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// The channel to pages.
pub struct Window(BroadcastChannel);

impl Window {
    /// Opens it.
    pub fn open() -> Result<Self, JsValue> {
        BroadcastChannel::new(PEERS_CHANNEL).map(Self)
    }

    /// Begins to answer pages.
    pub fn serve(&self, peers: &Rc<Peers>) {
        let peers = Rc::downgrade(peers);
        let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            if let (Ok(PeersAsk::ShowPeers), Some(peers)) = (from_js::<PeersAsk>(event.data()), peers.upgrade()) {
                peers.show();
            }
        });
        self.0.set_onmessage(Some(hear.into_js_value().unchecked_ref()));
    }

    /// Shows how it is.
    pub fn show(&self, view: PeersView) {
        match to_js(&PeersTold::Peers(view)).map(|message| self.0.post_message(&message)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log(&text_of(&error)),
            Err(problem) => log(&problem.message),
        }
    }
}

/// How everything is now.
pub fn view(peers: &[Rc<Peer>], machines: Vec<LanMachine>) -> PeersView {
    let mut peers = peers.to_vec();
    peers.sort_by(|one, two| one.begun.total_cmp(&two.begun));
    let peers = peers.iter().map(|peer| shown(peer)).collect();
    PeersView { now: js_sys::Date::now() as u64, peers, machines }
}

fn shown(peer: &Peer) -> PeerView {
    let (rtt, loss) = peer.measured();
    PeerView {
        id: peer.id.clone(),
        stage: peer.shown_stage(),
        name: peer.name(),
        network: peer.numbers().map(|numbers| numbers.to_string()),
        words: peer.words(),
        inviter: peer.is_inviter(),
        machines: peer.machines(),
        rule: peer.rule(),
        looks_at: peer.looks_at(),
        since: peer.since(),
        rtt_us: rtt.map(|rtt| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX)),
        loss_permille: loss.map(|loss| (loss * 1000.0) as u32),
        connections: peer.connections(),
        traffic: peer.traffic(),
    }
}
