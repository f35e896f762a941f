//! A saved memory as a file: what the terminals showed, what the guest had open of the shared files, and then the machine's state as
//! v86 wrote it.
//!
//! The file begins with one line of JSON, `{"format":"vm-workbench-memory","version":2,"serial":N,"shell":N,"share":N}`. Then come the
//! two terminals' newest output and the shared files' session, so many bytes each, and then, to the file's end, the state. Version 1
//! has no `share`: its machines had no shared files.

use serde::{Deserialize, Serialize};

const FORMAT: &str = "vm-workbench-memory";
const VERSION: u32 = 2;
/// The line is shorter than this.
const LINE_MAX: usize = 256;

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    format: String,
    version: u32,
    serial: u64,
    shell: u64,
    #[serde(default)]
    share: u64,
}

/// Where things are in the file, in bytes from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The first serial port's output.
    pub serial: std::ops::Range<u64>,
    /// The virtio console's output.
    pub shell: std::ops::Range<u64>,
    /// What the guest had open of the shared files; empty if it had none to open.
    pub share: std::ops::Range<u64>,
    /// Where the state begins.
    pub state: u64,
}

/// Why a file is no saved memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// It does not begin as one, or is too short for what it says of itself.
    #[error("the saved memory is damaged")]
    Damaged,
    /// It was written by a newer version.
    #[error("the saved memory was written by a newer version of the extension")]
    Newer,
}

/// What comes before the state.
pub fn head(serial: &[u8], shell: &[u8], share: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let [serial_len, shell_len, share_len] = [serial, shell, share].map(|part| part.len() as u64);
    let line =
        Line { format: FORMAT.to_owned(), version: VERSION, serial: serial_len, shell: shell_len, share: share_len };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(serial);
    bytes.extend_from_slice(shell);
    bytes.extend_from_slice(share);
    Ok(bytes)
}

/// Finds where things are in a file of `len` bytes that begins with `start`: 256 bytes, or all if there are fewer.
pub fn find(start: &[u8], len: u64) -> Result<Saved, SavedError> {
    let line = start.iter().take(LINE_MAX).position(|byte| *byte == b'\n').ok_or(SavedError::Damaged)?;
    let said: Line = serde_json::from_slice(&start[..line]).map_err(|_| SavedError::Damaged)?;
    if said.format != FORMAT {
        return Err(SavedError::Damaged);
    }
    if said.version > VERSION {
        return Err(SavedError::Newer);
    }
    let begin = line as u64 + 1;
    let middle = begin.checked_add(said.serial).ok_or(SavedError::Damaged)?;
    let share = middle.checked_add(said.shell).ok_or(SavedError::Damaged)?;
    let state = share.checked_add(said.share).ok_or(SavedError::Damaged)?;
    if state > len {
        return Err(SavedError::Damaged);
    }
    Ok(Saved { serial: begin..middle, shell: middle..share, share: share..state, state })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_saved_is_found_again(serial: Vec<u8>, shell: Vec<u8>, share: Vec<u8>, state: Vec<u8>) {
            let mut file = head(&serial, &shell, &share).unwrap();
            file.extend(&state);
            let saved = find(&file[..file.len().min(LINE_MAX)], file.len() as u64).unwrap();
            let part = |range: std::ops::Range<u64>| &file[range.start as usize..range.end as usize];
            prop_assert_eq!(part(saved.serial), &serial[..]);
            prop_assert_eq!(part(saved.shell), &shell[..]);
            prop_assert_eq!(part(saved.share), &share[..]);
            prop_assert_eq!(&file[saved.state as usize..], &state[..]);
        }

        #[test]
        fn any_other_bytes_are_refused(bytes: Vec<u8>, len: u64) {
            prop_assert!(find(&bytes, len).is_err());
        }
    }

    #[test]
    fn a_memory_of_the_first_version_has_no_shared_files() {
        let line = br#"{"format":"vm-workbench-memory","version":1,"serial":2,"shell":3}"#;
        let saved = find(&[&line[..], b"\n"].concat(), 1000).unwrap();
        assert!(saved.share.is_empty() && saved.state == line.len() as u64 + 6, "{saved:?}");
    }

    #[test]
    fn lengths_beyond_the_file_are_refused() {
        let line = br#"{"format":"vm-workbench-memory","version":1,"serial":18446744073709551615,"shell":9}"#;
        let line = [&line[..], b"\n"].concat();
        assert_eq!(find(&line, 1000), Err(SavedError::Damaged));
        let newer = br#"{"format":"vm-workbench-memory","version":3,"serial":0,"shell":0}"#;
        assert_eq!(find(&[&newer[..], b"\n"].concat(), 1000), Err(SavedError::Newer));
    }
}
