//! The pairing code: what one browser has to know of another, as a text that people pass on.
//!
//! ```text
//!  version · length of all · kind · expires · session · pledge · fingerprint · a · b
//!     1          1             1       4          8        16        32          1   1
//!  user fragment · password · name · candidates · checksum            (length, bytes; count)
//!                                                    4
//!  candidate: kind and form of the address, 1 · address, 4 or 16 · port, 2
//! ```
//!
//! Numbers are big endian. The checksum is the beginning of the SHA-256 of all before it. Version, length and checksum are where they are in every
//! version, so that a code of another one is told from a damaged one. The text is `VMW` and the bytes in base 32 (`text`).

mod bytes;
mod text;

use crate::essentials::{CANDIDATES_MAX, SECRET_MAX};
use crate::{Address, Candidate, CandidateKind, Essentials, Numbers};
use bytes::Reader;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// The version that this code writes and reads.
pub const VERSION: u8 = 1;
/// The most characters of a code: what a chat takes in one line and a camera reads from a screen.
pub const TEXT_MAX: usize = 350;
/// How long a code is good, in seconds: it has to be passed on, and not to lie about.
pub const LIFETIME: u32 = 600;
/// The longest name of a LAN, in bytes.
pub const NAME_MAX: usize = 32;
/// The most bytes of a code, so that its text is not longer than [`TEXT_MAX`].
const BYTES_MAX: usize = (TEXT_MAX - text::PREFIX.len()) * 5 / 8;
const CHECKSUM: usize = 4;
/// A pasted text may have line breaks and blanks in it, but not much more.
const PASTED_MAX: usize = 4 * TEXT_MAX;

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It invites.
    Invitation,
    /// It answers an invitation.
    Answer,
}

/// A pairing code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// What it is for.
    pub kind: Kind,
    /// Until when it is good, in seconds since 1970.
    pub expires: u32,
    /// Drawn by whoever invites; the answer repeats it.
    pub session: [u8; 8],
    /// For the words: an invitation's commitment, or an answer's nonce ([`crate::words`]).
    pub pledge: [u8; 16],
    /// How to connect.
    pub essentials: Essentials,
    /// The numbers of its LAN.
    pub numbers: Numbers,
    /// What its LAN is called.
    pub name: String,
}

/// Why a text is no code that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It does not begin as codes do.
    #[error("this is not a pairing code: one begins with “VMW” and has about 280 letters and digits")]
    NoCode,
    /// Its end is missing.
    #[error("this code is cut short: {missing} of its {whole} characters are missing at the end")]
    Truncated {
        /// How many characters it should have.
        whole: usize,
        /// How many are missing.
        missing: usize,
    },
    /// Something in it is not as it was written.
    #[error("this code was changed on its way: at least one character is wrong, missing or too many")]
    Altered,
    /// It is of another version.
    #[error(
        "this code is of version {0}, and this extension knows version {VERSION}: both browsers need the same version of the extension"
    )]
    Version(u8),
    /// It is sound, and says what can't be.
    #[error("this code says what can’t be, so it is refused")]
    Nonsense,
    /// It can't be written in so few characters.
    #[error("the code would be longer than {TEXT_MAX} characters")]
    TooLong,
    /// Its time is over.
    #[error("this code has expired: codes are good for ten minutes")]
    Expired,
    /// It is this browser's.
    #[error("this is this browser’s own code: it is for the other browser")]
    Own,
    /// It was used already.
    #[error("this code was used already: each is good for one connection")]
    Used,
    /// An answer where an invitation belongs.
    #[error("this is an answer, and not an invitation: paste it in the browser that made the invitation")]
    NotInvitation,
    /// An invitation where an answer belongs.
    #[error(
        "this is an invitation, and not an answer: paste it under “Join”, or send the other browser this one’s code and paste what it answers"
    )]
    NotAnswer,
    /// An answer to something else.
    #[error("this code answers another invitation, or one that was cancelled")]
    OtherInvitation,
}

