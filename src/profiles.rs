//! The profiles that there are: the packaged ones, and the user's own out of the private file system.

use crate::bridge::{log, problem};
use crate::disks::opfs::{Directory, SharedFile};
use crate::package;
use block::BlockFile as _;
use profile::{ARCHIVE_MAX, Bundle, from_catalog};
use protocol::{OWN_PROFILES, Problem, ProblemCode};

/// A file of the package with profiles, or with what applies them.
pub async fn packaged(path: &str) -> Result<Vec<u8>, Problem> {
    let bytes = package::file(path).await?;
    Ok(js_sys::Uint8Array::new(&bytes).to_vec())
}

/// What a packaged file that makes no sense means to the user.
pub fn damaged(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::ImageDamaged, format!("The packaged profiles can’t be read: {error}."))
}

/// All profiles, the packaged ones first, and when the user's own were kept last, in milliseconds since 1970.
pub async fn all() -> Result<Vec<(Bundle, Option<u64>)>, Problem> {
    let catalog = packaged("profiles/catalog.tar").await?;
    let bundles = from_catalog(&catalog).map_err(|error| damaged(&error))?;
    let mut all: Vec<_> = bundles.into_iter().map(|bundle| (bundle, None)).collect();
    for (bundle, kept) in own().await? {
        if all.iter().all(|(known, _)| known.profile().name != bundle.profile().name) {
            all.push((bundle, Some(kept)));
        }
    }
    Ok(all)
}

/// The user's own. One that can't be read must not keep the others away.
async fn own() -> Result<Vec<(Bundle, u64)>, Problem> {
    let folder = Directory::open(&[OWN_PROFILES]).await?;
    let mut bundles = vec![];
    for entry in folder.entries().await?.into_iter().filter(|entry| !entry.directory && entry.name.ends_with(".tar")) {
        let Some(file) = folder.shared(&entry.name).await? else { continue };
        let kept = file.last_modified() as u64;
        let mut file = SharedFile::new(file)?;
        let failed = |error: &dyn std::fmt::Display| {
            problem(ProblemCode::Internal, &format!("{} can’t be read", entry.name), &error.to_string().into())
        };
        let len = file.len().map_err(|error| failed(&error))?;
        let mut bytes = vec![0; len.min(ARCHIVE_MAX as u64) as usize];
        file.read_at(0, &mut bytes).map_err(|error| failed(&error))?;
        match Bundle::from_archive(&bytes) {
            Ok(bundle) => bundles.push((bundle, kept)),
            Err(error) => log(&format!("{}: {error}", entry.name)),
        }
    }
    Ok(bundles)
}
