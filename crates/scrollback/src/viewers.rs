use protocol::{Stream, TerminalSize, ViewerId};
use std::collections::BTreeMap;

/// A viewer that has this many bytes of a terminal still to take in makes the machine wait.
pub const HIGH_WATER: u64 = 256 * 1024;
/// The machine goes on when nobody has more than this many bytes still to take in.
pub const LOW_WATER: u64 = 64 * 1024;
/// A viewer that takes in nothing for this many milliseconds while the machine waits is not waited for any more: its
/// page is frozen or gone.
pub const STALL_MS: f64 = 3_000.0;
/// The most viewers of one machine; the one that has been there longest goes for a new one.
pub const VIEWERS_MAX: usize = 32;
/// Terminals larger than this in either direction are taken as this large.
const SIZE_MAX: u16 = 1_000;
/// Terminals smaller than this in either direction are taken as this large: shells misbehave in less.
const SIZE_MIN: u16 = 2;

#[derive(Debug)]
struct Viewer {
    arrived: u64,
    seen: [u64; 2],
    progress: f64,
    stalled: bool,
    size: Option<TerminalSize>,
}

/// Who looks at a machine's console, how far each has come, and at what size.
#[derive(Debug, Default)]
pub struct Viewers {
    viewers: BTreeMap<ViewerId, Viewer>,
    arrivals: u64,
    waiting: bool,
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Serial => 0,
        Stream::Shell => 1,
    }
}

impl Viewers {
    /// A viewer that will be sent everything from these offsets on. `now` is in milliseconds.
    pub fn attach(&mut self, id: ViewerId, serial: u64, shell: u64, now: f64) {
        let longest = self.viewers.iter().min_by_key(|(_, viewer)| viewer.arrived).map(|(id, _)| *id);
        if let Some(longest) = longest.filter(|_| self.viewers.len() >= VIEWERS_MAX && !self.viewers.contains_key(&id))
        {
            self.viewers.remove(&longest);
        }
        self.arrivals += 1;
        let size = self.viewers.get(&id).and_then(|viewer| viewer.size);
        let viewer = Viewer { arrived: self.arrivals, seen: [serial, shell], progress: now, stalled: false, size };
        self.viewers.insert(id, viewer);
    }

    /// The viewer has gone.
    pub fn detach(&mut self, id: ViewerId) {
        self.viewers.remove(&id);
    }

    /// Whether anybody looks.
    pub fn is_empty(&self) -> bool {
        self.viewers.is_empty()
    }

    /// The viewer has taken in all bytes before `offset`. An offset that goes back is ignored.
    pub fn ack(&mut self, id: ViewerId, stream: Stream, offset: u64, now: f64) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            let seen = &mut viewer.seen[index(stream)];
            if offset > *seen {
                *seen = offset;
                viewer.progress = now;
                viewer.stalled = false;
            }
        }
    }

    /// Whether the machine has to wait, with its terminals' ends at `serial` and `shell`. `now` is in milliseconds.
    pub fn must_wait(&mut self, serial: u64, shell: u64, now: f64) -> bool {
        let limit = if self.waiting { LOW_WATER } else { HIGH_WATER };
        let was_waiting = self.waiting;
        self.waiting = false;
        for viewer in self.viewers.values_mut().filter(|viewer| !viewer.stalled) {
            let behind = serial.saturating_sub(viewer.seen[0]).max(shell.saturating_sub(viewer.seen[1]));
            if behind <= limit {
                continue;
            }
            if !was_waiting {
                viewer.progress = now;
            }
            viewer.stalled = now - viewer.progress > STALL_MS;
            self.waiting |= !viewer.stalled;
        }
        self.waiting
    }

    /// The viewer shows the shell at this size, or does not show it.
    pub fn resize(&mut self, id: ViewerId, size: Option<TerminalSize>) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.size = size.map(|size| TerminalSize {
                cols: size.cols.clamp(SIZE_MIN, SIZE_MAX),
                rows: size.rows.clamp(SIZE_MIN, SIZE_MAX),
            });
        }
    }

    /// The size that fits into every viewer that shows the shell.
    pub fn size(&self) -> Option<TerminalSize> {
        let sizes = self.viewers.values().filter_map(|viewer| viewer.size);
        sizes.reduce(|a, b| TerminalSize { cols: a.cols.min(b.cols), rows: a.rows.min(b.rows) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(cols: u16, rows: u16) -> Option<TerminalSize> {
        Some(TerminalSize { cols, rows })
    }

    #[test]
    fn nobody_looking_never_makes_the_machine_wait() {
        assert!(!Viewers::default().must_wait(u64::MAX, u64::MAX, 0.0));
    }

    #[test]
    fn the_machine_waits_from_high_to_low_water() {
        let mut viewers = Viewers::default();
        viewers.attach(1, 0, 0, 0.0);
        assert!(!viewers.must_wait(0, HIGH_WATER, 0.0));
        assert!(viewers.must_wait(0, HIGH_WATER + 1, 0.0));
        viewers.ack(1, Stream::Shell, HIGH_WATER - LOW_WATER, 1.0);
        assert!(viewers.must_wait(0, HIGH_WATER + 1, 1.0));
        viewers.ack(1, Stream::Shell, HIGH_WATER + 1 - LOW_WATER, 2.0);
        assert!(!viewers.must_wait(0, HIGH_WATER + 1, 2.0));
    }

    #[test]
    fn the_slowest_viewer_decides_until_it_stalls_or_goes() {
        let mut viewers = Viewers::default();
        viewers.attach(1, 0, 0, 0.0);
        viewers.attach(2, 0, 0, 0.0);
        let end = 2 * HIGH_WATER;
        viewers.ack(1, Stream::Serial, end, 0.0);
        assert!(viewers.must_wait(end, 0, 10.0));
        assert!(viewers.must_wait(end, 0, 10.0 + STALL_MS));
        assert!(!viewers.must_wait(end, 0, 11.0 + STALL_MS));
        // It comes back to life and is waited for again.
        viewers.ack(2, Stream::Serial, 1, 5_000.0);
        assert!(viewers.must_wait(end, 0, 5_000.0));
        viewers.detach(2);
        assert!(!viewers.must_wait(end, 0, 5_001.0));
    }

    #[test]
    fn a_viewer_that_was_idle_for_long_is_given_time_all_the_same() {
        let mut viewers = Viewers::default();
        viewers.attach(1, 0, 0, 0.0);
        assert!(viewers.must_wait(HIGH_WATER + 1, 0, 1_000_000.0));
    }

    #[test]
    fn the_guest_gets_the_smallest_of_all_sizes_that_are_shown() {
        let mut viewers = Viewers::default();
        viewers.attach(1, 0, 0, 0.0);
        viewers.attach(2, 0, 0, 0.0);
        assert_eq!(viewers.size(), None);
        viewers.resize(1, size(120, 30));
        viewers.resize(2, size(80, 50));
        assert_eq!(viewers.size(), size(80, 30));
        viewers.resize(2, None);
        assert_eq!(viewers.size(), size(120, 30));
        viewers.resize(1, size(0, 60_000));
        assert_eq!(viewers.size(), size(SIZE_MIN, SIZE_MAX));
    }

    #[test]
    fn the_number_of_viewers_is_bounded() {
        let mut viewers = Viewers::default();
        for id in 0..100 {
            viewers.attach(id, 0, 0, 0.0);
        }
        assert_eq!(viewers.viewers.len(), VIEWERS_MAX);
        assert!(viewers.viewers.contains_key(&99));
    }
}
