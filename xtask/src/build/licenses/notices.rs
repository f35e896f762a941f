//! A list of packages with their licences, followed by every text once.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How files with a licence or a notice are named, in capitals.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// Tells browsers that a text file is UTF-8: an extension's files come without a word on it.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// What has to be told of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as its manifest says.
    pub license: String,
    /// The texts that it brings.
    pub texts: Vec<String>,
}

/// The licence texts and notices in a package's folder, in the order of their files' names.
pub fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let failed = || format!("{} can't be read", folder.display());
    let mut paths = vec![];
    for entry in fs::read_dir(folder).with_context(failed)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && NAMES.iter().any(|known| name.starts_with(known)) {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).with_context(failed)).collect()
}

/// Writes the list, and then each text once, under the names of those that bring it.
pub fn write(heading: &str, notices: &[Notice]) -> String {
    let mut out = format!("{BYTE_ORDER_MARK}{heading}\n\n");
    // By the words: packages break the lines of the same text differently.
    let mut texts: BTreeMap<String, (&str, Vec<&str>)> = BTreeMap::new();
    for notice in notices {
        let own = if notice.texts.is_empty() { " (its package has no text of its own)" } else { "" };
        out += &format!("{} {} — {}{own}\n", notice.name, notice.version, notice.license);
        for text in &notice.texts {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            texts.entry(words).or_insert_with(|| (text, vec![])).1.push(&notice.name);
        }
    }
    let mut groups: Vec<_> = texts.into_values().collect();
    groups.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (text, names) in groups {
        out += &format!("\n{}\n{}\n\n{}\n", "-".repeat(78), names.join(", "), text.trim());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(name: &str, texts: &[&str]) -> Notice {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Notice { name: name.into(), version: "1.0".into(), license: "MIT".into(), texts }
    }

    #[test]
    fn a_text_that_several_share_is_written_once_under_all_their_names() {
        let all = [notice("a", &["Be kind.\nAlways."]), notice("b", &["Be kind. Always.\n"]), notice("c", &["Other"])];
        let text = write("Heading", &all);
        assert!(text.starts_with("\u{feff}Heading\n\na 1.0 — MIT\nb 1.0 — MIT\nc 1.0 — MIT\n"), "{text}");
        assert_eq!(text.matches("Be kind.").count(), 1);
        assert!(text.contains("\na, b\n\nBe kind.\nAlways.\n") && text.contains("\nc\n\nOther\n"), "{text}");
    }

    #[test]
    fn a_package_without_a_text_says_so() {
        assert!(write("", &[notice("a", &[])]).contains("a 1.0 — MIT (its package has no text of its own)"));
    }

    #[test]
    fn texts_are_found_by_their_files_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["LICENSE-MIT", "license.md", "README.md", "notice"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::create_dir(folder.path().join("licenses")).unwrap();
        assert_eq!(texts_in(folder.path()).unwrap(), ["LICENSE-MIT", "license.md", "notice"]);
    }
}
