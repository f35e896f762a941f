use crate::firefox;
use crate::{Error, Kind, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// An unpacked extension and the address that it will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    /// The folder as an absolute path without symbolic links.
    pub(crate) folder: PathBuf,
    /// Chromium's id of 32 letters, or Firefox's add-on id.
    pub(crate) id: String,
    /// The address of the extension's root, with a slash at its end.
    pub(crate) base_url: String,
}

impl Extension {
    /// Reads the manifest.
    pub(crate) fn read(folder: &Path, kind: Kind) -> Result<Self> {
        let wrong = |problem: String| Error::Extension { folder: folder.to_owned(), kind, problem };
        let folder = folder.canonicalize().map_err(|error| wrong(error.to_string()))?;
        let text = std::fs::read_to_string(folder.join("manifest.json"))
            .map_err(|error| wrong(format!("manifest.json can't be read: {error}")))?;
        let manifest: Value =
            serde_json::from_str(&text).map_err(|error| wrong(format!("manifest.json is not JSON: {error}")))?;
        match kind {
            Kind::Chromium => {
                let id = chromium_id(&manifest, &folder).map_err(wrong)?;
                Ok(Self { base_url: format!("chrome-extension://{id}/"), id, folder })
            }
            Kind::Firefox => {
                let id = manifest["browser_specific_settings"]["gecko"]["id"].as_str();
                let id = id.ok_or_else(|| wrong("the manifest has no browser_specific_settings.gecko.id".into()))?;
                Ok(Self { base_url: format!("moz-extension://{}/", firefox::UUID), id: id.to_owned(), folder })
            }
        }
    }
}

/// The first half of a SHA-256, each hexadecimal digit written as a letter from `a`. It is taken of the public key in
/// the manifest, or else of the folder's path (Chromium's `components/crx_file/id_util.cc`).
fn chromium_id(manifest: &Value, folder: &Path) -> std::result::Result<String, String> {
    let hash = match manifest["key"].as_str() {
        Some(key) => {
            let key = BASE64_STANDARD.decode(key).map_err(|error| format!("the manifest's key is damaged: {error}"))?;
            Sha256::digest(key)
        }
        None => Sha256::digest(folder.as_os_str().as_bytes()),
    };
    Ok(hash[..16].iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(b'a' + digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn extension(manifest: &Value) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
        dir
    }

    #[test]
    fn without_a_key_chromium_names_an_extension_by_its_path() {
        // sha256sum of "/some/path" starts with eda6cf0b.
        let id = chromium_id(&json!({}), Path::new("/some/path")).unwrap();
        assert_eq!(id.len(), 32);
        assert_eq!(&id[..8], "onkgmpal");
    }

    #[test]
    fn a_key_wins_over_the_path() {
        // sha256sum of "key" starts with 2c70e12b.
        let id = chromium_id(&json!({"key": "a2V5"}), Path::new("/some/path")).unwrap();
        assert_eq!(&id[..8], "cmhaobcl");
        assert!(chromium_id(&json!({"key": "?"}), Path::new("/")).unwrap_err().contains("key is damaged"));
    }

    #[test]
    fn firefox_takes_the_id_from_the_manifest() {
        let dir = extension(&json!({"browser_specific_settings": {"gecko": {"id": "it@test.invalid"}}}));
        let read = Extension::read(dir.path(), Kind::Firefox).unwrap();
        assert_eq!(read.id, "it@test.invalid");
        assert!(read.base_url.starts_with("moz-extension://") && read.base_url.ends_with('/'));
    }

    #[test]
    fn what_is_no_extension_is_named() {
        let dir = extension(&json!({}));
        let error = Extension::read(dir.path(), Kind::Firefox).unwrap_err().to_string();
        assert!(error.contains("is no extension for Firefox") && error.contains("gecko.id"), "{error}");
        let error = Extension::read(&dir.path().join("absent"), Kind::Chromium).unwrap_err().to_string();
        assert!(error.contains("absent is no extension for Chromium: No such file"), "{error}");
    }
}
