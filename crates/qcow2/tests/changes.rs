//! Growing, discarding, checking, repairing, merging, renaming the layer below.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{BlockFile, Disk, MemoryFile, RawDisk};
use common::*;
use qcow2::{
    Backing, BackingFormat, BackingRef, ClusterPacking, CreateOptions, Error, ExportOptions, ExportPlan, FileSink,
    Geometry, Header, Qcow2, Source, create, merge_down,
};
use std::ops::ControlFlow;

const TINY: Geometry = Geometry { cluster_bits: 9, refcount_order: 4 };
const CLUSTER: u64 = 64 * KIB;

#[test]
fn a_grown_disk_keeps_its_bytes_and_continues_as_zeros() {
    for geometry in [Geometry::default(), TINY, Geometry { cluster_bits: 10, refcount_order: 0 }] {
        let mut disk = open(new_image(100 * 512, geometry));
        let mut model = vec![0; 100 * 512];
        write_both(&mut disk, &mut model, 3000, &noise(30_000, 1));
        // With clusters of 512 bytes the L1 table outgrows its cluster, and more than once.
        for size in [101 * 512, MIB, MIB, 5 * MIB, 6 * MIB] {
            disk.grow(size).unwrap();
            model.resize(size as usize, 0);
            assert!(contents(&mut disk) == model, "{geometry:?} grown to {size}");
            write_both(&mut disk, &mut model, size - 512, &noise(512, size));
        }
        assert!(disk.check().unwrap().is_clean(), "{:?}", disk.check());
        let file = disk.close().unwrap();
        assert_sound(&file);
        assert!(contents(&mut open(file)) == model);
    }
}

#[test]
fn a_disk_is_not_made_smaller() {
    let mut disk = open(new_image(MIB, Geometry::default()));
    assert!(matches!(disk.grow(MIB - 512), Err(Error::Invalid(_))));
    assert!(matches!(disk.grow(MIB + 1), Err(Error::Invalid(_))));
    assert!(matches!(disk.grow(1 << 60), Err(Error::TooLarge { .. })));
    assert_eq!(Disk::size(&disk), MIB);
}

#[test]
fn growing_does_not_uncover_a_longer_backing_disk() {
    let below = noise(MIB as usize, 1);
    for geometry in [Geometry::default(), TINY] {
        let size = 5 * CLUSTER + 1024;
        let file = new_overlay(size, geometry, "base.img", BackingFormat::Raw);
        let mut disk = Qcow2::open(file, raw_backing(below.clone())).unwrap();
        disk.grow(2 * MIB).unwrap();
        let mut model = below[..size as usize].to_vec();
        model.resize(2 * MIB as usize, 0);
        assert!(contents(&mut disk) == model);
        let file = disk.close().unwrap();
        assert!(contents(&mut Qcow2::open(file, raw_backing(below.clone())).unwrap()) == model);
    }
}

#[test]
fn growing_does_not_uncover_what_is_behind_the_end() {
    for packing in [None, Some(ClusterPacking::Deflate(1)), Some(ClusterPacking::Zstd)] {
        let mut whole = RawDisk::new(MemoryFile::new(vec![7; 8 * CLUSTER as usize])).unwrap();
        let plan = ExportPlan::new(&mut whole, ExportOptions { packing, ..Default::default() }).unwrap();
        let mut file = MemoryFile::default();
        plan.write(&mut whole, &mut FileSink::new(&mut file).unwrap()).unwrap();
        // Somebody made the disk smaller and left everything else as it was.
        let size = 3 * CLUSTER + 512;
        file.write_at(24, &size.to_be_bytes()).unwrap();
        let mut disk = open(file);
        disk.grow(6 * CLUSTER).unwrap();
        disk.grow(600 * MIB).unwrap();
        let mut bytes = vec![1; 9 * CLUSTER as usize];
        Disk::read(&mut disk, 0, &mut bytes).unwrap();
        assert!(bytes[..size as usize].iter().all(|byte| *byte == 7));
        assert!(bytes[size as usize..].iter().all(|byte| *byte == 0));
        assert!(disk.check().unwrap().is_clean());
    }
}

