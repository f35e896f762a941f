//! Compiles the WASM crates and makes them loadable.

use crate::succeed;
use anyhow::Result;
use sha2::{Digest, Sha256};
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use wasm_bindgen_cli_support::Bindgen;

/// Each crate, the name of its WASM file, and where the package has it.
const CRATES: [(&str, &str); 10] = [
    ("workbench", "wasm"),
    ("popup", "popup"),
    ("console", "console"),
    ("options", "options"),
    ("storage", "storage"),
    ("history", "history"),
    ("network", "network"),
    ("templates", "templates"),
    ("tls", "tls"),
    ("scan", "scan"),
];
/// The target folder of its own: the compiler may be another one than the native one.
const TARGET_DIR: &str = "target/wasm";

/// How wasm-opt is called.
const SHRINK: [&str; 7] = [
    "-O2",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-reference-types",
    "--enable-mutable-globals",
    "--enable-multivalue",
];

/// The names of the crates that become WebAssembly.
pub fn crate_names() -> [&'static str; CRATES.len()] {
    CRATES.map(|(name, _)| name)
}

/// Builds all crates in one go, then their JavaScript, into `out`.
pub fn build(root: &Path, out: &Path) -> Result<()> {
    let mut cargo = setup::wasm_toolchain()?.cargo("build");
    cargo.args(["--release", "--lib", "--target-dir", TARGET_DIR]).current_dir(root);
    for (name, _) in CRATES {
        cargo.args(["--package", name]);
    }
    succeed(&mut cargo)?;
    let next = AtomicUsize::new(0);
    // Each takes what nobody has taken yet: the largest is first, and keeps one processor busy for half of the time.
    let work = || -> Result<()> {
        while let Some((name, place)) = CRATES.get(next.fetch_add(1, Ordering::Relaxed)) {
            let wasm = root.join(TARGET_DIR).join("wasm32-unknown-unknown/release").join(format!("{name}.wasm"));
            super::copy_tree(&loadable(root, name, &wasm)?, &out.join(place), &|_| true)?;
        }
        Ok(())
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get).min(CRATES.len());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

/// The folder with a crate's JavaScript and its small WASM file. It is kept between builds, because making it takes
/// longer than compiling the crate, and made anew when the compiler's output has changed, or what makes it.
fn loadable(root: &Path, name: &str, wasm: &Path) -> Result<PathBuf> {
    let place = root.join("target/loadable").join(name);
    let stamp = root.join("target/loadable").join(format!("{name}.made-of"));
    let mut digest = Sha256::new();
    digest.update(fs::read(wasm)?);
    digest.update(fs::read(root.join("package-lock.json"))?);
    digest.update(fs::read(root.join("Cargo.lock"))?);
    digest.update(SHRINK.join(" "));
    let made_of: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if fs::read_to_string(&stamp).is_ok_and(|known| known == made_of) {
        return Ok(place);
    }
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    Bindgen::new().input_path(wasm).web(true)?.omit_default_module_path(false).typescript(false).generate(&place)?;
    shrink(root, &place.join(format!("{name}_bg.wasm")))?;
    fs::write(stamp, made_of)?;
    Ok(place)
}

/// Builds the tests that need a JavaScript engine, and runs them in Node.js: every function that they export.
pub fn test(root: &Path) -> Result<()> {
    let mut cargo = setup::wasm_toolchain()?.cargo("build");
    cargo.args(["--package", "webbridge", "--example", "shapes", "--target-dir", TARGET_DIR]).current_dir(root);
    succeed(&mut cargo)?;
    let wasm = root.join(TARGET_DIR).join("wasm32-unknown-unknown/debug/examples/shapes.wasm");
    let out = root.join("target/wasm-tests");
    Bindgen::new().input_path(wasm).nodejs(true)?.typescript(false).generate(&out)?;
    let script = "
        let failed = 0;
        for (const [name, test] of Object.entries(require(process.argv[1]))) {
            if (name.startsWith('__') || name === 'start') continue;
            try { test(); console.log(`test ${name} ... ok`); }
            catch { failed++; console.log(`test ${name} ... FAILED`); }
        }
        process.exit(failed ? 1 : 0);";
    succeed(Command::new("node").arg("-e").arg(script).arg(out.join("shapes.js")))
}

fn shrink(root: &Path, wasm: &Path) -> Result<()> {
    let mut opt = Command::new(root.join("node_modules/.bin/wasm-opt"));
    succeed(opt.args(SHRINK).arg(wasm).arg("-o").arg(wasm))
}
