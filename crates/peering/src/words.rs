//! The words that two people compare before they let each other in.
//!
//! Both browsers make them of both certificates' fingerprints and of a random number from each side. Whoever invites puts only a commitment to
//! theirs into the code, and shows it when the connection is there. So somebody between the two, who hands each of them a code of his own, has to
//! choose everything that goes into the words before he knows what the others have chosen: he can't look for certificates that give the same
//! words, and each try has one chance in 2^32.

use sha2::{Digest, Sha256};

/// A random number of one side.
pub type Nonce = [u8; 16];
/// How many words there are.
pub const COUNT: usize = 4;

/// The commitment to a random number.
pub fn commitment(nonce: &Nonce) -> [u8; 16] {
    let hash = Sha256::new_with_prefix(b"vm workbench pledge\0").chain_update(nonce).finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    short
}

/// One side's part of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// SHA-256 of its certificate.
    pub fingerprint: [u8; 32],
    /// Its random number.
    pub nonce: Nonce,
}

/// The words of a pairing.
pub fn words(session: &[u8; 8], inviter: &Part, joiner: &Part) -> [&'static str; COUNT] {
    let hash = Sha256::new_with_prefix(b"vm workbench words\0")
        .chain_update(session)
        .chain_update(inviter.fingerprint)
        .chain_update(joiner.fingerprint)
        .chain_update(inviter.nonce)
        .chain_update(joiner.nonce)
        .finalize();
    std::array::from_fn(|at| word(hash[at]))
}

/// Short, common, and unlike each other when spoken.
const LIST: &str = include_str!("words.txt");

/// The word for a byte.
fn word(byte: u8) -> &'static str {
    // There are 256 of them, which a test counts.
    LIST.split_ascii_whitespace().nth(usize::from(byte)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_word_is_there_twice() {
        let all: BTreeSet<_> = (0..=255).map(word).collect();
        assert_eq!(all.len(), 256);
        assert_eq!(LIST.split_ascii_whitespace().count(), 256);
        assert!(all.iter().all(|word| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase())));
    }

    proptest! {
        #[test]
        fn whatever_goes_in_changes_them(session: [u8; 8], one: ([u8; 32], Nonce), two: ([u8; 32], Nonce), bit in 0_usize..8) {
            let part = |(fingerprint, nonce): ([u8; 32], Nonce)| Part { fingerprint, nonce };
            let (one, two) = (part(one), part(two));
            let right = words(&session, &one, &two);
            prop_assert_eq!(right, words(&session, &one, &two));
            let (mut other, mut late) = (one, two);
            other.fingerprint[3] ^= 1 << bit;
            late.nonce[7] ^= 1 << bit;
            prop_assert_ne!(right, words(&session, &other, &two));
            prop_assert_ne!(right, words(&session, &one, &late));
            let mut another = session;
            another[0] ^= 1 << bit;
            prop_assert_ne!(right, words(&another, &one, &two));
            prop_assert_ne!(commitment(&two.nonce), commitment(&late.nonce));
        }
    }
}
