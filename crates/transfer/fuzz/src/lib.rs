//! What a fuzzer does with bytes: it brings them in as a file of a user with bad intentions, and sees whether promises are kept:
//! nothing panics, takes memory without bounds or goes on for ever, and nothing comes out that was not allowed.

use block::{BlockFile, MemoryFile, RawDisk};
use std::io;
use std::ops::ControlFlow;
use transfer::{Progress, archive, disk, machine, workspace};

/// Bytes that anything may unpack to.
const ROOM: u64 = 4 << 20;
/// Steps that anything may take: an image of a few bytes can declare terabytes of zeros.
const STEPS: u32 = 20_000;

fn some_steps() -> impl FnMut(Progress) -> ControlFlow<()> {
    let mut left = STEPS;
    move |_| {
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The input is an archive of files.
pub fn archive(input: &[u8]) {
    let mut out = Vec::new();
    let limits = archive::Limits { bytes: ROOM, entries: 1000 };
    match archive::import(&mut MemoryFile::new(input.to_vec()), &mut out, &limits, &mut some_steps()) {
        Ok(_) => assert_harmless(&out),
        // What was cancelled may have begun to write.
        Err(transfer::Error::Cancelled) => {}
        Err(_) => assert!(out.is_empty(), "nothing is written of what is refused"),
    }
}

/// Judges a stream by another reader.
fn assert_harmless(stream: &[u8]) {
    let mut symlinks: Vec<Vec<u8>> = Vec::new();
    for entry in tar::Archive::new(stream).entries().expect("a tar") {
        let mut entry = entry.expect("a sound entry");
        let name = entry.path_bytes().into_owned();
        assert!(!name.is_empty() && name[0] != b'/' && !name.contains(&0));
        assert!(name.split(|byte| *byte == b'/').all(|part| part != b".." && part != b"."));
        assert!(symlinks.iter().all(|link| !name.starts_with(&[link, &b"/"[..]].concat())));
        let kind = entry.header().entry_type();
        assert!(kind.is_file() || kind.is_dir() || kind.is_symlink() || kind.is_hard_link());
        if kind.is_symlink() {
            symlinks.push(name);
        }
        io::copy(&mut entry, &mut io::sink()).expect("all of the data");
    }
}

/// The input is a disk image.
pub fn disk(input: &[u8]) {
    let (mut target, mut scratch) = (MemoryFile::default(), MemoryFile::default());
    let limits = disk::Limits { room: ROOM, max_virtual_size: 1 << 30 };
    let mut source = MemoryFile::new(input.to_vec());
    let result = disk::import(&mut source, &mut target, &mut scratch, &limits, &mut some_steps());
    assert!(scratch.is_empty().expect("memory"));
    match result {
        Ok(imported) => {
            assert!(imported.written <= ROOM && imported.virtual_size <= limits.max_virtual_size);
            let mut image = qcow2::Qcow2::open(target, None).expect("an image of our own");
            assert!(image.check().expect("readable").is_clean());
        }
        Err(_) => assert!(target.is_empty().expect("memory")),
    }
}

/// The input is a machine.
pub fn machine(input: &[u8]) {
    let mut file = MemoryFile::new(input.to_vec());
    if let Ok(reader) = machine::MachineReader::open(&mut file) {
        let _ = reader.read(&mut |_, _| Ok(()), &mut some_steps());
    }
}

/// The input is a disk with a file system.
pub fn workspace(input: &[u8]) {
    if let Ok(disk) = RawDisk::new(MemoryFile::new(input.to_vec())) {
        let format = workspace::Format::Tar(None);
        let _ = workspace::export(Box::new(disk), format, &mut io::sink(), &mut some_steps());
    }
}
