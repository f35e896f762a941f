//! Alpine's minirootfs, verified against the checksum that `images/alpine/source.toml` pins.

use super::source::{self, Place};
use crate::rootfs::{self, Rootfs};
use crate::{Error, Result, digest, files};
use serde::Deserialize;
use std::env;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    /// Where a mirror has the archive.
    file: String,
    /// Of the archive, in hex.
    sha512: String,
}

/// The minirootfs as it is published. The archive is kept in `out_dir` for the next build.
pub fn rootfs(root: &Path, out_dir: &Path) -> Result<Rootfs> {
    let pinned_in = root.join("images/alpine/source.toml");
    let pin: Pin = files::read_toml(&pinned_in)?;
    let kept = kept_archive(out_dir, &pin);
    let archive = match files::read(&kept) {
        Ok(data) if digest::sha512(&data) == pin.sha512 => data,
        _ => {
            let places = source::places(root, env::var_os("ALPINE_MIRROR"));
            let data = obtain(&pin, &pinned_in, &places, source::fetch)?;
            files::create_dir_all(out_dir)?;
            files::write(&kept, &data)?;
            data
        }
    };
    rootfs::from_tar_gz(&archive).map_err(Error::io("unpack", kept))
}

fn kept_archive(out_dir: &Path, pin: &Pin) -> PathBuf {
    out_dir.join(pin.file.rsplit('/').next().unwrap_or(&pin.file))
}

/// The archive from the first place that has it. A wrong one is an error even if another place might have the right one: someone
/// should look at it.
fn obtain(
    pin: &Pin,
    pinned_in: &Path,
    places: &[Place],
    fetch: impl Fn(&Place, &str) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>> {
    let (data, place) = source::first_of(places, &pin.file, fetch).map_err(|tried| Error::NoSource { tried })?;
    let found = digest::sha512(&data);
    if found == pin.sha512 {
        return Ok(data);
    }
    Err(Error::WrongChecksum {
        what: format!("{place}/{}", pin.file),
        algorithm: "SHA-512",
        found,
        expected: pin.sha512.clone(),
        pinned_in: pinned_in.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin() -> Pin {
        Pin { file: "v1/rootfs.tar.gz".into(), sha512: digest::sha512(b"good") }
    }

    fn obtain_from(places: &[&str]) -> Result<Vec<u8>> {
        let places: Vec<_> = places.iter().map(|place| Place::Url((*place).to_owned())).collect();
        obtain(&pin(), Path::new("source.toml"), &places, |place, _| match place.to_string().as_str() {
            "good" => Ok(b"good".to_vec()),
            "bad" => Ok(b"bad".to_vec()),
            _ => Err("no answer".to_owned()),
        })
    }

    #[test]
    fn an_unreachable_place_is_passed_over() {
        assert_eq!(obtain_from(&["away", "good"]).unwrap(), b"good");
        let error = obtain_from(&["away", "gone"]).unwrap_err();
        assert!(matches!(&error, Error::NoSource { tried } if tried.len() == 2), "{error}");
    }

    #[test]
    fn a_wrong_archive_is_refused_even_if_another_place_has_the_right_one() {
        let error = obtain_from(&["bad", "good"]).unwrap_err();
        assert!(matches!(error, Error::WrongChecksum { .. }));
        let text = error.to_string();
        assert!(
            text.contains("bad/v1/rootfs.tar.gz") && text.contains("source.toml") && text.contains("not used"),
            "{text}"
        );
    }
}
