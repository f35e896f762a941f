//! A bundle: the files of one profile.

use crate::archive::{self, ArchiveError, Files};
use crate::{Name, Profile, ProfileError};
use std::collections::BTreeMap;
use thiserror::Error;

/// The most files of a bundle.
pub const FILES_MAX: usize = 200;
/// The most bytes of a bundle's files together: scripts and a few pages; programs come in packages.
pub const BUNDLE_BYTES_MAX: usize = 2 << 20;
/// The longest path in a bundle, in bytes.
pub const PATH_MAX: usize = 100;
/// What every bundle has.
pub const REQUIRED: [&str; 4] = ["profile.toml", "apply.sh", "rollback.sh", "check.sh"];
/// What is put beside a bundle's files for the runner, and so can't be one of them.
const PLAN: &str = "plan";
/// The most bytes of a whole catalog.
const CATALOG_BYTES_MAX: usize = 8 << 20;

/// The files of one profile, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    profile: Profile,
    files: Files,
}

/// Why files are no bundle.
#[derive(Debug, Error)]
pub enum BundleError {
    /// The file that they should be in can't be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// One that every bundle has is missing.
    #[error("{0} is missing")]
    Missing(String),
    /// A path leads out of the bundle, or has letters that are not allowed.
    #[error(
        "“{0}” can’t be a file of a profile: paths have letters, digits and ._-, no part begins with a dot, and at most {PATH_MAX} characters"
    )]
    Path(String),
    /// A file is where a folder would have to be.
    #[error("“{0}” is a file and a folder")]
    FileAndFolder(String),
    /// There are too many.
    #[error("a profile has at most {FILES_MAX} files")]
    Many,
    /// They are too large.
    #[error("a profile’s files have at most {} KiB together", BUNDLE_BYTES_MAX >> 10)]
    Large,
    /// A script is no text.
    #[error("{0} is not UTF-8 text with Unix line ends")]
    NoText(String),
    /// The description is wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A folder's name is another one than the profile's in it.
    #[error("the folder {folder} has the profile {name}")]
    Folder {
        /// The folder.
        folder: String,
        /// The profile.
        name: Name,
    },
    /// Two profiles have the same name.
    #[error("{0} is there twice")]
    Twice(Name),
    /// It could not be packed.
    #[error("the profile could not be packed: {0}")]
    Pack(String),
}

impl Bundle {
    /// Checks files by their paths inside the bundle.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Result<Self, BundleError> {
        if files.len() > FILES_MAX {
            return Err(BundleError::Many);
        }
        if files.values().map(Vec::len).sum::<usize>() > BUNDLE_BYTES_MAX {
            return Err(BundleError::Large);
        }
        for path in files.keys() {
            check_path(path)?;
            let below = format!("{path}/");
            if files.keys().any(|other| other.starts_with(&below)) {
                return Err(BundleError::FileAndFolder(path.clone()));
            }
        }
        for required in REQUIRED {
            text(&files, required)?;
        }
        let profile = Profile::parse(text(&files, REQUIRED[0])?)?;
        for service in &profile.services {
            text(&files, &format!("{service}.service"))?;
        }
        Ok(Self { profile, files })
    }

    /// Reads a tar, a tar in gzip, or a zip. The files may lie in one folder, whatever it is called.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, BundleError> {
        let files = archive::read(bytes, BUNDLE_BYTES_MAX)?;
        let files = files.into_iter().map(|(path, bytes)| (plain(&path).to_owned(), bytes)).collect();
        Self::new(without_folder(files))
    }

    /// What it says of itself.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Its files.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// Its files and the plan for the runner, as they are laid for the guest, in the folder of the profile's name.
    pub fn laid(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let name = self.profile.name.clone();
        let plan = (PLAN.to_owned(), self.profile.plan().into_bytes());
        let files = self.files.iter().map(|(path, bytes)| (path.clone(), bytes.clone()));
        files.chain([plan]).map(move |(path, bytes)| (format!("{name}/{path}"), bytes))
    }

    fn named(&self) -> impl Iterator<Item = (String, &[u8])> {
        self.files.iter().map(|(path, bytes)| (format!("{}/{path}", self.profile.name), &bytes[..]))
    }

    /// As a tar, its files in a folder of its name.
    pub fn to_tar(&self) -> Result<Vec<u8>, BundleError> {
        archive::write_tar(self.named()).map_err(|error| BundleError::Pack(error.to_string()))
    }

    /// As a zip, its files in a folder of its name.
    pub fn to_zip(&self) -> Result<Vec<u8>, BundleError> {
        archive::write_zip(self.named()).map_err(|error| BundleError::Pack(error.to_string()))
    }
}

/// Bundles as one tar, a folder for each.
pub fn to_catalog(bundles: &[Bundle]) -> Result<Vec<u8>, BundleError> {
    let files = bundles.iter().flat_map(Bundle::named);
    archive::write_tar(files).map_err(|error| BundleError::Pack(error.to_string()))
}

/// Bundles out of one archive, a folder for each that has the profile's name, sorted by it.
pub fn from_catalog(bytes: &[u8]) -> Result<Vec<Bundle>, BundleError> {
    let mut folders: BTreeMap<String, Files> = BTreeMap::new();
    for (path, bytes) in archive::read(bytes, CATALOG_BYTES_MAX)? {
        let (folder, rest) = plain(&path).split_once('/').ok_or_else(|| BundleError::Path(path.clone()))?;
        folders.entry(folder.to_owned()).or_default().insert(rest.to_owned(), bytes);
    }
    let bundle = |(folder, files): (String, Files)| {
        let bundle = Bundle::new(files)?;
        let name = bundle.profile.name.clone();
        if name.as_str() == folder { Ok(bundle) } else { Err(BundleError::Folder { folder, name }) }
    };
    folders.into_iter().map(bundle).collect()
}

fn text<'a>(files: &'a Files, path: &str) -> Result<&'a str, BundleError> {
    let bytes = files.get(path).ok_or_else(|| BundleError::Missing(path.to_owned()))?;
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains(['\r', '\0']));
    text.ok_or_else(|| BundleError::NoText(path.to_owned()))
}

fn plain(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

/// Takes away the folder that everything is in, if `profile.toml` is in it.
fn without_folder(files: Files) -> Files {
    let folder = files.keys().next().and_then(|path| path.split_once('/')).map(|(folder, _)| format!("{folder}/"));
    match folder {
        Some(folder)
            if files.contains_key(&format!("{folder}{}", REQUIRED[0]))
                && files.keys().all(|path| path.starts_with(&folder)) =>
        {
            files.into_iter().map(|(path, bytes)| (path[folder.len()..].to_owned(), bytes)).collect()
        }
        _ => files,
    }
}

fn check_path(path: &str) -> Result<(), BundleError> {
    let good = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && !part.starts_with(['.', '-']) && part.bytes().all(known)
    };
    if path.len() > PATH_MAX || path == PLAN || !path.split('/').all(good) {
        return Err(BundleError::Path(path.to_owned()));
    }
    Ok(())
}
