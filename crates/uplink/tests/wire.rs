//! Messages come out as they went in, however the stream cuts them, and whatever else comes is refused within bounds.

use proptest::collection::vec;
use proptest::prelude::*;
use uplink::{Decoder, End, FRAMES_MAX, Hello, MAGIC, Member, Message, Name, Reason, VERSION, Welcome, WireError};

fn text(max: usize) -> impl Strategy<Value = String> {
    vec(prop_oneof![Just('ä'), Just('-'), prop::char::range('a', 'z'), Just('€')], 0..max / 3)
        .prop_map(String::from_iter)
}

fn names() -> impl Strategy<Value = Vec<Name>> {
    vec((any::<u8>(), text(63)).prop_map(|(host, name)| Name { host, name }), 0..5)
}

fn message() -> impl Strategy<Value = Message> {
    let hello = (any::<bool>(), any::<[u8; 2]>(), any::<[u8; 16]>(), text(63), text(63), text(1024)).prop_map(
        |(datagrams, [a, b], key, room, name, token)| {
            Message::Hello(Hello { version: VERSION, datagrams, a, b, key, room, name, token })
        },
    );
    let welcome = (any::<bool>(), any::<u32>(), vec(any::<[u8; 32]>(), 0..4)).prop_map(
        |(datagrams, bytes_per_second, certificates)| {
            Message::Welcome(Welcome { datagrams, bytes_per_second, certificates })
        },
    );
    let end = (any::<u8>(), any::<u16>(), text(1024))
        .prop_map(|(code, version, text)| Message::End(End { reason: Reason::of_code(code), version, text }));
    let member =
        (any::<[u8; 2]>(), text(63), names()).prop_map(|([a, b], name, machines)| Member { a, b, name, machines });
    prop_oneof![
        hello,
        welcome,
        end,
        vec(any::<u8>(), 0..3000).prop_map(Message::Frames),
        any::<u64>().prop_map(Message::Ping),
        any::<u64>().prop_map(Message::Pong),
        names().prop_map(Message::Names),
        vec(member, 0..5).prop_map(Message::Members),
    ]
}

/// Everything that a decoder makes of bytes that come in pieces.
fn decoded(bytes: &[u8], piece: usize) -> Result<Vec<Message>, WireError> {
    let (mut decoder, mut messages) = (Decoder::default(), Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        decoder.push(piece);
        while let Some(message) = decoder.message()? {
            messages.push(message);
        }
    }
    Ok(messages)
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_however_it_is_cut(list in vec(message(), 0..8), piece in 1_usize..400) {
        let bytes: Vec<u8> = list.iter().flat_map(Message::to_bytes).collect();
        prop_assert_eq!(decoded(&bytes, piece).unwrap(), list);
    }

    #[test]
    fn any_bytes_are_messages_or_refused_and_the_cutting_makes_no_difference(bytes in vec(any::<u8>(), 0..600), piece in 1_usize..40) {
        prop_assert_eq!(decoded(&bytes, piece), decoded(&bytes, bytes.len()));
    }

    #[test]
    fn a_damaged_message_never_becomes_two_things(message in message(), at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let mut bytes = message.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(messages) = decoded(&bytes, usize::MAX) {
            for message in messages {
                prop_assert!(message.to_bytes().len() <= bytes.len());
            }
        }
    }

    #[test]
    fn a_message_that_is_cut_short_is_refused_or_waited_for(message in message(), at in any::<prop::sample::Index>()) {
        let bytes = message.to_bytes();
        let cut = at.index(bytes.len());
        prop_assert_eq!(decoded(&bytes[..cut], usize::MAX), Ok(vec![]));
    }
}

#[test]
fn a_length_beyond_its_kinds_bound_is_refused_before_its_body_has_come() {
    let mut decoder = Decoder::default();
    let header = |kind: u8, length: usize| [&[kind][..], &u32::try_from(length).unwrap().to_le_bytes()].concat();
    decoder.push(&header(4, FRAMES_MAX));
    assert_eq!(decoder.message(), Ok(None));
    for (kind, length) in [(4, FRAMES_MAX + 1), (1, 16 * 1024 + 1), (99, 16 * 1024 + 1), (8, 256 * 1024 + 1)] {
        let mut decoder = Decoder::default();
        decoder.push(&header(kind, length));
        let refused = decoder.message();
        assert!(matches!(refused, Err(WireError::TooLong { .. })), "{kind}: {refused:?}");
        // Nothing makes it speak again.
        decoder.push(&Message::Ping(1).to_bytes());
        assert_eq!(decoder.message(), refused);
    }
}

#[test]
fn a_kind_that_is_unknown_is_passed_over() {
    let mut bytes = vec![200, 3, 0, 0, 0, 1, 2, 3];
    bytes.extend(Message::Ping(7).to_bytes());
    assert_eq!(decoded(&bytes, 2), Ok(vec![Message::Ping(7)]));
}

#[test]
fn a_hello_of_another_version_is_known_as_one_whatever_follows() {
    let mut body = MAGIC.to_vec();
    body.extend([9, 0, 255, 255, 255]);
    let mut bytes = vec![1, u8::try_from(body.len()).unwrap(), 0, 0, 0];
    bytes.extend(&body);
    let messages = decoded(&bytes, 3).unwrap();
    assert!(matches!(&messages[..], [Message::Hello(Hello { version: 9, .. })]), "{messages:?}");
    bytes[5] ^= 1;
    assert_eq!(decoded(&bytes, 3), Err(WireError::NoHello));
}

#[test]
fn texts_are_texts_without_control_characters() {
    let end = |text: &[u8]| {
        let mut body = vec![0, 1, 0];
        body.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        body.extend(text);
        let mut bytes = vec![3];
        bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend(body);
        decoded(&bytes, 100)
    };
    assert!(end("ein Satz".as_bytes()).is_ok());
    assert_eq!(end(b"a\nb"), Err(WireError::Text("sentence")));
    assert_eq!(end(b"\xff"), Err(WireError::Text("sentence")));
    assert_eq!(end(&[b'a'; 1025]), Err(WireError::Text("sentence")));
}

#[test]
fn reasons_keep_their_numbers() {
    for code in 0..=255 {
        assert_eq!(Reason::of_code(code).code(), code);
    }
    assert_eq!((Reason::Version.code(), Reason::Collision.code(), Reason::Silent.code()), (1, 5, 10));
}
