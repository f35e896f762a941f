//! What the gateway knows of one machine.

use super::dns::Outside;
use super::dns::pool::Pool;
use super::tcp::Stack;
use crate::mac::Mac;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

/// How many pairs of addresses are remembered of one machine; several only if it has machines inside.
const NEIGHBOURS_MAX: usize = 16;

/// To which ports machines can connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Of the gateway itself.
    pub gateway: BTreeSet<u16>,
    /// Of every other host that is not on the LAN: the gateway answers in its place.
    pub caught: BTreeSet<u16>,
}

pub(super) struct Machine {
    pub(super) name: String,
    /// The one hardware address that it has, if it was given one.
    pub(super) mac: Option<Mac>,
    pub(super) stack: Stack,
    pub(super) outside: Outside,
    pub(super) pool: Pool,
    /// The name that it was last told not to exist though it might, and when.
    pub(super) refused: Option<(String, Duration)>,
    /// Where the machine's addresses are, as its own packets say; the switch has checked them.
    neighbours: Vec<(Ipv4Addr, Mac)>,
    /// What came of questions by TCP and is not whole yet, by connection.
    pub(super) questions: BTreeMap<u32, Vec<u8>>,
}

impl Machine {
    pub(super) fn new(name: String, mac: Option<Mac>, stack: Stack) -> Machine {
        Machine {
            name,
            mac,
            stack,
            outside: Outside::default(),
            pool: Pool::default(),
            refused: None,
            neighbours: Vec::new(),
            questions: BTreeMap::new(),
        }
    }

    /// The LAN has other addresses: what was known of the machine's old ones is of no use.
    pub(super) fn begin_anew(&mut self, stack: Stack) {
        self.stack = stack;
        self.neighbours.clear();
        self.questions.clear();
    }

    pub(super) fn heard(&mut self, address: Ipv4Addr, mac: Mac) {
        if address.is_unspecified() || self.neighbours.first() == Some(&(address, mac)) {
            return;
        }
        self.neighbours.retain(|(known, _)| *known != address);
        self.neighbours.insert(0, (address, mac));
        self.neighbours.truncate(NEIGHBOURS_MAX);
    }

    pub(super) fn mac_of(&self, address: Ipv4Addr) -> Option<Mac> {
        let heard = self.neighbours.iter().find(|(known, _)| *known == address);
        heard.map(|(_, mac)| *mac).or(self.mac)
    }
}
