//! Flattened exports: what comes out holds the same disk, is sound in QEMU's eyes, and never differs.

#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{BlockError, Disk, MemoryFile, RawDisk};
use common::*;
use qcow2::{
    Backing, BackingFormat, ClusterPacking, ExportOptions, ExportPlan, FileSink, Geometry, Qcow2, Sink, export_raw,
};

/// A disk with noise, text that packs well, and zeros, none of it aligned to clusters.
fn mixed(size: u64) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    bytes[70_000..170_000].copy_from_slice(&noise(100_000, 1));
    for (index, byte) in bytes[300_000..700_000].iter_mut().enumerate() {
        *byte = b"all work and no play "[index % 21] + (index / 4096) as u8 % 3;
    }
    let end = bytes.len();
    bytes[end - 10..].copy_from_slice(b"0123456789");
    bytes
}

fn export(disk: &mut dyn Backing, options: ExportOptions) -> MemoryFile {
    let plan = ExportPlan::new(disk, options).unwrap();
    let mut file = MemoryFile::default();
    let mut sink = FileSink::new(&mut file).unwrap();
    plan.write(disk, &mut sink).unwrap();
    sink.finish().unwrap();
    assert_eq!(plan.stream_len(), len(&file), "the plan knows the stream's length");
    file
}

fn export_bytes(bytes: &[u8], options: ExportOptions) -> MemoryFile {
    export(&mut RawDisk::new(MemoryFile::new(bytes.to_vec())).unwrap(), options)
}

#[test]
fn a_raw_disk_becomes_a_sparse_image() {
    let bytes = mixed(4 * MIB);
    let file = export_bytes(&bytes, ExportOptions::default());
    assert!(len(&file) < MIB + MIB / 2, "zeros were left out: {} bytes", len(&file));
    assert_sound(&file);
    assert!(contents(&mut open(file)) == bytes);
}

#[test]
fn the_same_disk_gives_the_same_bytes() {
    for packing in [None, Some(ClusterPacking::Deflate(6)), Some(ClusterPacking::Zstd)] {
        let options = ExportOptions { packing, ..ExportOptions::default() };
        let first = export_bytes(&mixed(2 * MIB), options);
        assert!(first.bytes() == export_bytes(&mixed(2 * MIB), options).bytes());
    }
}

#[test]
fn clusters_of_every_size_can_be_packed() {
    let bytes = mixed(2 * MIB + 512);
    for cluster_bits in [9, 12, 16, 21] {
        let plain = export_bytes(&bytes, ExportOptions { cluster_bits, packing: None });
        assert_sound(&plain);
        for packing in [ClusterPacking::Deflate(9), ClusterPacking::Zstd] {
            let packed = export_bytes(&bytes, ExportOptions { cluster_bits, packing: Some(packing) });
            assert_sound(&packed);
            assert!(len(&packed) <= len(&plain), "cluster_bits {cluster_bits}: {} > {}", len(&packed), len(&plain));
            assert!(contents(&mut open(packed)) == bytes, "{packing:?}, cluster_bits {cluster_bits}");
        }
        assert!(contents(&mut open(plain)) == bytes, "plain, cluster_bits {cluster_bits}");
    }
}

#[test]
fn a_packed_image_can_be_written() {
    for packing in [ClusterPacking::Deflate(6), ClusterPacking::Zstd] {
        let mut model = mixed(2 * MIB);
        let options = ExportOptions { packing: Some(packing), ..ExportOptions::default() };
        let mut disk = open(export_bytes(&model, options));
        for (index, offset) in (0..2 * MIB - 40_000).step_by(77_777).enumerate() {
            write_both(&mut disk, &mut model, offset, &noise(40_000, index as u64));
        }
        disk.grow(3 * MIB).unwrap();
        model.resize(3 * MIB as usize, 0);
        let file = disk.close().unwrap();
        assert_sound(&file);
        assert!(contents(&mut open(file)) == model, "{packing:?}");
    }
}

#[test]
fn a_chain_is_flattened() {
    let mut model = mixed(2 * MIB);
    let file = new_overlay(2 * MIB, Geometry::default(), "base.img", BackingFormat::Raw);
    let mut disk = Qcow2::open(file, raw_backing(model.clone())).unwrap();
    write_both(&mut disk, &mut model, 123_456, &noise(99_999, 3));
    write_both(&mut disk, &mut model, 65536, &[0; 65536]);
    let flat = export(&mut disk, ExportOptions::default());
    assert_sound(&flat);
    assert!(contents(&mut open(flat)) == model);
    let mut raw = MemoryFile::default();
    let mut sink = FileSink::new(&mut raw).unwrap();
    export_raw(&mut disk, &mut sink).unwrap();
    assert!(raw.bytes() == model);
}

#[test]
fn an_empty_disk_is_nothing_but_tables() {
    let file = export_bytes(&vec![0; 64 * MIB as usize], ExportOptions::default());
    assert_sound(&file);
    assert!(len(&file) <= 4 * 64 * KIB, "{} bytes", len(&file));
}

/// A disk of zeros that could not be held in memory.
struct Huge;

impl Backing for Huge {
    fn size(&self) -> u64 {
        3 << 40
    }

    fn read(&mut self, _: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        buf.fill(0);
        Ok(())
    }

    fn extent(&mut self, _: u64, len: u64) -> Result<qcow2::Extent, BlockError> {
        Ok(qcow2::Extent { len, zero: true })
    }
}

#[test]
fn a_huge_empty_disk_takes_no_time() {
    let file = export(&mut Huge, ExportOptions::default());
    assert!(len(&file) < MIB);
    assert_eq!(Disk::size(&open(file)), 3 << 40);
}

/// A sink that fails, as a full storage does.
struct Full;

impl Sink for Full {
    fn write(&mut self, _: &[u8]) -> Result<(), BlockError> {
        Err(BlockError::NoSpace)
    }
}

#[test]
fn a_sinks_error_comes_back() {
    let plan = ExportPlan::new(&mut Huge, ExportOptions::default()).unwrap();
    assert_eq!(plan.write(&mut Huge, &mut Full).unwrap_err(), BlockError::NoSpace.into());
}
