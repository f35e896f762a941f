//! What can be put between a port and the switch, at any time: a capture ([`pcap`]), a tracer ([`trace`]), faults ([`faults`]). The order is
//! always the same: capture and tracer are next to the machine and so see what it sends and gets; faults are between them and the switch.

pub mod faults;
pub mod pcap;
pub mod trace;

use crate::frame::Frame;
use crate::switch::{PortId, Switch};
use faults::Faults;
use pcap::Capture;
use std::time::Duration;
use trace::Tracer;

/// Which way a frame goes through a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the machine or the peer into the switch.
    In,
    /// Out of the switch to the machine or the peer.
    Out,
}

/// What is put between one port and the switch.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    pub(crate) capture: Option<Capture>,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) faults: Option<Faults>,
}

/// A moment: of the LAN's clock, and since 1970 as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Duration,
    pub(crate) unix: Duration,
}

impl Stages {
    fn see(&mut self, way: Way, frame: &[u8], moment: Moment) {
        if let Some(capture) = &mut self.capture {
            capture.record(moment.unix, frame);
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.record(way, frame, moment.now);
        }
    }

    /// A frame that comes in; what reaches the switch now is given to `forward`.
    pub(crate) fn input(&mut self, port: PortId, frame: &[u8], moment: Moment, mut forward: impl FnMut(&[u8])) {
        self.see(Way::In, frame, moment);
        match &mut self.faults {
            None => forward(frame),
            Some(faults) => {
                faults.push(Way::In, port, frame.into(), moment.now);
                while let Some((_, frame)) = faults.pop(Way::In, moment.now) {
                    forward(&frame);
                }
            }
        }
    }

    /// Frames that were delayed on their way in and are due.
    pub(crate) fn due(&mut self, now: Duration, mut forward: impl FnMut(&[u8])) {
        while let Some((_, frame)) = self.faults.as_mut().and_then(|faults| faults.pop(Way::In, now)) {
            forward(&frame);
        }
    }

    /// The next frame that goes out and who sent it, if it has no more than `room` bytes.
    pub(crate) fn output(
        &mut self,
        switch: &mut Switch,
        port: PortId,
        room: usize,
        moment: Moment,
    ) -> Option<(PortId, Frame)> {
        let next = match &mut self.faults {
            None => switch.next_length(port).filter(|length| *length <= room).and_then(|_| switch.pop(port)),
            Some(faults) => {
                while faults.has_room() {
                    let Some((from, frame)) = switch.pop(port) else { break };
                    faults.push(Way::Out, from, frame, moment.now);
                }
                faults.pop_within(Way::Out, room, moment.now)
            }
        };
        let (from, frame) = next?;
        self.see(Way::Out, &frame, moment);
        Some((from, frame))
    }

    /// When something that is delayed is due.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        self.faults.as_ref().and_then(Faults::wake_at)
    }
}
