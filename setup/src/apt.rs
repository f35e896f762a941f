use crate::run::run;
use crate::{Error, Result, find};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Browsers are a few hundred megabytes; another apt may hold the lock meanwhile.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Installs those Debian packages that are missing.
///
/// Each is a package's name and what shows that it is there: a program to be found on `PATH`, or the absolute path of
/// any file. `apt(&[("e2fsprogs", "mke2fs"), ("seabios", "/usr/share/seabios/bios.bin")])`
///
/// # Errors
/// If a package is missing and there is no `apt-get`, no right to use it, or it fails.
pub fn apt(packages: &[(&str, &str)]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing.iter().map(|(name, _)| *name).collect::<Vec<_>>())?;
    match self::missing(packages).first() {
        None => Ok(()),
        Some((name, proof)) => Err(Error::unsuitable(
            format!("The package {name} is installed now, but {proof} is still not there"),
            format!("Install what provides {proof} by hand."),
        )),
    }
}

fn missing<'a>(packages: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    packages.iter().filter(|(_, proof)| !is_there(proof)).copied().collect()
}

fn is_there(proof: &str) -> bool {
    if proof.starts_with('/') { Path::new(proof).exists() } else { find(&[proof]).is_some() }
}

/// Installs packages without asking whether they are there.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if find(&["apt-get"]).is_none() {
        let what = format!("A program of Debian's packages {names}");
        return Err(Error::missing(what, "Install what these packages provide by the means of your system."));
    }
    try_to_install(packages).map_err(|error| {
        error.not_installed(format!("Debian's package {names}"), format!("Run `sudo apt-get install {names}`."))
    })
}

fn try_to_install(packages: &[&str]) -> Result<()> {
    if !is_root() {
        run(Command::new("sudo").args(["-n", "true"]), Duration::from_secs(10))?;
    }
    if run(apt_get("install").args(packages), LIMIT).is_ok() {
        return Ok(());
    }
    // Most often the lists of packages are missing (a container) or name versions that are gone.
    run(&mut apt_get("update"), LIMIT)?;
    run(apt_get("install").args(packages), LIMIT)
}

fn apt_get(verb: &str) -> Command {
    let mut command = Command::new(if is_root() { "apt-get" } else { "sudo" });
    if !is_root() {
        // sudo resets the environment, so what apt must know goes through it.
        command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "DPkg::Lock::Timeout=600", verb]);
    if verb == "install" {
        // Nothing that the user has may be removed for a build tool's sake.
        command.args(["--yes", "--no-install-recommends", "--no-remove"]);
    }
    command
}

/// Whether this process runs with all rights.
pub fn is_root() -> bool {
    // The owner of a process's folder is its effective user.
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_counts_as_there_by_its_program_or_its_file() {
        let packages = [("dash", "sh"), ("base-files", "/etc"), ("none", "no-such-program"), ("none", "/no/such/file")];
        assert_eq!(missing(&packages), packages[2..]);
    }

    #[test]
    fn nothing_is_done_when_nothing_is_missing() {
        apt(&[("no-such-package", "sh")]).unwrap();
    }
}
