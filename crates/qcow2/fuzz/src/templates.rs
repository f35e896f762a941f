//! Valid images to start from: a fuzzer would take long to come up with one.

use block::{BlockFile, Disk, MemoryFile, RawDisk};
use qcow2::{
    BackingFormat, BackingRef, ClusterPacking, CreateOptions, ExportOptions, ExportPlan, FileSink, Geometry, Header,
    Qcow2, create,
};
use std::sync::OnceLock;

/// All of them, made once.
pub fn all() -> &'static [Vec<u8>] {
    static IMAGES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        vec![
            written(9, 4, false),
            written(9, 4, true),
            written(9, 0, false),
            written(9, 6, true),
            written(12, 3, true),
            written(16, 4, true),
            packed(9),
            packed(12),
            zstd(),
        ]
    })
}

fn written(cluster_bits: u32, refcount_order: u32, overlay: bool) -> Vec<u8> {
    let backing = overlay.then(|| BackingRef { name: "below".into(), format: Some(BackingFormat::Raw) });
    let geometry = Geometry { cluster_bits, refcount_order };
    let mut file = MemoryFile::default();
    create(&mut file, &CreateOptions { size: 128 << 10, geometry, backing: backing.clone() }).expect("it fits");
    let below = RawDisk::new(MemoryFile::new(vec![9; 70_000])).expect("it is a disk");
    let below = backing.map(|_| Box::new(below) as Box<dyn qcow2::Backing>);
    let mut disk = Qcow2::open(file, below).expect("it is new");
    disk.write(1000, &[1; 3000]).expect("there is room");
    disk.write(90_000, &[2; 5000]).expect("there is room");
    disk.write_zeros(2048, 8192).expect("there is room");
    disk.close().expect("there is room").into_bytes()
}

fn text() -> Vec<u8> {
    (0..100_000u32).map(|at| (at / 100 * at) as u8 & 15).collect()
}

fn packed(cluster_bits: u32) -> Vec<u8> {
    let mut disk = RawDisk::new(MemoryFile::new(text())).expect("it is a disk");
    let options = ExportOptions { cluster_bits, packing: Some(ClusterPacking::Deflate(6)) };
    let plan = ExportPlan::new(&mut disk, options).expect("it fits");
    let mut file = MemoryFile::default();
    let mut sink = FileSink::new(&mut file).expect("it is empty");
    plan.write(&mut disk, &mut sink).expect("there is room");
    file.into_bytes()
}

/// An image whose first cluster is packed with Zstandard.
fn zstd() -> Vec<u8> {
    let mut file = MemoryFile::new(written(12, 4, false));
    let header = Header::read(&mut file).expect("it is new");
    let frame = ruzstd::encoding::compress_to_vec(&text()[..4096], ruzstd::encoding::CompressionLevel::Fastest);
    // The plain cluster at the beginning of the disk becomes a compressed one, in its place.
    let mut entry = [0; 8];
    file.read_at(header.l1_offset, &mut entry).expect("there is a table");
    let table = u64::from_be_bytes(entry) & 0x00ff_ffff_ffff_fe00;
    file.read_at(table, &mut entry).expect("there is an entry");
    let cluster = u64::from_be_bytes(entry) & 0x00ff_ffff_ffff_fe00;
    file.write_at(cluster, &frame).expect("there is room");
    let sectors = (frame.len() as u64 - 1) / 512;
    let shift = header.geometry.compressed_shift();
    file.write_at(table, &(1 << 62 | sectors << shift | cluster).to_be_bytes()).expect("there is room");
    // Incompatible feature 3: the header names what packs clusters.
    file.write_at(79, &[1 << 3]).expect("there is room");
    file.write_at(104, &[1]).expect("there is room");
    file.into_bytes()
}
