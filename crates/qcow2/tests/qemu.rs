//! `qemu-img` as the judge: it reads what we write, and we read what it writes.

#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{Disk, StdFile};
use common::*;
use qcow2::{
    Backing, BackingFormat, BackingRef, ClusterPacking, CreateOptions, Error, ExportOptions, ExportPlan, FileSink,
    Geometry, Header, Qcow2, create,
};
use std::fs::{self, File, OpenOptions};
use std::path::Path;

fn open_file(path: &Path) -> StdFile {
    StdFile::new(OpenOptions::new().read(true).write(true).open(path).unwrap())
}

/// 3 MiB of noise with holes, in `base.raw`.
fn write_base(dir: &Path) -> Vec<u8> {
    let mut bytes = noise(3 * MIB as usize, 77);
    bytes[100_000..900_000].fill(0);
    bytes[2_000_000..2_100_000].fill(b'x');
    fs::write(dir.join("base.raw"), &bytes).unwrap();
    bytes
}

/// Opens an image that `qemu-img` made from `base.raw`, reads it, writes to it, and lets `qemu-img` compare.
fn read_write_and_judge(dir: &Path, name: &str, base: &[u8]) {
    let mut disk = Qcow2::open(open_file(&dir.join(name)), None).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(contents(&mut disk) == base, "{name} reads wrong");
    let mut model = base.to_vec();
    for (seed, (offset, len)) in
        [(0, 1), (511, 2), (99_000, 70_000), (1_000_000, 300_000), (2_050_000, 512)].iter().enumerate()
    {
        write_both(&mut disk, &mut model, *offset, &noise(*len, seed as u64));
    }
    assert!(contents(&mut disk) == model, "{name} reads wrong after writing");
    disk.close().unwrap();
    qemu_img(dir, &["check", "-q", name]);
    fs::write(dir.join("model.raw"), &model).unwrap();
    qemu_img(dir, &["compare", "-q", "-f", "qcow2", "-F", "raw", name, "model.raw"]);
}

#[test]
fn images_of_every_geometry_are_read_and_written() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let base = write_base(dir);
    for options in [
        "cluster_size=512",
        "cluster_size=4k",
        "cluster_size=64k",
        "cluster_size=2M",
        "compat=0.10",
        "compat=0.10,cluster_size=4k",
        "refcount_bits=1",
        "refcount_bits=2,cluster_size=512",
        "refcount_bits=4",
        "refcount_bits=8",
        "refcount_bits=32,cluster_size=1k",
        "refcount_bits=64,cluster_size=512",
        "lazy_refcounts=on",
        "preallocation=metadata",
    ] {
        qemu_img(dir, &["convert", "-f", "raw", "-O", "qcow2", "-o", options, "base.raw", "q.qcow2"]);
        read_write_and_judge(dir, "q.qcow2", &base);
    }
}

#[test]
fn compressed_images_are_read_and_written() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let base = write_base(dir);
    for options in [
        "compression_type=zlib",
        "compression_type=zlib,cluster_size=512",
        "compression_type=zlib,cluster_size=2M",
        "compat=0.10",
        "compression_type=zstd",
        "compression_type=zstd,cluster_size=4k",
        "compression_type=zstd,cluster_size=2M",
    ] {
        qemu_img(dir, &["convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, "base.raw", "q.qcow2"]);
        read_write_and_judge(dir, "q.qcow2", &base);
    }
}

#[test]
fn an_overlay_of_ours_is_a_chain_for_qemu() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut model = write_base(dir);
    qemu_img(dir, &["convert", "-f", "raw", "-O", "qcow2", "-c", "base.raw", "base.qcow2"]);
    let mut file = StdFile::new(
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join("top.qcow2")).unwrap(),
    );
    let backing = BackingRef { name: "base.qcow2".into(), format: Some(BackingFormat::Qcow2) };
    create(&mut file, &CreateOptions::overlay(4 * MIB, backing)).unwrap();
    let base = Qcow2::open_read_only(StdFile::new(File::open(dir.join("base.qcow2")).unwrap()), None).unwrap();
    let mut disk = Qcow2::open(file, Some(Box::new(base) as Box<dyn Backing>)).unwrap();
    model.resize(4 * MIB as usize, 0);
    write_both(&mut disk, &mut model, 65_000, &noise(2000, 1));
    write_both(&mut disk, &mut model, 3 * MIB - 100, &noise(200, 2));
    disk.flush().unwrap();
    qemu_img(dir, &["check", "-q", "top.qcow2"]);
    fs::write(dir.join("model.raw"), &model).unwrap();
    qemu_img(dir, &["compare", "-q", "-f", "qcow2", "-F", "raw", "top.qcow2", "model.raw"]);
}

