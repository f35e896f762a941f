//! Images that can't be used, or only in part, say so by name; those that lie about lengths get no memory for it.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{BlockError, BlockFile, Disk, MemoryFile};
use common::*;
use qcow2::{Error, Geometry, Header, Qcow2};

const TINY: Geometry = Geometry { cluster_bits: 9, refcount_order: 4 };

/// A small image with something in it.
fn image() -> MemoryFile {
    let mut disk = open(new_image(MIB, TINY));
    disk.write(1000, &noise(3000, 1)).unwrap();
    disk.close().unwrap()
}

fn patched(at: u64, bytes: &[u8]) -> MemoryFile {
    let mut file = image();
    file.write_at(at, bytes).unwrap();
    file
}

/// What opening says, read-only and for writing, which has to be the same.
fn refusal(file: MemoryFile) -> String {
    let error = Qcow2::open_read_only(file.clone(), None).unwrap_err();
    assert_eq!(error, Qcow2::open(file, None).unwrap_err());
    error.to_string()
}

#[test]
fn other_files_are_not_taken_for_images() {
    for bytes in [vec![], vec![0; 4096], b"QFI\xfb".to_vec(), noise(100_000, 1)] {
        assert_eq!(Qcow2::open(MemoryFile::new(bytes), None).unwrap_err(), Error::NotQcow2);
    }
    assert_eq!(Qcow2::open(patched(4, &[0, 0, 0, 1]), None).unwrap_err(), Error::Version(1));
    assert_eq!(Qcow2::open(patched(4, &[0, 0, 0, 4]), None).unwrap_err(), Error::Version(4));
}

#[test]
fn features_are_refused_by_name() {
    for (bit, name) in [(2, "an external data file"), (4, "extended L2 entries"), (17, "an unknown feature (bit 17)")] {
        let file = patched(72, &(1u64 << bit).to_be_bytes());
        let said = refusal(file);
        assert!(said.contains(name), "{said}");
    }
    assert!(refusal(patched(32, &[0, 0, 0, 2])).contains("encryption"));
    let mut other_compression = patched(72, &(1u64 << 3).to_be_bytes());
    other_compression.write_at(104, &[9]).unwrap();
    assert!(refusal(other_compression).contains("compression of kind 9"));
}

#[test]
fn an_unknown_feature_is_called_what_the_image_calls_it() {
    let mut file = patched(72, &(1u64 << 17).to_be_bytes());
    let mut names = vec![0x68, 0x03, 0xf8, 0x57, 0, 0, 0, 48, 0, 17];
    names.extend_from_slice(b"time travel\x1b[31m");
    names.resize(8 + 48 + 8, 0);
    file.write_at(112, &names).unwrap();
    assert!(refusal(file).contains("\"time travel[31m\""));
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    let cases: [(&str, u64, &[u8]); 13] = [
        ("clusters of 256 bytes", 20, &[0, 0, 0, 8]),
        ("clusters of 4 MiB", 20, &[0, 0, 0, 22]),
        ("a size that is no number of sectors", 24, &1000u64.to_be_bytes()),
        ("a size of 16 EiB", 24, &(u64::MAX - 511).to_be_bytes()),
        ("an L1 table that is too short", 36, &[0, 0, 0, 1]),
        ("an L1 table of 32 GiB", 36, &[0xff, 0xff, 0xff, 0xff]),
        ("an L1 table behind the end", 40, &(1u64 << 40).to_be_bytes()),
        ("an L1 table at an odd place", 40, &513u64.to_be_bytes()),
        ("a refcount table behind the end", 48, &(u64::MAX - 511).to_be_bytes()),
        ("a refcount table of 2 TiB", 56, &[0xff, 0xff, 0xff, 0xff]),
        ("refcounts of 128 bits", 96, &[0, 0, 0, 7]),
        ("a header of 4 GiB", 100, &[0xff, 0xff, 0xff, 0xf8]),
        ("an extension of 4 GiB", 112, &[1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff]),
    ];
    for (what, at, bytes) in cases {
        let error = Qcow2::open(patched(at, bytes), None).unwrap_err();
        let fits = matches!(error, Error::TooLarge { .. } | Error::Block(BlockError::Corrupt(_)));
        assert!(fits, "{what}: {error}");
    }
}

