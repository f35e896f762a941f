use crate::error::WireError;

/// Reads a body from its beginning to its end.
pub(crate) struct Reader<'a> {
    kind: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(kind: u8, body: &'a [u8]) -> Reader<'a> {
        Reader { kind, rest: body }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(WireError::CutShort(self.kind))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::CutShort(self.kind))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    /// How many entries follow.
    pub(crate) fn count(&mut self, max: usize, what: &'static str) -> Result<usize, WireError> {
        let [count] = self.array()?;
        let count = usize::from(count);
        if count > max { Err(WireError::TooMany(what)) } else { Ok(count) }
    }

    /// A text behind its length in one byte.
    pub(crate) fn short(&mut self, max: usize, what: &'static str) -> Result<String, WireError> {
        let [length] = self.array()?;
        self.text(usize::from(length), max, what)
    }

    /// A text behind its length in two bytes.
    pub(crate) fn long(&mut self, max: usize, what: &'static str) -> Result<String, WireError> {
        let length = self.u16()?;
        self.text(usize::from(length), max, what)
    }

    fn text(&mut self, length: usize, max: usize, what: &'static str) -> Result<String, WireError> {
        if length > max {
            return Err(WireError::Text(what));
        }
        let text = str::from_utf8(self.take(length)?).map_err(|_| WireError::Text(what))?;
        // It is shown to people, and written into logs.
        if text.chars().any(char::is_control) {
            return Err(WireError::Text(what));
        }
        Ok(text.to_owned())
    }

    /// Leaves what is left.
    pub(crate) fn rest(&mut self) {
        self.rest = &[];
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::TooMuch(self.kind)) }
    }
}
