//! The crate `imago`, another implementation of the format, reads what we write.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::MemoryFile;
use common::*;
use imago::file::File;
use imago::{FormatAccess, FormatDriverBuilder, PermissiveImplicitOpenGate};
use qcow2::{BackingFormat, ClusterPacking, ExportOptions, ExportPlan, FileSink, Geometry, Qcow2};
use std::path::Path;

fn read_by_imago(path: &Path, len: usize) -> Vec<u8> {
    let disk = imago::qcow2::Qcow2::<File>::builder_path(path).open(PermissiveImplicitOpenGate::default()).unwrap();
    let disk = FormatAccess::new(disk);
    assert_eq!(disk.size(), len as u64);
    let mut bytes = vec![0x5a; len];
    disk.read(bytes.as_mut_slice(), 0).unwrap();
    bytes
}

#[test]
fn a_chain_is_read_alike() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = noise(MIB as usize, 1);
    std::fs::write(dir.path().join("base.img"), &model).unwrap();
    let file = new_overlay(MIB, Geometry { cluster_bits: 12, refcount_order: 3 }, "base.img", BackingFormat::Raw);
    let mut disk = Qcow2::open(file, raw_backing(model.clone())).unwrap();
    write_both(&mut disk, &mut model, 12_345, &noise(100_000, 2));
    disk.write_zeros(500_000, 50_000).unwrap();
    model[500_000..550_000].fill(0);
    save(&disk.close().unwrap(), &dir.path().join("top.qcow2"));
    assert!(read_by_imago(&dir.path().join("top.qcow2"), model.len()) == model);
}

#[test]
fn a_packed_export_is_read_alike() {
    let dir = tempfile::tempdir().unwrap();
    let model: Vec<u8> = (0..MIB as u32).map(|at| (at / 1000 * at) as u8 & 7).collect();
    let mut disk = raw_backing(model.clone()).unwrap();
    for cluster_bits in [9, 16] {
        let plan =
            ExportPlan::new(&mut disk, ExportOptions { cluster_bits, packing: Some(ClusterPacking::Deflate(6)) })
                .unwrap();
        let mut file = MemoryFile::default();
        plan.write(&mut disk, &mut FileSink::new(&mut file).unwrap()).unwrap();
        assert!(len(&file) < MIB, "it was packed");
        save(&file, &dir.path().join("packed.qcow2"));
        assert!(read_by_imago(&dir.path().join("packed.qcow2"), model.len()) == model);
    }
}
