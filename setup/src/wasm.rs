//! A compiler for `wasm32-unknown-unknown`.
//!
//! The ways, best first: the target is installed in the active toolchain; rustup installs it; Debian's newest compiler
//! (packages `rustc-web` and friends) compiles the standard library from source, with the linker of the active
//! toolchain. If Debian's compiler is installed already it is preferred to asking rustup again, because a rustup that
//! can't reach its server would be asked in every run.

use crate::run::{answer, forget_outer_cargo, run};
use crate::{Error, Result, apt, find, version};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

const TARGET: &str = "wasm32-unknown-unknown";

/// The target is about 20 MB; a rustup that can't reach its server gives up long before.
const RUSTUP_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The oldest compiler that the workspace is written for.
const OLDEST_RUSTC: (u32, u32) = (1, 95);

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";
const DEBIAN_PACKAGES: [(&str, &str); 4] = [
    ("rustc-web", DEBIAN_RUSTC),
    ("cargo-web", DEBIAN_CARGO),
    ("rust-web-src", "/usr/lib/rustlib/src/rust/library/std/Cargo.toml"),
    ("rust-web-clippy", DEBIAN_CLIPPY),
];

/// A way to build for WebAssembly that was found to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasmToolchain {
    way: Way,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// The active toolchain has the target.
    Installed,
    /// Debian's compiler builds the standard library.
    Debian { linker: Linker },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Linker {
    /// `rust-lld` is in this folder.
    RustLld(PathBuf),
    /// LLVM's own.
    WasmLd(PathBuf),
}

/// Finds or installs a compiler for WebAssembly. What was found is remembered for this process, and so is a failure.
///
/// # Errors
/// If no way works; the text says what to install.
pub fn wasm_toolchain() -> Result<WasmToolchain> {
    static FOUND: OnceLock<std::result::Result<WasmToolchain, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| search().map(|way| WasmToolchain { way }).map_err(|tried| tried.join("\n")));
    found.clone().map_err(|tried| {
        Error::missing(
            format!("A Rust compiler for {TARGET}"),
            format!(
                "Run `rustup target add {TARGET}`; or, on Debian, `apt-get install {}`.\nTried:\n{tried}",
                DEBIAN_PACKAGES.map(|(name, _)| name).join(" ")
            ),
        )
    })
}

/// The first way that works, or why each doesn't.
fn search() -> std::result::Result<Way, Vec<String>> {
    let sysroot = sysroot();
    if sysroot.as_deref().is_ok_and(has_target) {
        return Ok(Way::Installed);
    }
    let lld = || rust_lld(sysroot.as_deref().ok());
    let mut tried = Vec::new();
    if DEBIAN_PACKAGES.iter().all(|(_, proof)| Path::new(proof).exists()) {
        match debian(lld()) {
            Ok(way) => return Ok(way),
            Err(error) => tried.push(error.to_string()),
        }
    }
    match add_by_rustup() {
        Ok(()) if self::sysroot().is_ok_and(|sysroot| has_target(&sysroot)) => return Ok(Way::Installed),
        Ok(()) => tried.push(format!("rustup says that {TARGET} is installed, but `rustc` doesn't have it.")),
        Err(error) => tried.push(error.to_string()),
    }
    apt(&DEBIAN_PACKAGES).and_then(|()| debian(lld())).map_err(|error| {
        tried.push(error.to_string());
        tried
    })
}

