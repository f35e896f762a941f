//! What the tests of the runner share: the repository's catalog, and profiles of their own.

#![allow(dead_code, reason = "each test file is a program of its own and uses a part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "only tests use it, and a failure fails the test")]

pub mod alpine;

use profile::Bundle;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(path).unwrap());
        }
    }
}

/// All profiles of the repository.
pub fn catalog() -> Vec<Bundle> {
    let mut bundles = vec![];
    for entry in fs::read_dir(repository("profiles")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !name.starts_with('_') {
            let mut files = BTreeMap::new();
            read(&path, "", &mut files);
            let bundle = Bundle::new(files).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(bundle.profile().name.as_str(), name);
            bundles.push(bundle);
        }
    }
    bundles
}

/// A profile of a test's own; `more` are lines of its `profile.toml`.
pub fn profile(name: &str, version: &str, more: &str, apply: &str, others: &[(&str, &str)]) -> Bundle {
    let toml = format!("name = {name:?}\nversion = {version:?}\ndescription = 'A test.'\nsize-mib = 1\n{more}\n");
    let mut files: BTreeMap<String, Vec<u8>> =
        [("profile.toml", &toml[..]), ("apply.sh", apply), ("rollback.sh", ":\n"), ("check.sh", ":\n")]
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
            .collect();
    files.extend(others.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
    Bundle::new(files).unwrap()
}

/// Lays the runner and these profiles as the host does.
pub fn lay(folder: &Path, bundles: &[Bundle]) {
    fs::create_dir_all(folder).unwrap();
    let mut files = BTreeMap::new();
    read(&repository("profiles/_runner"), "", &mut files);
    files.extend(bundles.iter().flat_map(Bundle::laid));
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Compares two listings, and says only what differs.
#[track_caller]
pub fn assert_same(now: &str, before: &str, said: &str) {
    let lines = |text: &str, other: &str| -> String {
        text.lines()
            .filter(|line| !other.lines().any(|there| there == *line))
            .map(|line| format!("  {line}\n"))
            .collect()
    };
    assert!(now == before, "{said}\nIt has now:\n{}and had before:\n{}", lines(now, before), lines(before, now));
}
