/// Writes a body.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    /// Writes how many entries follow, and gives those that may.
    pub(crate) fn list<'a, T>(&mut self, entries: &'a [T], max: usize) -> &'a [T] {
        let entries = &entries[..entries.len().min(max)];
        self.bytes(&[u8::try_from(entries.len()).unwrap_or(u8::MAX)]);
        entries
    }

    /// A text behind its length in one byte.
    pub(crate) fn short(&mut self, text: &str, max: usize) {
        let text = cut(text, max);
        self.bytes(&[u8::try_from(text.len()).unwrap_or(u8::MAX)]);
        self.bytes(text.as_bytes());
    }

    /// A text behind its length in two bytes.
    pub(crate) fn long(&mut self, text: &str, max: usize) {
        let text = cut(text, max);
        self.u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
        self.bytes(text.as_bytes());
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// As much of the text as has at most so many bytes, in whole characters.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
