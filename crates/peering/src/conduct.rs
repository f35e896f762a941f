//! How a peer behaves: how much it may send, and when it is cut off.

use std::time::Duration;

/// What a peer may send without a limit of the user's, in bytes a second: more than any browser's data channel has carried.
pub const BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;
/// The least that a user's limit can be: a slow line, but one.
pub const LIMIT_LEAST: u64 = 16 * 1024;
/// So many messages that are no frames in a minute, and it is cut off. A browser with this extension sends none.
pub const MALFORMED_MAX: u32 = 8;
/// So many seconds in a row with several times more than allowed, and it is cut off.
pub const FLOOD_SECONDS: u32 = 10;
/// How many times more than allowed is a flood: a guest's TCP slows down at what is lost and never comes near.
pub const FLOOD_FACTOR: u64 = 8;
const MINUTE: Duration = Duration::from_secs(60);

/// What is to be done with what has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It is thrown away.
    Drop,
    /// It is thrown away, and the peer cut off.
    Cut(Misconduct),
}

/// Why a peer was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misconduct {
    /// It sent what is no frames.
    #[error("it sent what is no frames, again and again")]
    Malformed,
    /// It sent too much.
    #[error("it sent many times more than it may, for seconds")]
    Flood,
}

/// The behaviour of one peer.
#[derive(Clone, Debug)]
pub struct Conduct {
    limit: u64,
    /// Below nothing after a batch that was longer than what was left.
    level: i64,
    filled: Duration,
    malformed: u32,
    minute: Duration,
    second: Duration,
    bytes: u64,
    floods: u32,
}

impl Conduct {
    /// Of a peer that may send so many bytes a second.
    pub fn new(limit: Option<u64>, now: Duration) -> Conduct {
        let limit = limit.map_or(BYTES_PER_SECOND, |limit| limit.clamp(LIMIT_LEAST, BYTES_PER_SECOND));
        Conduct {
            limit,
            level: limit.cast_signed(),
            filled: now,
            malformed: 0,
            minute: now,
            second: now,
            bytes: 0,
            floods: 0,
        }
    }

    /// Changes the limit.
    pub fn set_limit(&mut self, limit: Option<u64>, now: Duration) {
        let Conduct { malformed, minute, .. } = *self;
        *self = Conduct { malformed, minute, ..Conduct::new(limit, now) };
    }

    /// Something has come.
    pub fn admit(&mut self, bytes: usize, now: Duration) -> Verdict {
        let bytes = bytes as u64;
        let passed = now.saturating_sub(self.second);
        if passed >= Duration::from_secs(1) {
            let seconds = passed.as_secs();
            let flood = self.bytes / seconds > self.limit.saturating_mul(FLOOD_FACTOR);
            self.floods = if flood { self.floods + 1 } else { 0 };
            (self.second, self.bytes) = (now, 0);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if self.floods >= FLOOD_SECONDS {
            return Verdict::Cut(Misconduct::Flood);
        }
        let micros = u64::try_from(now.saturating_sub(self.filled).as_micros()).unwrap_or(u64::MAX);
        let gained = i64::try_from(u128::from(micros) * u128::from(self.limit) / 1_000_000).unwrap_or(i64::MAX);
        if gained > 0 {
            self.filled = now;
            self.level = self.level.saturating_add(gained).min(self.limit.cast_signed());
        }
        // A batch that is longer than what is there passes when there is anything: else a low limit would let no batch through.
        if self.level <= 0 {
            return Verdict::Drop;
        }
        self.level = self.level.saturating_sub_unsigned(bytes);
        Verdict::Pass
    }

    /// What has come was no batch of frames.
    pub fn malformed(&mut self, now: Duration) -> Verdict {
        if now.saturating_sub(self.minute) > MINUTE {
            (self.minute, self.malformed) = (now, 0);
        }
        self.malformed += 1;
        if self.malformed >= MALFORMED_MAX { Verdict::Cut(Misconduct::Malformed) } else { Verdict::Drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends so many bytes each millisecond; how many pass in ten seconds, and whether it is cut.
    fn send(conduct: &mut Conduct, bytes: usize, seconds: u32) -> (u64, Option<Misconduct>) {
        let mut passed = 0;
        for milli in 0..seconds * 1000 {
            match conduct.admit(bytes, MS * milli) {
                Verdict::Pass => passed += bytes as u64,
                Verdict::Drop => {}
                Verdict::Cut(why) => return (passed, Some(why)),
            }
        }
        (passed, None)
    }

    #[test]
    fn a_limit_holds_in_the_long_run() {
        let mut conduct = Conduct::new(Some(1_000_000), Duration::ZERO);
        let (passed, cut) = send(&mut conduct, 3_000, 10);
        assert!((9_900_000..=11_200_000).contains(&passed), "{passed}");
        assert_eq!(cut, None, "three times more than allowed is no flood");
    }

    #[test]
    fn less_than_the_limit_passes_all() {
        let mut conduct = Conduct::new(Some(1_000_000), Duration::ZERO);
        assert_eq!(send(&mut conduct, 900, 10), (9_000_000, None));
    }

    #[test]
    fn a_flood_is_limited_and_then_cut() {
        let mut conduct = Conduct::new(Some(100_000), Duration::ZERO);
        let (passed, cut) = send(&mut conduct, 1_000, 20);
        assert_eq!(cut, Some(Misconduct::Flood));
        assert!(passed < 1_300_000, "{passed}");
    }

    #[test]
    fn nonsense_is_dropped_and_then_cut() {
        let mut conduct = Conduct::new(None, Duration::ZERO);
        for _ in 1..MALFORMED_MAX {
            assert_eq!(conduct.malformed(MS), Verdict::Drop);
        }
        assert_eq!(conduct.malformed(MS), Verdict::Cut(Misconduct::Malformed));
        let mut seldom = Conduct::new(None, Duration::ZERO);
        assert!((0..100).all(|minute| seldom.malformed(minute * 2 * MINUTE) == Verdict::Drop));
    }
}
