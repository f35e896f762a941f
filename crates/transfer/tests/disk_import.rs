//! What users bring as disks, and what becomes of it. `qemu-img` makes the images and judges the results.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{BlockFile, MemoryFile, RawDisk};
use common::*;
use qcow2::{ExportOptions, ExportPlan, FileSink, Qcow2};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use transfer::Error;
use transfer::disk::{Boots, DiskError, Format, Imported, Limits, MAX_VIRTUAL_SIZE, Packing, import};

const ROOM: u64 = 64 * MIB;

/// What an import made of a file.
struct Outcome {
    result: Result<Imported, Error>,
    target: MemoryFile,
    scratch: MemoryFile,
}

fn import_with(source: &[u8], limits: Limits) -> Outcome {
    let mut target = MemoryFile::new(b"what was there before".to_vec());
    let mut scratch = MemoryFile::new(vec![1; 100]);
    let mut source = MemoryFile::new(source.to_vec());
    let result = import(&mut source, &mut target, &mut scratch, &limits, &mut go_on);
    Outcome { result, target, scratch }
}

/// Imports a file that has to be taken, and returns the disk's bytes too.
fn taken(source: &[u8]) -> (Imported, Vec<u8>) {
    let outcome = import_with(source, Limits::room(ROOM));
    let imported = outcome.result.unwrap();
    assert_eq!(imported.written, outcome.target.len().unwrap());
    assert!(outcome.scratch.bytes().is_empty(), "the scratch file is left empty");
    let mut disk = Qcow2::open(outcome.target, None).unwrap();
    assert_eq!(disk.geometry().cluster_bits, 16);
    assert!(disk.check().unwrap().is_clean());
    let mut bytes = vec![0xa5; imported.virtual_size as usize];
    block::Disk::read(&mut disk, 0, &mut bytes).unwrap();
    (imported, bytes)
}

/// Imports a file that must be refused, and sees that nothing is left of it.
fn refused(source: &[u8]) -> Error {
    refused_with(source, Limits::room(ROOM))
}

fn refused_with(source: &[u8], limits: Limits) -> Error {
    let outcome = import_with(source, limits);
    assert!(outcome.target.bytes().is_empty() && outcome.scratch.bytes().is_empty(), "nothing is left behind");
    outcome.result.unwrap_err()
}

/// 3 MiB with noise, text and holes.
fn sample() -> Vec<u8> {
    let mut bytes = noise(3 * MIB as usize, 77);
    bytes[100_000..900_000].fill(0);
    bytes[2_000_000..2_100_000].fill(b'x');
    bytes[510..512].fill(0);
    bytes[1080..1082].fill(0);
    bytes
}

fn packed(bytes: &[u8], packing: Packing) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    match packing {
        Packing::Gzip => pipe(dir.path(), "gzip", &["-c"], bytes),
        Packing::Zstd => pipe(dir.path(), "zstd", &["-q", "-c"], bytes),
    }
}

/// A qcow2 image of our own making.
fn qcow2_of(bytes: &[u8], cluster_bits: u32) -> Vec<u8> {
    let mut disk = RawDisk::new(MemoryFile::new(bytes.to_vec())).unwrap();
    let plan = ExportPlan::new(&mut disk, ExportOptions { cluster_bits, packing: None }).unwrap();
    let mut file = MemoryFile::default();
    plan.write(&mut disk, &mut FileSink::new(&mut file).unwrap()).unwrap();
    file.into_bytes()
}

#[test]
fn a_raw_image_becomes_a_sparse_qcow2_image() {
    let bytes = sample();
    let (imported, disk) = taken(&bytes);
    assert!(disk == bytes);
    assert_eq!((imported.format, imported.packing, imported.boots), (Format::Raw, None, Boots::Unknown));
    assert!(imported.written < 3 * MIB - 700_000 + 6 * 65_536, "{imported:?}: holes take no room");
}

