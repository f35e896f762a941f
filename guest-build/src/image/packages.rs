//! Which packages an image holds, as its own package manager's records say.

use super::{Flavour, GuestImage};
use crate::{Error, Result, ext4};

/// A package of the distribution, as it is in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The distribution's version of it.
    pub version: String,
    /// Its licence, as an SPDX expression; `None` where the records have none (Debian keeps the texts themselves, in
    /// `/usr/share/doc/NAME/copyright` of the image).
    pub license: Option<String>,
    /// Where its source is: for Alpine, `aports REVISION, ORIGIN`; for Debian, the source package.
    pub source: String,
}

/// The packages in an image, in the order of their names.
///
/// # Errors
/// If the records can't be read, or name no package.
pub fn packages(image: &GuestImage) -> Result<Vec<Package>> {
    let (path, parse): (_, fn(&str) -> Vec<Package>) = match image.flavour {
        Flavour::Alpine => ("/lib/apk/db/installed", apk),
        Flavour::Debian => ("/var/lib/dpkg/status", dpkg),
    };
    let mut found = parse(&String::from_utf8_lossy(&ext4::read_file(&image.path, path)?));
    if found.is_empty() {
        return Err(Error::bad_file(&image.path, format!("its {path} names no package")));
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// A record's fields: `key` and the separator before the value.
fn field<'a>(record: &'a str, key: &str) -> Option<&'a str> {
    record.lines().find_map(|line| line.strip_prefix(key)).map(str::trim)
}

/// apk's installed database (apk-tools, `doc/apk-v2.5.scd` and `src/package.c`): one letter, a colon, the value.
fn apk(text: &str) -> Vec<Package> {
    let package = |record: &str| {
        let name = field(record, "P:")?;
        Some(Package {
            name: name.to_owned(),
            version: field(record, "V:")?.to_owned(),
            license: field(record, "L:").map(str::to_owned),
            source: format!(
                "aports {}, {}",
                field(record, "c:").unwrap_or("unknown"),
                field(record, "o:").unwrap_or(name)
            ),
        })
    };
    text.split("\n\n").filter_map(package).collect()
}

/// dpkg's status file (deb822(5)); a source package of the same name and version is not named in it.
fn dpkg(text: &str) -> Vec<Package> {
    let package = |record: &str| {
        let name = field(record, "Package:")?;
        let version = field(record, "Version:")?;
        let source = field(record, "Source:").unwrap_or(name);
        let source = if source.contains('(') { source.to_owned() } else { format!("{source} ({version})") };
        Some(Package { name: name.to_owned(), version: version.to_owned(), license: None, source })
    };
    let installed = |record: &&str| field(record, "Status:") == Some("install ok installed");
    text.split("\n\n").filter(installed).filter_map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpines_records_give_licence_and_revision() {
        let text = "C:Q1x=\nP:musl\nV:1.2.5-r0\nL:MIT\no:musl\nc:4fe5\nF:lib\n\nP:ssl_client\nV:1\nL:GPL-2.0-only\n\
                    o:busybox\nc:17\n\n";
        let found = apk(text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("musl", "1.2.5-r0"));
        assert_eq!(found[1].license.as_deref(), Some("GPL-2.0-only"));
        assert_eq!(found[1].source, "aports 17, busybox");
    }

    #[test]
    fn debians_records_give_the_source_package_of_what_is_installed() {
        let text = "Package: a\nStatus: install ok installed\nVersion: 1+b1\nSource: src (1)\n\n\
                    Package: b\nStatus: deinstall ok config-files\nVersion: 2\n\n\
                    Package: c\nStatus: install ok installed\nVersion: 3\n";
        let found = dpkg(text);
        let sources: Vec<_> = found.iter().map(|package| (package.name.as_str(), package.source.as_str())).collect();
        assert_eq!(sources, [("a", "src (1)"), ("c", "c (3)")]);
    }
}