#[test]
fn discarded_clusters_read_as_zeros_and_are_used_again() {
    let mut disk = open(new_image(4 * MIB, Geometry::default()));
    let mut model = vec![0; 4 * MIB as usize];
    write_both(&mut disk, &mut model, 0, &noise(MIB as usize, 1));
    disk.flush().unwrap();
    let before = disk.file_len();
    // The clusters 1 to 9 as a whole; the edges stay.
    disk.discard(CLUSTER - 100, 9 * CLUSTER + 200).unwrap();
    model[CLUSTER as usize..10 * CLUSTER as usize].fill(0);
    assert!(contents(&mut disk) == model);
    disk.flush().unwrap();
    write_both(&mut disk, &mut model, 2 * MIB, &noise(9 * CLUSTER as usize, 2));
    let file = disk.close().unwrap();
    assert_eq!(len(&file), before, "the discarded clusters hold the new data");
    assert_sound(&file);
    assert!(contents(&mut open(file)) == model);
}

#[test]
fn a_discard_over_a_backing_disk_hides_it() {
    let below = noise(MIB as usize, 1);
    let file = new_overlay(2 * MIB, Geometry::default(), "base.img", BackingFormat::Raw);
    let mut disk = Qcow2::open(file, raw_backing(below.clone())).unwrap();
    let mut model = below.clone();
    model.resize(2 * MIB as usize, 0);
    write_both(&mut disk, &mut model, CLUSTER, &noise(CLUSTER as usize, 2));
    disk.discard(0, 3 * CLUSTER).unwrap();
    disk.discard(MIB + CLUSTER, CLUSTER).unwrap();
    model[..3 * CLUSTER as usize].fill(0);
    assert!(contents(&mut disk) == model);
    assert_eq!(disk.source(0).unwrap(), (Source::Zero, 3 * CLUSTER));
    assert_eq!(disk.source(MIB).unwrap().0, Source::Below, "behind the backing disk's end nothing has to be hidden");
    assert!(disk.check().unwrap().is_clean());
    let file = disk.close().unwrap();
    assert!(contents(&mut Qcow2::open(file, raw_backing(below)).unwrap()) == model);
}

#[test]
fn zeros_can_be_written_anywhere_without_storing_them() {
    let below = noise(MIB as usize, 1);
    let file = new_overlay(MIB, Geometry::default(), "base.img", BackingFormat::Raw);
    let mut disk = Qcow2::open(file, raw_backing(below.clone())).unwrap();
    let mut model = below;
    for (offset, len) in [(10, 20), (CLUSTER - 5, 10), (3 * CLUSTER + 7, 4 * CLUSTER), (MIB - 3, 3), (0, 0)] {
        disk.write_zeros(offset, len).unwrap();
        model[offset as usize..][..len as usize].fill(0);
        assert!(contents(&mut disk) == model, "{len} bytes at {offset}");
    }
    assert!(disk.write_zeros(MIB - 1, 2).is_err());
    assert!(disk.discard(u64::MAX, 2).is_err());
}

/// An image with one leaked cluster: its data is in the file and counted, but a kill came before the tables.
fn leaky() -> MemoryFile {
    let mut disk = open(new_image(MIB, TINY));
    disk.write(0, &[1; 512]).unwrap();
    let file = disk.close().unwrap();
    let mut disk = open(file.clone());
    disk.write(4096, &[2; 512]).unwrap();
    let after = disk.close().unwrap();
    // The tables as they were before, the rest as it is after.
    let header = Header::read(&mut after.clone()).unwrap();
    let mut bytes = after.into_bytes();
    let tables = header.l1_offset as usize..header.l1_offset as usize + 1024;
    bytes[tables.clone()].copy_from_slice(&file.bytes()[tables]);
    MemoryFile::new(bytes)
}

#[test]
fn a_leak_is_found_and_given_back() {
    let mut disk = open(leaky());
    let report = disk.check().unwrap();
    assert_eq!((report.corruptions, report.leaks, report.data_clusters), (0, 1, 1), "{report:?}");
    assert!(report.problems[0].contains("leaked"), "{report:?}");
    assert_eq!(disk.repair_leaks().unwrap(), 1);
    assert!(disk.check().unwrap().is_clean());
    let file = disk.close().unwrap();
    assert_sound(&file);
}

