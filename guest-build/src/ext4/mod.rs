//! Writes a root file system as a raw ext4 image: without mounting it, without root's rights, and the same bytes every time.
//!
//! `mke2fs` makes the empty file system and `debugfs` puts the nodes in, in the order of their paths, one by one. (`mke2fs -d` would take
//! them in the order in which the build machine's directories happen to list them, with that machine's owners and times.) Every
//! identifier and time that e2fsprogs would choose is given. Another version of e2fsprogs may make other bytes.

mod script;

use crate::command::{run, run_any_status, tool};
use crate::rootfs::Rootfs;
use crate::{Error, Result, files};
use serde::Deserialize;
use std::fs::File;
use std::path::Path;
use std::process::Command;

/// The Debian package that has the tools.
const PACKAGE: &str = "e2fsprogs";

/// What the guest's kernel needs and no more: no checksums of data that an emulated CPU would have to compute, and no 64-bit block
/// numbers. `uninit_bg` lets the file system grow without writing its new inode tables (see `images/tools/growfs.c`). `none` first:
/// the build machine's `mke2fs.conf` must not matter.
const FEATURES: &str = "none,has_journal,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,uninit_bg";

/// The smallest journal that ext4 accepts is 4 MiB; a bigger one is more to copy and to replay.
const JOURNAL_MIB: u32 = 4;

/// Bytes of a block, whatever the size: the size of the guest's pages.
const BLOCK_BYTES: u64 = 4096;

/// One inode for so many bytes. Twice mke2fs's density: source trees and node_modules are small files.
const BYTES_PER_INODE: u32 = 8192;

/// One failure of debugfs brings thousands with it; the first ones tell.
const COMPLAINTS_MAX: usize = 5;

/// The names in the staging directory of what debugfs reads and changes; the files' contents are numbers beside them.
const IMAGE: &str = "image";
const COMMANDS: &str = "commands";

/// Everything about a file system that is not its content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Size of the image in MiB.
    pub size_mib: u64,
    /// The volume's name, at most 16 bytes.
    pub label: String,
    /// The volume's UUID.
    pub uuid: String,
    /// The UUID from which the hashes of directory entries are seeded.
    pub hash_seed: String,
    /// The time at which the file system says it was made, in seconds since 1970.
    pub epoch: u64,
    /// Size of the journal in MiB.
    #[serde(default = "small_journal")]
    pub journal_mib: u32,
    /// The size in GiB up to which it can grow while it is mounted. 16 GiB, as far as one block of group descriptors reaches, if not
    /// given; more takes room.
    #[serde(default)]
    pub grows_to_gib: Option<u64>,
}

fn small_journal() -> u32 {
    JOURNAL_MIB
}

/// Writes the image at `path`; what was there is replaced only by a whole and clean file system.
///
/// # Errors
/// When a tool is missing, when the content does not fit, or when a node can't be stored.
pub fn write(rootfs: &Rootfs, settings: &Settings, path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    files::create_dir_all(parent)?;
    let staging = tempfile::tempdir_in(parent).map_err(Error::io("create a directory in", parent))?;
    let image = staging.path().join(IMAGE);
    make_empty(settings, &image)?;
    files::write(&staging.path().join(COMMANDS), script::stage(rootfs, staging.path())?)?;
    populate(settings, staging.path())?;
    check(&image)?;
    files::rename(&image, path)
}

/// Finds fault with a file system without changing it.
///
/// # Errors
/// [`Error::BadImage`] with what `e2fsck` said.
pub fn check(image: &Path) -> Result<()> {
    let output = run_any_status(tool("e2fsck", PACKAGE)?.arg("-fn").arg(image))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::BadImage { path: image.to_owned(), said: String::from_utf8_lossy(&output.stdout).trim().to_owned() })
}

/// A file of an image, by its path in the guest.
///
/// # Errors
/// [`Error::BadImage`] with what `debugfs` said, if there is none.
pub fn read_file(image: &Path, path: &str) -> Result<Vec<u8>> {
    let output = run(tool("debugfs", PACKAGE)?.arg("-R").arg(format!("cat {path}")).arg(image))?;
    // As below: a failure is told on standard error only, after the version.
    match String::from_utf8_lossy(&output.stderr).lines().nth(1) {
        None => Ok(output.stdout),
        Some(complaint) => Err(Error::BadImage { path: image.to_owned(), said: complaint.to_owned() }),
    }
}

/// The version of e2fsprogs, on which the bytes depend.
///
/// # Errors
/// When it is not installed.
pub fn tool_version() -> Result<String> {
    let output = run(tool("mke2fs", PACKAGE)?.arg("-V"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn make_empty(settings: &Settings, image: &Path) -> Result<()> {
    let file = File::create(image).map_err(Error::io("create", image))?;
    file.set_len(settings.size_mib << 20).map_err(Error::io("set the size of", image))?;
    let mut features = FEATURES.to_owned();
    let mut extended =
        format!("hash_seed={},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0", settings.hash_seed);
    if let Some(gib) = settings.grows_to_gib {
        features.push_str(",resize_inode");
        extended.push_str(&format!(",resize={}", (gib << 30) / BLOCK_BYTES));
    }
    let mut mke2fs = at_time(tool("mke2fs", PACKAGE)?, settings);
    mke2fs.args(["-q", "-F", "-b", &BLOCK_BYTES.to_string(), "-I", "256", "-m", "0", "-O", &features, "-E", &extended]);
    mke2fs.arg("-i").arg(BYTES_PER_INODE.to_string()).arg("-J").arg(format!("size={}", settings.journal_mib));
    mke2fs.args(["-U", &settings.uuid, "-L", &settings.label]).arg(image);
    run(&mut mke2fs).map(drop)
}

fn populate(settings: &Settings, staging: &Path) -> Result<()> {
    let mut debugfs = at_time(tool("debugfs", PACKAGE)?, settings);
    let output = run(debugfs.args(["-w", "-f", COMMANDS, IMAGE]).current_dir(staging))?;
    // debugfs goes on after a command that failed and ends with status 0. When all is well its standard error is its version only.
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = said.lines().skip(1).take(COMPLAINTS_MAX).collect();
    if complaints.is_empty() {
        return Ok(());
    }
    Err(Error::BadImage { path: staging.join(IMAGE), said: complaints.join("\n") })
}

/// Both names of the variable that stops the clock of e2fsprogs; 1.47.1 prefers the second.
fn at_time(mut command: Command, settings: &Settings) -> Command {
    let epoch = settings.epoch.to_string();
    command.env("E2FSPROGS_FAKE_TIME", &epoch).env("SOURCE_DATE_EPOCH", &epoch).env("MKE2FS_CONFIG", "/dev/null");
    command
}
