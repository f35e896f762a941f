//! `cargo xtask test`: all tests.

use crate::{build, succeed};
use anyhow::{Result, ensure};
use clap::Args;
use setup::native_cargo;
use std::fs;
use std::io::Write;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Debian's packages and what shows that each is there.
const JUDGES: [(&str, &str); 8] = [
    ("zstd", "zstd"),
    ("gzip", "gzip"),
    ("zip", "zip"),
    ("unzip", "unzip"),
    ("python3", "python3"),
    // Signs the repositories that tests give to apk.
    ("openssl", "openssl"),
    ("e2fsprogs", "mke2fs"),
    // Reads what was captured on the LAN.
    ("tshark", "tshark"),
];

/// The browsers' tests that take minutes each. They come first, so that none of them is left alone at the end.
const LONGEST: [&str; 6] = ["transfers", "profiles", "lan", "uplink", "catalog", "peers"];

#[derive(Debug, Args)]
pub struct Options {
    /// Only what needs no browser.
    #[arg(long)]
    native: bool,
}

/// Runs all tests.
pub fn test(root: &Path, options: &Options) -> Result<()> {
    // The judge of our disk images. Without it these tests are skipped, except in CI, where they fail.
    if let Err(error) = setup::apt(&[("qemu-utils", "qemu-img")]) {
        eprintln!("note: disk images are not judged by qemu-img: {error}");
    }
    // What the guest's scripts run on; the same holds.
    if let Err(error) = setup::apt(&[("busybox-static", "busybox")]) {
        eprintln!("note: the guest agent's scripts are not tested: {error}");
    }
    // Other programs' archives and disks, which ours are compared with; the same holds.
    if let Err(error) = setup::apt(&JUDGES) {
        eprintln!("note: archives are not judged by other programs: {error}");
    }
    lint(root)?;
    // The catalog's tests run the packaged DuckDB.
    setup::npm(root)?;
    // Profiles' tests run the guest's own system.
    build::guest::image(root)?;
    let mut tests = native_cargo();
    tests.args(["test", "--workspace", "--exclude", "e2e", "--exclude", "driver"]).current_dir(root);
    succeed(&mut tests)?;
    succeed(endpoint("test").current_dir(root))?;
    build::wasm_tests(root)?;
    if options.native {
        return Ok(());
    }
    build::extension(root)?;
    setup::chromium()?;
    setup::firefox()?;
    // Each test starts browsers and emulators. One emulator keeps one processor busy, so two at a time take all that a small machine has; the
    // driver's own tests look at all processes, so they are alone.
    succeed(browser_test(root).arg("--lib"))?;
    browser_tests(root, "driver", 1)?;
    browser_tests(root, "e2e", 2)
}

/// Runs the tests of a folder in `tests`, so many of its files at a time and each file's tests one after another. All of them even if one fails:
/// they take long, and the next failure should not wait for the next run. A file's words are shown when it has ended.
fn browser_tests(root: &Path, folder: &str, at_once: usize) -> Result<()> {
    let mut names = vec![];
    for file in fs::read_dir(root.join("tests").join(folder).join("tests"))? {
        let path = file?.path();
        if let (Some(name), true) = (path.file_stem(), path.extension().is_some_and(|kind| kind == "rs")) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort_by_key(|name| (LONGEST.iter().position(|long| long == name).unwrap_or(LONGEST.len()), name.clone()));
    let chosen: Vec<String> = names.iter().flat_map(|name| ["--test".to_owned(), name.clone()]).collect();
    succeed(browser_test(root).arg("--no-run").args(chosen))?;

    let (left, failed) = (Mutex::new(names.into_iter()), Mutex::new(vec![]));
    let next = || locked(&left).next();
    let lane = || {
        while let Some(name) = next() {
            println!("{name}: begins");
            let mut test = browser_test(root);
            let ended = test.args(["--test", &name, "--", "--test-threads=1"]).stdin(Stdio::null()).output();
            // Both at once, so that no other lane's words come between.
            let mut words = std::io::stdout().lock();
            let passed = match &ended {
                Ok(output) => {
                    words.write_all(&output.stdout)?;
                    words.write_all(&output.stderr)?;
                    output.status.success()
                }
                Err(error) => {
                    writeln!(words, "{name}: {error}")?;
                    false
                }
            };
            writeln!(words, "{name}: {}", if passed { "passed" } else { "FAILED" })?;
            if !passed {
                locked(&failed).push(name);
            }
        }
        std::io::Result::Ok(())
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..at_once).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().try_for_each(|lane| lane.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })?;
    let failed = locked(&failed);
    ensure!(failed.is_empty(), "failed in tests/{folder}: {}", failed.join(", "));
    Ok(())
}

/// Both packages are always chosen: with one of them alone, other features would have everything compiled anew.
fn browser_test(root: &Path) -> std::process::Command {
    let mut cargo = native_cargo();
    cargo.args(["test", "--package", "driver", "--package", "e2e"]).current_dir(root);
    cargo
}

/// What a lane that panicked left is as good as before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cargo for the endpoint, which is a workspace of its own.
fn endpoint(subcommand: &str) -> std::process::Command {
    let mut cargo = native_cargo();
    cargo.args([subcommand, "--manifest-path", "endpoint/Cargo.toml", "--target-dir", "target"]);
    cargo
}

fn lint(root: &Path) -> Result<()> {
    succeed(native_cargo().args(["fmt", "--all", "--check"]).current_dir(root))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    succeed(native_cargo().args(clippy).current_dir(root))?;
    succeed(native_cargo().args(["fmt", "--manifest-path", "endpoint/Cargo.toml", "--check"]).current_dir(root))?;
    succeed(endpoint("clippy").args(["--all-targets", "--", "-D", "warnings"]).current_dir(root))?;
    let mut wasm = setup::wasm_toolchain()?.cargo("clippy");
    for name in build::wasm_crates() {
        wasm.args(["--package", name]);
    }
    succeed(wasm.args(["--target-dir", "target/wasm", "--", "-D", "warnings"]).current_dir(root))
}