#[test]
fn packed_raw_images_are_unpacked_on_the_way() {
    let bytes = sample();
    for packing in [Packing::Gzip, Packing::Zstd] {
        // One of which the end is no whole cluster, and one that ends with a hole.
        for bytes in [&bytes[..2 * MIB as usize + 512], &bytes[..800 * KIB as usize]] {
            let (imported, disk) = taken(&packed(bytes, packing));
            assert!(disk == bytes, "{packing:?}");
            assert_eq!((imported.format, imported.packing), (Format::Raw, Some(packing)));
        }
    }
}

#[test]
fn images_that_qemu_made_are_flattened_into_our_geometry() {
    if missing("qemu-img") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let bytes = sample();
    fs::write(dir.join("base.raw"), &bytes).unwrap();
    for options in [
        "-o cluster_size=512",
        "-o cluster_size=4k",
        "-o cluster_size=64k",
        "-o cluster_size=2M",
        "-o compat=0.10",
        "-o compat=0.10,cluster_size=4k",
        "-o preallocation=metadata",
        "-c",
        "-c -o cluster_size=2M",
        "-c -o compression_type=zstd,cluster_size=4k",
        "-c -o compat=0.10",
    ] {
        let args = format!("convert -f raw -O qcow2 {options} base.raw q.qcow2");
        run(dir, "qemu-img", args.split(' '));
        let image = fs::read(dir.join("q.qcow2")).unwrap();
        let (imported, disk) = taken(&image);
        assert!(disk == bytes, "{options}");
        assert_eq!((imported.format, imported.packing), (Format::Qcow2, None));
        assert!(imported.written < 3 * MIB, "{options}: {} bytes", imported.written);
    }
    let image = fs::read(dir.join("q.qcow2")).unwrap();
    for packing in [Packing::Gzip, Packing::Zstd] {
        let (imported, disk) = taken(&packed(&image, packing));
        assert!(disk == bytes);
        assert_eq!((imported.format, imported.packing), (Format::Qcow2, Some(packing)));
    }
}

#[test]
fn odd_sizes_of_qemus_are_not_taken_for_cut_short() {
    if missing("qemu-img") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for size in [512, 65_536 + 512, 100 * 512, MIB as usize + 1024] {
        fs::write(dir.path().join("base.raw"), noise(size, 3)).unwrap();
        for options in ["-o cluster_size=64k", "-o cluster_size=2M", "-c", "-o preallocation=full"] {
            let args = format!("convert -f raw -O qcow2 {options} base.raw q.qcow2");
            run(dir.path(), "qemu-img", args.split(' '));
            assert!(taken(&fs::read(dir.path().join("q.qcow2")).unwrap()).1 == noise(size, 3), "{size} {options}");
        }
    }
}

#[test]
fn what_was_brought_in_is_sound_to_qemu() {
    if missing("qemu-img") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let bytes = sample();
    let outcome = import_with(&packed(&bytes, Packing::Gzip), Limits::room(ROOM));
    outcome.result.unwrap();
    fs::write(dir.path().join("disk.qcow2"), outcome.target.bytes()).unwrap();
    fs::write(dir.path().join("base.raw"), &bytes).unwrap();
    run(dir.path(), "qemu-img", ["check", "-q", "disk.qcow2"]);
    run(dir.path(), "qemu-img", ["compare", "-q", "disk.qcow2", "base.raw"]);
}

#[test]
fn an_image_over_a_backing_file_is_refused_with_that_files_name() {
    if missing("qemu-img") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("base.raw"), [1; 4096]).unwrap();
    run(dir.path(), "qemu-img", "create -q -f qcow2 -b base.raw -F raw top.qcow2".split(' '));
    let error = refused(&fs::read(dir.path().join("top.qcow2")).unwrap());
    assert_eq!(error, DiskError::Layer("base.raw".into()).into());
    assert!(error.to_string().contains("base.raw"), "{error}");
}

