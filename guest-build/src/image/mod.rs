//! The guests' root file systems: immutable ext4 images, built from pinned sources and our overlays, and cached.
//!
//! What a flavour is made of is data in `images/FLAVOUR/`: `image.toml` ([`Recipe`]), `source.toml`, and an `overlay/` beside the
//! one in `images/common/`. Alpine is what the product means to ship; where no source of it can be reached, [`ensure`] builds
//! Debian and says so. An image whose source has a wrong checksum is never built, and never replaced by another flavour.

mod alpine;
mod cache;
mod debian;
mod packages;
mod recipe;
mod source;
mod workspace;

pub use packages::{Package, packages};
pub use recipe::Recipe;
pub use workspace::{Workspace, workspace};

use crate::rootfs::Rootfs;
use crate::{Error, Result, digest, ext4, files};
use cache::Cache;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Which distribution an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Alpine Linux: 7 MB, what is packaged wherever it can be had.
    Alpine,
    /// Debian: 80 MB, the second choice.
    Debian,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alpine => "alpine",
            Self::Debian => "debian",
        })
    }
}

impl FromStr for Flavour {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "alpine" => Ok(Self::Alpine),
            "debian" => Ok(Self::Debian),
            _ => Err(Error::UnknownFlavour(name.to_owned())),
        }
    }
}

/// A root file system that is ready to be packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestImage {
    /// What it holds.
    pub flavour: Flavour,
    /// Its name in catalogs and file names: `alpine-3.20`.
    pub name: String,
    /// Its name for people: `Alpine Linux 3.20`.
    pub title: String,
    /// The distribution's version: `3.20.3`.
    pub version: String,
    /// The kernel command line that boots it, without what differs between instances.
    pub cmdline: String,
    /// The raw ext4 file system, without a partition table.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// What the person who builds should read; not empty when it is not the flavour that was meant.
    pub notes: Vec<String>,
}

/// The image to package: Alpine, or Debian where no source of Alpine can be reached (the [`GuestImage::notes`] say why).
///
/// The image is built in `out_dir` unless it is there already, made of the same inputs.
///
/// # Errors
/// A source with a wrong checksum is an error, not a reason to take another one.
pub fn ensure(root: &Path, out_dir: &Path) -> Result<GuestImage> {
    choose(ensure_flavour(root, out_dir, Flavour::Alpine), || ensure_flavour(root, out_dir, Flavour::Debian))
}

fn choose(alpine: Result<GuestImage>, debian: impl FnOnce() -> Result<GuestImage>) -> Result<GuestImage> {
    let Err(Error::NoSource { tried }) = alpine else { return alpine };
    let tried = tried.join("; ");
    let mut image = debian().map_err(|debian| Error::NoImage { alpine: tried.clone(), debian: Box::new(debian) })?;
    image
        .notes
        .push(format!("This is {}, not Alpine, because no source of Alpine could be reached: {tried}", image.title));
    image.notes.push("Set ALPINE_MIRROR to a mirror's address or directory to get Alpine.".to_owned());
    Ok(image)
}

/// The image of one flavour, as [`ensure`] makes it but with no second choice.
///
/// # Errors
/// [`Error::NoSource`] when the flavour's source can't be reached.
pub fn ensure_flavour(root: &Path, out_dir: &Path, flavour: Flavour) -> Result<GuestImage> {
    let directory = root.join("images").join(flavour.to_string());
    let recipe: Recipe = files::read_toml(&directory.join("image.toml"))?;
    let overlay = recipe.overlay(root, flavour)?;
    let path = out_dir.join(format!("{}.img", recipe.name));
    let cache = Cache::new(&path, inputs(&directory, &overlay)?);
    let sha256 = match cache.valid()? {
        Some(sha256) => sha256,
        None => {
            let mut rootfs = match flavour {
                Flavour::Alpine => alpine::rootfs(root, out_dir)?,
                Flavour::Debian => debian::rootfs(root, out_dir)?,
            };
            rootfs.overlay(overlay);
            recipe.apply_modes(&mut rootfs)?;
            ext4::write(&rootfs, &recipe.file_system, &path)?;
            cache.store()?
        }
    };
    let size = recipe.file_system.size_mib << 20;
    let Recipe { name, title, version, cmdline, .. } = recipe;
    Ok(GuestImage { flavour, name, title, version, cmdline, path, size, sha256, notes: Vec::new() })
}

/// A digest of everything that decides the image's bytes. The source itself is in it by the checksum that `source.toml` pins.
fn inputs(directory: &Path, overlay: &Rootfs) -> Result<String> {
    let mut text = format!("builder {}\n{}\n", env!("CARGO_PKG_VERSION"), ext4::tool_version()?);
    for file in ["image.toml", "source.toml"] {
        text.push_str(&files::read_text(&directory.join(file))?);
    }
    text.push_str(&format!("{overlay:?}"));
    Ok(digest::sha256(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(flavour: Flavour) -> GuestImage {
        GuestImage {
            flavour,
            name: flavour.to_string(),
            title: flavour.to_string(),
            version: "1".into(),
            cmdline: String::new(),
            path: PathBuf::new(),
            size: 0,
            sha256: String::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn alpine_is_taken_when_it_can_be_had() {
        let chosen = choose(Ok(image(Flavour::Alpine)), || panic!("Debian is not asked for")).unwrap();
        assert_eq!((chosen.flavour, chosen.notes), (Flavour::Alpine, vec![]));
    }

    #[test]
    fn debian_stands_in_when_no_source_of_alpine_answers_and_says_so() {
        let unreachable = || Err(Error::NoSource { tried: vec!["a mirror: no answer".into()] });
        let chosen = choose(unreachable(), || Ok(image(Flavour::Debian))).unwrap();
        assert_eq!(chosen.flavour, Flavour::Debian);
        assert!(
            chosen.notes[0].contains("not Alpine") && chosen.notes[0].contains("a mirror: no answer"),
            "{:?}",
            chosen.notes
        );
        let error = choose(unreachable(), || Err(Error::RootNeeded)).unwrap_err().to_string();
        assert!(error.contains("a mirror: no answer") && error.contains("by root"), "{error}");
    }

    #[test]
    fn nothing_stands_in_for_a_source_with_a_wrong_checksum() {
        let wrong = Error::WrongChecksum {
            what: "rootfs.tar.gz".into(),
            algorithm: "SHA-512",
            found: "a".into(),
            expected: "b".into(),
            pinned_in: PathBuf::new(),
        };
        let error = choose(Err(wrong), || panic!("Debian is not asked for")).unwrap_err();
        assert!(matches!(error, Error::WrongChecksum { .. }), "{error}");
    }

    #[test]
    fn flavours_are_named_as_they_are_written() {
        for flavour in [Flavour::Alpine, Flavour::Debian] {
            assert_eq!(flavour.to_string().parse::<Flavour>().unwrap(), flavour);
        }
        assert!("nixos".parse::<Flavour>().unwrap_err().to_string().contains("`nixos`"));
    }
}
