//! A cable that takes its time and loses frames, in user space: not every kernel has a queueing discipline for that (tc-netem(8)).
//!
//! Frames that come out of one interface are read from a macvtap device on it, kept for a while, and written to the one on the other.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that is read: a frame, and before it what the kernel says of it (`struct virtio_net_hdr`), which goes on with it.
const FRAME_MAX: usize = (1 << 16) + 64;
/// How often a thread looks whether the cable is still there.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// How long a frame takes each way, and how many of a hundred are lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    pub(crate) delay: Duration,
    pub(crate) loss_percent: f64,
}

/// Two devices that are one cable as long as this is there.
#[derive(Debug)]
pub(crate) struct Cable {
    quality: Arc<Mutex<Quality>>,
    gone: Arc<AtomicBool>,
}

impl Cable {
    /// Between these two macvtap devices. The same seed loses the same frames.
    pub(crate) fn new(one: File, other: File, quality: Quality, seed: u64) -> io::Result<Self> {
        let cable = Self { quality: Arc::new(Mutex::new(quality)), gone: Arc::default() };
        cable.carry(one.try_clone()?, other.try_clone()?, seed);
        cable.carry(other, one, !seed);
        Ok(cable)
    }

    /// From the next frame on.
    pub(crate) fn set(&self, quality: Quality) {
        *self.quality.lock().unwrap_or_else(PoisonError::into_inner) = quality;
    }

    fn carry(&self, from: File, to: File, seed: u64) {
        let (quality, gone, (kept, due)) = (self.quality.clone(), self.gone.clone(), channel());
        thread::spawn(move || take(from, &quality, &gone, &kept, seed));
        thread::spawn(move || deliver(to, &due));
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// Reads frames and says when each is due, until the cable or the device is gone.
fn take(mut from: File, quality: &Mutex<Quality>, gone: &AtomicBool, kept: &Sender<(Instant, Vec<u8>)>, mut seed: u64) {
    let mut frame = vec![0; FRAME_MAX];
    while !gone.load(Ordering::Relaxed) {
        match poll(&mut [PollFd::new(&from, PollFlags::IN)], Some(&LOOK)) {
            Ok(0) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        let Ok(length) = from.read(&mut frame) else { return };
        let Quality { delay, loss_percent } = *quality.lock().unwrap_or_else(PoisonError::into_inner);
        if random(&mut seed) * 100.0 >= loss_percent
            && kept.send((Instant::now() + delay, frame[..length].to_vec())).is_err()
        {
            return;
        }
    }
}

/// Writes each frame when it is due.
fn deliver(mut to: File, due: &Receiver<(Instant, Vec<u8>)>) {
    for (when, frame) in due {
        thread::sleep(when.saturating_duration_since(Instant::now()));
        // What the other side has no room for is lost, as on any cable.
        let _ = to.write(&frame);
    }
}

/// A number from 0 to 1 (SplitMix64).
fn random(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly_and_the_same_for_a_seed() {
        let (mut seed, mut again) = (7, 7);
        let numbers: Vec<f64> = (0..10_000).map(|_| random(&mut seed)).collect();
        let low = numbers.iter().filter(|number| **number < 0.03).count();
        assert!((200..400).contains(&low), "{low}");
        assert!(numbers.iter().all(|number| *number == random(&mut again)));
    }
}
