//! The files of an ext4 file system, as archives that other programs read. `mke2fs` and `debugfs` make the file systems.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{MemoryFile, RawDisk, StdFile};
use common::files::{Seen, file, listing, sample};
use common::*;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;
use transfer::Error;
use transfer::workspace::{Exported, Format, Packing, WorkspaceError, export};

/// A file system with the files of a directory.
fn make(dir: &Path, files: &Path, options: &str) {
    let args = format!("-q -F -t ext4 {options} -d {} disk.img 16M", files.display());
    run(dir, "mke2fs", args.split_whitespace());
}

fn debugfs(dir: &Path, commands: &str) {
    fs::write(dir.join("commands"), commands).unwrap();
    run(dir, "debugfs", ["-w", "-f", "commands", "disk.img"]);
}

fn try_export(dir: &Path, format: Format) -> (Result<Exported, Error>, Vec<u8>) {
    let disk = RawDisk::new(StdFile::new(File::open(dir.join("disk.img")).unwrap())).unwrap();
    let mut out = Vec::new();
    (export(Box::new(disk), format, &mut out, &mut go_on), out)
}

fn exported(dir: &Path, format: Format) -> (Exported, Vec<u8>) {
    let (result, out) = try_export(dir, format);
    (result.unwrap(), out)
}

fn assert_same(found: &Path, original: &Path, exact: bool) {
    let (found, expected) = (listing(found), listing(original));
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    for (name, seen) in found {
        let mut seen = seen;
        if !exact && seen.mode & 0o170_000 == 0o040_000 {
            seen.mtime = expected[&name].mtime;
        }
        let head = |seen: &Seen| (seen.mode, seen.mtime, seen.content.len());
        let shown = String::from_utf8_lossy(&name);
        assert!(seen == expected[&name], "{shown} is {:?}, not {:?}", head(&seen), head(&expected[&name]));
    }
}

#[test]
fn gnu_tar_and_busybox_unpack_what_mke2fs_packed() {
    if missing("mke2fs") {
        return;
    }
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(files.path());
    file(files.path(), b"caf\xe9/\xff\xfe", b"not UTF-8", 0o644, 1_600_000_000);
    file(files.path(), b"su", b"x", 0o4755, 1_600_000_000);
    common::files::directory(files.path(), b"caf\xe9", 0o755, 1_600_000_000);
    for options in ["", "-b 1024", "-O ^extent,^64bit,^has_journal"] {
        make(dir.path(), files.path(), options);
        let (summary, tar) = exported(dir.path(), Format::Tar(None));
        assert_eq!((summary.files, summary.directories, summary.symlinks), (9, 43, 3));
        assert_eq!(summary.bytes, 400_035 + 9 + 1);
        for program in ["tar", "busybox"] {
            if missing(program) {
                continue;
            }
            let target = tempfile::tempdir().unwrap();
            let args: &[&str] = if program == "tar" { &["-xpf", "-"] } else { &["tar", "-x", "-p", "-f", "-"] };
            pipe(target.path(), program, args, &tar);
            assert_same(target.path(), files.path(), program == "tar");
        }
        for (program, packing) in [("gzip", Packing::Gzip), ("zstd", Packing::Zstd)] {
            let packed = exported(dir.path(), Format::Tar(Some(packing))).1;
            assert!(pipe(dir.path(), program, &["-dc"], &packed) == tar, "{program}");
        }
    }
}

#[test]
fn unzip_and_python_unpack_the_zip() {
    if missing("mke2fs") || missing("unzip") {
        return;
    }
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(files.path());
    make(dir.path(), files.path(), "");
    let (_, zip) = exported(dir.path(), Format::Zip);
    fs::write(dir.path().join("x.zip"), zip).unwrap();
    let target = tempfile::tempdir().unwrap();
    run(target.path(), "unzip", ["-q", "-K", dir.path().join("x.zip").to_str().unwrap()]);
    assert_same(target.path(), files.path(), false);
    if !missing("python3") {
        let said = run(dir.path(), "python3", ["-c", "import zipfile; print(zipfile.ZipFile('x.zip').testzip())"]);
        assert_eq!(said, b"None\n");
    }
}

#[test]
fn an_export_can_be_imported_again() {
    use transfer::archive::{Limits, import};
    if missing("mke2fs") {
        return;
    }
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(files.path());
    file(files.path(), b"caf\xe9/\xff", b"not UTF-8", 0o644, 1_600_000_000);
    common::files::directory(files.path(), b"caf\xe9", 0o700, 1_600_000_000);
    make(dir.path(), files.path(), "");
    for format in [Format::Tar(None), Format::Tar(Some(Packing::Zstd)), Format::Zip] {
        let archive = exported(dir.path(), format).1;
        let limits = Limits { bytes: 16 * MIB, entries: 1000 };
        let mut stream = Vec::new();
        import(&mut MemoryFile::new(archive), &mut stream, &limits, &mut go_on).unwrap();
        let target = tempfile::tempdir().unwrap();
        pipe(target.path(), "tar", &["-xpf", "-"], &stream);
        assert_same(target.path(), files.path(), true);
    }
}

