//! What is in a folder, sorted and found for people.

use protocol::{ShareEntry, ShareKind, is_unfinished};

/// Folders first, then by name, without regard to capitals; without what is just being uploaded.
pub(super) fn sorted(mut entries: Vec<ShareEntry>) -> Vec<ShareEntry> {
    entries.retain(|entry| !is_unfinished(&entry.name));
    entries.sort_by_cached_key(|entry| {
        (entry.stat.kind != ShareKind::Folder, entry.name.shown().to_lowercase(), entry.name.clone())
    });
    entries
}

/// The entries whose names have this text in them.
pub(super) fn found<'a>(entries: &'a [ShareEntry], text: &str) -> Vec<&'a ShareEntry> {
    let text = text.trim().to_lowercase();
    let matches = |entry: &&ShareEntry| text.is_empty() || entry.name.shown().to_lowercase().contains(&text);
    entries.iter().filter(matches).collect()
}

/// How many there are.
pub(super) fn counted(shown: usize, all: usize, more: bool) -> String {
    let all_text = match all {
        1 => "1 item".to_owned(),
        all if more => format!("more than {all} items"),
        all => format!("{all} items"),
    };
    if shown == all { all_text } else { format!("{shown} of {all_text}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{FileName, JobId, ShareStat};

    fn entry(name: &str, kind: ShareKind) -> ShareEntry {
        let stat = ShareStat { kind, bytes: 0, modified: 0, mode: 0o644, version: 0 };
        ShareEntry { name: FileName::from_bytes(name.as_bytes()).unwrap(), stat, target: String::new() }
    }

    fn names(entries: &[ShareEntry]) -> Vec<String> {
        entries.iter().map(|entry| entry.name.shown()).collect()
    }

    #[test]
    fn folders_come_first_and_capitals_make_no_difference() {
        let entries = vec![
            entry("b", ShareKind::File),
            entry("C", ShareKind::File),
            entry("a", ShareKind::Link),
            entry("Z", ShareKind::Folder),
        ];
        assert_eq!(names(&sorted(entries)), ["Z", "a", "b", "C"]);
    }

    #[test]
    fn what_is_just_being_uploaded_is_not_shown() {
        let unfinished = format!(".upload-{}", JobId::from_random(5));
        let entries = vec![entry(&unfinished, ShareKind::File), entry(".upload-mine", ShareKind::File)];
        assert_eq!(names(&sorted(entries)), [".upload-mine"]);
    }

    #[test]
    fn a_part_of_a_name_finds_it() {
        let entries = vec![entry("Notes.txt", ShareKind::File), entry("other", ShareKind::File)];
        assert_eq!(found(&entries, " notes").len(), 1);
        assert_eq!(found(&entries, "").len(), 2);
    }

    #[test]
    fn a_count_says_whether_all_is_shown() {
        assert_eq!(counted(1, 1, false), "1 item");
        assert_eq!(counted(0, 0, false), "0 items");
        assert_eq!(counted(200, 10_000, false), "200 of 10000 items");
        assert_eq!(counted(5, 20_000, true), "5 of more than 20000 items");
    }
}
