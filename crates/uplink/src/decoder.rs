use crate::HEADER;
use crate::error::WireError;
use crate::message::{Message, longest};

/// Takes messages out of a stream's bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// How many bytes at the buffer's beginning have been dealt with.
    done: usize,
    failed: Option<WireError>,
}

impl Decoder {
    /// Takes in what has come. Fetch all messages with [`Decoder::message`] before the next bytes: then never more is held than one message and one piece.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        self.buffer.drain(..self.done);
        self.done = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, if all of it is there. Messages of unknown kinds are left out. After an error there is nothing but that error.
    pub fn message(&mut self) -> Result<Option<Message>, WireError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let next = self.next();
        if let Err(error) = &next {
            self.failed = Some(error.clone());
            self.buffer = Vec::new();
            self.done = 0;
        }
        next
    }

    fn next(&mut self) -> Result<Option<Message>, WireError> {
        loop {
            let rest = self.buffer.get(self.done..).unwrap_or_default();
            let Some(([kind, length @ ..], rest)) = rest.split_first_chunk::<HEADER>() else { return Ok(None) };
            let (length, max) = (u32::from_le_bytes(*length) as usize, longest(*kind));
            if length > max {
                return Err(WireError::TooLong { kind: *kind, length, max });
            }
            let Some(body) = rest.get(..length) else { return Ok(None) };
            self.done += HEADER + length;
            if let Some(message) = Message::read(*kind, body)? {
                return Ok(Some(message));
            }
        }
    }
}