impl Code {
    /// The text. Candidates for which there is no room are left out, the last first.
    pub fn to_text(&self) -> Result<String, CodeError> {
        let mut code = self.clone();
        loop {
            let bytes = code.to_bytes();
            if bytes.len() <= BYTES_MAX {
                return Ok(text::encode(&bytes));
            }
            // One candidate is what makes it of use.
            if code.essentials.candidates.len() <= 1 {
                return Err(CodeError::TooLong);
            }
            code.essentials.candidates.pop();
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let Essentials { fingerprint, ufrag, pwd, candidates } = &self.essentials;
        let mut out = vec![
            VERSION,
            0,
            match self.kind {
                Kind::Invitation => 0,
                Kind::Answer => 1,
            },
        ];
        out.extend_from_slice(&self.expires.to_be_bytes());
        out.extend_from_slice(&self.session);
        out.extend_from_slice(&self.pledge);
        out.extend_from_slice(fingerprint);
        out.extend_from_slice(&[self.numbers.a, self.numbers.b]);
        for text in [ufrag, pwd, &self.name] {
            bytes::push(&mut out, text.as_bytes());
        }
        out.push(u8::try_from(candidates.len()).unwrap_or(u8::MAX));
        for candidate in candidates {
            push_candidate(&mut out, candidate);
        }
        let whole = out.len() + CHECKSUM;
        // One that is too long is not written.
        out[1] = u8::try_from(whole).unwrap_or(u8::MAX);
        let sum = checksum(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads a text as a person pastes it: with blanks, line breaks and small letters.
    pub fn from_text(pasted: &str) -> Result<Code, CodeError> {
        if pasted.len() > PASTED_MAX {
            return Err(CodeError::NoCode);
        }
        let bytes = text::decode(pasted)?;
        let (version, whole) = match bytes[..] {
            [version, whole, ..] => (version, usize::from(whole)),
            _ => return Err(CodeError::NoCode),
        };
        if bytes.len() < whole {
            let characters = |bytes: usize| text::PREFIX.len() + (bytes * 8).div_ceil(5);
            let (whole, has) = (characters(whole), characters(bytes.len()));
            return Err(CodeError::Truncated { whole, missing: whole - has });
        }
        let (content, sum) = bytes.split_at_checked(bytes.len().saturating_sub(CHECKSUM)).ok_or(CodeError::Altered)?;
        if bytes.len() != whole || checksum(content) != sum {
            return Err(CodeError::Altered);
        }
        if version != VERSION {
            return Err(CodeError::Version(version));
        }
        let code = parse(content.get(2..).unwrap_or_default()).ok_or(CodeError::Nonsense)?;
        code.essentials.check().map_err(|_| CodeError::Nonsense)?;
        Ok(code)
    }

    /// Whether its time is over.
    pub fn check_time(&self, now: u32) -> Result<(), CodeError> {
        if self.expires <= now { Err(CodeError::Expired) } else { Ok(()) }
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&Sha256::digest(bytes)[..CHECKSUM]);
    sum
}

/// The low two bits are the kind, the next two the form of the address.
fn push_candidate(out: &mut Vec<u8>, candidate: &Candidate) {
    let kind = match candidate.kind {
        CandidateKind::Host => 0,
        CandidateKind::Reflexive => 1,
        CandidateKind::Relayed => 2,
    };
    match candidate.address {
        Address::Ip(IpAddr::V4(address)) => {
            out.push(kind);
            out.extend_from_slice(&address.octets());
        }
        Address::Ip(IpAddr::V6(address)) => {
            out.push(kind | 4);
            out.extend_from_slice(&address.octets());
        }
        Address::Hidden(uuid) => {
            out.push(kind | 8);
            out.extend_from_slice(&uuid);
        }
    }
    out.extend_from_slice(&candidate.port.to_be_bytes());
}

fn parse_candidate(reader: &mut Reader<'_>) -> Option<Candidate> {
    let form = reader.byte()?;
    let kind = match form & 3 {
        0 => CandidateKind::Host,
        1 => CandidateKind::Reflexive,
        2 => CandidateKind::Relayed,
        _ => return None,
    };
    let address = match form >> 2 {
        0 => Address::Ip(reader.array::<4>()?.into()),
        1 => Address::Ip(reader.array::<16>()?.into()),
        2 => Address::Hidden(reader.array()?),
        _ => return None,
    };
    Some(Candidate { kind, address, port: u16::from_be_bytes(reader.array()?) })
}

fn parse(bytes: &[u8]) -> Option<Code> {
    let mut reader = Reader::new(bytes);
    let kind = match reader.byte()? {
        0 => Kind::Invitation,
        1 => Kind::Answer,
        _ => return None,
    };
    let expires = u32::from_be_bytes(reader.array()?);
    let (session, pledge, fingerprint) = (reader.array()?, reader.array()?, reader.array()?);
    let numbers = Numbers { a: reader.byte()?, b: reader.byte()? };
    let (ufrag, pwd) = (reader.text(SECRET_MAX)?, reader.text(SECRET_MAX)?);
    let name = reader.text(NAME_MAX)?;
    if !name_is_fine(&name) {
        return None;
    }
    let count = usize::from(reader.byte()?);
    if count > CANDIDATES_MAX {
        return None;
    }
    let candidates = (0..count).map(|_| parse_candidate(&mut reader)).collect::<Option<Vec<_>>>()?;
    let essentials = Essentials { fingerprint, ufrag, pwd, candidates };
    reader.is_empty().then_some(Code { kind, expires, session, pledge, essentials, numbers, name })
}

/// Whether a LAN can be called so: as a label of a domain name, since it becomes one.
pub fn name_is_fine(name: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(sign) && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
pub(crate) mod tests;
