//! DNS messages (RFC 1035, section 4; EDNS: RFC 6891), as far as a server needs them that has one question to answer.

use std::net::Ipv4Addr;

/// The longest query that is looked at, in bytes: a name of the longest kind, and options with room to spare.
pub const QUERY_MAX: usize = 1024;
/// What the gateway takes in by UDP, as it says to clients that speak EDNS.
const UDP_SIZE: u16 = 1232;

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
/// The longest label and the longest name (RFC 1035, section 2.3.4).
const LABEL_MAX: usize = 63;
const NAME_MAX: usize = 253;

/// The kinds of records that the gateway knows.
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// A name that belongs to an address.
    pub const PTR: u16 = 12;
    /// The pseudo-record by which EDNS shows.
    pub const OPT: u16 = 41;
    /// Everything there is.
    pub const ANY: u16 = 255;
}

/// What an answer says beside its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The name exists.
    Ok = 0,
    /// The query makes no sense.
    Format = 1,
    /// The server can't answer now.
    Failure = 2,
    /// There is no such name.
    NoSuchName = 3,
    /// Another kind of query than looking up.
    NotImplemented = 4,
    /// Another class than the internet's.
    Refused = 5,
}

/// A query with one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    id: u16,
    recursion: bool,
    edns: bool,
    /// The question as it came, to be sent back.
    question: Vec<u8>,
    /// The name in lower case with dots, without the last one.
    pub name: String,
    /// What is asked of the name; see [`kind`].
    pub kind: u16,
}

/// What a query could not be taken as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// No query at all: nothing is to be answered.
    Silent,
    /// To be answered with this code and nothing else.
    Answer(u16, Code),
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Takes a query apart.
pub fn parse(bytes: &[u8]) -> Result<Query, Bad> {
    let (Some(id), Some(flags)) = (u16_at(bytes, 0), u16_at(bytes, 2)) else { return Err(Bad::Silent) };
    // Answers are not answered: else two servers could go on for ever.
    if flags & 0x8000 != 0 || bytes.len() < HEADER {
        return Err(Bad::Silent);
    }
    if flags & 0x7800 != 0 {
        return Err(Bad::Answer(id, Code::NotImplemented));
    }
    let bad = Bad::Answer(id, Code::Format);
    let counts: Vec<u16> = [4, 6, 8, 10].iter().filter_map(|at| u16_at(bytes, *at)).collect();
    let [1, 0, 0, additional] = counts[..] else { return Err(bad) };
    if bytes.len() > QUERY_MAX {
        return Err(bad);
    }
    let (name, end) = name(bytes).ok_or(bad)?;
    let (Some(kind), Some(class)) = (u16_at(bytes, end), u16_at(bytes, end + 2)) else { return Err(bad) };
    if class != CLASS_IN {
        return Err(Bad::Answer(id, Code::Refused));
    }
    // The pseudo-record of EDNS has the root for a name, and is the only one that clients put here.
    let edns = additional > 0 && bytes.get(end + 4) == Some(&0) && u16_at(bytes, end + 5) == Some(kind::OPT);
    let question = bytes.get(HEADER..end + 4).ok_or(bad)?.to_vec();
    Ok(Query { id, recursion: flags & 0x0100 != 0, edns, question, name, kind })
}

/// The name of the question and where it ends. Nothing comes before it that it could point to.
fn name(bytes: &[u8]) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        if length > LABEL_MAX {
            return None;
        }
        let label = bytes.get(at..at + length)?;
        at += length;
        if !name.is_empty() {
            name.push('.');
        }
        for byte in label {
            // A dot within a label would look like two labels; other odd bytes are in no name that can be reached.
            if !byte.is_ascii_graphic() || *byte == b'.' {
                return None;
            }
            name.push(char::from(byte.to_ascii_lowercase()));
        }
        if name.len() > NAME_MAX {
            return None;
        }
    }
}

/// A record of an answer. All are about the question's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The name has this address.
    Address(Ipv4Addr),
    /// The address that the name stands for has this name.
    Name(String),
}

