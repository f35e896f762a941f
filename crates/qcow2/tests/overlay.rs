//! Reading and writing images, alone and over a backing disk.

#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{BlockError, Disk, MemoryFile};
use common::*;
use qcow2::{BackingFormat, CreateOptions, Error, Geometry, Header, Qcow2, create};

fn small() -> Geometry {
    Geometry { cluster_bits: 9, refcount_order: 4 }
}

#[test]
fn a_new_image_reads_as_zeros_and_is_small() {
    let file = new_image(8 << 30, Geometry::default());
    assert!(len(&file) <= 5 * 64 * KIB, "an empty image of 8 GiB has {} bytes", len(&file));
    assert_sound(&file);
    let mut disk = open(file);
    assert_eq!(Disk::size(&disk), 8 << 30);
    let mut end = [1; 1024];
    disk.read((8 << 30) - 1024, &mut end).unwrap();
    assert_eq!(end, [0; 1024]);
}

#[test]
fn a_disk_without_bytes_is_a_disk() {
    let mut disk = open(new_image(0, Geometry::default()));
    assert!(disk.check().unwrap().is_clean());
    assert!(disk.write(0, &[1]).is_err());
    disk.grow(MIB).unwrap();
    let mut model = vec![0; MIB as usize];
    write_both(&mut disk, &mut model, 5, b"now there is room");
    let file = disk.close().unwrap();
    assert_sound(&file);
    assert!(contents(&mut open(file)) == model);
}

#[test]
fn what_was_written_comes_back_after_reopening() {
    let mut disk = open(new_image(4 * MIB, Geometry::default()));
    let mut model = vec![0; 4 * MIB as usize];
    write_both(&mut disk, &mut model, 1000, &noise(100, 1));
    write_both(&mut disk, &mut model, MIB - 7, &noise(300_000, 2));
    write_both(&mut disk, &mut model, 4 * MIB - 512, &noise(512, 3));
    assert!(contents(&mut disk) == model, "before closing");
    let file = disk.close().unwrap();
    assert_sound(&file);
    assert!(contents(&mut open(file)) == model, "after reopening");
}

#[test]
fn writes_and_reads_past_the_end_are_refused() {
    let mut disk = open(new_image(MIB, Geometry::default()));
    assert!(matches!(disk.write(MIB - 1, &[1, 2]), Err(BlockError::OutOfRange { .. })));
    assert!(matches!(disk.read(u64::MAX, &mut [0]), Err(BlockError::OutOfRange { .. })));
}

#[test]
fn an_overlay_shows_its_backing_and_never_changes_it() {
    let below = noise(MIB as usize, 9);
    let file = new_overlay(MIB, Geometry::default(), "base.img", BackingFormat::Raw);
    let mut disk = Qcow2::open(file, raw_backing(below.clone())).unwrap();
    assert!(contents(&mut disk) == below);
    let mut model = below.clone();
    // In the middle of a cluster, over a border, and a whole cluster.
    write_both(&mut disk, &mut model, 5000, &noise(700, 1));
    write_both(&mut disk, &mut model, 3 * 64 * KIB - 100, &noise(200, 2));
    write_both(&mut disk, &mut model, 8 * 64 * KIB, &noise(65536, 3));
    assert!(contents(&mut disk) == model);
    let file = disk.close().unwrap();
    let mut again = Qcow2::open(file, raw_backing(below)).unwrap();
    assert!(contents(&mut again) == model);
}

#[test]
fn a_backing_disk_that_is_shorter_continues_as_zeros() {
    let below = noise(100 * 512, 4);
    let file = new_overlay(MIB, Geometry::default(), "base.img", BackingFormat::Raw);
    let mut disk = Qcow2::open(file, raw_backing(below.clone())).unwrap();
    let mut model = below;
    model.resize(MIB as usize, 0);
    assert!(contents(&mut disk) == model);
    // Copies the cluster in which the backing disk ends.
    write_both(&mut disk, &mut model, 100 * 512 + 10, b"behind the end");
    write_both(&mut disk, &mut model, 300 * 512, b"far behind the end");
    assert!(contents(&mut disk) == model);
}

#[test]
fn a_chain_of_three_layers_reads_through() {
    let bottom = noise(512 * 64, 5);
    let size = 512 * 64;
    let mut model = bottom.clone();
    let file = new_overlay(size, small(), "bottom.img", BackingFormat::Raw);
    let mut middle = Qcow2::open(file, raw_backing(bottom)).unwrap();
    write_both(&mut middle, &mut model, 700, &noise(3000, 6));
    let file = new_overlay(size, small(), "middle.qcow2", BackingFormat::Qcow2);
    let mut top = Qcow2::open(file, Some(Box::new(middle))).unwrap();
    write_both(&mut top, &mut model, 2000, &noise(5000, 7));
    assert!(contents(&mut top) == model);
}

#[test]
fn the_header_names_the_layer_below_and_open_insists_on_it() {
    let mut file = new_overlay(MIB, Geometry::default(), "images/base.qcow2", BackingFormat::Qcow2);
    let named = Header::read(&mut file).unwrap().backing.unwrap();
    assert_eq!((named.name.as_str(), named.format), ("images/base.qcow2", Some(BackingFormat::Qcow2)));
    let error = Qcow2::open(file, None).unwrap_err();
    assert_eq!(error, Error::BackingMissing("images/base.qcow2".into()));
    let alone = new_image(MIB, Geometry::default());
    assert_eq!(Qcow2::open(alone, raw_backing(vec![])).unwrap_err(), Error::BackingUnexpected);
}

#[test]
fn a_full_storage_refuses_the_write_and_keeps_the_image_valid() {
    let file = new_image(MIB, Geometry::default()).into_bytes();
    let limit = file.len() as u64 + 3 * 64 * KIB;
    let mut disk = Qcow2::open(MemoryFile::with_limit(file, limit), None).unwrap();
    let mut model = vec![0; MIB as usize];
    write_both(&mut disk, &mut model, 0, &noise(65536, 1));
    write_both(&mut disk, &mut model, 65536, &noise(65536, 2));
    assert_eq!(disk.write(4 * 65536, &noise(65536, 3)), Err(BlockError::NoSpace));
    assert!(contents(&mut disk) == model);
    let file = disk.close().unwrap();
    assert_sound(&file);
    assert!(contents(&mut open(file)) == model);
}

#[test]
fn tiny_clusters_make_the_refcount_table_grow() {
    // 64-bit refcounts in clusters of 512 bytes: one block counts 32 KiB of file.
    let geometry = Geometry { cluster_bits: 9, refcount_order: 6 };
    let mut disk = open(new_image(MIB, geometry));
    let mut model = vec![0; MIB as usize];
    write_both(&mut disk, &mut model, 0, &noise(MIB as usize, 1));
    let file = disk.close().unwrap();
    assert_sound(&file);
    assert!(contents(&mut open(file)) == model);
}

#[test]
fn sizes_that_are_too_large_are_refused_before_memory_is_taken() {
    let mut file = MemoryFile::default();
    let error = create(&mut file, &CreateOptions::new(1 << 60)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    // 3 TiB are fine, and the file stays small.
    let file = new_image(3 << 40, Geometry::default());
    assert!(len(&file) < MIB);
    let mut disk = open(file);
    disk.write((3 << 40) - 512, &[7; 512]).unwrap();
    assert!(len(&disk.close().unwrap()) < MIB);
}
