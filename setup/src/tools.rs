//! Programs that are compiled from their published source, once for all checkouts.

use crate::Result;
use crate::cache::cache_dir;
use crate::run::{forget_outer_cargo, run};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Compiling one takes a minute or two on an idle machine with two cores, and ten on one that is busy with other
/// compilers.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// The program `binary` of this version of a package, compiled into [`cache_dir`] if it is not there yet.
pub(crate) fn compiled(package: &str, version: &str, binary: &str, advice: &str) -> Result<PathBuf> {
    let root = cache_dir()?.join("tools").join(format!("{package}-{version}"));
    let program = root.join("bin").join(binary);
    if !program.is_file() {
        let built = run(&mut installation(package, version, binary, &root), LIMIT);
        built.map_err(|error| error.not_installed(binary, advice))?;
    }
    Ok(program)
}

fn installation(package: &str, version: &str, binary: &str, root: &Path) -> Command {
    let mut command = Command::new("nice");
    command.args(["cargo", "install", package, "--version", version, "--bin", binary, "--locked", "--root"]).arg(root);
    forget_outer_cargo(&mut command);
    // They only pass messages on: without optimization they are as quick, and compiled with 40 % of the work.
    command.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "0");
    // Flags and folders that are meant for the workspace.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
        command.env_remove(name);
    }
    // Cargo reads .cargo/config.toml of the current folder and its parents.
    command.current_dir("/");
    command
}
