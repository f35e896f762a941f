use crate::cache::Remembered;
use crate::run::{answer, run};
use crate::{Error, Result, apt, find, version};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The oldest Node.js that the packages of the build run on.
const OLDEST_NODE: (u32, u32) = (20, 0);

/// The packages are about 100 MB.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Installs the npm packages that `package-lock.json` in `root` names into its `node_modules`, unless it holds just
/// these already.
///
/// Install scripts are not run: none of our packages needs one (esbuild's only replaces its launcher by a faster one).
///
/// # Errors
/// If there is no suitable Node.js and none can be installed, or `npm ci` fails.
pub fn npm(root: &Path) -> Result<()> {
    install(root, find_npm)
}

fn install(root: &Path, npm: impl FnOnce() -> Result<PathBuf>) -> Result<()> {
    let modules = root.join("node_modules");
    let lock = read(&root.join("package-lock.json"))?;
    // Written last, so an interrupted installation counts as none.
    let installed = Remembered::new(modules.join(".installed-lock"), read(&root.join("package.json"))? + &lock);
    if installed.holds() {
        return Ok(());
    }
    run(Command::new(npm()?).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(root), LIMIT)
        .map_err(|error| {
            error.not_installed("The npm packages", "Check package.json and the network, and try again.")
        })?;
    if lock.contains("\"node_modules/esbuild\"") {
        esbuild_works(&modules.join(".bin/esbuild"))?;
    }
    installed.keep()
}

/// npm, if it runs on a Node.js that is new enough.
fn find_npm() -> Result<PathBuf> {
    if find(&["node"]).is_none() || find(&["npm"]).is_none() {
        apt::install(&["nodejs", "npm"])?;
    }
    let missing = || Error::missing("Node.js", "Install Node.js 20 or newer, with npm.");
    new_enough(version::of(&find(&["node"]).ok_or_else(missing)?)?)?;
    find(&["npm"]).ok_or_else(missing)
}

fn new_enough(node: Option<(u32, u32)>) -> Result<()> {
    match node {
        Some(version) if version >= OLDEST_NODE => Ok(()),
        _ => {
            let found = node.map_or("without a version".into(), |(major, minor)| format!("{major}.{minor}"));
            Err(Error::unsuitable(format!("Node.js {found} is too old"), "Install Node.js 20 or newer."))
        }
    }
}

/// Its program comes as an optional package for each platform, which a lock file made elsewhere may lack.
fn esbuild_works(launcher: &Path) -> Result<()> {
    answer(Command::new(launcher).arg("--version")).map(drop).map_err(|error| {
        Error::unsuitable(
            format!("esbuild is installed but doesn't run ({error})"),
            "Run `npm install --package-lock-only` on this kind of machine, so that package-lock.json has its program.",
        )
    })
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.display().to_string(), action: "read", source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A repository, and an npm that counts its runs in a file and fails if there is no `works`.
    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let npm = "#!/bin/sh\nmkdir -p node_modules; echo \"$@\" >> runs; test -e works\n";
        for (name, text) in [("package.json", "{}"), ("package-lock.json", "{}"), ("npm", npm), ("works", "")] {
            fs::write(root.path().join(name), text).unwrap();
        }
        fs::set_permissions(root.path().join("npm"), fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    fn install_in(root: &Path) -> Result<usize> {
        install(root, || Ok(root.join("npm")))?;
        Ok(fs::read_to_string(root.join("runs")).unwrap().lines().count())
    }

    #[test]
    fn packages_are_installed_again_only_when_the_lock_file_has_changed() {
        let root = repository();
        assert_eq!(install_in(root.path()).unwrap(), 1);
        assert_eq!(install_in(root.path()).unwrap(), 1);
        fs::write(root.path().join("package-lock.json"), "{ }").unwrap();
        assert_eq!(install_in(root.path()).unwrap(), 2);
        fs::remove_dir_all(root.path().join("node_modules")).unwrap();
        assert_eq!(install_in(root.path()).unwrap(), 3);
    }

    #[test]
    fn a_failed_installation_is_not_remembered() {
        let root = repository();
        fs::remove_file(root.path().join("works")).unwrap();
        let error = install_in(root.path()).unwrap_err().to_string();
        assert!(error.starts_with("The npm packages could not be installed: `npm ci"), "{error}");
        fs::write(root.path().join("works"), "").unwrap();
        assert_eq!(install_in(root.path()).unwrap(), 2);
    }

    #[test]
    fn an_old_node_is_refused_with_the_version_to_install() {
        new_enough(Some((20, 0))).unwrap();
        let error = new_enough(Some((18, 20))).unwrap_err().to_string();
        assert_eq!(error, "Node.js 18.20 is too old. Install Node.js 20 or newer.");
    }
}
