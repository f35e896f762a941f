//! `cargo xtask test`: all tests but those of browsers that take minutes each, which `--long` adds.

mod browsers;

use crate::build::{self, Extras};
use crate::succeed;
use anyhow::{Result, ensure};
use browsers::Choice;
use clap::Args;
use setup::native_cargo;
use std::path::Path;

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

#[derive(Debug, Args)]
pub struct Options {
    /// Only what needs no browser.
    #[arg(long)]
    native: bool,
    /// Only the browsers' tests whose `file::name` contains this, and nothing else.
    #[arg(long, value_name = "TEXT", conflicts_with = "native")]
    only: Option<String>,
    /// Also the browsers' tests that take minutes each.
    #[arg(long, conflicts_with = "native")]
    long: bool,
}

/// Runs the tests.
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
    if let Some(only) = &options.only {
        build::extension(root, Extras::default())?;
        return in_browsers(root, only, options.long);
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
    browsers::of_their_crates(root)?;
    build::extension(root, Extras::default())?;
    in_browsers(root, "", options.long)
}

/// The tests that start browsers, if their `file::name` contains this.
fn in_browsers(root: &Path, only: &str, long: bool) -> Result<()> {
    setup::chromium()?;
    setup::firefox()?;
    // Uplinks' tests start it.
    succeed(endpoint("build").args(["--bins", "--examples"]).current_dir(root))?;
    // Each test starts browsers and emulators. One emulator keeps one processor busy, so two at a time take all that a small machine has; the
    // driver's own tests look at all processes, so they are alone.
    let run = browsers::run(root, "driver", &Choice { at_once: 1, only, long })?
        + browsers::run(root, "e2e", &Choice { at_once: 2, only, long })?;
    ensure!(run > 0, "no browser test has “{only}” in its name");
    Ok(())
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
    succeed(wasm.args(["--target-dir", "target/wasm", "--", "-D", "warnings"]).current_dir(root))?;
    fuzz_targets(root)
}

/// Whether the fuzz targets, workspaces of their own that only `cargo fuzz` builds, still fit what they call.
fn fuzz_targets(root: &Path) -> Result<()> {
    let mut manifests: Vec<_> = std::fs::read_dir(root.join("crates"))?
        .map(|entry| Ok(entry?.path().join("fuzz/Cargo.toml")))
        .collect::<Result<_>>()?;
    manifests.retain(|manifest| manifest.exists());
    manifests.sort();
    for manifest in manifests {
        let mut check = native_cargo();
        check.args(["check", "--bins", "--target-dir", "target/fuzz", "--manifest-path"]).arg(manifest);
        // Nothing is linked, so libFuzzer need not be compiled.
        succeed(
            check.env("CUSTOM_LIBFUZZER_PATH", "none/libfuzzer.a").env("RUSTFLAGS", "-D warnings").current_dir(root),
        )?;
    }
    Ok(())
}
