//! The LAN: what each machine may reach, and the messages of the host page and the lan worker.
//!
//! Frames do not come as commands or notices: they go by lines, whose messages the host page passes on (`src/host/line.rs`), or through shared memory.
//! Either side sends batches of frames as `Uint8Array`s, and as numbers how many bytes of the other's batches it has dealt with.

use crate::{
    InstanceId, LanMachine, LanTraffic, PeerId, PeerMachine, PeerRule, SessionLog, UplinkAsk, UplinkView, VisitRequest,
};
use serde::{Deserialize, Serialize};

/// The most hosts that a machine is allowed by name.
const HOSTS_MAX: usize = 100;
/// The longest of them: a domain name (RFC 1035, section 2.3.4), a port, and a little for brackets.
const HOST_MAX: usize = 262;

/// What a machine may reach on the web, besides package mirrors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    /// All of the public internet.
    #[serde(default)]
    pub web: bool,
    /// HTTPS too: the gateway answers in the place of whichever host, with certificates of an authority that is this machine's alone.
    #[serde(default)]
    pub https: bool,
    /// These hosts, private ones too: a name or an address, with `:PORT` behind it for one port only, or `*.` and a name for all below it.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// Why a list of hosts can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Too many.
    #[error("a machine can be allowed at most {HOSTS_MAX} hosts by name")]
    TooMany,
    /// Something in it is no host.
    #[error("“{0}” is not a host: write a name or an address, such as example.org or 192.168.0.7:8080")]
    NoHost(String),
}

impl Access {
    /// Whether all of its hosts can be hosts.
    pub fn check(&self) -> Result<(), AccessError> {
        if self.hosts.len() > HOSTS_MAX {
            return Err(AccessError::TooMany);
        }
        let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]*".contains(&byte);
        let sound = |host: &&String| {
            let name = host.strip_prefix("*.").unwrap_or(host);
            (1..=HOST_MAX).contains(&name.len()) && name.bytes().all(sign) && !name.contains('*')
        };
        match self.hosts.iter().find(|host| !sound(host)) {
            Some(host) => Err(AccessError::NoHost(host.chars().take(80).collect())),
            None => Ok(()),
        }
    }
}

/// What the host page tells the lan worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LanCommand {
    /// A machine is on the LAN, at the port that comes with this command. It takes the place of an earlier one of the same machine.
    Attach {
        /// The machine.
        id: InstanceId,
        /// By which others find it.
        name: String,
        /// What it may reach.
        access: Access,
        /// What it may do on the LAN.
        #[serde(default)]
        confined: Confined,
        /// Its kernel has an address from earlier, and will not ask for one by itself.
        settled: bool,
        /// The line's number, which no other one has or had.
        line: u32,
    },
    /// What a machine may reach from now on.
    Access(InstanceId, Access),
    /// A machine is no longer on the LAN.
    Detach(InstanceId),
    /// A pairing has begun, or has a second connection, whose channel for frames comes with this command. Nothing goes through it before the peer is
    /// joined.
    PeerChannel(PeerId),
    /// The other side does not hear this peer's channels any more: frames go by its line from now on.
    DropChannels(PeerId),
    /// How many batches have gone to a peer and come from it? Answered by [`LanNotice::PeerCount`] with the same number.
    CountPeer(PeerId, Option<u32>),
    /// A peer is joined, at a line by the worker's own messages: each is a list of the line's number and a batch of frames, or how many bytes of
    /// those that came were dealt with. It takes the place of an earlier one of the same pairing.
    AttachPeer {
        /// The pairing.
        id: PeerId,
        /// The numbers of its LAN: it speaks for these addresses only.
        numbers: (u8, u8),
        /// What it may do.
        rule: PeerRule,
        /// The line's number, which no other one has or had.
        line: u32,
    },
    /// What a peer may do from now on.
    PeerRule(PeerId, PeerRule),
    /// What a peer's machines are called, as labels, and under which name of its LAN.
    PeerMachines(PeerId, String, Vec<PeerMachine>),
    /// A peer is no longer joined.
    DetachPeer(PeerId),
    /// The LAN takes other addresses if it has these numbers, since a LAN that is to be joined has them. Answered by [`LanNotice::Machines`].
    Renumber(u8, u8),
}