/// The answer to a query.
pub fn answer(query: &Query, code: Code, ttl: u32, records: &[Record]) -> Vec<u8> {
    let mut bytes = head(query.id, query.recursion, code);
    let additional = u8::from(query.edns);
    bytes.extend_from_slice(&[0, 1, 0, records.len().min(255) as u8, 0, 0, 0, additional]);
    bytes.extend_from_slice(&query.question);
    for record in records.iter().take(255) {
        let (kind, data) = match record {
            Record::Address(address) => (kind::A, address.octets().to_vec()),
            Record::Name(name) => (kind::PTR, wire_name(name)),
        };
        // The name is the question's: a pointer to it.
        bytes.extend_from_slice(&[0xc0, HEADER as u8]);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
        bytes.extend_from_slice(&ttl.to_be_bytes());
        bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&data);
    }
    if query.edns {
        bytes.push(0);
        bytes.extend_from_slice(&kind::OPT.to_be_bytes());
        bytes.extend_from_slice(&UDP_SIZE.to_be_bytes());
        bytes.extend_from_slice(&[0; 6]);
    }
    bytes
}

/// The answer to what is no good query.
pub fn complaint(id: u16, code: Code) -> Vec<u8> {
    let mut bytes = head(id, false, code);
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

fn head(id: u16, recursion: bool, code: Code) -> Vec<u8> {
    // An answer, authoritative; recursion is offered, since stub resolvers complain otherwise.
    let flags = 0x8480 | (u16::from(recursion) << 8) | code as u16;
    [id.to_be_bytes(), flags.to_be_bytes()].concat()
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(LABEL_MAX)];
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label);
    }
    bytes.push(0);
    bytes
}

/// The code of an answer.
pub fn code(bytes: &[u8]) -> Option<u8> {
    bytes.get(3).filter(|_| bytes[2] & 0x80 != 0).map(|flags| flags & 15)
}

/// A query as clients write it. For tests and for tools.
pub fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = [id.to_be_bytes(), 0x0100u16.to_be_bytes()].concat();
    bytes.extend_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&wire_name(name));
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_question_is_taken_apart_and_sent_back() {
        let bytes = query(7, "Alpine-1.LAN", kind::A);
        let query = parse(&bytes).unwrap();
        assert_eq!((query.name.as_str(), query.kind), ("alpine-1.lan", kind::A));
        let answer = answer(&query, Code::Ok, 60, &[Record::Address([10, 1, 2, 10].into())]);
        assert_eq!(answer[..12], [0, 7, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(answer[12..bytes.len()], bytes[12..], "the question comes back as it was written");
        assert_eq!(answer[bytes.len()..], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 2, 10]);
    }

    #[test]
    fn edns_is_answered_with_edns() {
        let mut bytes = query(7, "a.lan", kind::A);
        bytes[11] = 1;
        bytes.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        let query = parse(&bytes).unwrap();
        let answer = answer(&query, Code::NoSuchName, 0, &[]);
        assert_eq!((answer[11], &answer[answer.len() - 11..]), (1, &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0][..]));
    }

    #[test]
    fn what_is_no_query_is_answered_with_the_reason_or_not_at_all() {
        let good = query(7, "a.lan", kind::A);
        let with = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            parse(&bytes).unwrap_err()
        };
        assert_eq!(with(2, 0x80), Bad::Silent);
        assert_eq!(with(2, 0x28), Bad::Answer(7, Code::NotImplemented));
        assert_eq!(with(5, 2), Bad::Answer(7, Code::Format));
        assert_eq!(with(12, 0xc0), Bad::Answer(7, Code::Format));
        assert_eq!(with(good.len() - 1, 3), Bad::Answer(7, Code::Refused));
        assert_eq!(with(13, b'.'), Bad::Answer(7, Code::Format));
        for length in 0..good.len() {
            assert!(parse(&good[..length]).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_query_or_not(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(query) = parse(&bytes) {
                prop_assert!(query.name.len() <= NAME_MAX + LABEL_MAX);
                answer(&query, Code::Ok, 1, &[Record::Name(query.name.clone())]);
            }
        }
    }
}
