/// Longest line that is looked at; a kernel's last words are far shorter.
const LINE_MAX: usize = 512;
/// What the kernel prints when it has given up, followed by the reason and ` ]---` (`kernel/panic.c`).
const MARK: &str = "---[ end Kernel panic - not syncing: ";

/// Watches a serial console for the kernel's last words.
#[derive(Debug, Default)]
pub struct PanicWatch {
    line: Vec<u8>,
}

impl PanicWatch {
    /// Takes in a byte of output; returns the reason if the kernel has given up.
    pub fn push(&mut self, byte: u8) -> Option<String> {
        if byte != b'\n' {
            if self.line.len() < LINE_MAX {
                self.line.push(byte);
            }
            return None;
        }
        let line = std::mem::take(&mut self.line);
        // Nearly every line ends here, without being decoded.
        if !line.windows(4).any(|part| part == b"---[") {
            return None;
        }
        let text = String::from_utf8_lossy(&line);
        let (before, reason) = text.split_once(MARK)?;
        // Only the kernel's time stamp may stand before it: a file that is shown is no panic.
        let stamp = before.trim();
        let stamped = stamp.starts_with('[') && stamp.ends_with(']');
        if !(stamp.is_empty() || stamped) {
            return None;
        }
        Some(reason.trim_end().trim_end_matches("]---").trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(output: &[u8]) -> Option<String> {
        let mut watch = PanicWatch::default();
        output.iter().find_map(|byte| watch.push(*byte))
    }

    #[test]
    fn the_kernels_last_words_give_the_reason() {
        let output = b"ok\r\n[    0.512345] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---\r\n";
        assert_eq!(reason(output).unwrap(), "VFS: Unable to mount root fs on unknown-block(0,0)");
        assert_eq!(reason(b"---[ end Kernel panic - not syncing: x ]---\n").unwrap(), "x");
    }

    #[test]
    fn other_text_is_no_panic() {
        assert_eq!(reason(b"grep: ---[ end Kernel panic - not syncing: x ]---\n"), None);
        assert_eq!(reason(b"Kernel panic - not syncing: x\n"), None);
        assert_eq!(reason(&[b'-'; 100_000]), None);
        assert_eq!(reason(&[0xff; 1_000]), None);
    }
}
