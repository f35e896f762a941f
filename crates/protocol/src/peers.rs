//! Other browsers that are joined to this one's LAN: what pages ask about them, and what they are shown.
//!
//! A page asks by [`PeerRequest`] through the background, so that the host page, which has the connections, is there; how everything is comes from
//! the host page itself, on a `BroadcastChannel`, once a second and when something happens.

use crate::{InstanceId, PeerId};
use serde::{Deserialize, Serialize};

/// The longest text that is taken as a pasted code, in bytes: codes are short, but people paste more than they mean.
pub const PEER_CODE_MAX: usize = 4096;
/// Name of the `BroadcastChannel` between the host page and the pages that show peers.
pub const PEERS_CHANNEL: &str = "peers";

/// What a page asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerRequest {
    /// Make an invitation, in which this LAN is called so.
    Invite(String),
    /// Make an answer to an invitation.
    Join {
        /// What this LAN is called in it.
        name: String,
        /// The invitation.
        code: String,
        /// This LAN may take other addresses, if both have the same.
        renumber: bool,
    },
    /// Connect to whoever answered an invitation of this browser with this code.
    Answer(PeerId, String),
    /// The words were compared: let the peer in, who may do this.
    Accept(PeerId, PeerRule),
    /// Change what the peer may do.
    Change(PeerId, PeerRule),
    /// Cancel it, refuse it, or disconnect.
    End(PeerId),
    /// Show it no longer.
    Forget(PeerId),
}

impl PeerRequest {
    /// The pairing that it is about, if there is one already.
    pub fn peer(&self) -> Option<&PeerId> {
        match self {
            Self::Invite(_) | Self::Join { .. } => None,
            Self::Answer(id, _) | Self::Accept(id, _) | Self::Change(id, _) | Self::End(id) | Self::Forget(id) => {
                Some(id)
            }
        }
    }
}

/// What a peer may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PeerRule {
    /// The machines that it may reach, and that may reach it.
    pub machines: Vec<InstanceId>,
    /// How much it may send, in KiB a second.
    #[serde(default)]
    pub limit_kib: Option<u32>,
    /// Nothing goes to it or comes from it, though it stays connected.
    #[serde(default)]
    pub muted: bool,
    /// It may look at the consoles of these machines, and not type.
    #[serde(default)]
    pub watch: bool,
}

impl PeerRule {
    /// Whether it may look at the consoles of its machines: to one that is muted nothing goes.
    pub fn may_watch(&self) -> bool {
        self.watch && !self.muted
    }
}

/// What a page asks the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeersAsk {
    /// How is it? Answered by [`PeersTold`].
    ShowPeers,
}

/// What the host page tells pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeersTold {
    /// All pairings.
    Peers(PeersView),
}

/// All pairings as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PeersView {
    /// When this was so, in milliseconds since 1970: what rates are made of.
    pub now: u64,
    /// The newest last.
    pub peers: Vec<PeerView>,
    /// The machines of this browser that are on its LAN.
    pub machines: Vec<LanMachine>,
}

/// One pairing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// Its identifier in this browser.
    pub id: PeerId,
    /// How far it is.
    pub stage: PeerStage,
    /// What the other side's LAN is called, once its code was read.
    pub name: Option<String>,
    /// The other side's addresses, once its code was read.
    pub network: Option<String>,
    /// The words that both sides see.
    pub words: Option<Vec<String>>,
    /// Whether this browser has invited.
    pub inviter: bool,
    /// The other side's machines that can be reached.
    pub machines: Vec<PeerMachine>,
    /// What the other side may do here.
    pub rule: PeerRule,
    /// The machines, by their names, whose consoles it looks at now.
    pub looks_at: Vec<String>,
    /// Since when it is as `stage` says, in milliseconds since 1970.
    pub since: u64,
    /// How long a message takes there and back, in microseconds.
    pub rtt_us: Option<u32>,
    /// How many of a thousand batches of frames were lost lately on the way there.
    pub loss_permille: Option<u32>,
    /// How many connections there are.
    pub connections: u32,
    /// What went over its line.
    pub traffic: LanTraffic,
}

/// How far a pairing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerStage {
    /// The code waits to be passed on: an invitation's for its answer, an answer's for the connection.
    Waiting(PeerCode),
    /// The connection is being made.
    Connecting,
    /// The words are to be compared.
    Asking {
        /// This side has accepted.
        accepted: bool,
        /// The other side has accepted.
        was_accepted: bool,
    },
    /// Both have accepted, and it is connected.
    Joined,
    /// It was joined, and nothing is heard of it; it may come back by itself.
    Broken,
    /// It is over, for this reason.
    Over(String),
}

impl PeerStage {
    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }
}

/// A code as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCode {
    /// The text.
    pub text: String,
    /// The dark modules of its QR code, as a path in SVG.
    pub picture: String,
    /// How many modules a side of it has.
    pub side: u32,
    /// Until when it is good, in milliseconds since 1970.
    pub expires: u64,
}

/// A machine of the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerMachine {
    /// Its name, as a label of a domain name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// As which pages find its console, if they may look at it.
    #[serde(default)]
    pub watch: Option<InstanceId>,
}

/// A machine of this browser that is on its LAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanMachine {
    /// The machine.
    pub id: InstanceId,
    /// Its name, as a label of a domain name.
    pub name: String,
    /// Its address.
    pub address: String,
}

/// What went over a line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LanTraffic {
    /// Frames and bytes to it.
    pub sent: (u64, u64),
    /// Frames and bytes from it.
    pub received: (u64, u64),
    /// Frames from it that were dropped, by reason.
    pub dropped: Vec<(String, u64)>,
    /// Frames to it go from the LAN's worker into the connections, and not by the host page.
    #[serde(default)]
    pub direct: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_muted_watches_nothing() {
        let rule = |watch, muted| PeerRule { watch, muted, ..PeerRule::default() }.may_watch();
        assert!(rule(true, false) && !rule(true, true) && !rule(false, false));
    }

    #[test]
    fn only_what_begins_a_pairing_is_about_none() {
        let id = PeerId::from_random(1);
        assert_eq!(PeerRequest::Invite("a".to_owned()).peer(), None);
        assert_eq!(PeerRequest::End(id.clone()).peer(), Some(&id));
        assert!(PeerStage::Over(String::new()).is_over() && !PeerStage::Broken.is_over());
    }

    #[test]
    fn a_rule_of_an_earlier_version_is_read() {
        let rule: PeerRule = serde_json::from_str(r#"{"machines":[]}"#).unwrap();
        assert_eq!(rule, PeerRule::default());
    }
}