#[test]
fn a_huge_disk_in_a_tiny_file_takes_no_memory() {
    // 256 TiB is the most at 64 KiB clusters; its L1 table has 4 MiB, which the file would have to contain.
    let mut file = new_image(MIB, Geometry::default());
    file.write_at(24, &(1u64 << 48).to_be_bytes()).unwrap();
    file.write_at(36, &(1u32 << 19).to_be_bytes()).unwrap();
    let said = refusal(file);
    assert!(said.contains("L1 table is not inside of the file"), "{said}");
}

#[test]
fn a_name_of_the_layer_below_must_be_inside_of_the_header_and_behind_its_fields() {
    for (offset, len) in [(500u64, 100u32), (u64::MAX - 5, 10), (120, 1024), (1 << 40, 3), (80, 16), (103, 5)] {
        let mut file = image();
        file.write_at(8, &offset.to_be_bytes()).unwrap();
        file.write_at(16, &len.to_be_bytes()).unwrap();
        let said = refusal(file);
        assert!(said.contains("name of its backing file"), "{said}");
    }
}

#[test]
fn an_image_marked_as_corrupt_is_read_only() {
    let mut file = image();
    file.write_at(72, &(1u64 << 1).to_be_bytes()).unwrap();
    let said = Qcow2::open(file.clone(), None).unwrap_err().to_string();
    assert!(said.contains("marked as corrupt"), "{said}");
    let mut disk = Qcow2::open_read_only(file, None).unwrap();
    assert!(contents(&mut disk) == contents(&mut open(image())));
}

#[test]
fn stale_lazy_refcounts_are_counted_anew() {
    let mut file = image();
    let end = len(&file) / 512;
    // The first refcount block: data is not counted, and a cluster behind the end is.
    let block = Header::read(&mut file).unwrap().refcount_table_offset + 512;
    file.write_at(block + (end - 4) * 2, &[0; 8]).unwrap();
    file.write_at(block + 400, &[0, 1]).unwrap();
    file.write_at(72, &(1u64 << 0).to_be_bytes()).unwrap();
    let mut disk = Qcow2::open(file, None).unwrap();
    assert!(!disk.header().dirty);
    assert!(disk.check().unwrap().is_clean());
    let mut model = contents(&mut open(image()));
    assert!(contents(&mut disk) == model);
    write_both(&mut disk, &mut model, 500_000, &noise(5000, 2));
    let mut file = disk.close().unwrap();
    assert!(!Header::read(&mut file).unwrap().dirty);
    assert_sound(&file);
    assert!(contents(&mut open(file)) == model);
}

#[test]
fn a_dirty_image_that_is_damaged_too_stays_as_it_is() {
    let mut file = image();
    file.write_at(72, &(1u64 << 0).to_be_bytes()).unwrap();
    let header = Header::read(&mut file).unwrap();
    // Two L1 entries share a table.
    let mut entry = [0; 8];
    file.read_at(header.l1_offset, &mut entry).unwrap();
    file.write_at(header.l1_offset + 8, &entry).unwrap();
    let before = file.clone();
    assert!(matches!(Qcow2::open(file, None), Err(Error::Block(BlockError::Corrupt(_)))));
    let report = Qcow2::open_read_only(before, None).unwrap().check().unwrap();
    assert!(report.corruptions > 0);
}

#[test]
fn a_table_in_the_place_of_another_is_never_written() {
    let header = Header::read(&mut image()).unwrap();
    let mut entry = [0; 8];
    image().read_at(header.l1_offset, &mut entry).unwrap();
    let l2 = u64::from_be_bytes(entry) & 0xff_ffff_ffff_fe00;
    let copied = 1u64 << 63;
    // Guest data mapped to the header, the L1 table, the refcount block, the L2 table itself.
    for target in [header.l1_offset, header.refcount_table_offset, header.refcount_table_offset + 512, l2] {
        let file = patched(l2 + 8, &(target | copied).to_be_bytes());
        let before = file.clone();
        let mut disk = open(file);
        let error = disk.write(512, &[0xee; 512]).unwrap_err();
        assert!(matches!(error, BlockError::Corrupt(_)), "{error}");
        assert!(disk.discard(512, 512).is_err(), "a table is not freed either");
        assert!(disk.check().unwrap().corruptions > 0);
        disk.flush().unwrap();
        assert!(disk.into_file().bytes() == before.bytes(), "nothing was written over {target}");
    }
    // An L2 table in the place of the header, the L1 table, the refcount table.
    for target in [512, header.l1_offset, header.refcount_table_offset] {
        let file = patched(header.l1_offset + 8, &(target | copied).to_be_bytes());
        assert!(matches!(Qcow2::open(file, None), Err(Error::Block(BlockError::Corrupt(_)))), "{target}");
    }
}

