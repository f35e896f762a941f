//! Bodies of requests (RFC 9112, sections 6 and 7).

use super::{Header, HttpError, tokens};

/// The longest line before a chunk, in bytes: a length and a few words nobody needs.
const CHUNK_LINE: usize = 256;
/// The most bytes after the last chunk.
const TRAILERS: usize = 8192;

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes; 0 also if there is none.
    Known(u64),
    /// As many as its chunks have.
    Chunked,
}

impl Length {
    /// What the headers say. Everything that could be understood in two ways is refused (RFC 9112, sections 6.1 to 6.3).
    pub(super) fn of(headers: &[Header], old: bool) -> Result<Length, HttpError> {
        let mut lengths = headers.iter().filter(|(name, _)| name == "content-length");
        let codings: Vec<String> = headers
            .iter()
            .filter(|(name, _)| name == "transfer-encoding")
            .flat_map(|(_, value)| tokens(value))
            .collect();
        let coded = headers.iter().any(|(name, _)| name == "transfer-encoding");
        let length = lengths.next();
        if lengths.next().is_some() {
            return Err(HttpError::Framing("it has more than one Content-Length"));
        }
        if coded {
            return match (length, old, &codings[..]) {
                (Some(_), ..) => Err(HttpError::Framing("it has both Content-Length and Transfer-Encoding")),
                (None, true, _) => Err(HttpError::Framing("HTTP/1.0 has no Transfer-Encoding")),
                (None, false, [one]) if one == "chunked" => Ok(Length::Chunked),
                (None, false, _) => Err(HttpError::Coding),
            };
        }
        let Some((_, value)) = length else { return Ok(Length::Known(0)) };
        let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
        number.map(Length::Known).ok_or(HttpError::Framing("its Content-Length is no number"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes are still to come.
    Plain(u64),
    /// The line before a chunk, as far as it has come.
    Line(Vec<u8>),
    Chunk(u64),
    /// What ends a chunk: how many of CR and LF have come.
    ChunkEnd(usize),
    /// After the last chunk: bytes so far, and of them in this line, without its end.
    Trailers(usize, usize, bool),
    Done,
}

/// Takes a body out of a stream.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    state: State,
    left: u64,
    max: u64,
}

impl Decoder {
    pub(super) fn new(length: Length, max: u64) -> Result<Decoder, HttpError> {
        let state = match length {
            Length::Known(0) => State::Done,
            Length::Known(length) if length > max => return Err(HttpError::BodyTooLarge(max)),
            Length::Known(length) => State::Plain(length),
            Length::Chunked => State::Line(Vec::new()),
        };
        Ok(Decoder { state, left: max, max })
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes of the stream, appends those of the body, at most `room`, to `out`. Gives how many of the stream's it has taken; none after
    /// the body's end.
    pub(super) fn take(&mut self, bytes: &[u8], room: usize, out: &mut Vec<u8>) -> Result<usize, HttpError> {
        let (mut at, end) = (0, out.len() + room);
        while at < bytes.len() && self.state != State::Done {
            match &mut self.state {
                State::Plain(left) | State::Chunk(left) => {
                    let fits = (bytes.len() - at).min(end - out.len());
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(fits);
                    if count == 0 {
                        return Ok(at);
                    }
                    out.extend_from_slice(&bytes[at..at + count]);
                    at += count;
                    *left -= count as u64;
                    if *left == 0 {
                        let plain = matches!(self.state, State::Plain(_));
                        self.state = if plain { State::Done } else { State::ChunkEnd(0) };
                    }
                }
                _ => {
                    self.control(bytes[at])?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    /// A byte that is not the body's.
    fn control(&mut self, byte: u8) -> Result<(), HttpError> {
        const BAD: HttpError = HttpError::Framing("a chunk of its body is malformed");
        match &mut self.state {
            State::Line(line) => {
                if byte != b'\n' {
                    line.push(byte);
                    return if line.len() > CHUNK_LINE { Err(BAD) } else { Ok(()) };
                }
                let length = chunk_length(line).ok_or(BAD)?;
                self.left = self.left.checked_sub(length).ok_or(HttpError::BodyTooLarge(self.max))?;
                self.state = if length == 0 { State::Trailers(0, 0, false) } else { State::Chunk(length) };
            }
            State::ChunkEnd(seen) => match (*seen, byte) {
                (0, b'\r') => *seen = 1,
                (1, b'\n') => self.state = State::Line(Vec::new()),
                _ => return Err(BAD),
            },
            State::Trailers(total, line, cr) => {
                *total += 1;
                match (byte, *cr) {
                    (b'\n', true) if *line == 0 => self.state = State::Done,
                    (b'\n', true) => (*line, *cr) = (0, false),
                    (b'\r', false) => *cr = true,
                    (b'\n', false) | (_, true) => return Err(BAD),
                    (_, false) => *line += 1,
                }
                if matches!(self.state, State::Trailers(total, ..) if total > TRAILERS) {
                    return Err(BAD);
                }
            }
            State::Plain(_) | State::Chunk(_) | State::Done => {}
        }
        Ok(())
    }
}

/// The length in the line before a chunk, which has come without its LF. What follows a semicolon means nothing here.
fn chunk_length(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r")?;
    let digits = line.split(|byte| *byte == b';').next()?;
    let digits = if digits.len() < line.len() { digits.trim_ascii_end() } else { digits };
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) || line.contains(&b'\r') {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
