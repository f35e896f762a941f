//! Where smoltcp gets packets from and puts them: one that just came in, and a list of those that go out.

use crate::frame::HEADER;
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

#[derive(Debug)]
pub(super) struct Device {
    mtu: usize,
    /// The packet that is being handed in.
    pub(super) incoming: Option<Vec<u8>>,
    /// Packets to be sent, each behind [`HEADER`] empty bytes.
    pub(super) outgoing: Vec<Vec<u8>>,
    /// Their bytes.
    pub(super) outgoing_bytes: usize,
}

impl Device {
    /// `mtu` in bytes, without the Ethernet header.
    pub(super) fn new(mtu: usize) -> Device {
        Device { mtu, incoming: None, outgoing: Vec::new(), outgoing_bytes: 0 }
    }

    pub(super) fn take(&mut self) -> Vec<Vec<u8>> {
        self.outgoing_bytes = 0;
        std::mem::take(&mut self.outgoing)
    }
}

impl phy::Device for Device {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }

    fn receive(&mut self, _now: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let packet = self.incoming.take()?;
        Some((Incoming(packet), Outgoing(self)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(self))
    }
}

pub(super) struct Incoming(Vec<u8>);

impl phy::RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(super) struct Outgoing<'a>(&'a mut Device);

impl phy::TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; HEADER + len];
        let result = f(&mut frame[HEADER..]);
        self.0.outgoing_bytes += frame.len();
        self.0.outgoing.push(frame);
        result
    }
}
