//! A bad line: delay, loss, reordering. The same seed makes the same faults.

use super::Way;
use crate::frame::Frame;
use crate::switch::PortId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many bytes are on a bad line at most; what is too much is lost.
const LINE: usize = 1024 * 1024;

/// How bad a line is, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultConfig {
    /// How long every frame takes.
    pub delay: Duration,
    /// How much longer it may take, at random. Frames stay in order.
    pub jitter: Duration,
    /// How many of a thousand frames are lost.
    pub loss: u16,
    /// How many of a thousand frames are overtaken by those behind them.
    pub reorder: u16,
    /// Where the randomness begins.
    pub seed: u64,
}

/// A bad line.
#[derive(Debug)]
pub struct Faults {
    config: FaultConfig,
    random: u64,
    count: u64,
    lines: [Line; 2],
    lost: u64,
}

#[derive(Debug, Default)]
struct Line {
    /// By when a frame arrives, and then by when it came.
    frames: BTreeMap<(Duration, u64), (PortId, Frame)>,
    bytes: usize,
    /// When the latest of the frames that keep their order arrives.
    last: Duration,
}

impl Faults {
    /// A line without frames.
    pub fn new(config: FaultConfig) -> Faults {
        let random = config.seed.wrapping_mul(2).wrapping_add(1);
        Faults { config, random, count: 0, lines: Default::default(), lost: 0 }
    }

    /// A number that looks random (xorshift64*, Vigna 2016).
    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below.max(1)
    }

    /// A frame of this port sets off.
    pub fn push(&mut self, way: Way, from: PortId, frame: Frame, now: Duration) {
        let lost = self.draw(1000) < u64::from(self.config.loss);
        let late = self.draw(1000) < u64::from(self.config.reorder);
        let jitter = Duration::from_micros(self.draw(self.config.jitter.as_micros() as u64 + 1));
        let line = &mut self.lines[way as usize];
        if lost || line.bytes + frame.len() > LINE {
            self.lost += 1;
            return;
        }
        let mut arrives = now + self.config.delay + jitter;
        if late {
            // Late by a whole delay, and by something where there is none, so that others can overtake it.
            arrives += self.config.delay + self.config.jitter + Duration::from_millis(1);
        } else {
            arrives = arrives.max(line.last);
            line.last = arrives;
        }
        self.count += 1;
        line.bytes += frame.len();
        line.frames.insert((arrives, self.count), (from, frame));
    }

    /// A frame that has arrived.
    pub fn pop(&mut self, way: Way, now: Duration) -> Option<(PortId, Frame)> {
        self.pop_within(way, usize::MAX, now)
    }

    /// A frame that has arrived, if it has no more than `room` bytes.
    pub(crate) fn pop_within(&mut self, way: Way, room: usize, now: Duration) -> Option<(PortId, Frame)> {
        let line = &mut self.lines[way as usize];
        let entry = line.frames.first_entry().filter(|entry| entry.key().0 <= now && entry.get().1.len() <= room)?;
        let (from, frame) = entry.remove();
        line.bytes -= frame.len();
        Some((from, frame))
    }

    /// Whether the line out takes more without losing it.
    pub(crate) fn has_room(&self) -> bool {
        self.lines[Way::Out as usize].bytes < LINE / 2
    }

    /// When the next frame arrives.
    pub fn wake_at(&self) -> Option<Duration> {
        self.lines.iter().filter_map(|line| line.frames.keys().next()).map(|(arrives, _)| *arrives).min()
    }

    /// How many frames were lost.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(config: FaultConfig) -> (Vec<u16>, u64) {
        let mut faults = Faults::new(config);
        for number in 0..1000u16 {
            faults.push(Way::In, PortId(0), number.to_be_bytes().to_vec().into(), Duration::from_millis(number.into()));
        }
        let mut arrived = Vec::new();
        while let Some(at) = faults.wake_at() {
            let (_, frame) = faults.pop(Way::In, at).unwrap();
            arrived.push(u16::from_be_bytes([frame[0], frame[1]]));
        }
        (arrived, faults.lost())
    }

    #[test]
    fn a_good_line_loses_nothing_and_keeps_the_order() {
        let config =
            FaultConfig { delay: Duration::from_millis(20), jitter: Duration::from_millis(5), ..Default::default() };
        assert_eq!(run(config), ((0..1000).collect(), 0));
    }

    #[test]
    fn the_same_seed_makes_the_same_faults() {
        let config =
            FaultConfig { delay: Duration::from_millis(3), loss: 100, reorder: 50, seed: 7, ..Default::default() };
        let (arrived, lost) = run(config);
        assert_eq!(run(config).0, arrived);
        assert_ne!(run(FaultConfig { seed: 8, ..config }).0, arrived);
        assert!((60..140).contains(&lost), "{lost}");
        assert_eq!(arrived.len() as u64 + lost, 1000);
        let overtaken = arrived.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((20..80).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn nothing_arrives_before_its_time() {
        let mut faults = Faults::new(FaultConfig { delay: Duration::from_millis(20), ..Default::default() });
        faults.push(Way::Out, PortId(0), vec![0; 60].into(), Duration::ZERO);
        assert_eq!(faults.pop(Way::Out, Duration::from_millis(19)), None);
        assert_eq!(faults.pop(Way::In, Duration::from_millis(20)), None);
        assert!(faults.pop(Way::Out, Duration::from_millis(20)).is_some());
    }
}
