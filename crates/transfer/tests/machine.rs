//! Machines in one file: written, read by others, and broken in every way.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::MemoryFile;
use common::*;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use transfer::Error;
use transfer::machine::{MAX_MACHINE_JSON, MachineError, MachineReader, MachineWriter};

const JSON: &[u8] = br#"{"format": 1, "name": "alpine-1"}"#;

fn members() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("layers/base.qcow2", noise(30_000, 1)),
        ("layers/top-2.qcow2", noise(70_536, 2)),
        ("states/2026.1", b"state".to_vec()),
        ("states/empty", Vec::new()),
    ]
}

fn written() -> Vec<u8> {
    let mut writer = MachineWriter::new(Vec::new(), JSON).unwrap();
    for (name, data) in members() {
        let mut member = writer.member(name, data.len() as u64).unwrap();
        data.chunks(10_000).for_each(|part| member.write_all(part).unwrap());
        member.finish().unwrap();
    }
    writer.finish().unwrap()
}

/// Reads everything; members are read to their ends, in part or not at all, as `part` says.
fn read_part(bytes: &[u8], part: usize) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut file = MemoryFile::new(bytes.to_vec());
    let reader = MachineReader::open(&mut file)?;
    assert_eq!(reader.machine_json(), JSON);
    let mut found = Vec::new();
    reader.read(
        &mut |member, data| {
            let mut taken = Vec::new();
            data.take(part as u64).read_to_end(&mut taken).map_err(|error| Error::Damaged(error.to_string()))?;
            found.push((member.name.clone(), taken));
            Ok(())
        },
        &mut go_on,
    )?;
    Ok(found)
}

fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    read_part(bytes, usize::MAX)
}

fn refused(bytes: &[u8]) -> MachineError {
    match read(bytes).unwrap_err() {
        Error::Machine(error) => error,
        other => panic!("{other}"),
    }
}

/// A name in the tar, and the blocks of its header and data.
type Part = (String, Vec<u8>);

/// The same file with one of its tar members left out, renamed or doubled: `change` gets all members with their blocks.
fn rearranged(change: impl Fn(&mut Vec<Part>)) -> Vec<u8> {
    let bytes = written();
    let mut archive = tar::Archive::new(&bytes[..]);
    let mut parts = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let start = entry.raw_header_position() as usize;
        let end = (entry.raw_file_position() + entry.size()).next_multiple_of(512) as usize;
        parts.push((entry.path().unwrap().to_str().unwrap().to_owned(), bytes[start..end].to_vec()));
    }
    change(&mut parts);
    for (name, blocks) in &mut parts {
        let mut header = tar::Header::from_byte_slice(&blocks[..512]).clone();
        header.as_old_mut().name.fill(0);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        blocks[..512].copy_from_slice(header.as_bytes());
    }
    let mut bytes: Vec<u8> = parts.into_iter().flat_map(|(_, blocks)| blocks).collect();
    bytes.extend([0; 1024]);
    bytes
}

#[test]
fn a_machine_comes_back_as_it_was() {
    let bytes = written();
    let expected: Vec<_> = members().into_iter().map(|(name, data)| (name.to_owned(), data)).collect();
    assert!(read(&bytes).unwrap() == expected);
    assert!(written() == bytes, "the same machine gives the same file");
    assert_eq!(read(&rearranged(|_| {})).unwrap(), expected);
}

#[test]
fn tar_and_sha256sum_understand_the_file() {
    let dir = tempfile::tempdir().unwrap();
    pipe(dir.path(), "tar", &["-xf", "-"], &written());
    run(dir.path(), "sha256sum", ["-c", "--strict", "--quiet", "SHA256SUMS"]);
    assert_eq!(std::fs::read(dir.path().join("machine.json")).unwrap(), JSON);
}

#[test]
fn every_flipped_byte_is_found() {
    let bytes = written();
    let step = bytes.len() / 100;
    for at in (0..bytes.len() - 1024).step_by(step).chain((0..2048).step_by(7)) {
        let mut wrong = bytes.clone();
        wrong[at] ^= 0x10;
        if let Ok(found) = read(&wrong) {
            // What no sum covers: fill bytes, and fields of the headers that nobody reads.
            assert!(found.iter().map(|(_, data)| data).eq(members().iter().map(|(_, data)| data)), "at {at}");
        }
    }
    let mut wrong = bytes.clone();
    wrong[20_000] ^= 1;
    assert_eq!(refused(&wrong), MachineError::WrongSum("layers/base.qcow2".into()));
    let mut wrong = bytes;
    wrong[512] ^= 1;
    let error = MachineReader::open(&mut MemoryFile::new(wrong)).map(|_| ()).unwrap_err();
    assert_eq!(error, MachineError::WrongSum("machine.json".into()).into());
}

