//! Keys that are the page's and not the machine's.

/// A key with its modifiers, as the browser tells of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Key<'a> {
    /// `KeyboardEvent.key`.
    pub(crate) key: &'a str,
    pub(crate) ctrl: bool,
    pub(crate) shift: bool,
    pub(crate) alt: bool,
    pub(crate) meta: bool,
}

/// What a key asks of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Opens the search.
    Find,
    /// To the next match.
    FindNext,
    /// To the match before.
    FindBefore,
    /// Copies the selection.
    Copy,
    /// Opens the panel with the disks, or closes it.
    Disks,
    /// Opens the panel with the shared files, or closes it.
    Files,
    /// Opens the panel with the profiles, or closes it.
    Profiles,
    /// Opens the panel with the machine's health, or closes it.
    Health,
    /// Leaves the key to the browser, whose own paste needs no permission.
    Paste,
    /// Moves the focus out of the terminal, to the tool bar.
    Leave,
}

/// What this key asks of the page, if it is not the machine's. F3 is the page's only while it searches: programs in
/// the machine use it too.
pub(crate) fn command(key: Key<'_>, searching: bool) -> Option<Command> {
    let Key { key, ctrl, shift, alt, meta } = key;
    let both = ctrl && shift && !alt && !meta;
    let plain = !ctrl && !alt && !meta;
    match key {
        "F" | "f" if both => Some(Command::Find),
        "C" | "c" if both => Some(Command::Copy),
        "D" | "d" if both => Some(Command::Disks),
        "E" | "e" if both => Some(Command::Files),
        "G" | "g" if both => Some(Command::Profiles),
        "H" | "h" if both => Some(Command::Health),
        "V" | "v" if both => Some(Command::Paste),
        "ArrowUp" if both => Some(Command::Leave),
        "F3" if searching && plain && shift => Some(Command::FindBefore),
        "F3" if searching && plain => Some(Command::FindNext),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_both(key: &str) -> Key<'_> {
        Key { key, ctrl: true, shift: true, ..Key::default() }
    }

    #[test]
    fn control_and_shift_make_a_letter_the_pages_own() {
        assert_eq!(command(with_both("F"), false), Some(Command::Find));
        assert_eq!(command(with_both("C"), false), Some(Command::Copy));
        assert_eq!(command(with_both("D"), false), Some(Command::Disks));
        assert_eq!(command(with_both("E"), false), Some(Command::Files));
        assert_eq!(command(with_both("G"), false), Some(Command::Profiles));
        assert_eq!(command(with_both("H"), false), Some(Command::Health));
        assert_eq!(command(with_both("V"), false), Some(Command::Paste));
        assert_eq!(command(with_both("ArrowUp"), false), Some(Command::Leave));
    }

    #[test]
    fn what_a_shell_needs_stays_the_machines() {
        for key in ["c", "d", "e", "g", "h", "v", "f", "z", "ArrowUp", "Tab", "Escape"] {
            assert_eq!(command(Key { key, ctrl: true, ..Key::default() }, true), None, "Ctrl+{key}");
            assert_eq!(command(Key { key, ..Key::default() }, true), None, "{key}");
        }
        assert_eq!(command(Key { alt: true, ..with_both("C") }, false), None);
    }

    #[test]
    fn f3_is_the_pages_only_while_it_searches() {
        let f3 = Key { key: "F3", ..Key::default() };
        assert_eq!(command(f3, false), None);
        assert_eq!(command(f3, true), Some(Command::FindNext));
        assert_eq!(command(Key { shift: true, ..f3 }, true), Some(Command::FindBefore));
    }
}
