//! Compiles the WASM crates and makes them loadable.

use crate::succeed;
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

/// Each crate, the name of its WASM file, and where the package has it.
const CRATES: [(&str, &str); 7] = [
    ("workbench", "wasm"),
    ("popup", "popup"),
    ("console", "console"),
    ("options", "options"),
    ("storage", "storage"),
    ("history", "history"),
    ("network", "network"),
];
/// The target folder of its own: the compiler may be another one than the native one.
const TARGET_DIR: &str = "target/wasm";

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
    for (name, place) in CRATES {
        let wasm = root.join(TARGET_DIR).join("wasm32-unknown-unknown/release").join(format!("{name}.wasm"));
        let place = out.join(place);
        Bindgen::new()
            .input_path(wasm)
            .web(true)?
            .omit_default_module_path(false)
            .typescript(false)
            .generate(&place)?;
        shrink(root, &place.join(format!("{name}_bg.wasm")))?;
    }
    Ok(())
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
    opt.args(["-O2", "--enable-bulk-memory", "--enable-nontrapping-float-to-int", "--enable-sign-ext"]);
    opt.args(["--enable-reference-types", "--enable-mutable-globals", "--enable-multivalue"]);
    succeed(opt.arg(wasm).arg("-o").arg(wasm))
}
