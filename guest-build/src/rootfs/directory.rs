//! Root file systems from directories: our overlays, and what debootstrap leaves.

use super::{Kind, Node, Rootfs};
use crate::{Error, Result, files};
use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Reads an overlay of ours. A version control system keeps content and links, but neither owners nor times, and modes only as far as
/// the umask lets it: so everything is root's, of the time `mtime`, and what starts with `#!` is executable.
///
/// # Errors
/// When something can't be read, or is neither a directory, a file nor a symbolic link.
pub fn from_overlay(directory: &Path, mtime: u64) -> Result<Rootfs> {
    let mut rootfs = Rootfs::default();
    for (path, host, _) in walk(directory)? {
        if path.ends_with("/.gitkeep") {
            continue; // Only there so that version control keeps an empty directory.
        }
        let node = match kind_of(&host)? {
            Kind::Directory => Node::directory(0o755, mtime),
            Kind::File(content) => {
                let mode = if content.starts_with(b"#!") { 0o755 } else { 0o644 };
                Node::file(content, mode, mtime)
            }
            Kind::Symlink(target) => Node::symlink(&target, mtime),
            _ => return Err(bad_node(&path, "an overlay has only directories, files and symbolic links")),
        };
        rootfs.insert(&path, node);
    }
    Ok(rootfs)
}

/// Reads a directory with its owners, modes, times and hard links. Sockets and pipes are left out.
///
/// # Errors
/// When something can't be read, which takes root's rights for most root file systems.
pub fn from_directory(directory: &Path) -> Result<Rootfs> {
    let mut rootfs = Rootfs::default();
    let mut first_names = HashMap::new();
    for (path, host, metadata) in walk(directory)? {
        let file_type = metadata.file_type();
        if file_type.is_socket() || file_type.is_fifo() {
            continue;
        }
        let first = first_names.entry((metadata.dev(), metadata.ino())).or_insert_with(|| path.clone());
        let kind = if *first == path { kind_of(&host)? } else { Kind::HardLink(first.clone()) };
        let mtime = u64::try_from(metadata.mtime()).unwrap_or(0);
        rootfs.insert(
            &path,
            Node { kind, mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid(), mtime },
        );
    }
    Ok(rootfs)
}

/// Everything below a directory and the directory itself, sorted, as the path inside and the path on the build machine.
fn walk(top: &Path) -> Result<Vec<(String, PathBuf, Metadata)>> {
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), top.to_owned())];
    while let Some((path, host)) = waiting.pop() {
        let metadata = fs::symlink_metadata(&host).map_err(Error::io("read", &host))?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&host).map_err(Error::io("read", &host))? {
                let host = entry.map_err(Error::io("read", &host))?.path();
                let name = host.file_name().and_then(|name| name.to_str());
                let name = name.ok_or_else(|| bad_node(&host.to_string_lossy(), "its name is not UTF-8"))?;
                let inside = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
                waiting.push((inside, host.clone()));
            }
        }
        found.push((path, host, metadata));
    }
    found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    Ok(found)
}

fn kind_of(host: &Path) -> Result<Kind> {
    let metadata = fs::symlink_metadata(host).map_err(Error::io("read", host))?;
    let file_type = metadata.file_type();
    Ok(if file_type.is_dir() {
        Kind::Directory
    } else if file_type.is_symlink() {
        let target = fs::read_link(host).map_err(Error::io("read", host))?;
        let target = target.to_str().ok_or_else(|| bad_node(&host.to_string_lossy(), "its target is not UTF-8"))?;
        Kind::Symlink(target.to_owned())
    } else if file_type.is_file() {
        Kind::File(files::read(host)?)
    } else {
        let (major, minor) = device_numbers(metadata.rdev());
        Kind::Device { block: file_type.is_block_device(), major, minor }
    })
}

/// Splits a `dev_t` as glibc packs it: `gnu_dev_major` and `gnu_dev_minor` in `sys/sysmacros.h`, for numbers below 2³².
fn device_numbers(rdev: u64) -> (u32, u32) {
    let low = (rdev & 0xffff_ffff) as u32;
    ((low >> 8) & 0xfff, (low & 0xff) | ((low >> 12) & 0xf_ff00))
}

fn bad_node(path: &str, problem: &str) -> Error {
    Error::BadNode { path: path.to_owned(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn an_overlay_does_not_depend_on_how_it_was_checked_out() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        files::create_dir_all(&at.join("etc/init.d")).unwrap();
        files::write(&at.join("etc/motd"), "hello").unwrap();
        files::write(&at.join("etc/init.d/rc"), "#!/bin/sh\n").unwrap();
        symlink("motd", at.join("etc/issue")).unwrap();
        let before = from_overlay(at, 7).unwrap();
        fs::set_permissions(at.join("etc/motd"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(at.join("etc/init.d/rc"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(at.join("etc"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(from_overlay(at, 7).unwrap(), before);
        assert_eq!(before.get("etc").unwrap().mode, 0o755);
        assert_eq!(before.get("etc/motd").unwrap(), &Node::file(b"hello".to_vec(), 0o644, 7));
        assert_eq!(before.get("etc/init.d/rc").unwrap().mode, 0o755);
        assert_eq!(before.get("etc/issue").unwrap().kind, Kind::Symlink("motd".into()));
    }

    #[test]
    fn a_directory_keeps_modes_and_hard_links() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        files::write(&at.join("a"), "x").unwrap();
        fs::hard_link(at.join("a"), at.join("b")).unwrap();
        fs::hard_link(at.join("a"), at.join("c")).unwrap();
        fs::set_permissions(at.join("a"), fs::Permissions::from_mode(0o4711)).unwrap();
        let rootfs = from_directory(at).unwrap();
        assert_eq!(rootfs.get("a").unwrap().mode, 0o4711);
        assert_eq!(rootfs.get("b").unwrap().kind, Kind::HardLink("a".into()));
        assert_eq!(rootfs.get("c").unwrap().kind, Kind::HardLink("a".into()));
    }

    #[test]
    fn device_numbers_are_split_as_the_kernel_does() {
        assert_eq!(device_numbers(0x0801), (8, 1));
        assert_eq!(device_numbers(0x10_0501), (5, 0x101));
    }
}
