//! What several tests need: noise, packing, and other people's programs as judges.
#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

pub mod files;

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use transfer::Progress;

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;

/// Bytes that look random and don't compress, the same for the same seed.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..len.div_ceil(8)).flat_map(|_| next()).take(len).collect()
}

/// Progress that goes on.
pub fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Whether a program is missing. Without it such tests pass with a word, but not in CI, where it has to be there.
pub fn missing(program: &str) -> bool {
    let missing = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err();
    assert!(!(missing && std::env::var_os("CI").is_some()), "{program} has to be installed in CI");
    if missing {
        eprintln!("skipped: {program} is not installed");
    }
    missing
}

/// Runs a program in a directory; it must succeed. Returns what it wrote to its standard output.
pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(dir: &Path, program: &str, args: I) -> Vec<u8> {
    let output = Command::new(program).current_dir(dir).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}{}", String::from_utf8_lossy(&output.stdout));
    output.stdout
}

/// Runs a program and gives it some bytes as its standard input.
pub fn pipe(dir: &Path, program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), input).unwrap();
    let stdin = std::fs::File::open(file.path()).unwrap();
    let output = Command::new(program).current_dir(dir).args(args).stdin(stdin).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
