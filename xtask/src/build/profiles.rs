//! The profiles as they are packaged: one archive with all of them, and one with the runner's programs.

use anyhow::{Context, Result, ensure};
use profile::{Bundle, order, runner_to_tar, to_catalog};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The folder of the runner's programs, which is no profile.
const RUNNER: &str = "_runner";

/// Checks all profiles and puts them into `out`.
pub fn package(root: &Path, out: &Path) -> Result<()> {
    let folder = root.join("profiles");
    let mut names: Vec<String> = vec![];
    for entry in fs::read_dir(&folder).with_context(|| format!("{} can't be read", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != RUNNER {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let bundles = names.iter().map(|name| bundle(&folder, name)).collect::<Result<Vec<_>>>()?;
    let profiles: Vec<_> = bundles.iter().map(|bundle| bundle.profile().clone()).collect();
    for profile in &profiles {
        order(&profile.name, &profiles, &[])
            .with_context(|| format!("the profile {} can't be applied", profile.name))?;
    }
    fs::create_dir_all(out)?;
    fs::write(out.join("catalog.tar"), to_catalog(&bundles)?)?;
    fs::write(out.join("runner.tar"), runner_to_tar(&files(&folder.join(RUNNER))?)?)?;
    Ok(())
}

fn bundle(folder: &Path, name: &str) -> Result<Bundle> {
    let bundle = Bundle::new(files(&folder.join(name))?).with_context(|| format!("profiles/{name}"))?;
    ensure!(bundle.profile().name.as_str() == name, "profiles/{name} has the profile {}", bundle.profile().name);
    Ok(bundle)
}

fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    read(folder, "", &mut files)?;
    Ok(files)
}

fn read(folder: &Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}
