//! What a script has said, as text that can be shown.

/// How much of it is shown, in bytes: the newest.
const SHOWN_MAX: usize = 200 << 10;

/// The newest of what a script has put out, without the signs by which programs speak to terminals.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(SHOWN_MAX);
    let text = String::from_utf8_lossy(&bytes[from..]);
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            // Colours and the like: `ESC [ … letter` (ECMA-48, 5.4).
            '\u{1b}' if signs.peek() == Some(&'[') => {
                signs.next();
                while signs.next_if(|sign| !('@'..='~').contains(sign)).is_some() {}
                signs.next();
            }
            '\n' | '\t' => plain.push(sign),
            // A program that writes over its line: the line begins anew.
            '\r' if signs.peek() != Some(&'\n') => {
                let line = plain.rfind('\n').map_or(0, |at| at + 1);
                plain.truncate(line);
            }
            sign if sign.is_control() => {}
            sign => plain.push(sign),
        }
    }
    plain
}

/// Takes in a piece that begins at `offset`; what is known already is left out, and a gap begins anew.
pub(crate) fn take_in(known: &mut Vec<u8>, before: &mut u64, offset: u64, bytes: &[u8]) {
    let end = *before + known.len() as u64;
    if offset > end {
        known.clear();
        *before = offset;
    }
    let end = *before + known.len() as u64;
    let old = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
    known.extend_from_slice(&bytes[old..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_terminals_is_not_shown() {
        assert_eq!(shown(b"\x1b[1;31mred\x1b[0m\r\nnext\x07"), "red\nnext");
        assert_eq!(shown(b"a\n10%\r20%\rdone\n"), "a\ndone\n");
        assert_eq!(shown(b"\x1b["), "");
        assert_eq!(shown("gr\u{fc}\u{df}e \u{1f600}".as_bytes()), "gr\u{fc}\u{df}e \u{1f600}");
    }

    #[test]
    fn pieces_are_taken_in_once_and_in_order() {
        let (mut known, mut before) = (vec![], 0);
        take_in(&mut known, &mut before, 0, b"abc");
        take_in(&mut known, &mut before, 0, b"abcdef");
        take_in(&mut known, &mut before, 3, b"def");
        assert_eq!((&known[..], before), (&b"abcdef"[..], 0));
        take_in(&mut known, &mut before, 100, b"later");
        assert_eq!((&known[..], before), (&b"later"[..], 100));
    }
}