#[test]
fn a_table_that_is_data_too_is_found_even_if_the_counts_agree() {
    let mut file = image();
    let header = Header::read(&mut file).unwrap();
    let mut entry = [0; 8];
    file.read_at(header.l1_offset, &mut entry).unwrap();
    let l2 = u64::from_be_bytes(entry) & 0xff_ffff_ffff_fe00;
    // Two references, a refcount of two, and no flag that says otherwise.
    file.write_at(header.l1_offset, &l2.to_be_bytes()).unwrap();
    file.write_at(l2 + 160, &l2.to_be_bytes()).unwrap();
    file.write_at(header.refcount_table_offset + 512 + l2 / 512 * 2, &[0, 2]).unwrap();
    let mut disk = open(file);
    let report = disk.check().unwrap();
    assert_eq!(report.corruptions, 1, "{report:?}");
    assert!(report.problems[0].contains("a table and something else"), "{report:?}");
    assert!(disk.write(20 * 512, &[1; 512]).is_err());
    assert!(disk.write(50 * 512, &[1; 512]).is_err(), "no entry is added to such a table");
}

#[test]
fn a_cluster_with_two_references_is_copied_for_the_first_writer() {
    let mut file = image();
    let header = Header::read(&mut file).unwrap();
    let mut entry = [0; 8];
    file.read_at(header.l1_offset, &mut entry).unwrap();
    let l2 = u64::from_be_bytes(entry) & 0xff_ffff_ffff_fe00;
    file.read_at(l2 + 3 * 8, &mut entry).unwrap();
    let shared = u64::from_be_bytes(entry) & 0xff_ffff_ffff_fe00;
    // Clusters 3 and 20 of the disk are one of the file.
    file.write_at(l2 + 3 * 8, &shared.to_be_bytes()).unwrap();
    file.write_at(l2 + 20 * 8, &shared.to_be_bytes()).unwrap();
    file.write_at(header.refcount_table_offset + 512 + shared / 512 * 2, &[0, 2]).unwrap();
    let mut disk = open(file);
    assert!(disk.check().unwrap().is_clean());
    let mut model = contents(&mut disk);
    write_both(&mut disk, &mut model, 3 * 512 + 100, b"one goes its own way");
    assert!(contents(&mut disk) == model);
    assert!(disk.check().unwrap().is_clean(), "{:?}", disk.check());
    let len = disk.file_len();
    write_both(&mut disk, &mut model, 20 * 512 + 100, b"the other one is alone now");
    assert!(contents(&mut disk) == model);
    assert_eq!(disk.file_len(), len, "written in place");
}

#[test]
fn offsets_behind_the_end_of_the_file_are_errors_not_zeros() {
    let header = Header::read(&mut image()).unwrap();
    let mut entry = [0; 8];
    image().read_at(header.l1_offset, &mut entry).unwrap();
    let l2 = u64::from_be_bytes(entry) & 0xff_ffff_ffff_fe00;
    let far = (1u64 << 50) | 1 << 63;
    let compressed = (1u64 << 62) | 1 << 40;
    for (what, at, entry) in [("L2", header.l1_offset, far), ("data", l2 + 8, far), ("packed", l2 + 8, compressed)] {
        let mut disk = open(patched(at, &entry.to_be_bytes()));
        let error = disk.read(512, &mut [0; 512]).unwrap_err();
        assert!(matches!(error, BlockError::Corrupt(_)), "{what}: {error}");
        assert!(disk.write(512, &[1; 100]).is_err(), "{what}");
        assert!(disk.check().unwrap().corruptions > 0, "{what}");
    }
}