#[test]
fn a_member_that_nobody_read_is_checked_all_the_same() {
    let mut bytes = written();
    bytes[20_000] ^= 1;
    for part in [0, 1000] {
        assert_eq!(read_part(&bytes, part), Err(MachineError::WrongSum("layers/base.qcow2".into()).into()));
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused_before_anything_is_read() {
    let bytes = written();
    // One block of the mark of the end is enough.
    for len in (0..bytes.len() - 512).step_by(499) {
        let mut file = MemoryFile::new(bytes[..len].to_vec());
        assert!(MachineReader::open(&mut file).is_err(), "{len} bytes");
    }
    assert_eq!(refused(&bytes[..10_000]), MachineError::CutShort("layers/base.qcow2".into()));
}

#[test]
fn only_what_belongs_there_is_there() {
    let error = |change: &dyn Fn(&mut Vec<Part>)| refused(&rearranged(change));
    let not_first = MachineError::NotAMachine("it does not begin with machine.json");
    assert_eq!(error(&|parts| drop(parts.remove(0))), not_first);
    assert_eq!(error(&|parts| parts.swap(0, 1)), not_first);
    assert_eq!(error(&|parts| drop(parts.pop())), MachineError::NoSums);
    assert_eq!(error(&|parts| drop(parts.remove(2))), MachineError::Missing("layers/top-2.qcow2".into()));
    assert_eq!(error(&|parts| parts.insert(2, parts[1].clone())), MachineError::Duplicate("layers/base.qcow2".into()));
    assert_eq!(
        error(&|parts| parts[1].0 = "layers/other.qcow2".into()),
        MachineError::NoSum("layers/other.qcow2".into())
    );
    for name in ["../a", "layers/../../a.qcow2", "/layers/a.qcow2", "readme", "machine.json"] {
        assert_eq!(error(&|parts| parts[1].0 = name.into()), MachineError::UnknownMember(name.into()));
    }
    assert_eq!(error(&|parts| parts.push(parts[1].clone())), MachineError::UnknownMember("layers/base.qcow2".into()));
    let swapped = error(&|parts| {
        let name = parts[3].0.clone();
        parts[3].0 = std::mem::replace(&mut parts[4].0, name);
    });
    assert!(matches!(swapped, MachineError::WrongSum(_)), "{swapped}");
}

#[test]
fn other_files_are_no_machines() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "x").unwrap();
    let tar = run(dir.path(), "tar", ["-cf", "-", "file"]);
    for bytes in [&b""[..], b"text", &noise(5000, 1), &[0; 10_240], &tar] {
        assert!(matches!(refused(bytes), MachineError::NotAMachine(_)));
    }
}

#[test]
fn a_writer_holds_callers_to_what_they_announced() {
    let mut writer = MachineWriter::new(Vec::new(), JSON).unwrap();
    for name in ["../a", "layers/a", "machine.json", "states/A"] {
        assert!(matches!(writer.member(name, 0).map(|_| ()), Err(Error::Machine(MachineError::BadName(_)))), "{name}");
    }
    writer.member("states/a", 0).unwrap().finish().unwrap();
    assert_eq!(writer.member("states/a", 0).map(|_| ()), Err(MachineError::Duplicate("states/a".into()).into()));
    let mut member = writer.member("states/b", 3).unwrap();
    assert!(member.write_all(b"four").is_err());
    member.write_all(b"ab").unwrap();
    let size = MachineError::Size { name: "states/b".into(), size: 3 };
    assert_eq!(member.finish(), Err(size.clone().into()));
    assert_eq!(writer.member("states/c", 0).map(|_| ()), Err(size.clone().into()));
    assert_eq!(writer.finish(), Err(size.into()), "a file that is not complete gets no end");
    let long = vec![b' '; MAX_MACHINE_JSON as usize + 1];
    assert!(MachineWriter::new(Vec::new(), &long).is_err());
}

#[test]
fn it_can_be_cancelled_while_a_member_is_read() {
    let mut file = MemoryFile::new(written());
    let reader = MachineReader::open(&mut file).unwrap();
    let mut steps = 0;
    let result = reader.read(&mut |_, _| Ok(()), &mut |progress| {
        steps += 1;
        assert_eq!(progress.total, Some(100_541));
        if progress.done > 60_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(result, Err(Error::Cancelled));
    assert!(steps > 1);
}