#[test]
fn what_no_archive_should_hold_is_left_out_and_told() {
    if missing("debugfs") {
        return;
    }
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    file(files.path(), b"dir/lost+found/kept", b"x", 0o644, 1_600_000_000);
    make(dir.path(), files.path(), "");
    let fifos: String = (0..12).map(|at| format!("mknod fifo{at:02} p\n")).collect();
    debugfs(dir.path(), &format!("{fifos}mknod null c 1 3\nmknod disk b 8 0\n"));
    let (summary, tar) = exported(dir.path(), Format::Tar(None));
    assert_eq!((summary.files, summary.directories, summary.left_out), (1, 2, 14));
    assert_eq!(summary.left_out_names.len(), 10);
    assert!(summary.left_out_names.contains(&"fifo00".to_owned()), "{:?}", summary.left_out_names);
    let list = String::from_utf8(pipe(dir.path(), "tar", &["-tf", "-"], &tar)).unwrap();
    assert_eq!(list, "dir/\ndir/lost+found/\ndir/lost+found/kept\n");
}

/// The features of the file systems that our own images have: no checksums.
const PLAIN: &str =
    "-b 4096 -I 256 -O none,has_journal,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file";

#[test]
fn an_unclean_file_system_is_read_as_after_its_journal() {
    if missing("debugfs") {
        return;
    }
    for (options, open) in [("-b 4096", "jo -c"), ("-b 1024", "jo -c"), ("-b 4096", "jo"), (PLAIN, "jo")] {
        let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["once", "twice", "revoked", "magic", "same"] {
            file(files.path(), name.as_bytes(), &[b'a'; 1024], 0o644, 1_600_000_000);
        }
        make(dir.path(), files.path(), options);
        let size = if options.contains("1024") { 1024 } else { 4096 };
        let block_of = |name: &str| {
            let block = run(dir.path(), "debugfs", ["-R", &format!("blocks {name}"), "disk.img"]);
            String::from_utf8(block).unwrap().trim().to_owned()
        };
        let write = |letter: u8| fs::write(dir.path().join((letter as char).to_string()), vec![letter; size]).unwrap();
        [b'b', b'c', b'd'].into_iter().for_each(write);
        // A block that begins like one of the journal's own.
        fs::write(dir.path().join("m"), [&[0xc0, 0x3b, 0x39, 0x98][..], &vec![b'm'; size - 4]].concat()).unwrap();
        let [once, twice, revoked, magic] = ["once", "twice", "revoked", "magic"].map(block_of);
        debugfs(
            dir.path(),
            &format!(
                "{open}\njw -b {once} b\njw -b {twice} b\njw -b {revoked} b\njw -b {magic} m\njw -r {revoked}\njw -b {twice} c\njc\n"
            ),
        );
        let (_, tar) = exported(dir.path(), Format::Tar(None));
        let magic = [&[0xc0, 0x3b, 0x39, 0x98][..], &[b'm'; 1020]].concat();
        for (name, content) in
            [("once", [b'b'; 1024]), ("twice", [b'c'; 1024]), ("revoked", [b'a'; 1024]), ("same", [b'a'; 1024])]
        {
            assert!(pipe(dir.path(), "tar", &["-xOf", "-", name], &tar) == content, "{name}, {options}, {open}");
        }
        assert!(pipe(dir.path(), "tar", &["-xOf", "-", "magic"], &tar) == magic, "{options}, {open}");
        // The judge: what the file system's own tools make of it.
        run(dir.path(), "e2fsck", ["-fy", "-E", "journal_only", "disk.img"]);
        assert!(exported(dir.path(), Format::Tar(None)).1 == tar, "{options}, {open}");
    }
}

