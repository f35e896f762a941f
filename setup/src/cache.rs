use crate::{Error, Result};
use std::env;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The user's folder for what is built or remembered once for all checkouts: `$XDG_CACHE_HOME/vm-workbench`, else
/// `~/.cache/vm-workbench`.
///
/// # Errors
/// If neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache_dir() -> Result<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("vm-workbench"))
        .ok_or_else(|| Error::missing("A folder for caches", "Set HOME or XDG_CACHE_HOME to an absolute path."))
}

/// What changes whenever one of these files is replaced: paths, sizes and modification times.
pub(crate) fn fingerprint(files: &[&Path]) -> String {
    files.iter().fold(String::new(), |mut text, file| {
        let (size, seconds) = file.metadata().map_or((0, 0), |meta| (meta.size(), meta.mtime()));
        // Writing to a string can't fail.
        let _ = writeln!(text, "{} {size} {seconds}", file.display());
        text
    })
}

/// A check whose success is remembered as long as what was checked stays the same.
pub(crate) struct Remembered {
    stamp: PathBuf,
    state: String,
}

impl Remembered {
    pub(crate) fn new(stamp: PathBuf, state: String) -> Self {
        Self { stamp, state }
    }

    /// Whether [`Remembered::keep`] was called for the same state before.
    pub(crate) fn holds(&self) -> bool {
        fs::read_to_string(&self.stamp).is_ok_and(|state| state == self.state)
    }

    /// Remembers that the check succeeded.
    pub(crate) fn keep(&self) -> Result<()> {
        let written =
            self.stamp.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&self.stamp, &self.state));
        written.map_err(|source| Error::File { path: self.stamp.display().to_string(), action: "written", source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_remembered_until_a_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        let check = || Remembered::new(dir.path().join("stamps/check"), fingerprint(&[&program]));
        fs::write(&program, "one").unwrap();
        assert!(!check().holds());
        check().keep().unwrap();
        assert!(check().holds());
        fs::write(&program, "another").unwrap();
        assert!(!check().holds());
    }
}