#[test]
fn an_overlay_of_qemus_is_opened_on_its_backing() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let base = write_base(dir);
    qemu_img(dir, &["create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "top.qcow2"]);
    let mut file = open_file(&dir.join("top.qcow2"));
    let named = Header::read(&mut file).unwrap().backing;
    assert_eq!(named, Some(BackingRef { name: "base.raw".into(), format: Some(BackingFormat::Raw) }));
    let mut disk = Qcow2::open(file, raw_backing(base.clone())).unwrap();
    assert!(contents(&mut disk) == base);
}

#[test]
fn our_geometries_are_sound_to_qemu() {
    for cluster_bits in [9, 12, 16, 21] {
        for refcount_order in 0..=6 {
            let mut disk = open(new_image(3 * MIB, Geometry { cluster_bits, refcount_order }));
            disk.write(MIB - 300, &noise(700, 1)).unwrap();
            assert_sound(&disk.close().unwrap());
        }
    }
}

#[test]
fn an_image_with_internal_snapshots_is_read_and_checked_but_not_written() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let base = write_base(dir);
    qemu_img(dir, &["convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=4k", "base.raw", "q.qcow2"]);
    qemu_img(dir, &["snapshot", "-c", "before lunch", "q.qcow2"]);
    qemu_img(dir, &["snapshot", "-c", "after lunch", "q.qcow2"]);
    let error = Qcow2::open(open_file(&dir.join("q.qcow2")), None).unwrap_err();
    assert!(error.to_string().contains("internal snapshots"), "{error}");
    let mut disk = Qcow2::open_read_only(open_file(&dir.join("q.qcow2")), None).unwrap();
    assert!(contents(&mut disk) == base);
    let report = disk.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn what_qemu_can_and_we_cannot_is_refused_by_name() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let secret = ["--object", "secret,id=s,data=x"];
    for (options, name) in [
        ("extended_l2=on", "extended L2 entries"),
        ("data_file=data.raw", "an external data file"),
        // Not LUKS: to make a key for that, qemu-img measures the processor, and gives up where that can't be done well.
        ("encrypt.format=aes,encrypt.key-secret=s", "encryption"),
    ] {
        qemu_img(dir, &[&["create", "-q", "-f", "qcow2", "-o", options], &secret[..], &["q.qcow2", "1M"]].concat());
        let error = Qcow2::open(open_file(&dir.join("q.qcow2")), None).unwrap_err();
        assert!(matches!(&error, Error::Unsupported(what) if what.contains(name)), "{error}");
    }
}

#[test]
fn persistent_bitmaps_of_an_image_that_we_write_are_given_up() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut model = write_base(dir);
    qemu_img(dir, &["convert", "-f", "raw", "-O", "qcow2", "base.raw", "q.qcow2"]);
    qemu_img(dir, &["bitmap", "--add", "q.qcow2", "backup"]);
    let mut disk = Qcow2::open_read_only(open_file(&dir.join("q.qcow2")), None).unwrap();
    assert!(disk.check().unwrap_err().to_string().contains("persistent bitmaps"));
    let mut disk = Qcow2::open(open_file(&dir.join("q.qcow2")), None).unwrap();
    write_both(&mut disk, &mut model, 5, b"not in any bitmap");
    assert!(disk.repair_leaks().unwrap() > 0, "the bitmap's clusters");
    disk.close().unwrap();
    qemu_img(dir, &["check", "-q", "q.qcow2"]);
    fs::write(dir.join("model.raw"), &model).unwrap();
    qemu_img(dir, &["compare", "-q", "-f", "qcow2", "-F", "raw", "q.qcow2", "model.raw"]);
}

#[test]
fn packed_exports_are_what_qemu_unpacks() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut base = write_base(dir);
    // Repetitions further apart than the 4 KiB that QEMU's inflate looks back.
    let part = noise(20_000, 5);
    (0..20).for_each(|copy| base[1_000_000 + copy * 20_000..][..20_000].copy_from_slice(&part));
    fs::write(dir.join("base.raw"), &base).unwrap();
    let mut disk = raw_backing(base).unwrap();
    let packings = [ClusterPacking::Deflate(9), ClusterPacking::Zstd];
    for (cluster_bits, packing) in [9, 12, 16, 21].into_iter().flat_map(|bits| packings.map(|packing| (bits, packing)))
    {
        let plan = ExportPlan::new(&mut disk, ExportOptions { cluster_bits, packing: Some(packing) }).unwrap();
        let mut file = block::MemoryFile::default();
        plan.write(&mut disk, &mut FileSink::new(&mut file).unwrap()).unwrap();
        save(&file, &dir.join("q.qcow2"));
        qemu_img(dir, &["check", "-q", "q.qcow2"]);
        qemu_img(dir, &["compare", "-q", "-f", "qcow2", "-F", "raw", "q.qcow2", "base.raw"]);
    }
}

#[test]
fn our_check_counts_what_qemus_counts() {
    if qemu_img_is_missing() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write_base(dir);
    qemu_img(dir, &["convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=4k", "base.raw", "sound.qcow2"]);
    let sound = load(&dir.join("sound.qcow2")).into_bytes();
    let header = Header::read(&mut load(&dir.join("sound.qcow2"))).unwrap();
    let block = u64::from_be_bytes(sound[header.refcount_table_offset as usize..][..8].try_into().unwrap()) as usize;
    // Counts that are too high, too low, and both.
    for damage in [&[(100, 2u16)][..], &[(200, 0)], &[(100, 3), (101, 2), (200, 0), (300, 0)]] {
        let mut bytes = sound.clone();
        for (cluster, count) in damage {
            bytes[block + cluster * 2..][..2].copy_from_slice(&count.to_be_bytes());
        }
        fs::write(dir.join("q.qcow2"), &bytes).unwrap();
        let output = qemu_img_output(dir, &["check", "--output=json", "q.qcow2"]);
        let said = String::from_utf8(output.stdout).unwrap();
        let number = |key: &str| -> u64 {
            let value =
                said.split(&format!("\"{key}\": ")).nth(1).map_or("0", |rest| rest.split([',', '\n']).next().unwrap());
            value.trim().parse().unwrap()
        };
        let ours = Qcow2::open_read_only(load(&dir.join("q.qcow2")), None).unwrap().check().unwrap();
        assert_eq!((ours.corruptions, ours.leaks), (number("corruptions"), number("leaks")), "{damage:?}: {ours:?}");
    }
}
