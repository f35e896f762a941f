//! Bundles npm packages into ES modules that Rust and the bootstraps import from `/vendor/`.

use crate::succeed;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Files of packages that are packaged as they are.
const FILES: [(&str, &str); 4] = [
    ("v86/build/v86.wasm", "v86.wasm"),
    ("v86/build/v86-fallback.wasm", "v86-fallback.wasm"),
    ("@duckdb/duckdb-wasm/dist/duckdb-eh.wasm", "duckdb-eh.wasm"),
    ("@xterm/xterm/css/xterm.css", "xterm.css"),
];

/// What esbuild says of the files that it bundled.
pub const META: &str = "target/npm-bundles.json";

/// Bundles every entry file of `extension/npm/` into `vendor`.
pub fn bundle(root: &Path, vendor: &Path) -> Result<()> {
    fs::create_dir_all(vendor)?;
    let mut entries = vec![];
    for entry in fs::read_dir(root.join("extension/npm"))? {
        entries.push(entry?.path());
    }
    entries.sort();
    let mut esbuild = Command::new(root.join("node_modules/.bin/esbuild"));
    esbuild.args(&entries).args(["--bundle", "--format=esm", "--platform=browser", "--target=es2022", "--minify"]);
    // v86 asks for these only where it finds itself in Node.js.
    esbuild.args([
        "--external:node:*",
        "--external:fs",
        "--external:url",
        "--external:perf_hooks",
        "--external:crypto",
    ]);
    esbuild.args(["--legal-comments=inline", "--log-level=warning"]).arg(format!("--outdir={}", vendor.display()));
    esbuild.arg(format!("--metafile={}", root.join(META).display())).current_dir(root);
    succeed(&mut esbuild)?;
    for (from, to) in FILES {
        let from = root.join("node_modules").join(from);
        fs::copy(&from, vendor.join(to)).with_context(|| format!("{} can't be copied", from.display()))?;
    }
    Ok(())
}
