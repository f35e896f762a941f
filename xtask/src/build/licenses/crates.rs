//! The crates of other people that end in the extension's WebAssembly, as cargo knows them.

use super::notices::{Notice, texts_in};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What of `cargo metadata`'s answer is looked at (The Cargo Book, `cargo metadata`, format version 1).
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for those of this workspace.
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `None` for what is linked; else `dev` or `build`.
    kind: Option<String>,
}

/// The crates that those of the workspace with these names are linked with, in the order of their names.
pub fn used(root: &Path, names: &[&str]) -> Result<Vec<Notice>> {
    let mut cargo = setup::native_cargo();
    cargo.args(["metadata", "--format-version=1", "--filter-platform=wasm32-unknown-unknown"]).current_dir(root);
    let output = cargo.stderr(std::process::Stdio::inherit()).output().context("cargo could not be started")?;
    anyhow::ensure!(output.status.success(), "`cargo metadata` failed: {}", output.status);
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo's metadata is not understood")?;
    let mut linked = linked(&metadata, names)?;
    linked.sort_by_key(|package| (&package.name, &package.version));
    linked.into_iter().map(notice).collect()
}

fn notice(package: &Package) -> Result<Notice> {
    let license = package.license.clone();
    let license = license.with_context(|| format!("the crate {} says no licence", package.name))?;
    let folder = package.manifest_path.parent().context("a crate's manifest is in no folder")?;
    Ok(Notice { name: package.name.clone(), version: package.version.clone(), license, texts: texts_in(folder)? })
}

/// Follows the dependencies; what only builds, tests or expands macros does not get into the WebAssembly.
fn linked<'a>(metadata: &'a Metadata, names: &[&str]) -> Result<Vec<&'a Package>> {
    let packages: BTreeMap<_, _> = metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let nodes: BTreeMap<_, _> = metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let own = |package: &&&Package| package.source.is_none() && names.contains(&package.name.as_str());
    let mut open: Vec<&str> = packages.values().filter(own).map(|package| package.id.as_str()).collect();
    anyhow::ensure!(open.len() == names.len(), "cargo does not know all of {names:?}");
    let mut seen = BTreeSet::new();
    let mut found = vec![];
    while let Some(id) = open.pop() {
        let package = *packages.get(id).with_context(|| format!("cargo does not describe {id}"))?;
        let expands_macros = package.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"));
        if expands_macros || !seen.insert(id) {
            continue;
        }
        if package.source.is_some() {
            found.push(package);
        }
        let node = nodes.get(id).with_context(|| format!("cargo does not resolve {id}"))?;
        let is_linked = |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
        open.extend(node.deps.iter().filter(is_linked).map(|dependency| dependency.pkg.as_str()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn package(id: &str, kind: &str) -> Value {
        let source = (!id.starts_with("own")).then_some("registry");
        json!({ "id": id, "name": id, "version": "1.0.0", "license": "MIT", "source": source,
            "manifest_path": "/x/Cargo.toml", "targets": [{ "kind": [kind] }] })
    }

    fn dependency(id: &str, kind: Option<&str>) -> Value {
        json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] })
    }

    #[test]
    fn only_what_is_linked_is_packaged() {
        let kinds = [
            ("own", "cdylib"),
            ("own-part", "lib"),
            ("deep", "lib"),
            ("macros", "proc-macro"),
            ("syn", "lib"),
            ("tests", "lib"),
            ("builds", "lib"),
            ("other", "lib"),
        ];
        let packages: Vec<_> = kinds.iter().map(|(id, kind)| package(id, kind)).collect();
        let of_own = [("own-part", None), ("macros", None), ("tests", Some("dev")), ("builds", Some("build"))];
        let of_own: Vec<_> = of_own.iter().map(|(id, kind)| dependency(id, *kind)).collect();
        let node = |id: &str, deps: Vec<Value>| json!({ "id": id, "deps": deps });
        let nodes = vec![
            node("own", of_own),
            node("own-part", vec![dependency("deep", None)]),
            node("deep", vec![]),
            node("macros", vec![dependency("syn", None)]),
        ];
        let metadata = json!({ "packages": packages, "resolve": { "nodes": nodes } });
        let metadata: Metadata = serde_json::from_value(metadata).unwrap();
        let names: Vec<_> = linked(&metadata, &["own"]).unwrap().iter().map(|package| package.name.clone()).collect();
        assert_eq!(names, ["deep"]);
        assert!(linked(&metadata, &["own", "gone"]).is_err());
    }

    #[test]
    fn the_extensions_own_crates_are_found_with_those_of_others() {
        let root = crate::root().unwrap();
        let used = used(&root, &crate::build::wasm::crate_names()).unwrap();
        let has = |name: &str| used.iter().any(|notice| notice.name == name);
        assert!(has("wasm-bindgen") && has("yew") && has("serde"));
        assert!(!has("protocol") && !has("serde_derive") && !has("proptest") && !has("clap"));
    }
}