/// Where the compiler that a plain `cargo` uses keeps its libraries.
fn sysroot() -> Result<PathBuf> {
    let mut rustc = Command::new("rustc");
    forget_outer_cargo(&mut rustc);
    answer(rustc.args(["--print", "sysroot"])).map(PathBuf::from)
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

fn add_by_rustup() -> Result<()> {
    let rustup = find(&["rustup"]).ok_or_else(|| Error::missing("rustup", "Install it from https://rustup.rs."))?;
    let mut command = Command::new(rustup);
    forget_outer_cargo(&mut command);
    run(command.args(["target", "add", TARGET]), RUSTUP_LIMIT)
}

/// Debian's compiler, once its packages are installed.
fn debian(lld: Option<Linker>) -> Result<Way> {
    recent(version::of(Path::new(DEBIAN_RUSTC))?)?;
    let linker = match lld {
        Some(linker) => linker,
        None => wasm_ld()?,
    };
    Ok(Way::Debian { linker })
}

fn recent(rustc: Option<(u32, u32)>) -> Result<()> {
    if rustc.is_some_and(|version| version >= OLDEST_RUSTC) {
        return Ok(());
    }
    let (major, minor) = OLDEST_RUSTC;
    Err(Error::unsuitable(
        format!("{DEBIAN_RUSTC} is older than Rust {major}.{minor}"),
        "Install Debian's newest rustc-web and cargo-web, or another toolchain by rustup.",
    ))
}

/// The linker that comes with the active toolchain, for whatever host that is.
fn rust_lld(sysroot: Option<&Path>) -> Option<Linker> {
    let hosts = std::fs::read_dir(sysroot?.join("lib/rustlib")).ok()?;
    let mut dirs = hosts.flatten().map(|host| host.path().join("bin"));
    dirs.find(|dir| dir.join("rust-lld").is_file()).map(Linker::RustLld)
}

fn wasm_ld() -> Result<Linker> {
    apt(&[("lld", "wasm-ld")])?;
    find(&["wasm-ld"]).map(Linker::WasmLd).ok_or_else(|| Error::missing("A linker for WebAssembly", "Install lld."))
}

impl WasmToolchain {
    /// A cargo that runs `build`, `check`, `clippy` or `test --no-run` for `wasm32-unknown-unknown`, to which further
    /// arguments can be added. It must be started in the workspace.
    ///
    /// Debian's way compiles the standard library once for each profile and target folder: 40 s.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = match &self.way {
            Way::Installed => Command::new("cargo"),
            // `cargo clippy` would run rustup's, which is first on PATH.
            Way::Debian { .. } if subcommand == "clippy" => Command::new(DEBIAN_CLIPPY),
            Way::Debian { .. } => Command::new(DEBIAN_CARGO),
        };
        forget_outer_cargo(&mut cargo);
        cargo.args([subcommand, "--target", TARGET]);
        if let Way::Debian { linker } = &self.way {
            use_debian(&mut cargo, linker);
        }
        cargo
    }
}

fn use_debian(cargo: &mut Command, linker: &Linker) {
    cargo.arg("-Zbuild-std=std,panic_abort");
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", DEBIAN_RUSTC).env("CARGO", DEBIAN_CARGO);
    // They point into rustup's toolchain.
    cargo.env_remove("LD_LIBRARY_PATH").env_remove("RUSTUP_TOOLCHAIN");
    match linker {
        Linker::RustLld(dir) => cargo.env("PATH", path_behind(dir)),
        Linker::WasmLd(program) => cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", program),
    };
}

/// `PATH` with a folder in front of it.
fn path_behind(dir: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut all = dir.as_os_str().to_owned();
    all.push(":");
    all.push(path);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn words(command: &Command) -> Vec<&str> {
        command.get_args().map(|word| word.to_str().unwrap()).collect()
    }

    fn variable<'a>(command: &'a Command, name: &str) -> Option<&'a str> {
        let found = command.get_envs().find(|(variable, _)| *variable == name);
        found.and_then(|(_, value)| value).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn an_installed_target_needs_no_more_than_its_name() {
        let cargo = WasmToolchain { way: Way::Installed }.cargo("build");
        assert_eq!(cargo.get_program(), "cargo");
        assert_eq!(words(&cargo), ["build", "--target", TARGET]);
    }

    #[test]
    fn debian_builds_the_standard_library_with_the_linker_in_front_of_path() {
        let linker = Linker::RustLld("/toolchain/bin".into());
        let cargo = WasmToolchain { way: Way::Debian { linker } }.cargo("build");
        assert_eq!(cargo.get_program(), DEBIAN_CARGO);
        assert_eq!(words(&cargo), ["build", "--target", TARGET, "-Zbuild-std=std,panic_abort"]);
        assert_eq!(variable(&cargo, "RUSTC"), Some(DEBIAN_RUSTC));
        assert!(variable(&cargo, "PATH").unwrap().starts_with("/toolchain/bin:"));
    }

    #[test]
    fn debian_lints_with_its_own_clippy() {
        let linker = Linker::WasmLd("/usr/bin/wasm-ld".into());
        let cargo = WasmToolchain { way: Way::Debian { linker } }.cargo("clippy");
        assert_eq!(cargo.get_program(), DEBIAN_CLIPPY);
        assert_eq!(words(&cargo)[0], "clippy");
        assert_eq!(variable(&cargo, "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER"), Some("/usr/bin/wasm-ld"));
    }

    #[test]
    fn the_linker_is_found_under_any_host() {
        let sysroot = tempfile::tempdir().unwrap();
        let bin = sysroot.path().join("lib/rustlib/aarch64-unknown-linux-gnu/bin");
        fs::create_dir_all(&bin).unwrap();
        assert_eq!(rust_lld(Some(sysroot.path())), None);
        fs::write(bin.join("rust-lld"), "").unwrap();
        assert_eq!(rust_lld(Some(sysroot.path())), Some(Linker::RustLld(bin)));
    }

    #[test]
    fn an_old_compiler_is_refused() {
        recent(Some(OLDEST_RUSTC)).unwrap();
        assert!(recent(Some((1, 85))).unwrap_err().to_string().contains("older than Rust 1.95"));
        assert!(recent(None).is_err());
    }
}
