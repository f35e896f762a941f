//! Archives that other programs made, and what a guest gets of them.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::MemoryFile;
use common::files::{listing, sample};
use common::*;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use transfer::Error;
use transfer::archive::{ArchiveError, Kind, Limits, Packing, Summary, check, import};

const LIMITS: Limits = Limits { bytes: 64 * MIB, entries: 10_000 };

fn imported(archive: &[u8]) -> (Summary, Vec<u8>) {
    let mut out = Vec::new();
    let summary = import(&mut MemoryFile::new(archive.to_vec()), &mut out, &LIMITS, &mut go_on).unwrap();
    assert_eq!(check(&mut MemoryFile::new(archive.to_vec()), &LIMITS, &mut go_on), Ok(summary));
    (summary, out)
}

/// Refused, with nothing written.
fn refused_with(archive: &[u8], limits: &Limits) -> Error {
    let mut out = Vec::new();
    let error = import(&mut MemoryFile::new(archive.to_vec()), &mut out, limits, &mut go_on).unwrap_err();
    assert!(out.is_empty(), "nothing is written of what is refused");
    error
}

fn refused(archive: &[u8]) -> Error {
    refused_with(archive, &LIMITS)
}

/// Unpacks a stream as a guest does, with whatever programs there are, and compares what comes out.
fn assert_unpacks_to(stream: &[u8], original: &Path) {
    let expected = listing(original);
    for program in ["tar", "busybox"] {
        if missing(program) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let args: &[&str] = if program == "tar" { &["-xpf", "-"] } else { &["tar", "-x", "-p", "-f", "-"] };
        pipe(dir.path(), program, args, stream);
        let found = listing(dir.path());
        assert!(found.keys().eq(expected.keys()), "{program}: {:?}", found.keys());
        for (name, seen) in &found {
            let mut seen = seen.clone();
            // busybox gives directories the time at which something was put in.
            if program == "busybox" && seen.mode & 0o170_000 == 0o040_000 {
                seen.mtime = expected[name].mtime;
            }
            let name = (String::from_utf8_lossy(name), &expected[name]);
            let header = |seen: &files::Seen| (seen.mode, seen.mtime, seen.content.len());
            assert!(seen == *name.1, "{program}: {} is {:?}, not {:?}", name.0, header(&seen), header(name.1));
        }
    }
}

#[test]
fn every_kind_of_tar_comes_out_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    for format in ["gnu", "pax", "oldgnu", "posix"] {
        let archive = run(dir.path(), "tar", ["-cf", "-", "--format", format, "--sort=name", "."]);
        let (summary, stream) = imported(&archive);
        assert_unpacks_to(&stream, dir.path());
        assert_eq!((summary.kind, summary.packing), (Kind::Tar, None));
        assert_eq!((summary.files, summary.directories, summary.symlinks), (7, 42, 3), "{format}");
        assert_eq!(summary.bytes, 6 + 200_000 + 200_000 + 4 + 21 + 4);
    }
}

#[test]
fn packed_tars_are_told_by_their_content() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let archive = run(dir.path(), "tar", ["-cf", "-", "--sort=name", "."]);
    let plain = imported(&archive).1;
    for (program, packing) in [("gzip", Packing::Gzip), ("zstd", Packing::Zstd)] {
        let (summary, stream) = imported(&pipe(dir.path(), program, &["-c"], &archive));
        assert!(stream == plain, "the same files give the same stream");
        assert_eq!((summary.kind, summary.packing), (Kind::Tar, Some(packing)));
    }
}

#[test]
fn a_zip_comes_out_as_it_was() {
    if missing("zip") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    for level in ["-0", "-9"] {
        let path = tempfile::tempdir().unwrap();
        let path = path.path().join("x.zip");
        run(dir.path(), "zip", ["-q", "-y", "-r", level, path.to_str().unwrap(), "."]);
        let (summary, stream) = imported(&fs::read(path).unwrap());
        assert_unpacks_to(&stream, dir.path());
        assert_eq!((summary.kind, summary.files, summary.symlinks), (Kind::Zip, 7, 3));
    }
}

#[test]
fn a_zip_that_was_streamed_is_read_too() {
    if missing("zip") {
        return;
    }
    // Sizes come behind the data there.
    let dir = tempfile::tempdir().unwrap();
    let archive = pipe(dir.path(), "zip", &["-q", "-", "-"], &noise(100_000, 1));
    let (summary, stream) = imported(&archive);
    assert_eq!(summary.bytes, 100_000);
    assert_eq!(pipe(dir.path(), "tar", &["-tf", "-"], &stream), b"-\n");
}

#[test]
fn hard_links_stay_hard_links() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "data").unwrap();
    fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
    let (summary, stream) = imported(&run(dir.path(), "tar", ["-cf", "-", "./a", "./b"]));
    assert_eq!((summary.files, summary.hard_links, summary.bytes), (1, 1, 4));
    assert_unpacks_to(&stream, dir.path());
}

#[test]
fn names_that_are_not_utf8_keep_their_bytes() {
    let dir = tempfile::tempdir().unwrap();
    files::file(dir.path(), b"caf\xe9/\xff\xfe", b"x", 0o644, 1_600_000_000);
    files::directory(dir.path(), b"caf\xe9", 0o755, 1_600_000_000);
    for format in ["gnu", "pax"] {
        let archive = run(dir.path(), "tar", ["-cf", "-", "--format", format, "."]);
        assert_unpacks_to(&imported(&archive).1, dir.path());
    }
}

