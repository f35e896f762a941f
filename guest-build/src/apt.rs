//! Debian packages of another release than the system's, through a private apt configuration.
//!
//! The archive's address is read from the system's own apt sources when it is needed, and only the suite is changed; proxies and
//! other settings of the system's apt stay in force. Nothing of the system's apt is written.

use crate::command::{run, tool};
use crate::{Error, Result, files};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Debian release that has the packages we build from.
const SUITE: &str = "trixie";

/// Debian's own keys, where the system has them apart from apt's trusted ones.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A downloaded package.
pub struct Package {
    /// The `.deb` file.
    pub deb: PathBuf,
    /// Debian's version of it, such as `6.12.107-1`.
    pub version: String,
}

impl Package {
    /// Unpacks the package's files under `directory`.
    pub fn unpack(&self, directory: &Path) -> Result<()> {
        run(tool("dpkg-deb", "dpkg")?.arg("-x").arg(&self.deb).arg(directory)).map(drop)
    }
}

/// Downloads the newest version of a package for all architectures into `work`, which may hold an earlier download.
pub fn download(package: &str, work: &Path) -> Result<Package> {
    let archive = debian_archive()?.ok_or_else(|| Error::NoDebianArchive { package: package.to_owned() })?;
    let config = configure(work, &archive)?;
    run(apt_get(&config)?.arg("update"))?;
    let downloads = work.join("downloads");
    files::empty_dir(&downloads)?;
    run(apt_get(&config)?.args(["download", package]).current_dir(&downloads))?;
    let deb = only_file_in(&downloads)?;
    let version = run(tool("dpkg-deb", "dpkg")?.arg("-f").arg(&deb).arg("Version"))?.stdout;
    Ok(Package { deb, version: String::from_utf8_lossy(&version).trim().to_owned() })
}

/// Unpacks a package for the guests' processor, and all that it needs, into `work/tree`, and returns that. `work` may hold an earlier download.
pub fn unpacked(package: &str, work: &Path) -> Result<PathBuf> {
    let archive = debian_archive()?.ok_or_else(|| Error::NoDebianArchive { package: package.to_owned() })?;
    let config = configure(work, &archive)?;
    let for_guests = ["-o", "APT::Architecture=i386", "-o", "APT::Architectures=i386", "-o", "Debug::NoLocking=true"];
    run(apt_get(&config)?.args(for_guests).arg("update"))?;
    // Nothing is installed as far as this configuration knows, so this is all that there has to be.
    let download = ["install", "--download-only", "--no-install-recommends", "--yes", package];
    run(apt_get(&config)?.args(for_guests).args(download))?;
    let tree = work.join("tree");
    files::empty_dir(&tree)?;
    let archives = work.join("cache/archives");
    for entry in std::fs::read_dir(&archives).map_err(Error::io("read", &archives))? {
        let deb = entry.map_err(Error::io("read", &archives))?.path();
        if deb.extension().is_some_and(|end| end == "deb") {
            Package { deb, version: String::new() }.unpack(&tree)?;
        }
    }
    Ok(tree)
}

fn apt_get(config: &Path) -> Result<Command> {
    let mut command = tool("apt-get", "apt")?;
    command.arg("-c").arg(config).arg("-qq");
    Ok(command)
}

/// The archive of this system's own release, as `apt-get` understands its sources.
fn debian_archive() -> Result<Option<String>> {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let output = run(tool("apt-get", "apt")?.args(["indextargets", "--format", format, "Created-By: Packages"]))?;
    Ok(pick_archive(&String::from_utf8_lossy(&output.stdout)))
}

/// Updates and security fixes are in archives or suites of their own; those have a hyphen in the suite's name.
fn pick_archive(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let [uri, release, component] = line.split_whitespace().collect::<Vec<_>>()[..] else { return None };
        let is_debian = uri.trim_end_matches('/').ends_with("/debian");
        (is_debian && component == "main" && !release.contains('-')).then(|| uri.to_owned())
    })
}

/// Writes the private configuration and the directories that it names.
fn configure(work: &Path, archive: &str) -> Result<PathBuf> {
    for directory in ["state/lists/partial", "cache/archives/partial"] {
        files::create_dir_all(&work.join(directory))?;
    }
    files::write(&work.join("status"), "")?;
    let signed_by = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
    files::write(&work.join("sources.list"), format!("deb {signed_by}{archive} {SUITE} main\n"))?;
    let at = work.display();
    let config = work.join("apt.conf");
    files::write(
        &config,
        format!(
            "Dir::Etc::sourcelist \"{at}/sources.list\";\nDir::Etc::sourceparts \"-\";\nDir::State \"{at}/state\";\n\
             Dir::State::status \"{at}/status\";\nDir::Cache \"{at}/cache\";\nAPT::Architectures {{ \"i386\"; \"amd64\"; }};\n\
             #clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n#clear Acquire::IndexTargets::deb::DEP-11;\n\
             #clear DPkg::Post-Invoke;\n"
        ),
    )?;
    Ok(config)
}

fn only_file_in(directory: &Path) -> Result<PathBuf> {
    let mut entries = std::fs::read_dir(directory).map_err(Error::io("read", directory))?;
    match entries.next() {
        Some(entry) => Ok(entry.map_err(Error::io("read", directory))?.path()),
        None => Err(Error::bad_file(directory, "apt-get downloaded nothing into it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_the_main_one_of_debian() {
        let targets = "http://a.example/security/ bookworm-security main\nhttp://b.example/debian/ bookworm-updates main\n\
                       http://c.example/ubuntu/ noble main\nhttp://b.example/debian/ bookworm main\n";
        assert_eq!(pick_archive(targets).as_deref(), Some("http://b.example/debian/"));
        assert_eq!(pick_archive("http://c.example/ubuntu/ noble main\n"), None);
    }
}
