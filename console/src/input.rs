//! What a person types or pastes, as bytes for the machine.

/// How many bytes go in one message: the guest's terminal takes in 4 KiB at a time.
const PIECE: usize = 4 << 10;

/// The bytes in pieces of at most [`PIECE`], never cut inside a UTF-8 character.
pub(crate) fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (piece, rest) = bytes.split_at(cut(bytes));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Where to cut: at the last beginning of a character within the limit. Bytes that are no UTF-8 are cut anywhere.
fn cut(bytes: &[u8]) -> usize {
    if bytes.len() <= PIECE {
        return bytes.len();
    }
    // A character has at most four bytes, so its first is among the last four looked at.
    let is_first = |&at: &usize| bytes[at] & 0b1100_0000 != 0b1000_0000;
    (PIECE - 3..=PIECE).rev().find(is_first).unwrap_or(PIECE)
}

/// xterm.js gives bytes that are no text (mouse reports of the old kind) as a string with one character for each.
pub(crate) fn from_binary(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_character_is_never_cut() {
        for (char, shift) in [("é", 1), ("日", 1), ("日", 2), ("🦀", 1), ("🦀", 2), ("🦀", 3)] {
            let text = format!("{}{}", "x".repeat(shift), char.repeat(5000));
            for piece in pieces(text.as_bytes()) {
                assert!(std::str::from_utf8(piece).is_ok(), "{char} {shift}");
            }
        }
    }

    #[test]
    fn nothing_typed_is_nothing_sent() {
        assert_eq!(pieces(b"").count(), 0);
    }

    #[test]
    fn binary_strings_are_bytes() {
        assert_eq!(from_binary("\u{1b}[M\u{ff}"), [0x1b, b'[', b'M', 0xff]);
    }

    proptest! {
        #[test]
        fn any_bytes_arrive_whole_and_in_bounded_pieces(bytes in prop::collection::vec(any::<u8>(), 0..20_000)) {
            prop_assert!(pieces(&bytes).all(|piece| (1..=PIECE).contains(&piece.len())));
            prop_assert_eq!(pieces(&bytes).collect::<Vec<_>>().concat(), bytes);
        }
    }
}