#[test]
fn encryption_and_external_data_are_refused_by_name() {
    if missing("qemu-img") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut encrypted = qcow2_of(&sample(), 16);
    // The field "crypt_method": LUKS.
    encrypted[35] = 2;
    let error = refused(&encrypted);
    assert!(error.to_string().contains("encryption"), "{error}");
    run(dir.path(), "qemu-img", "create -q -f qcow2 -o data_file=data.raw x.qcow2 1M".split(' '));
    let error = refused(&fs::read(dir.path().join("x.qcow2")).unwrap());
    assert!(error.to_string().contains("external data file"), "{error}");
}

#[test]
fn snapshots_inside_of_an_image_are_left_out_and_counted() {
    if missing("qemu-img") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("base.raw"), sample()).unwrap();
    run(dir.path(), "qemu-img", "convert -f raw -O qcow2 base.raw q.qcow2".split(' '));
    run(dir.path(), "qemu-img", "snapshot -c first q.qcow2".split(' '));
    let (imported, disk) = taken(&fs::read(dir.path().join("q.qcow2")).unwrap());
    assert_eq!(imported.snapshots_left_out, 1);
    assert!(disk == sample());
}

#[test]
fn an_empty_file_is_refused_packed_or_not() {
    for file in [Vec::new(), packed(b"", Packing::Gzip), packed(b"", Packing::Zstd)] {
        assert_eq!(refused(&file), DiskError::Empty.into());
    }
}

#[test]
fn a_raw_image_that_is_no_number_of_sectors_is_refused() {
    assert_eq!(refused(&sample()[..1000]), DiskError::Odd { size: 1000 }.into());
    let odd = &sample()[..2 * MIB as usize + 100];
    assert_eq!(refused(&packed(odd, Packing::Zstd)), DiskError::Odd { size: odd.len() as u64 }.into());
}

#[test]
fn a_qcow2_image_that_is_cut_short_is_refused_wherever_it_is_cut() {
    let image = qcow2_of(&sample(), 16);
    for len in [4, 71, 100, 65_536, 200_000, 400_000, image.len() / 2, image.len() - 65_536, image.len() - 1] {
        refused(&image[..len]);
    }
    let error = refused(&image[..image.len() - 1]);
    assert!(matches!(error, Error::Disk(DiskError::CutShort { .. })), "{error}");
}

#[test]
fn a_packed_file_that_is_cut_short_or_damaged_is_refused() {
    for packing in [Packing::Gzip, Packing::Zstd] {
        let whole = packed(&sample(), packing);
        for len in [3, 20, whole.len() / 2, whole.len() - 1] {
            refused(&whole[..len]);
        }
        assert_eq!(refused(&whole[..whole.len() / 2]), Error::Truncated, "{packing:?}");
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 0x55;
        refused(&damaged);
    }
}

#[test]
fn two_levels_of_packing_are_not_followed() {
    let twice = packed(&packed(&sample(), Packing::Zstd), Packing::Gzip);
    assert_eq!(refused(&twice), DiskError::PackedTwice.into());
}

#[test]
fn a_header_that_points_everywhere_is_refused() {
    let image = qcow2_of(&sample(), 16);
    // The size, the L1 table's length and place, the refcount table's place.
    for (at, len) in [(24, 8), (36, 4), (40, 8), (48, 8)] {
        let mut hostile = image.clone();
        hostile[at..at + len].fill(0x7e);
        refused(&hostile);
    }
    // An L1 table of which every entry points at itself.
    let l1 = u64::from_be_bytes(image[40..48].try_into().unwrap());
    let mut hostile = image.clone();
    hostile[l1 as usize..l1 as usize + 8].copy_from_slice(&(l1 | 1 << 63).to_be_bytes());
    let _ = import_with(&hostile, Limits::room(ROOM));
}

#[test]
fn a_disk_over_the_limit_is_refused_before_anything_is_written() {
    let image = qcow2_of(&sample(), 16);
    let limits = Limits { room: ROOM, max_virtual_size: 2 * MIB };
    assert_eq!(refused_with(&image, limits), DiskError::TooLarge { size: 3 * MIB, limit: 2 * MIB }.into());
    assert_eq!(refused_with(&sample(), limits), DiskError::TooLarge { size: 3 * MIB, limit: 2 * MIB }.into());
    let error = refused_with(&packed(&sample(), Packing::Gzip), limits);
    assert!(matches!(error, Error::Disk(DiskError::TooLarge { .. })), "{error}");
    let mut huge = image;
    huge[24..32].copy_from_slice(&(MAX_VIRTUAL_SIZE + 512).to_be_bytes());
    refused(&huge);
}