#[test]
fn owners_are_kept_and_dangerous_bits_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    files::file(dir.path(), b"su", b"x", 0o6755, 1_600_000_000);
    let args = ["-cf", "-", "--owner=:3000000", "--group=:1000", "--numeric-owner", "--format=gnu", "su"];
    let (summary, stream) = imported(&run(dir.path(), "tar", args));
    assert_eq!(summary.dropped_bits, 1);
    let list = pipe(dir.path(), "tar", &["-tvf", "-", "--numeric-owner"], &stream);
    let list = String::from_utf8(list).unwrap();
    assert!(list.starts_with("-rwxr-xr-x 3000000/1000 "), "{list}");
}

#[test]
fn what_is_cut_short_is_refused_wherever_it_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    files::file(dir.path(), b"a", &noise(3000, 1), 0o644, 1_600_000_000);
    files::file(dir.path(), b"b", &noise(700, 2), 0o644, 1_600_000_000);
    let archive = run(dir.path(), "tar", ["-b", "1", "-cf", "-", "a", "b"]);
    // The last two blocks are the mark of the end, of which one is enough.
    let end = archive.len() - 1024;
    for len in [1, 511, 512, 600, 3584, 4000, end - 1, end, end + 511] {
        assert!(
            matches!(refused(&archive[..len]), Error::Truncated | Error::Archive(ArchiveError::Foreign(_))),
            "{len}"
        );
    }
    imported(&archive[..end + 512]);
    for program in ["gzip", "zstd"] {
        let packed = pipe(dir.path(), program, &["-c"], &archive);
        for len in [3, 30, packed.len() / 2, packed.len() - 1] {
            refused(&packed[..len]);
        }
        let mut wrong = packed.clone();
        let sum = wrong.len() - if program == "gzip" { 8 } else { 4 };
        wrong[sum] ^= 1;
        assert!(matches!(refused(&wrong), Error::Damaged(_)), "a wrong sum of {program}");
    }
}

#[test]
fn a_bomb_stops_at_the_limit_whatever_it_declares() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("zeros"), vec![0; 20 * MIB as usize]).unwrap();
    let tar = run(dir.path(), "tar", ["-czf", "-", "zeros"]);
    assert!(tar.len() < 100_000);
    let limits = Limits { bytes: MIB, entries: 10 };
    assert_eq!(refused_with(&tar, &limits), ArchiveError::TooLarge { limit: MIB }.into());
    if missing("zip") {
        return;
    }
    run(dir.path(), "zip", ["-q", "bomb.zip", "zeros"]);
    let mut zip = fs::read(dir.path().join("bomb.zip")).unwrap();
    assert_eq!(refused_with(&zip, &limits), ArchiveError::TooLarge { limit: MIB }.into());
    // The same with sizes that lie, in both headers.
    let central = zip.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    for at in [22, central + 24] {
        zip[at..at + 4].copy_from_slice(&100u32.to_le_bytes());
    }
    refused_with(&zip, &limits);
}

#[test]
fn entries_are_counted_with_the_directories_in_their_names() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let deep = "long/".repeat(40) + &"x".repeat(200);
    let archive = run(dir.path(), "tar", ["-cf", "-", &deep]);
    let error = refused_with(&archive, &Limits { bytes: MIB, entries: 40 });
    assert_eq!(error, ArchiveError::TooManyEntries { limit: 40 }.into());
    let mut out = Vec::new();
    import(&mut MemoryFile::new(archive), &mut out, &Limits { bytes: MIB, entries: 41 }, &mut go_on).unwrap();
}

#[test]
fn what_is_no_archive_is_refused_by_what_it_is() {
    assert_eq!(refused(b""), ArchiveError::Empty.into());
    for (bytes, word) in [
        (&b"just some text"[..], "no archive"),
        (&[0; 10_240], "no archive"),
        (b"\xfd7zXZ\0\0\0", "xz"),
        (b"BZh91AY", "bzip2"),
        (b"Rar!\x1a\x07\x00", "RAR"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
    ] {
        let error = refused(bytes).to_string();
        assert!(error.contains(word), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let text = pipe(dir.path(), "gzip", &["-c"], b"text");
    assert!(refused(&text).to_string().contains("no packed archive"));
    let twice = pipe(dir.path(), "gzip", &["-c"], &text);
    assert!(refused(&twice).to_string().contains("packed twice"));
}

#[test]
fn it_can_be_cancelled_and_progress_never_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let tar = run(dir.path(), "tar", ["-cf", "-", "."]);
    let mut archives = vec![pipe(dir.path(), "gzip", &["-c"], &tar), tar];
    if !missing("zip") {
        run(dir.path(), "zip", ["-q", "-y", "-r", "x.zip", "."]);
        archives.push(fs::read(dir.path().join("x.zip")).unwrap());
    }
    for archive in archives {
        let mut steps = Vec::new();
        import(&mut MemoryFile::new(archive.clone()), &mut Vec::new(), &LIMITS, &mut |progress| {
            steps.push((progress.done, progress.total.unwrap()));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(steps.is_sorted_by_key(|step| step.0));
        assert_eq!(steps.last().unwrap(), &(2 * archive.len() as u64, 2 * archive.len() as u64));
        for stop_at in [1, steps.len() / 2, steps.len()] {
            let mut count = 0;
            let result = import(&mut MemoryFile::new(archive.clone()), &mut Vec::new(), &LIMITS, &mut |_| {
                count += 1;
                if count == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(result, Err(Error::Cancelled));
        }
    }
}
