//! Small programs of ours for the guests, which no distribution has: each one C file without a C library, for i386.
//!
//! [`build`] needs a compiler, so what it makes is committed in `images/tools/`, with its checksum in `tools.toml`. Every image
//! has the programs in `/usr/lib/workbench/`.

use crate::command::{run, tool};
use crate::rootfs::{Node, Rootfs};
use crate::{Error, Result, digest, files};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The programs; each has its source in `images/tools/NAME.c`.
const TOOLS: [&str; 2] = ["growfs", "settle"];

/// Where they are in a guest.
const PLACE: &str = "usr/lib/workbench";

/// Without a C library, position independence, padding to pages, and all that a build machine might add.
const FLAGS: [&str; 20] = [
    "-m32",
    "-march=i686",
    "-Os",
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-pie",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--build-id=none",
    "-Wl,-z,noseparate-code",
    "-Wl,-z,norelro",
    "-Wl,-z,noexecstack",
    "-s",
];

/// The contents of `images/tools/tools.toml`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The compiler that built them; another one makes other bytes.
    compiler: String,
    /// SHA-256 of each program, in hex.
    sha256: BTreeMap<String, String>,
}

fn directory(root: &Path) -> PathBuf {
    root.join("images/tools")
}

/// Makes a program for the guests of one C file that needs no C library.
///
/// # Errors
/// When there is no compiler for i386, or when it complains.
pub fn compile(source: &Path, program: &Path) -> Result<()> {
    run(tool("gcc", "gcc")?.args(FLAGS).arg("-o").arg(program).arg(source)).map(drop)
}

/// Builds the programs from source into `images/tools`.
///
/// # Errors
/// When there is no compiler, or when it complains.
pub fn build(root: &Path) -> Result<()> {
    let directory = directory(root);
    let version = run(tool("gcc", "gcc")?.arg("--version"))?.stdout;
    let compiler = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
    let mut sha256 = BTreeMap::new();
    for name in TOOLS {
        let program = directory.join(name);
        compile(&directory.join(format!("{name}.c")), &program)?;
        sha256.insert(name.to_owned(), digest::sha256_of_file(&program)?);
    }
    let record = directory.join("tools.toml");
    let table = toml::to_string(&Record { compiler, sha256 }).map_err(|error| Error::bad_file(&record, error))?;
    files::write(&record, format!("# Written by `cargo xtask kernel`.\n{table}"))
}

/// The committed programs, as a layer over a root file system.
///
/// # Errors
/// When one is missing, or is not the one that `tools.toml` names.
pub(crate) fn overlay(root: &Path, mtime: u64) -> Result<Rootfs> {
    let directory = directory(root);
    let pinned_in = directory.join("tools.toml");
    let record: Record = files::read_toml(&pinned_in)?;
    let mut rootfs = Rootfs::default();
    for name in TOOLS {
        let program = directory.join(name);
        let content = files::read(&program)?;
        let found = digest::sha256(&content);
        let expected = record.sha256.get(name).cloned().unwrap_or_default();
        if found != expected {
            let what = program.display().to_string();
            return Err(Error::WrongChecksum { what, algorithm: "SHA-256", found, expected, pinned_in });
        }
        rootfs.insert(&format!("{PLACE}/{name}"), Node::file(content, 0o755, mtime));
    }
    Ok(rootfs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_programs_are_the_ones_that_their_record_names() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let rootfs = overlay(&root, 0).unwrap();
        for name in TOOLS {
            let node = rootfs.get(&format!("{PLACE}/{name}")).unwrap();
            let crate::rootfs::Kind::File(content) = &node.kind else { panic!("{name} is not a file") };
            // ELF, 32 bits, little-endian; an executable (2) for the 386 (3).
            assert_eq!((&content[..6], content[16], content[18]), (&b"\x7fELF\x01\x01"[..], 2, 3), "{name}");
            assert_eq!(node.mode, 0o755);
        }
    }

    #[test]
    fn a_program_that_was_changed_is_refused() {
        let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let changed = tempfile::tempdir().unwrap();
        files::create_dir_all(&directory(changed.path())).unwrap();
        for name in ["tools.toml", "growfs", "settle"] {
            files::copy(&directory(&real).join(name), &directory(changed.path()).join(name)).unwrap();
        }
        assert!(overlay(changed.path(), 0).is_ok());
        files::write(&directory(changed.path()).join("growfs"), "another").unwrap();
        assert!(matches!(overlay(changed.path(), 0), Err(Error::WrongChecksum { .. })));
    }
}
