//! Builds the extension: WASM, npm bundles, the guest, and what is packaged as it is.

pub mod guest;
mod licenses;
mod manifest;
mod npm;
mod profiles;
mod warm;
mod wasm;

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The two unpacked extensions.
#[derive(Debug, Clone)]
pub struct Dist {
    /// For Chrome and its relatives.
    pub chrome: PathBuf,
    /// For Firefox.
    pub firefox: PathBuf,
}

/// The names of the crates that become WebAssembly.
pub fn wasm_crates() -> impl IntoIterator<Item = &'static str> {
    wasm::crate_names()
}

/// Runs the tests that need a JavaScript engine.
pub fn wasm_tests(root: &Path) -> Result<()> {
    wasm::test(root)
}

/// Pages, each a crate with its HTML and CSS beside it.
const PAGES: [&str; 7] = ["popup", "console", "options", "storage", "history", "network", "templates"];
/// What of a page's folder is packaged.
const PAGE_FILES: [&str; 3] = ["html", "css", "js"];

/// What is packaged beside what always is.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Extras {
    /// Packages Debian's image beside Alpine's: some 40 MB more. Needs root and a Debian mirror.
    #[arg(long)]
    debian: bool,
}

/// Builds both extensions into `dist/`.
pub fn extension(root: &Path, extras: Extras) -> Result<Dist> {
    let common = root.join("target/extension");
    if common.exists() {
        fs::remove_dir_all(&common)?;
    }
    fs::create_dir_all(&common)?;
    setup::npm(root)?;
    npm::bundle(root, &common.join("vendor"))?;
    wasm::build(root, &common)?;
    copy_tree(&root.join("extension"), &common, &|path| !path.ends_with("extension/npm"))?;
    for page in PAGES {
        copy_files(&root.join(page), &common.join(page), &is_shell)?;
    }
    copy_files(&root.join("ui"), &common.join("ui"), &is_shell)?;
    let images = guest::package(root, &common.join("images"), extras)?;
    licenses::package(root, &common.join("licenses"), &images)?;
    profiles::package(root, &common.join("profiles"))?;
    let dist = Dist { chrome: root.join("dist/chrome"), firefox: root.join("dist/firefox") };
    for (browser, place) in [(manifest::Browser::Chrome, &dist.chrome), (manifest::Browser::Firefox, &dist.firefox)] {
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
        copy_tree(&common, place, &|_| true)?;
        manifest::write(root, place, browser)?;
    }
    Ok(dist)
}

/// Copies a folder with all that is in it and that `wanted` lets through.
pub fn copy_tree(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} can't be read", from.display()))? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|_| wanted(&path)) else { continue };
        if path.is_dir() {
            copy_tree(&path, &to.join(name), wanted)?;
        } else {
            fs::copy(&path, to.join(name)).with_context(|| format!("{} can't be copied", path.display()))?;
        }
    }
    Ok(())
}

/// Copies the files, but not the folders, of a folder.
fn copy_files(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
    copy_tree(from, to, &|path| path.is_file() && wanted(path))
}

/// Whether a file beside a page's crate is part of the page.
fn is_shell(path: &Path) -> bool {
    path.extension().is_some_and(|end| PAGE_FILES.iter().any(|known| end == *known))
}