#[test]
fn room_at_the_end_of_the_file_is_given_back() {
    let mut disk = open(new_image(4 * MIB, Geometry::default()));
    let empty = disk.file_len();
    disk.write(0, &noise(2 * MIB as usize, 1)).unwrap();
    disk.discard(CLUSTER, 4 * MIB - CLUSTER).unwrap();
    assert_eq!(disk.repair_leaks().unwrap(), 0);
    // A table and a cluster of data are left.
    assert_eq!(disk.file_len(), empty + 2 * CLUSTER);
    let mut model = vec![0; 4 * MIB as usize];
    model[..CLUSTER as usize].copy_from_slice(&noise(2 * MIB as usize, 1)[..CLUSTER as usize]);
    write_both(&mut disk, &mut model, 3 * MIB + 5, b"where other data was");
    assert!(contents(&mut disk) == model);
    let file = disk.close().unwrap();
    assert_sound(&file);
}

#[test]
fn a_count_that_is_too_low_is_a_corruption_and_nothing_is_repaired() {
    let mut disk = open(new_image(MIB, TINY));
    disk.write(0, &[1; 512]).unwrap();
    let mut file = disk.close().unwrap();
    let block = Header::read(&mut file).unwrap().refcount_table_offset + 512;
    let end = len(&file);
    file.write_at(block + 2 * (end / 512 - 1), &[0, 0]).unwrap();
    let mut disk = open(file);
    let report = disk.check().unwrap();
    assert_eq!((report.corruptions, report.leaks), (2, 0), "the count, and the flag that says one: {report:?}");
    assert!(disk.repair_leaks().is_err());
    assert!(disk.write(0, &[3; 512]).is_err(), "what seems free is not overwritten");
}

#[test]
fn a_read_only_image_is_checked_but_not_changed() {
    let mut disk = Qcow2::open_read_only(leaky(), None).unwrap();
    assert_eq!(disk.check().unwrap().leaks, 1);
    assert!(disk.repair_leaks().is_err());
    assert!(disk.write(0, &[1]).is_err());
    assert!(disk.discard(0, 512).is_err());
    assert!(disk.grow(2 * MIB).is_err());
}

/// A disk in two layers over a raw one, and what it holds.
fn two_layers(below_geometry: Geometry, above_geometry: Geometry) -> (Vec<u8>, MemoryFile, MemoryFile, Vec<u8>) {
    let base = noise(MIB as usize, 1);
    let mut model = base.clone();
    let file = new_overlay(MIB, below_geometry, "base.img", BackingFormat::Raw);
    let mut below = Qcow2::open(file, raw_backing(base.clone())).unwrap();
    write_both(&mut below, &mut model, 100_000, &noise(200_000, 2));
    let below = below.close().unwrap();
    let file = new_overlay(2 * MIB, above_geometry, "below.qcow2", BackingFormat::Qcow2);
    let lower = Qcow2::open_read_only(below.clone(), raw_backing(base.clone())).unwrap();
    let mut above = Qcow2::open(file, Some(Box::new(lower))).unwrap();
    model.resize(2 * MIB as usize, 0);
    write_both(&mut above, &mut model, 250_000, &noise(100_000, 3));
    write_both(&mut above, &mut model, MIB - 10, &noise(1000, 4));
    above.write_zeros(CLUSTER, 2 * CLUSTER).unwrap();
    model[CLUSTER as usize..3 * CLUSTER as usize].fill(0);
    (base, below, above.close().unwrap(), model)
}

