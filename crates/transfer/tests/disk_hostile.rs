//! Disk images with bad intentions: bytes of valid ones, changed at random.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{MemoryFile, RawDisk};
use common::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use qcow2::{ClusterPacking, ExportOptions, ExportPlan, FileSink, Qcow2};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use transfer::Error;
use transfer::disk::{Format, Imported, Limits, import};

const LIMITS: Limits = Limits { room: 4 * MIB, max_virtual_size: 64 * MIB };

fn qcow2_of(bytes: &[u8], cluster_bits: u32, packing: Option<ClusterPacking>) -> Vec<u8> {
    let mut disk = RawDisk::new(MemoryFile::new(bytes.to_vec())).unwrap();
    let plan = ExportPlan::new(&mut disk, ExportOptions { cluster_bits, packing }).unwrap();
    let mut file = MemoryFile::default();
    plan.write(&mut disk, &mut FileSink::new(&mut file).unwrap()).unwrap();
    file.into_bytes()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

static TEMPLATES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(templates);

fn templates() -> Vec<Vec<u8>> {
    let bytes = [noise(9000, 1), vec![0; 30_000], vec![b'x'; 1720]].concat();
    let small = qcow2_of(&bytes, 9, None);
    let [deflated, zstd] =
        [ClusterPacking::Deflate(3), ClusterPacking::Zstd].map(|packing| qcow2_of(&bytes, 9, Some(packing)));
    vec![packed(&small), packed(&bytes), deflated, zstd, small, bytes]
}

/// Imports, for so many steps at most, and sees that the result is a sound image or nothing.
fn try_import(source: &[u8]) -> Result<Imported, Error> {
    let (mut target, mut scratch) = (MemoryFile::default(), MemoryFile::new(vec![1]));
    let mut steps = 0;
    let result = import(&mut MemoryFile::new(source.to_vec()), &mut target, &mut scratch, &LIMITS, &mut |_| {
        steps += 1;
        if steps > 500 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(scratch.bytes().is_empty());
    match &result {
        Ok(imported) => {
            assert!(imported.written <= LIMITS.room && imported.virtual_size <= LIMITS.max_virtual_size);
            assert!(Qcow2::open(target, None).unwrap().check().unwrap().is_clean());
        }
        Err(_) => assert!(target.bytes().is_empty()),
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damage_makes_a_sound_image_or_none(
        template in 0usize..5,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut image = TEMPLATES[template].clone();
        for (at, in_header, value) in changes {
            let at = at.index(if in_header { 112 } else { image.len() });
            image[at] = value;
        }
        if let Some(cut) = cut {
            image.truncate(cut.index(image.len()));
        }
        let _ = try_import(&image);
    }

    #[test]
    fn bytes_that_nothing_claims_are_a_raw_disk(mut bytes in prop::collection::vec(any::<u8>(), 512..2048)) {
        bytes.truncate(bytes.len() & !511);
        // No magic begins like this.
        bytes[0] = 0xeb;
        bytes[257] = 0;
        prop_assert_eq!(try_import(&bytes).unwrap().format, Format::Raw);
    }
}