/// What the lan worker tells the host page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LanNotice {
    /// The worker is alive; comes once a second while it is.
    Alive,
    /// The numbers of the LAN, and the machines that are on it and have an address. Comes when it begins, and after each change.
    Machines(u8, u8, Vec<LanMachine>),
    /// These machines have an address that is not of this LAN, and have to ask for one.
    Stranded(Vec<InstanceId>),
    /// A peer has to be cut off, for this reason.
    Misconduct(PeerId, String),
    /// So many batches have gone to a peer, and come from it.
    PeerCount(PeerId, Option<u32>, [u64; 2]),
    /// What went over each peer's line, once a second.
    Traffic(Vec<(PeerId, LanTraffic)>),
    /// What has become of an uplink, for the history.
    Uplink(SessionLog),
}

/// Name of the `BroadcastChannel` between the lan worker and the pages that show the LAN.
pub const LAN_CHANNEL: &str = "lan";

/// What a page asks the lan worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LanAsk {
    /// How is it? Answered by [`LanTold::View`].
    Show,
    /// Begin to keep a machine's frames, or stop it and forget them.
    Capture(InstanceId, bool),
    /// What was kept? Answered by [`LanTold::Captured`].
    Captured(InstanceId),
    /// Let a machine speak with the gateway only, or with nobody.
    Confine(InstanceId, Confined),
    /// Ask a web server inside a machine. Answered on the request's own channel.
    Visit(VisitRequest),
    /// About uplinks.
    Uplink(UplinkAsk),
}

/// What a machine may do on the LAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confined {
    /// Everything.
    #[default]
    Free,
    /// It reaches the gateway, and no other machine.
    Isolated,
    /// Nothing.
    Blocked,
}

/// What the lan worker tells the pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LanTold {
    /// The answer to [`LanAsk::Show`].
    View(LanView),
    /// The answer to [`LanAsk::Captured`]: a pcap file.
    Captured(InstanceId, #[serde(with = "serde_bytes")] Vec<u8>),
}

/// The LAN as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanView {
    /// The gateway's address.
    pub gateway: String,
    /// The gateway's hardware address.
    pub gateway_mac: String,
    /// How long packets may be, in bytes.
    pub mtu: u16,
    /// When this was so, in milliseconds of some clock: what rates are made of.
    pub now: u64,
    /// The machines on it.
    pub lines: Vec<LanLine>,
    /// The uplinks, joined or not.
    pub uplinks: Vec<UplinkView>,
    /// What was asked for on the web, the newest first.
    pub requests: Vec<WebRequest>,
}

/// A machine on the LAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanLine {
    /// The machine.
    pub id: InstanceId,
    /// Its hardware address.
    pub mac: String,
    /// The addresses that it has.
    pub addresses: Vec<String>,
    /// Frames and bytes that it has sent.
    pub sent: (u64, u64),
    /// Frames and bytes that were handed to it.
    pub received: (u64, u64),
    /// Frames of it that were dropped, by reason.
    pub dropped: Vec<(String, u64)>,
    /// Frames that it was too slow for.
    pub missed: u64,
    /// What it may do.
    pub confined: Confined,
    /// How many frames are kept, while they are kept.
    pub captured: Option<u64>,
    /// Its frames come through memory that its worker shares with the LAN's, and not in messages.
    pub shares_memory: bool,
}

/// A request of a machine on the web.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebRequest {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Which machine.
    pub machine: InstanceId,
    /// Its method.
    pub method: String,
    /// What it asked for.
    pub url: String,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub refused: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &[&str]) -> Result<(), AccessError> {
        Access { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), ..Access::default() }.check()
    }

    #[test]
    fn hosts_are_names_and_addresses_and_nothing_else() {
        assert_eq!(check(&["example.org", "*.example.org", "127.0.0.1:8080", "[::1]:80", "nas"]), Ok(()));
        for wrong in ["", "*", "*.", "http://example.org", "a b", "a*.org", "user@host", "*.*.org"] {
            assert!(check(&[wrong]).is_err(), "{wrong}");
        }
        assert_eq!(check(&["a"; 101]), Err(AccessError::TooMany));
    }
}
