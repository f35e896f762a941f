//! The kernel's source: Debian's package, with our patches.

use crate::command::{run, tool};
use crate::{Error, Result, apt, digest, files};
use std::path::{Path, PathBuf};

/// The Debian package; its name has the kernel's series.
pub const PACKAGE: &str = "linux-source-6.12";

/// Downloads the newest version of the package and unpacks it under `work`, unless it is there already with the same patches.
/// Returns the directory and Debian's version.
pub fn prepare(work: &Path, patches: &Path) -> Result<(PathBuf, String)> {
    let package = apt::download(PACKAGE, &work.join("apt"))?;
    let patches = sorted_files(patches)?;
    let source = work.join("source").join(format!("{}-{}", package.version, digest_of(&patches)?));
    if !source.exists() {
        let unpacked = work.join("package");
        files::empty_dir(&unpacked)?;
        package.unpack(&unpacked)?;
        let partial = work.join("source.partial");
        files::empty_dir(&partial)?;
        let archive = unpacked.join("usr/src").join(format!("{PACKAGE}.tar.xz"));
        run(tool("tar", "tar")?.arg("xf").arg(archive).arg("--strip-components=1").arg("-C").arg(&partial))?;
        for patch in &patches {
            run(tool("patch", "patch")?.args(["-p1", "--fuzz=0", "-i"]).arg(patch).current_dir(&partial))?;
        }
        files::create_dir_all(&work.join("source"))?;
        files::rename(&partial, &source)?;
    }
    Ok((source, package.version))
}

fn sorted_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory).map_err(Error::io("read", directory))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    if let Ok(paths) = &mut paths {
        paths.sort();
    }
    paths.map_err(Error::io("read", directory))
}

/// Short, for a directory's name.
fn digest_of(patches: &[PathBuf]) -> Result<String> {
    let mut content = Vec::new();
    for patch in patches {
        content.extend(files::read(patch)?);
    }
    Ok(digest::sha256(&content)[..12].to_owned())
}