#[test]
fn a_layer_is_merged_into_the_one_below() {
    for (below_geometry, above_geometry) in
        [(Geometry::default(), Geometry::default()), (TINY, Geometry::default()), (Geometry::default(), TINY)]
    {
        let (base, below, above, model) = two_layers(below_geometry, above_geometry);
        let mut target = Qcow2::open(below, raw_backing(base.clone())).unwrap();
        let mut told = Vec::new();
        let untouched = merge_down(above.clone(), &mut target, &mut |done, of| {
            told.push((done, of));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(told.last(), Some(&(2 * MIB, 2 * MIB)));
        assert!(untouched.bytes() == above.bytes());
        assert!(contents(&mut target) == model);
        // Once more changes nothing.
        merge_down(above, &mut target, &mut go_on).unwrap();
        assert!(contents(&mut target) == model);
        assert!(target.check().unwrap().is_clean());
        let merged = target.close().unwrap();
        assert!(contents(&mut Qcow2::open(merged, raw_backing(base)).unwrap()) == model);
    }
}

#[test]
fn a_merge_that_would_lose_the_end_is_refused() {
    let mut below = open(new_image(2 * MIB, Geometry::default()));
    let above = new_overlay(MIB, Geometry::default(), "below.qcow2", BackingFormat::Qcow2);
    assert!(matches!(merge_down(above, &mut below, &mut go_on), Err(Error::Invalid(_))));
    let alone = new_image(2 * MIB, Geometry::default());
    assert!(matches!(merge_down(alone, &mut below, &mut go_on), Err(Error::Invalid(_))));
}

#[test]
fn a_merge_and_an_export_can_be_cancelled() {
    let (base, below, above, model) = two_layers(TINY, TINY);
    let mut target = Qcow2::open(below, raw_backing(base)).unwrap();
    let cancelled = merge_down(above.clone(), &mut target, &mut |_, _| ControlFlow::Break(()));
    assert_eq!(cancelled.unwrap_err(), Error::Cancelled);
    merge_down(above, &mut target, &mut go_on).unwrap();
    assert!(contents(&mut target) == model);
    let plan = ExportPlan::with_progress(&mut target, ExportOptions::default(), &mut |_, _| ControlFlow::Break(()));
    assert_eq!(plan.unwrap_err(), Error::Cancelled);
}

#[test]
fn the_layer_below_can_be_renamed_again_and_again() {
    let mut file = new_overlay(MIB, TINY, "a", BackingFormat::Qcow2);
    for (name, format) in
        [("a longer name", BackingFormat::Raw), ("b", BackingFormat::Qcow2), ("c", BackingFormat::Qcow2)]
    {
        let mut disk = Qcow2::open(file, raw_backing(vec![7; 512])).unwrap();
        let backing = BackingRef { name: name.into(), format: Some(format) };
        disk.set_backing(&backing).unwrap();
        file = disk.close().unwrap();
        assert_eq!(Header::read(&mut file).unwrap().backing, Some(backing));
        let mut disk = Qcow2::open_read_only(file.clone(), raw_backing(vec![7; 512])).unwrap();
        assert_eq!(contents(&mut disk)[..513], [[7; 512].as_slice(), &[0]].concat());
    }
    let mut disk = Qcow2::open(file, raw_backing(vec![])).unwrap();
    let too_long = BackingRef { name: "x".repeat(500), format: Some(BackingFormat::Qcow2) };
    assert!(matches!(disk.set_backing(&too_long), Err(Error::Invalid(_))), "a cluster has 512 bytes");
}

#[test]
fn the_map_tells_where_bytes_are() {
    let file = new_overlay(MIB, Geometry::default(), "base.img", BackingFormat::Raw);
    let mut disk = Qcow2::open(file, raw_backing(noise(MIB as usize, 1))).unwrap();
    disk.write(3 * CLUSTER, &[1; 2 * CLUSTER as usize]).unwrap();
    assert_eq!(disk.source(0).unwrap(), (Source::Below, 3 * CLUSTER));
    let (source, len) = disk.source(3 * CLUSTER + 5).unwrap();
    assert!(matches!(source, Source::Data(host) if host % CLUSTER == 5), "{source:?}");
    assert_eq!(len, 2 * CLUSTER - 5);
    assert_eq!(disk.allocated_bytes().unwrap(), 2 * CLUSTER);
    assert!(disk.source(MIB).is_err());
}

#[test]
fn a_version_2_image_over_a_backing_disk_stores_its_zeros() {
    let mut file = MemoryFile::default();
    let backing = BackingRef { name: "b".into(), format: Some(BackingFormat::Raw) };
    create(&mut file, &CreateOptions::overlay(MIB, backing)).unwrap();
    // Version 2 has no header length: its extensions begin at byte 72, where zeros end them.
    file.write_at(4, &2u32.to_be_bytes()).unwrap();
    file.write_at(72, &[0; 32]).unwrap();
    let mut model = noise(MIB as usize, 1);
    let mut disk = Qcow2::open(file, raw_backing(model.clone())).unwrap();
    disk.discard(0, MIB).unwrap();
    assert!(contents(&mut disk) == model, "a discard may do nothing");
    disk.write_zeros(1000, 3 * CLUSTER).unwrap();
    model[1000..1000 + 3 * CLUSTER as usize].fill(0);
    assert!(contents(&mut disk) == model);
    assert!(disk.check().unwrap().is_clean());
    let _: &dyn Backing = &disk;
}
