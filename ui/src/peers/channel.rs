//! What the host page says of peers.

use gloo_timers::callback::Interval;
use protocol::{PEERS_CHANNEL, PeerId, PeerView, PeersAsk, PeersTold, PeersView};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};
use webbridge::{from_js, to_js};
use yew::prelude::*;

/// How often the host page is asked; it tells by itself what happens.
const ASK_MS: u32 = 2_000;
/// So many questions without an answer, and there is no host page, and so no peers.
const UNANSWERED_MAX: u32 = 2;

/// The peers as they are now and were a second ago; nothing if there is no host page.
#[derive(Clone, Default, PartialEq)]
pub struct PeersSeen {
    /// As they are now.
    pub now: Option<Rc<PeersView>>,
    /// As they were before.
    pub before: Option<Rc<PeersView>>,
}

impl PeersSeen {
    /// How many bytes a second go to a peer, and come from it.
    pub fn rates(&self, id: &PeerId) -> (u64, u64) {
        let (Some(now), Some(before)) = (&self.now, &self.before) else { return (0, 0) };
        between(now, before, id).unwrap_or_default()
    }
}

fn between(now: &PeersView, before: &PeersView, id: &PeerId) -> Option<(u64, u64)> {
    let find = |view: &PeersView| view.peers.iter().find(|peer| peer.id == *id).cloned();
    let (new, old): (PeerView, PeerView) = (find(now)?, find(before)?);
    let passed = now.now.checked_sub(before.now).filter(|passed| *passed > 0)?;
    let rate = |new: u64, old: u64| new.saturating_sub(old).saturating_mul(1000) / passed;
    Some((rate(new.traffic.sent.1, old.traffic.sent.1), rate(new.traffic.received.1, old.traffic.received.1)))
}

/// What is seen of the peers, anew whenever the host page tells something.
#[hook]
pub fn use_peers() -> PeersSeen {
    let seen = use_state(PeersSeen::default);
    let latest = use_mut_ref(PeersSeen::default);
    let unanswered = use_mut_ref(|| 0_u32);
    use_effect_with((), {
        let seen = seen.setter();
        move |()| {
            let channel = BroadcastChannel::new(PEERS_CHANNEL).ok();
            let timer = channel.clone().map(|channel| {
                let (show, shown, answered) = (seen.clone(), latest.clone(), unanswered.clone());
                let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
                    // What other pages ask comes here too.
                    let Ok(PeersTold::Peers(view)) = from_js(event.data()) else { return };
                    *answered.borrow_mut() = 0;
                    let mut latest = shown.borrow_mut();
                    let before = latest.now.take();
                    // Two that come at almost the same time make no rate.
                    let near = before.as_ref().is_some_and(|before| view.now.saturating_sub(before.now) < 500);
                    if !near {
                        latest.before = before;
                    }
                    latest.now = Some(Rc::new(view));
                    show.set(latest.clone());
                });
                channel.set_onmessage(Some(hear.into_js_value().unchecked_ref()));
                ask(&channel);
                Interval::new(ASK_MS, move || {
                    *unanswered.borrow_mut() += 1;
                    if *unanswered.borrow() > UNANSWERED_MAX && latest.borrow().now.is_some() {
                        *latest.borrow_mut() = PeersSeen::default();
                        seen.set(PeersSeen::default());
                    }
                    ask(&channel);
                })
            });
            move || {
                drop(timer);
                if let Some(channel) = channel {
                    channel.set_onmessage(None);
                    channel.close();
                }
            }
        }
    });
    (*seen).clone()
}

fn ask(channel: &BroadcastChannel) {
    if let Ok(message) = to_js(&PeersAsk::ShowPeers) {
        // Posting fails only on a closed channel.
        drop(channel.post_message(&message));
    }
}
