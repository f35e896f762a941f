//! Certificates: self-made ones, which a browser believes by their hash, or one that was given.
//!
//! What a browser believes by its hash (`serverCertificateHashes`) is valid for 14 days at most (WebTransport, section *Certificate hashes*). So there are always
//! two: the one in use and the next one, which begins when half of the first one's time is over and takes its place then. Whoever was connected in the meantime has
//! been told the next one's hash. They are kept in a folder, so that a restart changes nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wtransport::Identity;
use wtransport::tls::Sha256DigestFmt;
use wtransport::tls::self_signed::time::{self, OffsetDateTime};

/// How long a certificate is valid.
const VALID: Duration = Duration::from_secs(14 * 24 * 3600);
/// How long it is used, before the next one's time.
const USED: Duration = Duration::from_secs(7 * 24 * 3600);
/// How far a browser's clock may be behind ours.
const EARLIER: Duration = Duration::from_secs(3600);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The folder can't be used.
    #[error("the certificates can’t be kept in {0}: {1}; name another folder with --state")]
    Folder(PathBuf, std::io::Error),
    /// What was given can't be read.
    #[error("the certificate or its key can’t be read: {0}")]
    Given(String),
    /// A host's name that no certificate can have.
    #[error("no certificate can be made for {0:?}")]
    Names(Vec<String>),
}

/// The certificate in use, and the hashes of those that follow it.
pub struct Certificate {
    /// With its key.
    pub identity: Identity,
    /// The SHA-256 hash of the one in use.
    pub hash: [u8; 32],
    /// The hash of the next one, if it is self-made.
    pub next: Option<[u8; 32]>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(&self.hash))
    }
}

/// A hash in the form in which pages take it: pairs of hexadecimal digits with colons between them.
pub fn shown(hash: &[u8; 32]) -> String {
    wtransport::tls::Sha256Digest::new(*hash).fmt(Sha256DigestFmt::DottedHex)
}

fn hash(identity: &Identity) -> [u8; 32] {
    identity.certificate_chain().as_slice().first().map_or([0; 32], |first| *first.hash().as_ref())
}

/// The certificate that was given.
pub async fn given(certificate: &Path, key: &Path) -> Result<Certificate, IdentityError> {
    let identity =
        Identity::load_pemfiles(certificate, key).await.map_err(|error| IdentityError::Given(error.to_string()))?;
    let hash = hash(&identity);
    Ok(Certificate { identity, hash, next: None })
}

/// The self-made certificate for now, and the next one; made if they are not in the folder.
pub async fn kept(folder: &Path, names: &[String], now: SystemTime) -> Result<Certificate, IdentityError> {
    let failed = |error| IdentityError::Folder(folder.to_owned(), error);
    fs::create_dir_all(folder).map_err(failed)?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut begins = begins(folder).map_err(failed)?;
    for old in begins.extract_if(.., |begin| *begin + VALID <= now + EARLIER) {
        drop((fs::remove_file(path(folder, old, "pem")), fs::remove_file(path(folder, old, "key"))));
    }
    let current = match begins.iter().copied().filter(|begin| *begin + EARLIER <= now).max() {
        Some(begin) => begin,
        None => make(folder, names, now.saturating_sub(EARLIER)).await?,
    };
    let next = match begins.iter().copied().filter(|begin| *begin > current).min() {
        Some(begin) => begin,
        None => make(folder, names, current + USED).await?,
    };
    let load = async |begin| {
        let (certificate, key) = (path(folder, begin, "pem"), path(folder, begin, "key"));
        Identity::load_pemfiles(certificate, key).await.map_err(|error| IdentityError::Given(error.to_string()))
    };
    let identity = load(current).await?;
    let next = hash(&load(next).await?);
    Ok(Certificate { hash: hash(&identity), identity, next: Some(next) })
}

/// When the certificates in a folder begin, since 1970: their files are called so. One without its key is none.
fn begins(folder: &Path) -> std::io::Result<Vec<Duration>> {
    let mut begins = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let seconds = name.to_str().and_then(|name| name.strip_suffix(".pem")).and_then(|name| name.parse().ok());
        let begin = seconds.map(Duration::from_secs);
        begins.extend(begin.filter(|begin| path(folder, *begin, "key").exists()));
    }
    Ok(begins)
}

fn path(folder: &Path, begin: Duration, kind: &str) -> PathBuf {
    folder.join(format!("{}.{kind}", begin.as_secs()))
}

async fn make(folder: &Path, names: &[String], begin: Duration) -> Result<Duration, IdentityError> {
    let begin = Duration::from_secs(begin.as_secs());
    let at = |time: Duration| OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(time.as_secs() as i64);
    let builder = Identity::self_signed_builder().subject_alt_names(names);
    let made = builder.not_before(at(begin)).not_after(at(begin + VALID)).build();
    let identity = made.map_err(|_| IdentityError::Names(names.to_vec()))?;
    let failed = |error| IdentityError::Folder(folder.to_owned(), error);
    let key = path(folder, begin, "key");
    private(&key).map_err(failed)?;
    identity.private_key().store_secret_pemfile(&key).await.map_err(failed)?;
    // It counts once both are there.
    identity.certificate_chain().store_pemfile(path(folder, begin, "pem")).await.map_err(failed)?;
    Ok(begin)
}

/// An empty file that nobody else may read.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_certificate_is_known_before_its_time_and_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let at = |days: u64| UNIX_EPOCH + Duration::from_secs((20_000 + days) * 24 * 3600);
        let first = kept(folder.path(), &names, at(0)).await.unwrap();
        let again = kept(folder.path(), &names, at(6)).await.unwrap();
        assert_eq!((again.hash, again.next), (first.hash, first.next));
        let second = kept(folder.path(), &names, at(8)).await.unwrap();
        assert_eq!(Some(second.hash), first.next);
        assert_ne!(second.next, first.next);
        // After a long time everything is new, and what has expired is gone.
        let late = kept(folder.path(), &names, at(100)).await.unwrap();
        assert!(Some(late.hash) != second.next && late.hash != second.hash);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[tokio::test]
    async fn a_hash_is_shown_as_pages_take_it() {
        assert!(shown(&[0xa5; 32]).starts_with("a5:a5:") && shown(&[0; 32]).len() == 95);
    }
}
