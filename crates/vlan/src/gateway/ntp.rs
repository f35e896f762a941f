//! Tells machines the time (SNTP, RFC 4330; the packet is RFC 5905, section 7.3).

use std::time::Duration;

const LENGTH: usize = 48;
/// Seconds from 1900, where NTP counts from, to 1970.
const EPOCH: u64 = 2_208_988_800;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
/// How far the browser may be from a clock that is really right; nobody knows, but it has to be said.
const STRATUM: u8 = 3;
/// Not synchronised, and the stratum that goes with it.
const UNKNOWN: (u8, u8) = (3, 16);

/// Seconds since 1900 and a fraction of 2^32, as the packet has them. In 2036 the seconds begin anew, as the format wants it.
fn stamp(unix: Duration) -> [u8; 8] {
    let seconds = unix.as_secs().wrapping_add(EPOCH) as u32;
    let fraction = ((u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000) as u32;
    [seconds.to_be_bytes(), fraction.to_be_bytes()].concat().try_into().unwrap_or_default()
}

/// The answer to a client's packet. `unix` is the time since 1970, if it is known.
pub(super) fn respond(bytes: &[u8], unix: Option<Duration>) -> Option<Vec<u8>> {
    let head = *bytes.first()?;
    let (version, mode) = ((head >> 3) & 7, head & 7);
    if bytes.len() < LENGTH || mode != CLIENT || !(1..=4).contains(&version) {
        return None;
    }
    let now = stamp(unix.unwrap_or_default());
    let (leap, stratum) = if unix.is_some() { (0, STRATUM) } else { UNKNOWN };
    let mut answer = vec![0; LENGTH];
    answer[0] = (leap << 6) | (version << 3) | SERVER;
    answer[1] = stratum;
    answer[2] = *bytes.get(2)?;
    // 2^-10 seconds: browsers round their clocks to a millisecond.
    answer[3] = (-10i8) as u8;
    // Root dispersion, 16.16 bits of seconds: ten milliseconds.
    answer[8..12].copy_from_slice(&655u32.to_be_bytes());
    answer[12..16].copy_from_slice(b"HOST");
    answer[16..24].copy_from_slice(&now);
    answer[24..32].copy_from_slice(bytes.get(40..48)?);
    answer[32..40].copy_from_slice(&now);
    answer[40..48].copy_from_slice(&now);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Vec<u8> {
        let mut request = vec![0; LENGTH];
        request[0] = (4 << 3) | CLIENT;
        request[40..48].copy_from_slice(b"question");
        request
    }

    #[test]
    fn the_time_comes_with_the_clients_own_stamp() {
        // 2026-11-23 00:00:00.5 UTC
        let answer = respond(&request(), Some(Duration::from_millis(1_795_392_000_500))).unwrap();
        assert_eq!((answer[0], answer[1]), ((4 << 3) | SERVER, STRATUM));
        assert_eq!(&answer[24..32], b"question");
        assert_eq!(answer[40..44], (1_795_392_000u32.wrapping_add(2_208_988_800)).to_be_bytes());
        assert_eq!(answer[44..48], [0x80, 0, 0, 0]);
    }

    #[test]
    fn without_a_clock_it_says_so_and_what_is_no_question_gets_no_answer() {
        let answer = respond(&request(), None).unwrap();
        assert_eq!((answer[0] >> 6, answer[1]), UNKNOWN);
        assert_eq!(respond(&request()[..47], None), None);
        assert_eq!(respond(&[], None), None);
        let mut server = request();
        server[0] = (4 << 3) | SERVER;
        assert_eq!(respond(&server, None), None);
    }
}
