use super::*;
use proptest::prelude::*;

fn opening(protocols: &[&str]) -> Opening {
    let protocols: Vec<_> = protocols.iter().map(|name| (*name).to_owned()).collect();
    // The key of the standard's example (RFC 6455, section 1.3).
    let random = BASE64_STANDARD.decode("dGhlIHNhbXBsZSBub25jZQ==").unwrap();
    Opening::new(random.try_into().unwrap(), &protocols).unwrap()
}

fn answer(headers: &[(&str, &str)]) -> Vec<Header> {
    let own = [("upgrade", "WebSocket"), ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")];
    own.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_example_of_the_standard_is_opened() {
    let opening = opening(&["chat", "superchat"]);
    let headers = opening.headers();
    assert!(headers.contains(&("sec-websocket-key".to_owned(), "dGhlIHNhbXBsZSBub25jZQ==".to_owned())));
    assert!(headers.contains(&("sec-websocket-protocol".to_owned(), "chat, superchat".to_owned())));
    let chosen = opening.answered(101, &answer(&[("sec-websocket-protocol", "chat")])).unwrap();
    assert_eq!(chosen.as_deref(), Some("chat"));
    assert_eq!(opening.answered(101, &answer(&[])), Ok(None));
}

#[test]
fn what_is_no_opening_is_refused() {
    let opening = opening(&["chat"]);
    assert!(opening.answered(200, &answer(&[])).is_err());
    for missing in 0..2 {
        let mut headers = answer(&[]);
        headers.remove(missing);
        assert!(opening.answered(101, &headers).is_err());
    }
    for wrong in [("sec-websocket-protocol", "other"), ("sec-websocket-extensions", "permessage-deflate")] {
        assert!(opening.answered(101, &answer(&[wrong])).is_err(), "{wrong:?}");
    }
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    assert!(Opening::new([0; 16], &names(["a", "a"])).is_err());
    assert!(Opening::new([0; 16], &names(["a", "b c"])).is_err());
}

/// All messages of these bytes, given in pieces of so many, and how it ended.
fn all(bytes: &[u8], step: usize) -> (Vec<Message>, Option<SocketError>) {
    let (mut reader, mut messages) = (Reader::default(), vec![]);
    for piece in bytes.chunks(step) {
        reader.input(piece);
        loop {
            match reader.message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

/// As a server sends it: without a mask.
fn served(message: &Message) -> Vec<u8> {
    let mut bytes = frame(message, [0; 4]);
    let long = match bytes[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    bytes[1] &= 0x7f;
    bytes.drain(2 + long..6 + long);
    bytes
}

#[test]
fn frames_of_the_standards_examples() {
    // Section 5.7.
    let hello = Message::Text("Hello".to_owned());
    assert_eq!(all(&[0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f], 1).0, std::slice::from_ref(&hello));
    assert_eq!(all(&[1, 3, 0x48, 0x65, 0x6c, 0x80, 2, 0x6c, 0x6f], 1).0, std::slice::from_ref(&hello));
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(frame(&hello, [0x37, 0xfa, 0x21, 0x3d]), masked);
    // A ping between the parts of a message.
    let parts = [1, 1, b'a', 0x89, 1, b'p', 0x80, 1, b'b'];
    assert_eq!(all(&parts, 2).0, [Message::Ping(b"p".to_vec()), Message::Text("ab".to_owned())]);
}

#[test]
fn what_breaks_the_rules_ends_it() {
    let cases: [&[u8]; 13] = [
        &[0xc1, 0],
        &[0x81, 0x80, 0, 0, 0, 0],
        &[0x83, 0],
        &[0x8b, 0],
        &[0x80, 0],
        &[1, 0, 1, 0],
        &[9, 0],
        &[0x89, 126, 0, 126],
        &[0x82, 126, 0, 125],
        &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        &[0x81, 1, 0xff],
        &[0x88, 1, 3],
        &[0x88, 2, 3, 0xed],
    ];
    for bytes in cases {
        for step in [1, 100] {
            let (messages, error) = all(bytes, step);
            assert!(messages.is_empty() && matches!(error, Some(SocketError::Protocol(_))), "{bytes:?}: {error:?}");
        }
    }
}

#[test]
fn what_is_too_large_is_not_waited_for() {
    let mut head = vec![0x82, 127];
    head.extend((MESSAGE_MAX as u64 + 1).to_be_bytes());
    assert_eq!(all(&head, 100).1, Some(SocketError::TooLarge));
    let mut parts = served(&Message::Binary(vec![0; MESSAGE_MAX]));
    parts[0] &= 0x7f;
    parts.extend([0x80, 1]);
    assert_eq!(all(&parts, parts.len()).1, Some(SocketError::TooLarge));
}

#[test]
fn nothing_comes_after_the_goodbye() {
    let goodbye = Message::Close(Some((1000, "done".to_owned())));
    let mut reader = Reader::default();
    reader.input(&[served(&goodbye), served(&Message::Text("more".to_owned()))].concat());
    assert_eq!(reader.message(), Ok(Some(goodbye)));
    reader.input(&[0xff; 100]);
    assert_eq!((reader.message(), reader.is_closed()), (Ok(None), true));
}

#[test]
fn a_reason_that_is_too_long_is_cut_between_letters() {
    let long = Message::Close(Some((3000, "é".repeat(100))));
    let (messages, error) = all(&served(&long), 7);
    assert_eq!((messages, error), (vec![Message::Close(Some((3000, "é".repeat(61))))], None));
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        ".{0,200}".prop_map(Message::Text),
        proptest::collection::vec(any::<u8>(), 0..70_000).prop_map(Message::Binary),
        proptest::collection::vec(any::<u8>(), 0..CONTROL_MAX).prop_map(Message::Ping),
        proptest::collection::vec(any::<u8>(), 0..CONTROL_MAX).prop_map(Message::Pong),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_framed_is_read(messages in proptest::collection::vec(message(), 0..4), step in 1..5_000_usize) {
        let bytes: Vec<u8> = messages.iter().flat_map(served).collect();
        prop_assert_eq!(all(&bytes, step), (messages, None));
    }

    #[test]
    fn a_mask_comes_off(text in ".{0,100}", mask in any::<[u8; 4]>()) {
        let bytes = frame(&Message::Text(text.clone()), mask);
        let at = bytes.len() - text.len();
        let plain: Vec<u8> = bytes[at..].iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        prop_assert_eq!(plain, text.as_bytes());
        prop_assert_eq!(&bytes[at - 4..at], mask);
    }

    #[test]
    fn any_bytes_come_to_the_same_however_they_are_cut(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1..20_usize) {
        prop_assert_eq!(all(&bytes, step), all(&bytes, 1_000));
    }
}
