use super::*;
use crate::essentials::tests::essentials;
use proptest::prelude::*;

pub(crate) fn code() -> impl Strategy<Value = Code> {
    let kind = prop_oneof![Just(Kind::Invitation), Just(Kind::Answer)];
    (kind, any::<u32>(), any::<[u8; 8]>(), any::<[u8; 16]>(), essentials(), any::<(u8, u8)>(), "[a-z0-9]{1,12}")
        .prop_map(|(kind, expires, session, pledge, essentials, (a, b), name)| Code {
            kind,
            expires,
            session,
            pledge,
            essentials,
            numbers: Numbers { a, b },
            name,
        })
}

/// The longest that browsers make with one address: Firefox's secrets, and an address that is hidden.
fn longest() -> Code {
    let address = Address::Hidden([0xab; 16]);
    let candidate = Candidate { kind: CandidateKind::Host, address, port: 65_535 };
    Code {
        kind: Kind::Answer,
        expires: u32::MAX,
        session: [7; 8],
        pledge: [8; 16],
        essentials: Essentials {
            fingerprint: [9; 32],
            ufrag: "abcdef01".to_owned(),
            pwd: "0123456789abcdef0123456789abcdef".to_owned(),
            candidates: vec![candidate],
        },
        numbers: Numbers { a: 1, b: 2 },
        name: "n".repeat(NAME_MAX),
    }
}

proptest! {
    #[test]
    fn a_code_comes_back_however_it_is_pasted(code in code(), every in 1_usize..60, small: bool) {
        let text = code.to_text().unwrap();
        prop_assert!(text.len() <= TEXT_MAX);
        let mut pasted = String::from("\n ");
        for (at, sign) in text.chars().enumerate() {
            if at % every == 0 { pasted.push_str("\r\n ") }
            pasted.push(if small { sign.to_ascii_lowercase() } else { sign });
        }
        prop_assert_eq!(Code::from_text(&pasted), Ok(code));
    }

    #[test]
    fn a_code_that_is_cut_short_is_said_to_be(code in code(), cut in 1_usize..280) {
        let text = code.to_text().unwrap();
        let cut = cut.min(text.len() - 8);
        match Code::from_text(&text[..text.len() - cut]) {
            Err(CodeError::Truncated { whole, missing }) => {
                prop_assert_eq!(whole, text.len());
                prop_assert!(missing >= cut && missing <= cut + 1, "{} of {}", missing, cut);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_changed_character_is_found(code in code(), at in 0_usize..1000, to in 1_u8..32) {
        let text = code.to_text().unwrap();
        let at = 7 + at % (text.len() - 7);
        let mut changed = text.clone().into_bytes();
        let digit = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let now = digit.iter().position(|it| *it == changed[at]).unwrap();
        changed[at] = digit[(now + usize::from(to)) % 32];
        prop_assert_eq!(Code::from_text(&String::from_utf8(changed).unwrap()), Err(CodeError::Altered));
    }

    #[test]
    fn any_text_is_a_code_or_refused(text in "(VMW)?[0-9A-Z \n]{0,400}") {
        drop(Code::from_text(&text));
    }

    #[test]
    fn sound_bytes_of_any_content_are_a_code_or_refused(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = vec![VERSION, 0];
        bytes.extend(content);
        bytes[1] = u8::try_from(bytes.len() + CHECKSUM).unwrap();
        bytes.extend(checksum(&bytes));
        match Code::from_text(&text::encode(&bytes)) {
            Ok(code) => prop_assert_eq!(code.to_bytes(), bytes),
            Err(error) => prop_assert_eq!(error, CodeError::Nonsense),
        }
    }
}

#[test]
fn the_longest_code_with_one_address_has_room() {
    let text = longest().to_text().unwrap();
    assert!(text.len() <= TEXT_MAX, "{}", text.len());
}

#[test]
fn addresses_for_which_there_is_no_room_are_left_out() {
    let mut code = longest();
    let one = code.essentials.candidates[0].clone();
    code.essentials.candidates = vec![one; CANDIDATES_MAX];
    let back = Code::from_text(&code.to_text().unwrap()).unwrap();
    assert!((1..CANDIDATES_MAX).contains(&back.essentials.candidates.len()));
}

#[test]
fn another_version_is_told_from_damage() {
    let mut bytes = longest().to_bytes();
    bytes[0] = 2;
    let length = bytes.len() - CHECKSUM;
    let sum = checksum(&bytes[..length]);
    bytes[length..].copy_from_slice(&sum);
    assert_eq!(Code::from_text(&text::encode(&bytes)), Err(CodeError::Version(2)));
}

#[test]
fn other_texts_are_no_codes() {
    for text in ["", "hello", "https://example.org", "VM", &"VMW0".repeat(1000)] {
        assert_eq!(Code::from_text(text), Err(CodeError::NoCode), "{text}");
    }
    let code = longest();
    assert_eq!(code.check_time(u32::MAX - 1), Ok(()));
    assert_eq!(code.check_time(u32::MAX), Err(CodeError::Expired));
    assert!(
        name_is_fine("ann-2")
            && !name_is_fine("Ann")
            && !name_is_fine("-a")
            && !name_is_fine("")
            && !name_is_fine("a.b")
    );
}
