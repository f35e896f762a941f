use crate::Result;
use crate::run::answer;
use std::path::Path;
use std::process::Command;

/// Major and minor version of a program, from what `--version` prints.
pub(crate) fn of(program: &Path) -> Result<Option<(u32, u32)>> {
    Ok(first(&answer(Command::new(program).arg("--version"))?))
}

/// The first word of a text that looks like a version: "ChromeDriver 156.0.8078.79 (…)", "v20.20.2".
pub(crate) fn first(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split('.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse().ok()
        });
        Some((numbers.next()??, numbers.next()??))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(first("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)"), Some((156, 0)));
        assert_eq!(first("ChromeDriver 155.1.2 (a21ce95c-refs/branch-heads/8078@{#1704})"), Some((155, 1)));
        assert_eq!(first("Mozilla Firefox 153.7esr"), Some((153, 7)));
        assert_eq!(first("v20.20.2"), Some((20, 20)));
        assert_eq!(first("rustc 1.96.0 (ac68faa20 2026-05-25)"), Some((1, 96)));
        assert_eq!(first("no version here."), None);
    }
}
