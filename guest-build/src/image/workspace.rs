//! The empty file system that workspace disks begin with.

use super::cache::Cache;
use crate::rootfs::Rootfs;
use crate::{Result, digest, ext4, files};
use std::path::{Path, PathBuf};

/// An empty file system, ready to be packaged. Its size is the smallest that a workspace disk can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The raw ext4 file system, without a partition table.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// The workspace's file system as `images/workspace/image.toml` describes it; built in `out_dir` unless it is there already.
///
/// # Errors
/// When the description can't be read, or when e2fsprogs fails.
pub fn workspace(root: &Path, out_dir: &Path) -> Result<Workspace> {
    let description = root.join("images/workspace/image.toml");
    let settings: ext4::Settings = files::read_toml(&description)?;
    let path = out_dir.join("workspace.img");
    let inputs =
        format!("{}\n{}\n{}", env!("CARGO_PKG_VERSION"), ext4::tool_version()?, files::read_text(&description)?);
    let cache = Cache::new(&path, digest::sha256(inputs.as_bytes()));
    let sha256 = match cache.valid()? {
        Some(sha256) => sha256,
        None => {
            ext4::write(&Rootfs::default(), &settings, &path)?;
            cache.store()?
        }
    };
    Ok(Workspace { path, size: settings.size_mib << 20, sha256 })
}
