//! Archives with bad intentions, entry by entry.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::MemoryFile;
use common::go_on;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use tar::{EntryType, Header};
use transfer::Error;
use transfer::archive::{ArchiveError, EntryProblem, Limits, import};
use zip::write::SimpleFileOptions;

const LIMITS: Limits = Limits { bytes: 1 << 20, entries: 1000 };

/// An entry: its type, its name, its link, its data.
type Entry<'a> = (u8, &'a [u8], &'a [u8], &'a [u8]);

fn file<'a>(name: &'a str) -> Entry<'a> {
    (b'0', name.as_bytes(), b"", b"data")
}

fn dir<'a>(name: &'a str) -> Entry<'a> {
    (b'5', name.as_bytes(), b"", b"")
}

fn symlink<'a>(name: &'a str, target: &'a str) -> Entry<'a> {
    (b'2', name.as_bytes(), target.as_bytes(), b"")
}

fn hard_link<'a>(name: &'a str, target: &'a str) -> Entry<'a> {
    (b'1', name.as_bytes(), target.as_bytes(), b"")
}

fn block((letter, name, link, data): &Entry<'_>) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::new(*letter));
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(data.len() as u64);
    header.set_cksum();
    let mut bytes = [header.as_bytes().as_slice(), data].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes: Vec<u8> = entries.iter().flat_map(block).collect();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn try_import(archive: &[u8]) -> (Result<(), Error>, Vec<u8>) {
    let mut out = Vec::new();
    let result = import(&mut MemoryFile::new(archive.to_vec()), &mut out, &LIMITS, &mut go_on);
    (result.map(|_| ()), out)
}

fn taken(entries: &[Entry<'_>]) -> Vec<u8> {
    let (result, out) = try_import(&tar(entries));
    result.unwrap();
    out
}

fn refused(archive: &[u8]) -> Error {
    let (result, out) = try_import(archive);
    assert!(out.is_empty(), "nothing is written of what is refused");
    result.unwrap_err()
}

/// The name and the problem for which an archive is refused.
fn problem(entries: &[Entry<'_>]) -> (String, EntryProblem) {
    match refused(&tar(entries)) {
        Error::Archive(ArchiveError::Entry { name, problem }) => (name, problem),
        other => panic!("{other}"),
    }
}

fn problem_of_last(entries: &[Entry<'_>]) -> EntryProblem {
    let (name, problem) = problem(entries);
    let last = entries.last().unwrap();
    assert_eq!(name.as_bytes(), last.1, "the entry is named");
    problem
}

#[test]
fn names_that_lead_out_are_refused() {
    assert_eq!(problem_of_last(&[file("a"), file("/etc/passwd")]), EntryProblem::Absolute);
    for name in ["..", "../a", "a/../b", "a/..", "./../a"] {
        assert_eq!(problem_of_last(&[file("first"), file(name)]), EntryProblem::Upwards, "{name}");
    }
    assert_eq!(problem_of_last(&[file("")]), EntryProblem::NoName);
    assert_eq!(problem_of_last(&[file(".")]), EntryProblem::Root);
    taken(&[dir("./"), file("..."), file("a..b"), file("..c")]);
}

#[test]
fn a_zero_in_a_name_is_refused_where_one_can_be() {
    // In the header a zero ends the name; a long name and pax records have a length of their own.
    let gnu = tar(&[(b'L', b"././@LongLink", b"", b"a\0b\0"), file("a")]);
    let pax = tar(&[(b'x', b"pax", b"", b"12 path=a\0b\n"), file("a")]);
    for archive in [gnu, pax] {
        let error = refused(&archive);
        assert!(matches!(&error, Error::Archive(ArchiveError::Entry { problem: EntryProblem::Nul, .. })), "{error}");
        assert!(!error.to_string().contains('\0'), "the sentence shows it in another way: {error}");
    }
}

#[test]
fn names_longer_than_linux_allows_are_refused() {
    let long = |name: &str| tar(&[(b'L', b"././@LongLink", b"", name.as_bytes()), file("a")]);
    for name in ["x".repeat(256), "x/".repeat(2048) + "x"] {
        let error = refused(&long(&name));
        assert!(
            matches!(&error, Error::Archive(ArchiveError::Entry { problem: EntryProblem::LongName, .. })),
            "{error}"
        );
        assert!(error.to_string().len() < 1000);
    }
    try_import(&long(&"x".repeat(255))).0.unwrap();
    refused(&long(&"x".repeat(100_000)));
}

#[test]
fn things_that_are_no_files_are_refused() {
    for (letter, word) in
        [(b'3', "device"), (b'4', "device"), (b'6', "fifo"), (b'S', "holes"), (b'M', "unknown"), (b'D', "unknown")]
    {
        let problem = problem_of_last(&[(letter, b"thing", b"", b"")]);
        assert!(problem.to_string().contains(word), "{problem}");
    }
    let sparse = tar(&[(b'x', b"pax", b"", b"22 GNU.sparse.major=1\n"), file("a")]);
    assert!(refused(&sparse).to_string().contains("holes"));
}

#[test]
fn nothing_is_written_through_a_symbolic_link() {
    let through = |name: &str| EntryProblem::ThroughSymlink(name.into());
    assert_eq!(problem_of_last(&[symlink("a", "/etc"), file("a/passwd")]), through("a"));
    assert_eq!(problem_of_last(&[symlink("a", "."), dir("a/b/")]), through("a"));
    assert_eq!(problem_of_last(&[dir("d/"), symlink("d/a", ".."), file("d/a/b/c")]), through("d/a"));
    assert_eq!(problem_of_last(&[symlink("a", "b"), file("./a/x")]), through("a"));
    // A link may point anywhere, also over the place of a later one.
    taken(&[symlink("a", "/etc/passwd"), symlink("b", "../.."), symlink("c", "a")]);
    for target in ["", &"t".repeat(5000)] {
        let long = (b'K', b"././@LongLink".as_slice(), b"".as_slice(), target.as_bytes());
        let error = refused(&tar(&[long, symlink("a", "")]));
        assert!(error.to_string().contains("target"), "{error}");
    }
}

#[test]
fn one_name_is_one_thing() {
    for (first, second) in [
        (file("a"), dir("a")),
        (dir("a"), file("a")),
        (file("a/b"), file("a")),
        (symlink("a", "b"), file("a")),
        (symlink("a", "b"), dir("a")),
        (symlink("a", "b"), symlink("a", "c")),
        (file("a"), symlink("a", "b")),
        (dir("a"), symlink("a", "b")),
        (file("a"), hard_link("a", "a")),
    ] {
        assert_eq!(problem_of_last(&[first, second]), EntryProblem::Conflict, "{first:?}, {second:?}");
    }
    assert_eq!(problem_of_last(&[file("a"), file("a/b")]), EntryProblem::InsideFile("a".into()));
    taken(&[dir("a/"), dir("a"), file("a/b"), file("./a//b"), dir("a/c/")]);
}

#[test]
fn hard_links_lead_to_files_of_the_same_archive() {
    let nothing = |target: &str| EntryProblem::HardLink(target.into());
    for target in ["/etc/passwd", "../x", "later", "link", "dir", "link/a", "a/b", ""] {
        let entries = [file("a"), symlink("link", "/etc/passwd"), dir("dir"), hard_link("hard", target), file("later")];
        let (name, problem) = problem(&entries);
        assert_eq!((name.as_str(), problem), ("hard", nothing(target)));
    }
    assert_eq!(problem_of_last(&[hard_link("a", "a")]), nothing("a"));
    taken(&[file("a"), hard_link("b", "./a"), hard_link("c", "b")]);
}

#[test]
fn data_where_there_can_be_none_is_refused() {
    for letter in [b'1', b'2', b'5'] {
        assert_eq!(problem_of_last(&[(b'0', b"t", b"", b""), (letter, b"a", b"t", b"data")]), EntryProblem::Data);
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    let good = tar(&[file("a")]);
    // Size, sum, and a size that reaches past the end.
    for (at, value) in [(124, &b"zzzzzzzzzzz"[..]), (148, b"777777"), (124, b"00000100000")] {
        let mut bad = good.clone();
        bad[at..at + value.len()].copy_from_slice(value);
        if at != 148 {
            let mut header = Header::from_byte_slice(&bad[..512]).clone();
            header.set_cksum();
            bad[..512].copy_from_slice(header.as_bytes());
        }
        refused(&bad);
    }
    for records in [&b"30 size=18446744073709551615\n"[..], b"10 size=x\n", b"999 path=a\n", b"nonsense\n"] {
        refused(&tar(&[(b'x', b"pax", b"", records), file("a")]));
    }
    refused(&tar(&[(b'g', b"pax", b"", b"10 path=a\n"), file("a")]));
    taken(&[(b'g', b"pax", b"", b"15 comment=abc\n"), file("a")]);
}

#[test]
fn a_row_of_extensions_comes_to_an_end() {
    let entries = vec![(b'x', &b"pax"[..], &b""[..], &b""[..]); 100];
    refused(&tar(&[&entries[..], &[file("a")]].concat()));
}

#[test]
fn a_control_character_never_reaches_the_sentence() {
    let error = refused(&tar(&[(b'6', b"a\x1b[31m\n\xff\xe2\x80\xae", b"", b"")])).to_string();
    assert!(!error.contains(['\x1b', '\n', '\u{202e}']), "{error}");
}

/// A zip of one entry, whose headers are then changed at an offset in both of them.
fn zip_with(name: &str, change: &[(usize, usize, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default().unix_permissions(0o644)).unwrap();
    writer.write_all(b"some data, some data").unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    let central = bytes.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    for (local_at, central_at, value) in change {
        if *local_at > 0 {
            bytes[*local_at..local_at + value.len()].copy_from_slice(value);
        }
        bytes[central + central_at..][..value.len()].copy_from_slice(value);
    }
    bytes
}

#[test]
fn the_same_rules_hold_for_a_zip() {
    try_import(&zip_with("a", &[])).0.unwrap();
    for (name, problem) in [("/a", EntryProblem::Absolute), ("../a", EntryProblem::Upwards), ("a/", EntryProblem::Data)]
    {
        let error = refused(&zip_with(name, &[]));
        assert_eq!(error, ArchiveError::Entry { name: name.into(), problem }.into());
    }
    // Bit 0 of the flags: encrypted. Method 12: bzip2. A device in the mode.
    let error = refused(&zip_with("a", &[(6, 8, &[1, 0])]));
    assert!(error.to_string().contains("\"a\": it is encrypted"), "{error}");
    let error = refused(&zip_with("a", &[(8, 10, &[12, 0])]));
    assert!(error.to_string().contains("which is not supported; deflate is"), "{error}");
    for (mode, word) in [(0o060_644u32, "device"), (0o010_644, "fifo"), (0o140_644, "unknown")] {
        let error = refused(&zip_with("a", &[(0, 38, &(mode << 16).to_le_bytes())]));
        assert!(error.to_string().contains(word), "{error}");
    }
    // A wrong checksum.
    assert!(matches!(refused(&zip_with("a", &[(14, 16, &[1, 2, 3, 4])])), Error::Damaged(_)));
}

/// Small archives of every kind, to be damaged.
fn templates() -> Vec<Vec<u8>> {
    let entries = [
        dir("d/"),
        file("d/f"),
        symlink("l", "d/f"),
        hard_link("h", "d/f"),
        (b'L', b"././@LongLink", b"", b"long/name\0"),
        file("short"),
        (b'x', b"pax", b"", b"12 path=p/q\n"),
        file("z"),
    ];
    let tar_bytes = tar(&entries);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar_bytes).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(&tar_bytes[..], ruzstd::encoding::CompressionLevel::Fastest);
    vec![tar_bytes, gzip.finish().unwrap(), zstd, zip_with("d/file", &[])]
}

/// Judges a stream that was let through by another reader: only harmless entries, and all of them complete.
fn assert_harmless(stream: &[u8]) {
    let mut symlinks: Vec<Vec<u8>> = Vec::new();
    let mut archive = tar::Archive::new(stream);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path_bytes().into_owned();
        assert!(!name.is_empty() && name[0] != b'/' && !name.contains(&0));
        assert!(name.split(|byte| *byte == b'/').all(|part| part != b".." && part != b"."));
        assert!(symlinks.iter().all(|link| !name.starts_with(&[link, &b"/"[..]].concat())));
        assert!(entry.header().mode().unwrap() & 0o6000 == 0);
        match entry.header().entry_type() {
            EntryType::Symlink => symlinks.push(name),
            EntryType::Link | EntryType::Regular | EntryType::Directory => {}
            other => panic!("{other:?} was let through"),
        }
        std::io::copy(&mut entry, &mut std::io::sink()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damage_never_panics_and_never_lets_anything_bad_through(
        template in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        fix_sums in any::<bool>(),
    ) {
        let mut archive = templates()[template].clone();
        for (at, value) in changes {
            let at = at.index(archive.len());
            archive[at] = value;
        }
        if fix_sums && template == 0 {
            for block in archive.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
                let mut header = Header::from_byte_slice(block).clone();
                header.set_cksum();
                block.copy_from_slice(header.as_bytes());
            }
        }
        if let Some(cut) = cut {
            archive.truncate(cut.index(archive.len()));
        }
        let (result, out) = try_import(&archive);
        if result.is_ok() { assert_harmless(&out) } else { prop_assert!(out.is_empty()) }
    }

    #[test]
    fn entries_in_any_order_make_a_harmless_stream_or_none(
        entries in prop::collection::vec(
            (prop::sample::select(&b"0125"[..]), "(\\./)?[ab](/[ab.]){0,2}/?", "(\\.\\./|/)?[ab](/[ab]){0,2}"), 1..8)
    ) {
        let entries: Vec<Entry<'_>> =
            entries.iter().map(|(letter, name, link)| (*letter, name.as_bytes(), link.as_bytes(), &b""[..])).collect();
        let (result, out) = try_import(&tar(&entries));
        if result.is_ok() { assert_harmless(&out) } else { prop_assert!(out.is_empty()) }
    }
}
