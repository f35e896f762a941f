//! What several tests need: images in memory, random bytes, and the judge `qemu-img`.
#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

pub mod recorder;

use block::{BlockFile, Disk, MemoryFile, RawDisk};
use qcow2::{Backing, BackingFormat, BackingRef, CreateOptions, Geometry, Qcow2, create};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output};

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;

/// An empty image in memory.
pub fn new_image(size: u64, geometry: Geometry) -> MemoryFile {
    let mut file = MemoryFile::default();
    create(&mut file, &CreateOptions { geometry, ..CreateOptions::new(size) }).unwrap();
    file
}

/// An overlay in memory.
pub fn new_overlay(size: u64, geometry: Geometry, name: &str, format: BackingFormat) -> MemoryFile {
    let mut file = MemoryFile::default();
    let backing = BackingRef { name: name.into(), format: Some(format) };
    create(&mut file, &CreateOptions { geometry, ..CreateOptions::overlay(size, backing) }).unwrap();
    file
}

pub fn open(file: MemoryFile) -> Qcow2<MemoryFile> {
    Qcow2::open(file, None).unwrap()
}

pub fn raw_backing(bytes: Vec<u8>) -> Option<Box<dyn Backing>> {
    Some(Box::new(RawDisk::new(MemoryFile::new(bytes)).unwrap()))
}

/// Everything that a disk holds.
pub fn contents(disk: &mut impl Disk) -> Vec<u8> {
    let mut bytes = vec![0xa5; disk.size() as usize];
    disk.read(0, &mut bytes).unwrap();
    bytes
}

/// Bytes that look random and don't compress, the same for the same seed.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..len.div_ceil(8)).flat_map(|_| next()).take(len).collect()
}

/// Whether `qemu-img` can judge. Without it such tests pass with a word, but not in CI, where it has to be there.
pub fn qemu_img_is_missing() -> bool {
    let missing = Command::new("qemu-img").arg("--version").output().is_err();
    assert!(!(missing && std::env::var_os("CI").is_some()), "qemu-img has to be installed in CI");
    if missing {
        eprintln!("skipped: qemu-img is not installed");
    }
    missing
}

/// Runs `qemu-img` in a directory and returns what it said.
pub fn qemu_img_output(dir: &Path, args: &[&str]) -> Output {
    Command::new("qemu-img").current_dir(dir).args(args).output().unwrap()
}

/// Runs `qemu-img` in a directory; it must succeed.
pub fn qemu_img(dir: &Path, args: &[&str]) {
    let output = qemu_img_output(dir, args);
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "qemu-img {args:?}: {}", String::from_utf8_lossy(&said));
}

/// Writes a memory file to a path.
pub fn save(file: &MemoryFile, path: &Path) {
    std::fs::write(path, file.bytes()).unwrap();
}

/// Reads a memory file from a path.
pub fn load(path: &Path) -> MemoryFile {
    MemoryFile::new(std::fs::read(path).unwrap())
}

/// Asks `qemu-img check`, unless it is missing: no corruption and no leak.
pub fn assert_sound(file: &MemoryFile) {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    save(file, &dir.path().join("disk.qcow2"));
    qemu_img(dir.path(), &["check", "-q", "-U", "disk.qcow2"]);
}

/// Writes at an offset and keeps a plain array in step.
pub fn write_both(disk: &mut impl Disk, model: &mut [u8], offset: u64, data: &[u8]) {
    disk.write(offset, data).unwrap();
    model[offset as usize..][..data.len()].copy_from_slice(data);
}

/// Progress that goes on.
pub fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The file's length.
pub fn len(file: &impl BlockFile) -> u64 {
    file.len().unwrap()
}