#[test]
fn blocks_that_were_never_written_are_zeros_and_not_what_the_disk_holds() {
    if missing("debugfs") {
        return;
    }
    for options in ["-b 4096", "-b 1024", PLAIN] {
        let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(files.path().join("secret"), vec![b's'; 4 << 20]).unwrap();
        fs::write(files.path().join("kept"), [b'k'; 10_000]).unwrap();
        make(dir.path(), files.path(), options);
        let size: usize = if options.contains("1024") { 1024 } else { 4096 };
        fs::write(dir.path().join("data"), vec![b'd'; size]).unwrap();
        // Between the first blocks and the last, and with so many pieces that the tree needs leaves of its own.
        let pieces: String = (0..200).map(|at| format!("fallocate many {} {}\n", 4 * at, 4 * at + 1)).collect();
        debugfs(
            dir.path(),
            &format!(
                "rm secret\nwrite data few\nfallocate few 1 20\nsif few size {}\nwrite data many\n{pieces}sif many size {}\n",
                30 * size,
                900 * size
            ),
        );
        let (_, tar) = exported(dir.path(), Format::Tar(None));
        for (name, blocks) in [("few", 30), ("many", 900)] {
            let content = pipe(dir.path(), "tar", &["-xOf", "-", name], &tar);
            assert_eq!(content.len(), blocks * size);
            let expected = [vec![b'd'; size], vec![0; (blocks - 1) * size]].concat();
            assert!(content == expected, "{name}, {options}");
        }
        assert!(pipe(dir.path(), "tar", &["-xOf", "-", "kept"], &tar) == [b'k'; 10_000]);
    }
}

#[test]
fn holes_and_hard_links_become_data() {
    if missing("debugfs") {
        return;
    }
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sparse = File::create(files.path().join("sparse")).unwrap();
    sparse.set_len(3 * MIB + 17).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", MIB).unwrap();
    file(files.path(), b"one", b"same", 0o644, 1_600_000_000);
    fs::hard_link(files.path().join("one"), files.path().join("two")).unwrap();
    symlink("one", files.path().join("three")).unwrap();
    make(dir.path(), files.path(), "");
    let (summary, tar) = exported(dir.path(), Format::Tar(None));
    assert_eq!(summary.bytes, 3 * MIB + 17 + 8);
    let target = tempfile::tempdir().unwrap();
    pipe(target.path(), "tar", &["-xf", "-"], &tar);
    assert!(fs::read(target.path().join("sparse")).unwrap() == fs::read(files.path().join("sparse")).unwrap());
    assert_eq!(fs::read(target.path().join("two")).unwrap(), b"same");
}

#[test]
fn a_large_directory_is_written_completely() {
    if missing("mke2fs") {
        return;
    }
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for at in 0..1500 {
        fs::write(files.path().join(format!("a file with a long name so that many blocks are needed {at}")), "")
            .unwrap();
    }
    make(dir.path(), files.path(), "-N 3000");
    run(dir.path(), "e2fsck", ["-fyD", "disk.img"]);
    for format in [Format::Tar(None), Format::Zip] {
        assert_eq!(exported(dir.path(), format).0.files, 1500);
    }
}

#[test]
fn a_disk_without_a_file_system_is_refused() {
    for size in [0, 512, 4096, MIB as usize] {
        let disk = RawDisk::new(MemoryFile::new(vec![0; size])).unwrap();
        let result = export(Box::new(disk), Format::Zip, &mut Vec::new(), &mut go_on);
        assert_eq!(result, Err(WorkspaceError::NoFileSystem.into()));
    }
}

#[test]
fn it_can_be_cancelled_and_progress_counts_bytes() {
    if missing("mke2fs") {
        return;
    }
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(files.path());
    make(dir.path(), files.path(), "");
    let run = |stop_at: usize| {
        let disk = RawDisk::new(StdFile::new(File::open(dir.path().join("disk.img")).unwrap())).unwrap();
        let mut steps = Vec::new();
        let result = export(Box::new(disk), Format::Tar(None), &mut std::io::sink(), &mut |progress| {
            steps.push(progress.done);
            if steps.len() == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (result, steps)
    };
    let (result, steps) = run(0);
    assert!(steps.is_sorted());
    assert!(steps.last().unwrap() <= &result.unwrap().bytes);
    for stop_at in [1, steps.len() / 2, steps.len()] {
        assert_eq!(run(stop_at).0, Err(Error::Cancelled));
    }
}

#[test]
fn damage_is_an_error_or_harmless_but_never_a_panic() {
    if missing("mke2fs") {
        return;
    }
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(files.path());
    // Without checksums damage gets further.
    let args =
        format!("-q -F -t ext4 -b 1024 -O ^metadata_csum,^has_journal -d {} disk.img 1M", files.path().display());
    run(dir.path(), "mke2fs", args.split_whitespace());
    let image = fs::read(dir.path().join("disk.img")).unwrap();
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for _ in 0..300 {
        let mut bytes = image.clone();
        for _ in 0..20 {
            // Metadata is at the beginning.
            let at = 1024 + next(150_000);
            bytes[at] = next(256) as u8;
        }
        let disk = RawDisk::new(MemoryFile::new(bytes)).unwrap();
        let mut budget = 20_000;
        let _ = export(Box::new(disk), Format::Tar(None), &mut std::io::sink(), &mut |_| {
            budget -= 1;
            if budget == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
}
