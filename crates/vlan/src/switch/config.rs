use crate::frame;
use crate::limit::Rate;
use crate::plan::MTU;
use std::time::Duration;

/// How the switch behaves. The default suits a LAN inside one browser.
#[derive(Clone, Copy, Debug)]
pub struct SwitchConfig {
    /// The longest frame in bytes, header included; longer ones are dropped. At most [`frame::LONGEST`].
    pub max_frame: usize,
    /// How long a station is remembered after its last frame.
    pub ageing: Duration,
    /// How many stations are learned of a machine's port that has no assigned address.
    pub stations_machine: usize,
    /// How many stations are learned of a peer's or uplink's port.
    pub stations_outside: usize,
    /// How many stations are known in all.
    pub stations: usize,
    /// How many bytes of one sender wait for a machine: as much as its TCP has on its way at most, so that a transfer inside the browser loses nothing.
    pub queue_flow: usize,
    /// How many bytes of one sender wait for a peer or an uplink, which may be slow: what waits longer only makes all of it late.
    pub queue_outside: usize,
    /// How many bytes of the gateway wait for a port: it sends for all of a machine's connections in one go.
    pub queue_gateway: usize,
    /// How many bytes wait for a port in all.
    pub queue_total: usize,
    /// Broadcasts, multicasts and frames to unknown stations that a machine may send.
    pub floods_machine: Rate,
    /// The same of a peer or an uplink.
    pub floods_outside: Rate,
    /// Whether other protocols than ARP and IPv4 pass. Nothing checks who speaks in them: with IPv6, any machine could be the router.
    pub other_protocols: bool,
}

impl Default for SwitchConfig {
    fn default() -> SwitchConfig {
        SwitchConfig {
            max_frame: MTU as usize + frame::HEADER,
            ageing: Duration::from_secs(300),
            stations_machine: 16,
            stations_outside: 1024,
            stations: 8192,
            queue_flow: 4 * 1024 * 1024,
            queue_outside: 2 * 1024 * 1024,
            queue_gateway: 4 * 1024 * 1024,
            queue_total: 8 * 1024 * 1024,
            floods_machine: Rate { per_second: 200, burst: 400 },
            floods_outside: Rate { per_second: 400, burst: 800 },
            other_protocols: false,
        }
    }
}
