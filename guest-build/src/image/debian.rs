//! Debian by debootstrap, without what a small machine never reads.

use crate::command::{run, tool};
use crate::rootfs::{self, Rootfs};
use crate::{Error, Result, files};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// The release's name.
    suite: String,
    /// Packages beside the minimal set.
    include: Vec<String>,
    /// Directories that are left empty but for copyright files: what apt leaves there, or nobody reads in a small machine.
    emptied: Vec<String>,
}

/// The packages' licences have to go wherever the packages go.
const COPYRIGHT: &str = "/copyright";

/// Where busybox's links are, at the end of the guest's PATH: what no Debian package has put into the image.
const BUSYBOX_LINKS: &str = "/usr/lib/busybox";

/// Debian's root file system. Packages come from debootstrap's own mirror, or from the one that `DEBIAN_MIRROR` names.
pub fn rootfs(root: &Path, out_dir: &Path) -> Result<Rootfs> {
    let source: Source = files::read_toml(&root.join("images/debian/source.toml"))?;
    let mut debootstrap = tool("debootstrap", "debootstrap")?;
    if !is_root()? {
        return Err(Error::RootNeeded);
    }
    files::create_dir_all(out_dir)?;
    let directory = tempfile::tempdir_in(out_dir).map_err(Error::io("create a directory in", out_dir))?;
    // debootstrap takes the directory's own mode for the root of the file system; a temporary directory is closed to others.
    let target = directory.path().join("root");
    debootstrap.args(["--arch=i386", "--variant=minbase", &format!("--include={}", source.include.join(","))]);
    debootstrap.arg(&source.suite).arg(&target).args(std::env::var_os("DEBIAN_MIRROR"));
    run(&mut debootstrap)?;
    files::create_dir_all(&target.join(BUSYBOX_LINKS.trim_start_matches('/')))?;
    run(tool("chroot", "coreutils")?.arg(&target).args(["/bin/busybox", "--install", "-s", BUSYBOX_LINKS]))?;
    let mut rootfs = rootfs::from_directory(&target)?;
    rootfs.retain(|path| !is_stripped(path, &source.emptied));
    Ok(rootfs)
}

/// What is below a directory that is emptied. `/dev` is the kernel's.
fn is_stripped(path: &str, emptied: &[String]) -> bool {
    emptied.iter().any(|directory| path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/')))
        && !path.ends_with(COPYRIGHT)
}

fn is_root() -> Result<bool> {
    let output = run(tool("id", "coreutils")?.arg("-u"))?;
    Ok(output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emptied_directories_stay_and_so_do_licences() {
        let emptied = ["usr/share/doc".to_owned()];
        assert!(is_stripped("usr/share/doc/apt/changelog.gz", &emptied));
        assert!(!is_stripped("usr/share/doc/apt/copyright", &emptied));
        assert!(!is_stripped("usr/share/doc", &emptied));
        assert!(!is_stripped("usr/share/docker", &emptied));
    }
}
