//! Makes signed package repositories for Alpine's apk (its format 2), so that tests let apk itself, its signatures and its solver do the work.
//!
//! A package is three gzip streams, one after the other: a tar with the signature of the second one, a tar with `.PKGINFO` and the package's
//! scripts, and a tar with its files. An index is two: the signature, and a tar with `APKINDEX`. Of these tars only a package's last one has
//! an end mark, so that all together are one tar. Signatures are RSA with SHA-1, which apk 2 asks for; `openssl` makes them.
//! Source: Alpine's wiki, “Apk spec”, and apk-tools 2.14.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use tar::{EntryType, Header};
use thiserror::Error;

/// The architecture of the guests.
const ARCH: &str = "x86";

/// Why a repository could not be made.
#[derive(Debug, Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// `openssl` is missing or has failed.
    #[error("openssl failed: {0}")]
    Openssl(String),
}

type Result<T> = std::result::Result<T, Error>;

/// A file of a package.
#[derive(Debug, Clone)]
enum Entry {
    File { bytes: Vec<u8>, mode: u32 },
    Link(String),
}

/// A package that is to be made.
#[derive(Debug, Clone)]
pub struct Package {
    name: String,
    version: String,
    depends: Vec<String>,
    provides: Vec<String>,
    entries: Vec<(String, Entry)>,
    scripts: Vec<(String, String)>,
}

impl Package {
    /// An empty one.
    pub fn new(name: &str, version: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, depends: vec![], provides: vec![], entries: vec![], scripts: vec![] }
    }

    /// It needs this one.
    pub fn depends(mut self, on: &str) -> Self {
        self.depends.push(on.to_owned());
        self
    }

    /// It counts as this one too.
    pub fn provides(mut self, name: &str) -> Self {
        self.provides.push(name.to_owned());
        self
    }

    /// A file; the path has no slash in front.
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>, mode: u32) -> Self {
        self.entries.push((path.to_owned(), Entry::File { bytes: bytes.into(), mode }));
        self
    }

    /// A symbolic link.
    pub fn link(mut self, path: &str, target: &str) -> Self {
        self.entries.push((path.to_owned(), Entry::Link(target.to_owned())));
        self
    }

    /// A script that apk runs, such as `post-install`.
    pub fn script(mut self, kind: &str, text: &str) -> Self {
        self.scripts.push((format!(".{kind}"), text.to_owned()));
        self
    }

    /// All files and links of a folder, below the package's root.
    pub fn folder(mut self, folder: &Path) -> Result<Self> {
        self.add_folder(folder, "")?;
        Ok(self)
    }

    /// Leaves out all but what begins with one of these.
    pub fn only(mut self, beginnings: &[&str]) -> Self {
        self.entries.retain(|(path, _)| beginnings.iter().any(|beginning| path.starts_with(beginning)));
        self
    }

    /// Leaves out all below these paths.
    pub fn without(mut self, below: &[&str]) -> Self {
        self.entries.retain(|(path, _)| !below.iter().any(|folder| path.starts_with(folder)));
        self
    }

    /// Leaves out what another package brings already, which it needs from now on.
    pub fn on_top_of(mut self, other: &Package) -> Self {
        self.entries.retain(|(path, _)| other.entries.iter().all(|(known, _)| known != path));
        self.depends(&other.name)
    }

    fn add_folder(&mut self, folder: &Path, below: &str) -> Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = format!("{below}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.add_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path())?.to_string_lossy().into_owned();
                self.entries.push((path, Entry::Link(target)));
            } else {
                let mode = entry.metadata()?.permissions().mode() & 0o7777;
                self.entries.push((path, Entry::File { bytes: fs::read(entry.path())?, mode }));
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let size = |entry: &Entry| if let Entry::File { bytes, .. } = entry { bytes.len() } else { 0 };
        self.entries.iter().map(|(_, entry)| size(entry)).sum()
    }
}

/// A key to sign with.
#[derive(Debug)]
pub struct Key {
    folder: tempfile::TempDir,
    name: String,
}

impl Key {
    /// A new one, whose public half is called `NAME.rsa.pub`.
    pub fn new(name: &str) -> Result<Self> {
        let key = Self { folder: tempfile::tempdir()?, name: name.to_owned() };
        openssl(&["genrsa", "-out", &text(&key.private()), "2048"])?;
        openssl(&["rsa", "-in", &text(&key.private()), "-pubout", "-out", &text(&key.public())])?;
        Ok(key)
    }

    fn private(&self) -> PathBuf {
        self.folder.path().join("private.pem")
    }

    /// The file that a guest has to have in `/etc/apk/keys` to trust what is signed.
    pub fn public(&self) -> PathBuf {
        self.folder.path().join(format!("{}.rsa.pub", self.name))
    }

    /// The gzip stream that is put before what it signs.
    fn sign(&self, stream: &[u8]) -> Result<Vec<u8>> {
        let (data, signature) = (self.folder.path().join("data"), self.folder.path().join("signature"));
        fs::write(&data, stream)?;
        openssl(&["dgst", "-sha1", "-sign", &text(&self.private()), "-out", &text(&signature), &text(&data)])?;
        let name = format!(".SIGN.RSA.{}.rsa.pub", self.name);
        let entry = Entry::File { bytes: fs::read(signature)?, mode: 0o644 };
        gzip(&tar_of(&[(name, entry)], false, false)?)
    }
}

