//! A machine that means harm: errors are all that it gets, for little memory.

use crate::client::{Client, NOW, authority};
use authority::{Authority, Tls};
use proptest::prelude::*;
use rustls::version::{TLS12, TLS13};
use std::sync::{Arc, LazyLock};

/// More is never kept of what makes no sense, in bytes: the longest handshake message, and a record.
const KEPT: usize = 128 * 1024;

static AUTHORITY: LazyLock<Arc<Authority>> = LazyLock::new(|| authority(3));
/// What honest clients begin with.
static HELLOS: LazyLock<[Vec<u8>; 2]> =
    LazyLock::new(|| [&TLS13, &TLS12].map(|version| Client::new(&AUTHORITY, "example.org", version, NOW).sends()));

fn tls() -> Tls {
    Tls::new(&AUTHORITY, "example.org", NOW).unwrap()
}

/// Gives what was read, and whether it is over.
fn fed(tls: &mut Tls, bytes: &[u8], step: usize) -> (Vec<u8>, bool) {
    let mut plain = vec![];
    let over = bytes.chunks(step).any(|piece| tls.input(piece, &mut plain).is_err());
    assert!(tls.output().len() < 8 * 1024, "{} bytes in answer", tls.output().len());
    (plain, over)
}

#[test]
fn what_is_no_tls_is_an_error_and_nothing_more() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[22; 1000], &[0; 70_000], &[22, 3, 1, 0xff, 0xff, 1, 2]] {
        let mut tls = tls();
        assert_eq!(fed(&mut tls, bytes, 1000), (vec![], true), "{:?}", &bytes[..5]);
        assert!(tls.output().is_empty() || tls.output()[0] == 21, "an alert");
        tls.sent(usize::MAX);
        // And it stays over.
        assert!(fed(&mut tls, &HELLOS[0], 1000).0.is_empty());
        assert_eq!((tls.send(b"secret"), tls.output().len()), (0, 0));
    }
}

#[test]
fn what_never_ends_is_cut_off() {
    // A ClientHello of 16 MiB, warnings, empty records, and bytes that change nothing.
    let record = |kind: u8, body: &[u8]| [&[kind, 3, 3][..], &(body.len() as u16).to_be_bytes(), body].concat();
    let first = record(22, &[&[1, 0xff, 0xff, 0xff][..], &[0; 16_000]].concat());
    for (first, again) in [
        (first, record(22, &[0; 16_000])),
        (vec![], record(21, &[1, 90])),
        (vec![], record(20, &[1])),
        (vec![], record(22, &[])),
        (vec![], record(23, &[0; 16_000])),
    ] {
        let (mut tls, mut taken, mut plain) = (tls(), first.len(), vec![]);
        let mut goes_on = tls.input(&first, &mut plain).is_ok();
        while goes_on {
            goes_on = tls.input(&again, &mut plain).is_ok();
            taken += again.len();
            assert!(taken <= KEPT, "{:?} is taken for ever", &again[..5]);
        }
        assert!(plain.is_empty());
    }
}

#[test]
fn who_does_not_read_is_sent_no_more() {
    for version in [&TLS13, &TLS12] {
        let (mut client, mut tls) = (Client::new(&AUTHORITY, "example.org", version, NOW), tls());
        client.meets(&mut tls).unwrap();
        let (piece, mut taken) = (vec![7; 20_000], 0);
        while let count @ 1.. = tls.send(&piece) {
            taken += count;
            assert!(taken <= KEPT, "{taken}");
        }
        assert!(tls.output().len() <= KEPT);
        // And gets all of it later.
        client.meets(&mut tls).unwrap();
        assert_eq!(client.read.len(), taken);
        assert!(tls.send(&piece) > 0);
    }
}

/// Bytes that are changed somewhere: where, and to what.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_no_tls(bytes in prop::collection::vec(any::<u8>(), 0..3000), step in 1_usize..3000) {
        prop_assert!(fed(&mut tls(), &bytes, step).0.is_empty());
        // As they come in records that look right.
        let mut records = vec![];
        for part in bytes.chunks(500) {
            records.extend([22, 3, 1]);
            records.extend((part.len() as u16).to_be_bytes());
            records.extend(part);
        }
        prop_assert!(fed(&mut tls(), &records, step).0.is_empty());
    }

    #[test]
    fn a_damaged_hello_is_an_error_or_an_answer(
        old in any::<bool>(), changes in changes(), cut in any::<prop::sample::Index>(), more in any::<bool>(), step in 1_usize..600,
    ) {
        let mut bytes = HELLOS[usize::from(old)].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let cut = cut.index(bytes.len());
        if more {
            bytes.extend_from_within(..cut);
        } else {
            bytes.truncate(cut + 1);
        }
        prop_assert!(fed(&mut tls(), &bytes, step).0.is_empty());
    }
}

proptest! {
    // Each is a whole handshake.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_was_changed_on_its_way_is_not_read(
        old in any::<bool>(), length in 0_usize..3000, at in any::<prop::sample::Index>(), change in 1_u8..=255, step in 1_usize..3000,
    ) {
        let version = if old { &TLS12 } else { &TLS13 };
        let (mut client, mut tls) = (Client::new(&AUTHORITY, "example.org", version, NOW), tls());
        client.meets(&mut tls).unwrap();
        client.say(&vec![7; length]);
        client.end();
        let mut bytes = client.sends();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        let (plain, over) = fed(&mut tls, &bytes, step);
        prop_assert!(plain.len() <= length && plain.iter().all(|byte| *byte == 7));
        prop_assert!(over || !tls.ended());
    }
}
