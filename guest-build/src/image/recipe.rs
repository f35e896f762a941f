use super::Flavour;
use crate::rootfs::{self, Rootfs};
use crate::{Error, Result, ext4, tools};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The contents of a flavour's `image.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// See [`super::GuestImage::name`].
    pub name: String,
    /// See [`super::GuestImage::title`].
    pub title: String,
    /// See [`super::GuestImage::version`].
    pub version: String,
    /// See [`super::GuestImage::cmdline`].
    pub cmdline: String,
    /// What `mke2fs` is told.
    pub file_system: ext4::Settings,
    /// Permission bits of what an overlay can't express, as octal text by path.
    #[serde(default)]
    pub modes: BTreeMap<String, String>,
}

impl Recipe {
    /// What all flavours share, over it what this one has of its own, and the programs of ours.
    pub(super) fn overlay(&self, root: &Path, flavour: Flavour) -> Result<Rootfs> {
        let images = root.join("images");
        let mut overlay = rootfs::from_overlay(&images.join("common/overlay"), self.file_system.epoch)?;
        overlay
            .overlay(rootfs::from_overlay(&images.join(flavour.to_string()).join("overlay"), self.file_system.epoch)?);
        overlay.overlay(tools::overlay(root, self.file_system.epoch)?);
        Ok(overlay)
    }

    pub(super) fn apply_modes(&self, rootfs: &mut Rootfs) -> Result<()> {
        for (path, octal) in &self.modes {
            let bad = |problem: &str| Error::BadNode {
                path: path.clone(),
                problem: format!("image.toml gives it a mode, but {problem}"),
            };
            let mode = u32::from_str_radix(octal, 8).map_err(|_| bad("that is no octal number"))?;
            rootfs.get_mut(path).ok_or_else(|| bad("there is no such file"))?.mode = mode;
        }
        Ok(())
    }
}
