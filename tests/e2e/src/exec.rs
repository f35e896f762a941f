use crate::{Console, Error, Result};
use protocol::Stream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Stands around the output of a command (ASCII's record separator); the terminal's echo of the command has it only as
/// `\036`.
const MARK: char = '\u{1e}';
/// How much of a command is typed in one line: BusyBox's line editor takes 8192 bytes in Alpine, 1024 elsewhere.
const LINE: usize = 700;

/// A line that keeps a piece of the quoted command, and runs the command if it is the last. A guest's new processes take long, so there is one: a
/// subshell.
fn typed(piece: &str, last: bool, nonce: u32) -> String {
    let run = format!(r#"; printf '\036B{nonce}\036'; (eval "$C") </dev/null; printf '\036E%d\036' $?"#);
    if last { format!(" C={piece}{run}\r") } else { format!(" C={piece}\r") }
}

/// Pieces of a command as a shell reads them between `$'` and `'`: nothing that its line editor would act upon. Each is short enough for a line.
fn quoted(command: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for byte in command.bytes() {
        let sign = match byte {
            b'\n' => r"\n".to_owned(),
            b' '..=b'~' if !br"\'!".contains(&byte) => char::from(byte).to_string(),
            _ => format!(r"\{byte:03o}"),
        };
        if pieces[pieces.len() - 1].len() + sign.len() > LINE {
            pieces.push(String::new());
        }
        let last = pieces.len() - 1;
        pieces[last] += &sign;
    }
    pieces
}

/// What became of a command in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its standard output and standard error, as a terminal would show them but for line ends.
    pub output: Vec<u8>,
    /// Its exit status.
    pub status: u8,
}

impl Finished {
    /// The output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }
}

/// Takes the console's output apart at the marks.
#[derive(Debug, Default)]
struct Parser {
    /// Tells this command from one of which the scrollback is shown again.
    nonce: u32,
    pending: Vec<u8>,
    begun: bool,
    /// A carriage return came last.
    held: bool,
}

impl Parser {
    /// Takes in output; gives what is the command's, and its status once it has ended.
    fn push(&mut self, bytes: &[u8]) -> (Vec<u8>, Option<u8>) {
        let (shown, status) = self.take(bytes);
        let mut output = vec![];
        for byte in shown {
            // The terminal writes a carriage return before each line feed.
            if std::mem::replace(&mut self.held, byte == b'\r') && byte != b'\n' {
                output.push(b'\r');
            }
            if byte != b'\r' {
                output.push(byte);
            }
        }
        if status.is_some() && std::mem::take(&mut self.held) {
            output.push(b'\r');
        }
        (output, status)
    }

    /// The same, as the terminal shows it.
    fn take(&mut self, bytes: &[u8]) -> (Vec<u8>, Option<u8>) {
        self.pending.extend_from_slice(bytes);
        if !self.begun {
            let begin = format!("{MARK}B{}{MARK}", self.nonce);
            let Some(at) = find(&self.pending, begin.as_bytes()) else { return (vec![], None) };
            self.pending.drain(..at + begin.len());
            self.begun = true;
        }
        let mut output = vec![];
        loop {
            let Some(at) = self.pending.iter().position(|byte| *byte == MARK as u8) else {
                output.append(&mut self.pending);
                return (output, None);
            };
            output.extend(self.pending.drain(..at));
            let Some(end) = self.pending[1..].iter().position(|byte| *byte == MARK as u8) else {
                // The end may be on its way: `MARK E 1 2 3 MARK` has at most six bytes.
                if self.pending.len() > 6 {
                    output.push(self.pending.remove(0));
                    continue;
                }
                return (output, None);
            };
            let inside = std::str::from_utf8(&self.pending[1..=end]).ok();
            if let Some(status) = inside.and_then(|text| text.strip_prefix('E')?.parse().ok()) {
                return (output, Some(status));
            }
            output.push(self.pending.remove(0));
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The output without what the terminal shows of a console's answer to the shell, which asks where the cursor is: `^[[38;15R`. A console that has
/// much to do answers when the command runs already.
fn without_reports(output: &[u8]) -> Vec<u8> {
    let mut rest = output;
    let mut kept = vec![];
    while let Some(at) = find(rest, b"^[[") {
        let inside = &rest[at + 3..];
        let end = inside.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';').unwrap_or(inside.len());
        let is_report = inside.get(end) == Some(&b'R') && inside[..end].contains(&b';');
        let next = if is_report { at + 3 + end + 1 } else { at + 3 };
        kept.extend_from_slice(&rest[..if is_report { at } else { next }]);
        rest = &rest[next..];
    }
    kept.extend_from_slice(rest);
    kept
}

impl Console<'_> {
    /// Runs a command in the guest's shell, which must be at its prompt, with nothing to read; `output` is given what it
    /// prints as it comes.
    pub async fn exec_with(&mut self, command: &str, timeout: Duration, mut output: impl FnMut(&[u8])) -> Result<u8> {
        let nonce = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        // In one line if at all possible: the shell asks the terminal for its cursor at each prompt, and an answer that
        // comes between two lines would be taken for a part of the second.
        let pieces = quoted(command);
        for (at, piece) in pieces.iter().enumerate() {
            let before = if at == 0 { "" } else { "\"$C\"" };
            let line = typed(&format!("{before}$'{piece}'"), at + 1 == pieces.len(), nonce);
            self.send(Stream::Shell, line.as_bytes()).await?;
        }
        let (mut parser, started) = (Parser { nonce, ..Parser::default() }, Instant::now());
        loop {
            let (bytes, status) = parser.push(&self.read_until(Stream::Shell, Some(MARK as u8)).await?);
            output(&bytes);
            if let Some(status) = status {
                return Ok(status);
            }
            if started.elapsed() > timeout {
                let shown = String::from_utf8_lossy(&parser.pending).into_owned();
                return Err(Error::Silent {
                    wanted: format!("the end of {command:?}"),
                    seconds: timeout.as_secs(),
                    shown,
                });
            }
        }
    }

    /// Runs a command in the guest's shell, which must be at its prompt.
    pub async fn exec(&mut self, command: &str, timeout: Duration) -> Result<Finished> {
        let mut output = vec![];
        let status = self.exec_with(command, timeout, |bytes| output.extend_from_slice(bytes)).await?;
        Ok(Finished { output: without_reports(&output), status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_in_pieces(text: &str, piece: usize) -> (String, Option<u8>) {
        let (mut parser, mut all) = (Parser::default(), vec![]);
        for bytes in text.as_bytes().chunks(piece) {
            let (output, status) = parser.push(bytes);
            all.extend(output);
            if status.is_some() {
                return (String::from_utf8(all).unwrap(), status);
            }
        }
        (String::from_utf8(all).unwrap(), None)
    }

    #[test]
    fn the_output_is_what_stands_between_the_marks_however_it_comes() {
        let text = "$ printf '\\036B\\036'\r\n\u{1e}B0\u{1e}one\ntwo\n\u{1e}E3\u{1e}$ ";
        for piece in 1..text.len() {
            assert_eq!(parse_in_pieces(text, piece), ("one\ntwo\n".to_owned(), Some(3)), "{piece}");
        }
    }

    #[test]
    fn lines_end_as_the_command_has_ended_them() {
        let text = "\u{1e}B0\u{1e}one\r\ntwo\r\r\n\rthree\r\u{1e}E0\u{1e}";
        for piece in 1..text.len() {
            assert_eq!(parse_in_pieces(text, piece), ("one\ntwo\r\n\rthree\r".to_owned(), Some(0)), "{piece}");
        }
    }

    #[test]
    fn an_answer_to_the_shell_is_no_output() {
        for (shown, output) in [
            ("^[[38;15RGET /\n", "GET /\n"),
            ("a^[[1;1R^[[24;80Rb", "ab"),
            ("^[[38R ^[[1;2H ^[[", "^[[38R ^[[1;2H ^[["),
        ] {
            assert_eq!(without_reports(shown.as_bytes()), output.as_bytes());
        }
    }

    #[test]
    fn a_command_is_quoted_in_lines_that_no_editor_changes() {
        let command = "printf '%s\\n' \"$A\" 'ä\t!'\n".repeat(100);
        let pieces = quoted(&command);
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= LINE));
        let plain = |piece: &String| piece.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\'');
        assert!(pieces.iter().all(plain));
        let script: String = pieces.iter().map(|piece| format!("C=\"$C\"$'{piece}'\n")).collect();
        let said = std::process::Command::new("bash").args(["-c", &format!("{script}printf %s \"$C\"")]).output();
        assert_eq!(String::from_utf8(said.unwrap().stdout).unwrap(), command);
    }

    #[test]
    fn a_mark_in_the_output_is_output() {
        let text = "\u{1e}B0\u{1e}a\u{1e}b\u{1e}\u{1e}E0\u{1e}";
        for piece in 1..text.len() {
            assert_eq!(parse_in_pieces(text, piece), ("a\u{1e}b\u{1e}".to_owned(), Some(0)), "{piece}");
        }
    }
}
