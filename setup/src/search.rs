use crate::{Error, Result};
use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where Debian keeps administrators' programs, which are not on every user's `PATH`.
const ADMIN_DIRS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The first program of one of these names on `PATH`, or in the administrators' folders behind it.
pub fn find(names: &[&str]) -> Option<PathBuf> {
    find_in(&env::var_os("PATH").unwrap_or_default(), names)
}

fn find_in(path: &OsStr, names: &[&str]) -> Option<PathBuf> {
    let dirs: Vec<PathBuf> = env::split_paths(path).chain(ADMIN_DIRS.map(PathBuf::from)).collect();
    names.iter().flat_map(|name| dirs.iter().map(move |dir| dir.join(name))).find(|program| is_program(program))
}

/// The program that the environment variable names, or else the first of these names on `PATH`.
///
/// # Errors
/// If the variable is set to something that can't be run: then the user wanted just that, not another one.
pub(crate) fn chosen(variable: &str, names: &[&str]) -> Result<Option<PathBuf>> {
    match env::var_os(variable).filter(|value| !value.is_empty()) {
        None => Ok(find(names)),
        Some(value) => named(variable, Path::new(&value)).map(Some),
    }
}

fn named(variable: &str, program: &Path) -> Result<PathBuf> {
    if is_program(program) {
        return Ok(program.to_owned());
    }
    Err(Error::unsuitable(
        format!("The environment variable {variable} names {}, which can't be run", program.display()),
        "Name a program's full path, or unset it.",
    ))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn program(dir: &Path, name: &str, mode: u32) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn an_earlier_name_wins_over_an_earlier_folder() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        program(first.path(), "google-chrome", 0o755);
        let wanted = program(second.path(), "chromium", 0o755);
        let path = env::join_paths([first.path(), second.path()]).unwrap();
        assert_eq!(find_in(&path, &["chromium", "google-chrome"]), Some(wanted));
    }

    #[test]
    fn what_may_not_be_run_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        program(dir.path(), "no-such-program-anywhere", 0o644);
        assert_eq!(find_in(dir.path().as_os_str(), &["no-such-program-anywhere"]), None);
    }

    #[test]
    fn a_variable_that_names_nothing_is_an_error_that_names_the_variable() {
        let error = named("CHROME", Path::new("/no/such/chrome")).unwrap_err().to_string();
        assert!(error.contains("CHROME") && error.contains("/no/such/chrome"), "{error}");
    }
}
