//! The notices of what is packaged, gathered from the packages themselves so that none is forgotten.
//!
//! `extension/licenses.html` leads to them; `THIRD-PARTY.md` says what is packaged and why.

mod crates;
mod notices;

use crate::build::{npm, wasm};
use anyhow::{Context, Result};
use guest_build::image::{GuestImage, packages};
use notices::{BYTE_ORDER_MARK, Notice};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Texts that the repository has once, and what the package calls them.
const TEXTS: [(&str, &str); 5] = [
    ("LICENSE-MIT", "workbench-MIT.txt"),
    ("LICENSE-APACHE", "workbench-Apache-2.0.txt"),
    ("images/licenses/GPL-2", "GPL-2.txt"),
    ("images/licenses/GPL-3", "GPL-3.txt"),
    ("images/licenses/LGPL-3", "LGPL-3.txt"),
];

/// Writes all notices into `out`; the npm packages must be installed and the crates be downloaded.
pub fn package(root: &Path, out: &Path, images: &[GuestImage]) -> Result<()> {
    fs::create_dir_all(out)?;
    for (from, to) in TEXTS {
        fs::copy(root.join(from), out.join(to)).with_context(|| format!("{from} can't be copied"))?;
    }
    let heading = "Rust crates in the extension's WebAssembly, and Rust's own standard library (MIT OR Apache-2.0, \
                   copyright The Rust Project Contributors)";
    fs::write(out.join("rust.txt"), notices::write(heading, &crates::used(root, &wasm::crate_names())?))?;
    let heading = "npm packages that are bundled into the extension";
    fs::write(out.join("npm.txt"), notices::write(heading, &npm(root)?))?;
    fs::write(out.join("guest.txt"), guests(images)?)?;
    Ok(())
}

/// Packages that bring no licence text, and where the repository has it.
const TEXTLESS: [(&str, &str); 1] = [("@duckdb/duckdb-wasm", "extension/licenses/duckdb.txt")];

/// The packages of which something is bundled, as esbuild says.
fn npm(root: &Path) -> Result<Vec<Notice>> {
    let meta = json(&root.join(npm::META))?;
    let inputs = meta["inputs"].as_object().context("the list of bundled files names none")?;
    let names: BTreeSet<&str> = inputs.keys().filter_map(|file| package_of(file)).collect();
    anyhow::ensure!(!names.is_empty(), "the list of bundled files names no package");
    names.into_iter().map(|name| npm_package(root, name)).collect()
}

/// The package that a file belongs to: `node_modules/NAME/…` or `node_modules/@SCOPE/NAME/…`.
fn package_of(file: &str) -> Option<&str> {
    let (_, rest) = file.rsplit_once("node_modules/")?;
    let parts = if rest.starts_with('@') { 2 } else { 1 };
    let (end, _) = rest.match_indices('/').nth(parts - 1)?;
    Some(&rest[..end])
}

fn npm_package(root: &Path, name: &str) -> Result<Notice> {
    let folder = root.join("node_modules").join(name);
    let manifest = json(&folder.join("package.json"))?;
    let text = |key: &str| manifest[key].as_str().with_context(|| format!("the npm package {name} has no {key}"));
    let mut texts = notices::texts_in(&folder)?;
    if let Some((_, own)) = TEXTLESS.iter().find(|(textless, _)| *textless == name) {
        let own = fs::read_to_string(root.join(own)).with_context(|| format!("{own} can't be read"))?;
        texts.push(own.trim_start_matches(BYTE_ORDER_MARK).to_owned());
    }
    anyhow::ensure!(!texts.is_empty(), "the npm package {name} has no licence text");
    Ok(Notice { name: name.to_owned(), version: text("version")?.into(), license: text("license")?.into(), texts })
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// The notices of all images, one after the other.
fn guests(images: &[GuestImage]) -> Result<String> {
    let notices: Vec<String> = images.iter().map(guest).collect::<Result<_>>()?;
    Ok(format!("{BYTE_ORDER_MARK}{}", notices.join("\n")))
}

/// The distribution's packages in the image, with their licences and where their source is.
fn guest(image: &GuestImage) -> Result<String> {
    let mut text = format!(
        "{} ({}): packages in the guest's image\n\n\
         Where no licence is given, it is in the machine, in /usr/share/doc/PACKAGE/copyright.\n\n",
        image.title, image.version
    );
    for package in packages(image)? {
        let license = package.license.map(|license| format!(" — {license}")).unwrap_or_default();
        text += &format!("{} {}{license}\n    source: {}\n", package.name, package.version, package.source);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundled_file_tells_its_package() {
        assert_eq!(package_of("node_modules/v86/build/libv86.mjs"), Some("v86"));
        assert_eq!(package_of("node_modules/@duckdb/duckdb-wasm/dist/a.mjs"), Some("@duckdb/duckdb-wasm"));
        assert_eq!(package_of("node_modules/a/node_modules/@b/c/d.js"), Some("@b/c"));
        assert_eq!(package_of("extension/npm/v86.mjs"), None);
    }
}
