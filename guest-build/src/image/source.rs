//! Where files of a mirror come from: a list of places that are tried in turn.

use crate::command;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The public mirror, for machines that have nothing nearer.
const CDN: &str = "https://dl-cdn.alpinelinux.org/alpine";

/// How long to wait for a connection, in seconds. A machine without a way out should learn it soon.
const CONNECT_SECONDS: &str = "10";
/// A transfer slower than 1000 bytes a second for so many seconds is given up.
const STALLED_SECONDS: &str = "30";

/// A place that is laid out as the mirror is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory of this machine.
    Directory(PathBuf),
    /// An address, without a slash at its end.
    Url(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// The places to try, in order: what `ALPINE_MIRROR` names, a directory that several checkouts share, the public mirror.
pub fn places(root: &Path, alpine_mirror: Option<OsString>) -> Vec<Place> {
    let named = alpine_mirror.filter(|value| !value.is_empty()).map(|value| match value.to_str() {
        Some(url) if url.contains("://") => Place::Url(url.trim_end_matches('/').to_owned()),
        _ => Place::Directory(root.join(PathBuf::from(value))),
    });
    let shared = Some(root.join("../shared/alpine")).filter(|path| path.is_dir()).map(Place::Directory);
    named.into_iter().chain(shared).chain([Place::Url(CDN.to_owned())]).collect()
}

/// The file at `path` of the first place that has it, and that place; or what was wrong with each of them.
pub fn first_of(
    places: &[Place],
    path: &str,
    fetch: impl Fn(&Place, &str) -> Result<Vec<u8>, String>,
) -> Result<(Vec<u8>, Place), Vec<String>> {
    let mut tried = Vec::new();
    for place in places {
        match fetch(place, path) {
            Ok(data) => return Ok((data, place.clone())),
            Err(problem) => tried.push(format!("{place}: {problem}")),
        }
    }
    Err(tried)
}

/// Reads one file of a place. The error is a few words.
pub fn fetch(place: &Place, path: &str) -> Result<Vec<u8>, String> {
    match place {
        Place::Directory(directory) => std::fs::read(directory.join(path)).map_err(|error| error.to_string()),
        Place::Url(url) => download(&format!("{url}/{path}")),
    }
}

fn download(url: &str) -> Result<Vec<u8>, String> {
    let curl = command::find("curl", "curl").map_err(|error| error.to_string())?;
    let mut command = Command::new(curl);
    command.args(["--fail", "--silent", "--show-error", "--location", "--connect-timeout", CONNECT_SECONDS]);
    command.args(["--speed-limit", "1000", "--speed-time", STALLED_SECONDS, url]);
    let output = command::run_any_status(&mut command).map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("curl: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Place {
        Place::Url(text.into())
    }

    #[test]
    fn a_named_mirror_comes_first_and_the_public_one_last() {
        let root = tempfile::tempdir().unwrap();
        let repository = root.path().join("repository");
        std::fs::create_dir(&repository).unwrap();
        assert_eq!(places(&repository, None), [url(CDN)]);
        assert_eq!(places(&repository, Some("".into())), [url(CDN)], "set to nothing is not set");
        assert_eq!(
            places(&repository, Some("https://m.example/alpine/".into())),
            [url("https://m.example/alpine"), url(CDN)]
        );
        std::fs::create_dir_all(root.path().join("shared/alpine")).unwrap();
        let shared = Place::Directory(repository.join("../shared/alpine"));
        assert_eq!(places(&repository, None), [shared.clone(), url(CDN)]);
        let named = Place::Directory(repository.join("mirror"));
        assert_eq!(
            places(&repository, Some("mirror".into())),
            [named, shared, url(CDN)],
            "a directory is relative to the repository"
        );
    }

    #[test]
    fn places_are_tried_in_turn() {
        let fetch =
            |place: &Place, path: &str| if *place == url("b") { Ok(path.into()) } else { Err("no answer".to_owned()) };
        let (data, place) = first_of(&[url("a"), url("b"), url("c")], "file", fetch).unwrap();
        assert_eq!((data.as_slice(), place), (&b"file"[..], url("b")));
        assert_eq!(first_of(&[url("a"), url("c")], "file", fetch).unwrap_err(), ["a: no answer", "c: no answer"]);
    }

    #[test]
    fn a_directory_is_a_mirror() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("v1")).unwrap();
        std::fs::write(directory.path().join("v1/file"), "content").unwrap();
        let place = Place::Directory(directory.path().to_owned());
        assert_eq!(fetch(&place, "v1/file").unwrap(), b"content");
        assert!(fetch(&place, "v1/other").is_err());
    }
}
