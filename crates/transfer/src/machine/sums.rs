//! The list of checksums: what `sha256sum` writes and checks.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A SHA-256 sum.
pub(super) type Sum = [u8; 32];

/// A line: 64 digits, two spaces, the name, a line's end.
pub(super) fn line(sum: &Sum, name: &str) -> String {
    let mut line = String::new();
    for byte in sum {
        // Writing to a string does not fail.
        let _ = write!(line, "{byte:02x}");
    }
    line + "  " + name + "\n"
}

/// Sums by name; nothing if there is anything else in the list, or a name twice.
pub(super) fn parse(list: &[u8]) -> Option<BTreeMap<String, Sum>> {
    let mut sums = BTreeMap::new();
    for line in std::str::from_utf8(list).ok()?.strip_suffix('\n')?.split('\n') {
        let (digits, name) = line.split_once("  ")?;
        let digits: &[u8; 64] = digits.as_bytes().try_into().ok()?;
        let mut sum = [0; 32];
        for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        if sums.insert(name.to_owned(), sum).is_some() {
            return None;
        }
    }
    Some(sums)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

pub(super) fn sum_of(hasher: Sha256) -> Sum {
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_and_nothing_else_is_one() {
        let list = line(&[0xa5; 32], "a") + &line(&[0; 32], "b/c");
        let sums = parse(list.as_bytes()).unwrap();
        assert_eq!(sums.into_iter().collect::<Vec<_>>(), [("a".into(), [0xa5; 32]), ("b/c".into(), [0; 32])]);
        let twice = list.clone() + &line(&[1; 32], "a");
        for bad in ["", "\n", "x", &list[..list.len() - 1], &list[1..], &list.to_uppercase(), &twice] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
