use serde::{Deserialize, Serialize};

/// Why a frame did not go where it was meant to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// Longer than this LAN's frames.
    TooLong,
    /// Can't be what it says to be.
    Malformed,
    /// Neither ARP nor IPv4.
    Protocol,
    /// Sent from a hardware address that is another's, or not the one of this port.
    SourceMac,
    /// An ARP message that claims an address which is not this port's.
    ArpSpoof,
    /// An IPv4 packet from an address that is not this port's.
    Ipv4Spoof,
    /// A DHCP server's message from what is not the gateway.
    DhcpServer,
    /// Gateway or DHCP traffic at a peer's or an uplink's port.
    Crossing,
    /// More broadcasts, or frames to unknown stations, than a port may send.
    Rate,
    /// The receiver has not taken in what is waiting for it.
    QueueFull,
    /// Sent or to be received by a port that is blocked.
    Blocked,
    /// An isolated machine's frame to or from another than the gateway.
    Isolated,
    /// Between a peer and a machine that it was not given leave for.
    NotAllowed,
    /// To a station that nobody knows.
    Unknown,
}

impl DropReason {
    /// All reasons, in the order of the counters.
    pub const ALL: [DropReason; 14] = [
        DropReason::TooLong,
        DropReason::Malformed,
        DropReason::Protocol,
        DropReason::SourceMac,
        DropReason::ArpSpoof,
        DropReason::Ipv4Spoof,
        DropReason::DhcpServer,
        DropReason::Crossing,
        DropReason::Rate,
        DropReason::QueueFull,
        DropReason::Blocked,
        DropReason::Isolated,
        DropReason::NotAllowed,
        DropReason::Unknown,
    ];
}

/// What went through a port. "In" is what came from the port's machine or peer, "out" what was handed to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Frames that came in, also those that were dropped then.
    pub frames_in: u64,
    /// Their bytes, headers included.
    pub bytes_in: u64,
    /// Frames that were taken out.
    pub frames_out: u64,
    /// Their bytes, headers included.
    pub bytes_out: u64,
    /// Frames that this port should have got but was too slow for.
    pub missed: u64,
    /// Stations behind this port that the switch has not remembered, because there are too many.
    pub not_learned: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// How many of the frames that came in were dropped for this reason. A broadcast counts once for each receiver that was too slow.
    pub fn dropped(&self, why: DropReason) -> u64 {
        self.dropped[why as usize]
    }

    /// All reasons for which frames were dropped, and how many.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().map(|why| (why, self.dropped(why))).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn drop(&mut self, why: DropReason) {
        self.dropped[why as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_counter() {
        for (index, why) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, index);
            let mut counters = Counters::default();
            counters.drop(why);
            assert_eq!(counters.drops().collect::<Vec<_>>(), [(why, 1)]);
        }
    }
}
