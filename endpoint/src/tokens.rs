//! Who may come into which room.

use std::collections::BTreeMap;
use uplink::{NAME_MAX, Reason, TOKEN_MAX};

/// The name in a list of tokens that stands for every room that is not in it.
pub const ANY: &str = "*";

/// Which rooms there are and what lets one in.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// `None`: every room is open to everybody.
    rooms: Option<BTreeMap<String, Vec<String>>>,
}

/// A line of a list of tokens that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {0} of the tokens is not a room and a token with a blank between them")]
pub struct TokensError(usize);

impl Tokens {
    /// Lets everybody into every room.
    pub fn open() -> Tokens {
        Tokens::default()
    }

    /// Whether everybody is let in.
    pub fn is_open(&self) -> bool {
        self.rooms.is_none()
    }

    /// Reads a list: each line is a room, a blank, and a token; several lines for a room are several tokens, and the room `*` is every other one. Empty lines
    /// and those that begin with `#` say nothing.
    pub fn parse(text: &str) -> Result<Tokens, TokensError> {
        let mut rooms: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (room, token) = line.split_once(char::is_whitespace).ok_or(TokensError(at + 1))?;
            let token = token.trim();
            if room.len() > NAME_MAX || token.len() > TOKEN_MAX {
                return Err(TokensError(at + 1));
            }
            rooms.entry(room.to_owned()).or_default().push(token.to_owned());
        }
        Ok(Tokens { rooms: Some(rooms) })
    }

    /// Whether this token lets one into this room.
    pub fn check(&self, room: &str, token: &str) -> Result<(), Reason> {
        let Some(rooms) = &self.rooms else { return Ok(()) };
        // Nobody is in the room `*` itself.
        let tokens = rooms.get(room).or_else(|| rooms.get(ANY)).filter(|_| room != ANY).ok_or(Reason::Room)?;
        // All are compared, so that the time says nothing about which one was nearly right.
        let fits = tokens.iter().fold(false, |fits, known| fits | same(known.as_bytes(), token.as_bytes()));
        if fits { Ok(()) } else { Err(Reason::Token) }
    }
}

/// Whether two texts are the same, in a time that depends on their lengths only.
fn same(one: &[u8], two: &[u8]) -> bool {
    let differences = one.iter().zip(two).fold(0, |sum, (one, two)| std::hint::black_box(sum | (one ^ two)));
    one.len() == two.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_room() {
        let tokens = Tokens::parse("# friends\nlab one-token\nlab another\n\n  * general \n").unwrap();
        assert_eq!(tokens.check("lab", "one-token"), Ok(()));
        assert_eq!(tokens.check("lab", "another"), Ok(()));
        assert_eq!(tokens.check("lab", "general"), Err(Reason::Token));
        assert_eq!(tokens.check("lab", ""), Err(Reason::Token));
        assert_eq!(tokens.check("hall", "general"), Ok(()));
        assert_eq!(tokens.check("*", "general"), Err(Reason::Room));
        assert_eq!(Tokens::parse("lab one").unwrap().check("hall", "one"), Err(Reason::Room));
        assert_eq!(Tokens::open().check("hall", ""), Ok(()));
    }

    #[test]
    fn a_line_that_is_no_token_is_named() {
        assert_eq!(Tokens::parse("lab one\nlab\n").unwrap_err(), TokensError(2));
    }
}
