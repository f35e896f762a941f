//! Trees of files, to be packed by one program and unpacked by another.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// What can be seen of one entry: its mode, its time (not of symbolic links), and its content or target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub mode: u32,
    pub mtime: i64,
    pub content: Vec<u8>,
}

/// Everything below a directory, by path.
pub fn listing(root: &Path) -> BTreeMap<Vec<u8>, Seen> {
    let mut found = BTreeMap::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let content = if meta.is_dir() {
                todo.push(path.clone());
                Vec::new()
            } else if meta.is_symlink() {
                fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
            } else {
                fs::read(&path).unwrap()
            };
            let mtime = if meta.is_symlink() { 0 } else { meta.mtime() };
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
            found.insert(name, Seen { mode: meta.mode(), mtime, content });
        }
    }
    found
}

/// Writes a file with a mode and a time.
pub fn file(root: &Path, name: &[u8], content: &[u8], mode: u32, mtime: u64) {
    let path = root.join(OsStr::from_bytes(name));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    finish(&path, mode, mtime);
}

/// Makes a directory with a mode and a time. What is put in later changes the time.
pub fn directory(root: &Path, name: &[u8], mode: u32, mtime: u64) {
    let path = root.join(OsStr::from_bytes(name));
    fs::create_dir_all(&path).unwrap();
    finish(&path, mode, mtime);
}

fn finish(path: &Path, mode: u32, mtime: u64) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(mtime));
    fs::File::open(path).unwrap().set_times(times).unwrap();
}

/// A tree with what is usual and what is not: empty files and directories, links, long and deep and odd names, all kinds of modes.
pub fn sample(root: &Path) {
    file(root, b"hello.txt", b"hello\n", 0o644, 1_600_000_000);
    file(root, b"empty", b"", 0o600, 1_000_000_000);
    file(root, b"bin/tool", &super::noise(200_000, 9), 0o755, 1_234_567_890);
    file(root, b"bin/text", "some text\n".repeat(20_000).as_bytes(), 0o444, 1_500_000_002);
    file(root, "n\u{e4}me with spaces \u{1f980}".as_bytes(), b"crab", 0o640, 1_600_000_000);
    file(root, b"-rf", b"a name like an option", 0o644, 1_600_000_000);
    let long = "long/".repeat(40) + &"x".repeat(200);
    file(root, long.as_bytes(), b"deep", 0o644, 1_600_000_000);
    symlink("hello.txt", root.join("link")).unwrap();
    symlink("../../../etc/passwd", root.join("bin/outside")).unwrap();
    symlink("/".to_owned() + &"t".repeat(150), root.join("long link")).unwrap();
    directory(root, b"nothing inside", 0o1777, 1_300_000_000);
    for name in ["bin", &"long/".repeat(40)] {
        directory(root, name.as_bytes(), 0o755, 1_400_000_000);
    }
    let mut path = "long/".repeat(39);
    while !path.is_empty() {
        directory(root, path.as_bytes(), 0o750, 1_400_000_000);
        path.truncate(path.len() - 5);
    }
}
