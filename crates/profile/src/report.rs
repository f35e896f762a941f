//! What the runner says while it works: lines with a sign in front for the host, and everything else for people.

/// The longest line that is kept, in bytes: a guest may send one without an end.
const LINE_MAX: usize = 1_000;

/// A line of the runner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// `## N/M text`: what it is at now, and of how many.
    Step {
        /// Which, from 1 on.
        number: u32,
        /// Of how many.
        of: u32,
        /// What, for people.
        text: String,
    },
    /// Anything else, without its line break.
    Text(String),
}

/// Cuts the runner's output into lines.
#[derive(Debug, Default)]
pub struct Report {
    line: Vec<u8>,
}

impl Report {
    /// Takes in what came, and gives the lines that are whole.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = vec![];
        for byte in bytes {
            match byte {
                b'\n' => lines.push(parse(&std::mem::take(&mut self.line))),
                _ if self.line.len() < LINE_MAX => self.line.push(*byte),
                _ => {}
            }
        }
        lines
    }

    /// What came last, without a line break.
    pub fn end(self) -> Option<Line> {
        (!self.line.is_empty()).then(|| parse(&self.line))
    }
}

fn parse(line: &[u8]) -> Line {
    let text = String::from_utf8_lossy(line);
    let text: String = text.chars().filter(|letter| !letter.is_control() || *letter == '\t').collect();
    step(&text).unwrap_or(Line::Text(text))
}

fn step(text: &str) -> Option<Line> {
    let (count, text) = text.strip_prefix("## ")?.split_once(' ')?;
    let (number, of) = count.split_once('/')?;
    Some(Line::Step { number: number.parse().ok()?, of: of.parse().ok()?, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_they_come() {
        let bytes = b"## 1/3 Packages\n(1/2) Installing git\n\x1b[31m## odd\nrest";
        let mut whole = Report::default();
        let lines = whole.push(bytes);
        assert_eq!(lines[0], Line::Step { number: 1, of: 3, text: "Packages".to_owned() });
        assert_eq!(lines[2], Line::Text("[31m## odd".to_owned()));
        assert_eq!(whole.end(), Some(Line::Text("rest".to_owned())));
        let mut pieces = Report::default();
        let again: Vec<Line> = bytes.iter().flat_map(|byte| pieces.push(&[*byte])).collect();
        assert_eq!(again, lines);
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory() {
        let mut report = Report::default();
        assert!(report.push(&[b'x'; 1 << 20]).is_empty());
        assert_eq!(report.end(), Some(Line::Text("x".repeat(LINE_MAX))));
    }
}
