//! Lines, words and marks.

/// The longest line that is read, without its end. The agent writes no longer one than a port takes at once, 32 KiB; this is twice as
/// much, and all that a guest can make us keep of a line that does not end.
pub const LINE_MAX: usize = 64 * 1024;

/// A line's text: its length, a space, the text, a line break.
pub fn line(text: &str) -> String {
    format!("{} {text}\n", text.len())
}

/// Bytes as a word that the agent's `printf %b` makes into the same bytes again.
pub fn word(bytes: &[u8]) -> String {
    let mut word = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'/' | b',' | b':' | b'=' | b'@' | b'+' => {
                word.push(char::from(*byte));
            }
            _ => word.push_str(&format!("\\0{byte:03o}")),
        }
    }
    word
}

/// What stands on the bulk port before a transfer's bytes: nothing before it belongs to the transfer.
pub fn mark(id: u32) -> String {
    format!("\nbegin {id}\n")
}

/// Cuts what a guest sends into lines, and leaves out those that are damaged or too long.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    /// The line has become too long: the rest of it is skipped.
    skipping: bool,
}

impl Lines {
    /// Takes in bytes, and hands over the text of each whole line.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.keep(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            if !std::mem::take(&mut self.skipping)
                && let Some(text) = text_of(&line)
            {
                each(text);
            }
        }
        self.keep(rest);
    }

    fn keep(&mut self, part: &[u8]) {
        self.skipping |= self.line.len() + part.len() > LINE_MAX;
        if self.skipping {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(part);
        }
    }
}

/// The text of a line whose length is right.
fn text_of(line: &[u8]) -> Option<&[u8]> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (length, text) = (&line[..space], &line[space + 1..]);
    (number::<usize>(length)? == text.len()).then_some(text)
}

/// A decimal number; nothing but digits.
pub fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Looks for a mark in a stream of bytes.
#[derive(Debug)]
pub struct Search {
    mark: Vec<u8>,
    /// The end of what was looked at: less than a mark.
    tail: Vec<u8>,
}

impl Search {
    /// For this transfer's mark.
    pub fn new(id: u32) -> Self {
        Self { mark: mark(id).into_bytes(), tail: Vec::new() }
    }

    /// Takes in bytes; gives those behind the mark if it has come.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let before = self.tail.len();
        let mut seen = std::mem::take(&mut self.tail);
        seen.extend_from_slice(bytes);
        match seen.windows(self.mark.len()).position(|window| window == self.mark) {
            // A mark ends in the new bytes, for it is longer than the tail.
            Some(at) => Some(&bytes[at + self.mark.len() - before..]),
            None => {
                seen.drain(..seen.len().saturating_sub(self.mark.len() - 1));
                self.tail = seen;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut texts) = (Lines::default(), vec![]);
        for piece in pieces {
            lines.push(piece, |text| texts.push(text.to_vec()));
        }
        texts
    }

    #[test]
    fn a_line_is_read_however_it_is_cut() {
        assert_eq!(line("hello 1 0"), "9 hello 1 0\n");
        assert_eq!(texts(&[b"9 hel", b"lo 1 ", b"0\n0 \n"]), [&b"hello 1 0"[..], b""]);
    }

    #[test]
    fn a_line_of_another_length_is_left_out() {
        assert_eq!(texts(&[b"8 hello 1 0\n9 hello 1 \n-9 hello 1 0\n+9 hello 1 0\n\nhello\n4 good\n"]), [b"good"]);
    }

    #[test]
    fn a_line_without_an_end_is_forgotten_and_the_next_one_is_read() {
        let long = vec![b'x'; LINE_MAX + 1];
        assert_eq!(texts(&[&long, &long, b"\n4 good\n"]), [b"good"]);
    }

    #[test]
    fn words_have_no_space_and_no_line_break() {
        assert_eq!(word(b"echo 'a'\n\xff"), "echo\\0040\\0047a\\0047\\0012\\0377");
    }

    proptest! {
        #[test]
        fn the_mark_is_found_however_the_stream_is_cut(before in prop::collection::vec(0u8..128, 0..50), cut in 0usize..80) {
            let stream = [&before[..], b"\nbegin 1\nbegin 7\nrest"].concat();
            let mut search = Search::new(7);
            let (one, two) = stream.split_at(cut.min(stream.len()));
            let found = search.push(one).map(|rest| [rest, two].concat()).or_else(|| search.push(two).map(<[u8]>::to_vec));
            prop_assert_eq!(found, Some(b"rest".to_vec()));
        }
    }
}