/// Makes a repository in a folder: `x86/NAME-VERSION.apk` and `x86/APKINDEX.tar.gz`.
pub fn repository(folder: &Path, packages: &[Package], key: &Key) -> Result<()> {
    let folder = folder.join(ARCH);
    fs::create_dir_all(&folder)?;
    let mut index = String::new();
    for package in packages {
        let made = make(package, key)?;
        index.push_str(&made.index);
        fs::write(folder.join(format!("{}-{}.apk", package.name, package.version)), made.bytes)?;
    }
    let file = |name: &str, text: String| (name.to_owned(), Entry::File { bytes: text.into_bytes(), mode: 0o644 });
    let files = [file("DESCRIPTION", "test".to_owned()), file("APKINDEX", index)];
    let stream = gzip(&tar_of(&files, true, false)?)?;
    fs::write(folder.join("APKINDEX.tar.gz"), [key.sign(&stream)?, stream].concat())?;
    Ok(())
}

struct Made {
    bytes: Vec<u8>,
    index: String,
}

fn make(package: &Package, key: &Key) -> Result<Made> {
    let Package { name, version, depends, provides, entries, scripts } = package;
    let data = gzip(&tar_of(entries, true, true)?)?;
    let hash: String = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut info = format!(
        "pkgname = {name}\npkgver = {version}\npkgdesc = {name}\nurl = none\nsize = {}\narch = {ARCH}\nlicense = none\n",
        package.size()
    );
    depends.iter().for_each(|on| info.push_str(&format!("depend = {on}\n")));
    provides.iter().for_each(|name| info.push_str(&format!("provides = {name}\n")));
    info.push_str(&format!("datahash = {hash}\n"));
    let mut files = vec![(".PKGINFO".to_owned(), Entry::File { bytes: info.into_bytes(), mode: 0o644 })];
    files.extend(
        scripts
            .iter()
            .map(|(name, text)| (name.clone(), Entry::File { bytes: text.clone().into_bytes(), mode: 0o755 })),
    );
    let control = gzip(&tar_of(&files, false, false)?)?;
    let sum = STANDARD.encode(Sha1::digest(&control));
    let bytes = [key.sign(&control)?, control, data].concat();
    let mut index = format!(
        "C:Q1{sum}\nP:{name}\nV:{version}\nA:{ARCH}\nS:{}\nI:{}\nT:{name}\nU:none\nL:none\n",
        bytes.len(),
        package.size()
    );
    if !depends.is_empty() {
        index.push_str(&format!("D:{}\n", depends.join(" ")));
    }
    if !provides.is_empty() {
        index.push_str(&format!("p:{}\n", provides.join(" ")));
    }
    index.push('\n');
    Ok(Made { bytes, index })
}

/// A tar; with `sums` each file has its SHA-1 in a pax header, by which apk knows it; with `end` it has an end mark.
fn tar_of(entries: &[(String, Entry)], end: bool, sums: bool) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(vec![]);
    let mut folders: Vec<String> = vec![];
    for (path, entry) in entries {
        for (at, _) in path.match_indices('/') {
            let folder = path[..at].to_owned();
            if !folders.contains(&folder) {
                let mut header = header(EntryType::Directory, 0, 0o755);
                builder.append_data(&mut header, format!("{folder}/"), io::empty())?;
                folders.push(folder);
            }
        }
        let sum = |bytes: &[u8]| -> String { Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect() };
        let content = match entry {
            Entry::File { bytes, .. } => &bytes[..],
            Entry::Link(target) => target.as_bytes(),
        };
        if sums {
            let record = pax_record("APK-TOOLS.checksum.SHA1", &sum(content));
            // apk takes a header without a name for the end.
            builder.append_data(
                &mut header(EntryType::XHeader, record.len(), 0o644),
                "PaxHeaders",
                record.as_bytes(),
            )?;
        }
        match entry {
            Entry::File { bytes, mode } => {
                builder.append_data(&mut header(EntryType::Regular, bytes.len(), *mode), path, &bytes[..])?;
            }
            Entry::Link(target) => builder.append_link(&mut header(EntryType::Symlink, 0, 0o777), path, target)?,
        }
    }
    let mut tar = builder.into_inner()?;
    if !end {
        // Two blocks of zeros.
        tar.truncate(tar.len().saturating_sub(1024));
    }
    Ok(tar)
}

/// A record of a pax header (POSIX.1-2001): its length in decimal counts itself.
fn pax_record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut len = rest.len();
    while len != rest.len() + len.to_string().len() {
        len = rest.len() + len.to_string().len();
    }
    format!("{len}{rest}")
}

fn header(kind: EntryType, size: usize, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(mode);
    header.set_mtime(1_700_000_000);
    header.set_uid(0);
    header.set_gid(0);
    // Writing to a field of its own size does not fail for so short a name.
    drop(header.set_username("root"));
    drop(header.set_groupname("root"));
    header
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn openssl(arguments: &[&str]) -> Result<()> {
    let done = Command::new("openssl").args(arguments).output().map_err(|error| Error::Openssl(error.to_string()))?;
    if done.status.success() { Ok(()) } else { Err(Error::Openssl(String::from_utf8_lossy(&done.stderr).into_owned())) }
}