#[test]
fn a_bomb_stops_at_the_room_that_was_given() {
    // 20 MiB that pack to nearly nothing.
    let bytes = vec![1; 20 * MIB as usize];
    for packing in [Packing::Gzip, Packing::Zstd] {
        let bomb = packed(&bytes, packing);
        assert!(bomb.len() < 100_000);
        assert_eq!(refused_with(&bomb, Limits::room(5 * MIB)), Error::NoRoom { room: 5 * MIB });
        let bomb = packed(&qcow2_of(&bytes, 16), packing);
        assert_eq!(refused_with(&bomb, Limits::room(5 * MIB)), Error::NoRoom { room: 5 * MIB });
        assert_eq!(refused_with(&bomb, Limits::room(25 * MIB)), Error::NoRoom { room: 25 * MIB }, "both files count");
    }
}

#[test]
fn a_disk_full_of_zeros_takes_next_to_no_room() {
    let (imported, _) = taken(&packed(&vec![0; 50 * MIB as usize], Packing::Gzip));
    assert_eq!(imported.virtual_size, 50 * MIB);
    assert!(imported.written <= 6 * 65_536, "{imported:?}");
}

#[test]
fn a_full_storage_is_told_from_a_room_that_is_too_small() {
    let mut target = MemoryFile::with_limit(Vec::new(), MIB);
    let mut source = MemoryFile::new(sample());
    let error = import(&mut source, &mut target, &mut MemoryFile::default(), &Limits::room(ROOM), &mut go_on);
    assert_eq!(error, Err(block::BlockError::NoSpace.into()));
}

#[test]
fn it_can_be_cancelled_at_every_step_and_progress_never_goes_back() {
    let raw = sample();
    let image = qcow2_of(&raw, 12);
    for source in [packed(&image, Packing::Gzip), packed(&raw, Packing::Zstd), image, raw] {
        let mut steps = Vec::new();
        let mut run = |stop_at: Option<usize>| {
            let mut target = MemoryFile::default();
            let mut scratch = MemoryFile::default();
            let mut count = 0;
            let mut file = MemoryFile::new(source.clone());
            let result = import(&mut file, &mut target, &mut scratch, &Limits::room(ROOM), &mut |progress| {
                count += 1;
                steps.push((progress.done, progress.total.unwrap()));
                if Some(count) == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            (result, target, count)
        };
        let (result, _, all) = run(None);
        result.unwrap();
        assert!(all >= 3, "{all} steps");
        for stop_at in 1..=all {
            let (result, target, _) = run(Some(stop_at));
            assert_eq!(result, Err(Error::Cancelled));
            assert!(target.bytes().is_empty());
        }
        let whole = &steps[..all];
        assert!(whole.is_sorted_by_key(|(done, _)| *done) && whole.iter().all(|(done, total)| done <= total));
        assert_eq!(whole.last().map(|(done, total)| done == total), Some(true), "{whole:?}");
    }
}

#[test]
fn a_file_system_made_by_mke2fs_is_found() {
    if missing("mke2fs") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), "mke2fs", "-q -t ext4 disk.img 4M".split(' '));
    assert_eq!(taken(&fs::read(dir.path().join("disk.img")).unwrap()).0.boots, Boots::WholeDisk);
}

#[test]
fn the_same_file_gives_the_same_image() {
    let image = |path: &Path| fs::write(path, import_with(&sample(), Limits::room(ROOM)).target.bytes()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    image(&dir.path().join("a"));
    image(&dir.path().join("b"));
    assert!(fs::read(dir.path().join("a")).unwrap() == fs::read(dir.path().join("b")).unwrap());
}
