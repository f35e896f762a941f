//! `cargo xtask test`: all tests.

use crate::{build, succeed};
use anyhow::Result;
use clap::Args;
use setup::native_cargo;
use std::path::Path;

/// Debian's packages and what shows that each is there.
const JUDGES: [(&str, &str); 7] = [
    ("zstd", "zstd"),
    ("gzip", "gzip"),
    ("zip", "zip"),
    ("unzip", "unzip"),
    ("python3", "python3"),
    // Signs the repositories that tests give to apk.
    ("openssl", "openssl"),
    ("e2fsprogs", "mke2fs"),
];

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
    build::wasm_tests(root)?;
    if options.native {
        return Ok(());
    }
    build::extension(root)?;
    setup::chromium()?;
    setup::firefox()?;
    let mut tests = native_cargo();
    tests.args(["test", "--package", "driver", "--package", "e2e"]).current_dir(root);
    // Each starts browsers and emulators, which take all that a small machine has.
    tests.args(["--", "--test-threads=1"]);
    succeed(&mut tests)
}

fn lint(root: &Path) -> Result<()> {
    succeed(native_cargo().args(["fmt", "--all", "--check"]).current_dir(root))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    succeed(native_cargo().args(clippy).current_dir(root))?;
    let mut wasm = setup::wasm_toolchain()?.cargo("clippy");
    for name in ["workbench", "popup", "console", "options", "storage", "history", "network", "templates"] {
        wasm.args(["--package", name]);
    }
    succeed(wasm.args(["--target-dir", "target/wasm", "--", "-D", "warnings"]).current_dir(root))
}
