//! Disks as files, read by the programs that they are made for.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{BlockError, MemoryFile, RawDisk};
use common::*;
use qcow2::{Backing, ClusterPacking, Extent};
use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use transfer::Error;
use transfer::disk::{ExportFormat, Packing, export};

/// qcow2 in all forms.
const QCOW2: [ExportFormat; 3] = [
    ExportFormat::Qcow2(None),
    ExportFormat::Qcow2(Some(ClusterPacking::Deflate(6))),
    ExportFormat::Qcow2(Some(ClusterPacking::Zstd)),
];
const FORMATS: [ExportFormat; 6] = [
    QCOW2[0],
    QCOW2[1],
    QCOW2[2],
    ExportFormat::Raw(None),
    ExportFormat::Raw(Some(Packing::Gzip)),
    ExportFormat::Raw(Some(Packing::Zstd)),
];

fn sample() -> Vec<u8> {
    let mut bytes = noise(6 * MIB as usize + 512, 5);
    bytes[200_000..3_000_000].fill(0);
    bytes[4_000_000..4_500_000].fill(b'y');
    bytes
}

fn disk() -> RawDisk<MemoryFile> {
    RawDisk::new(MemoryFile::new(sample())).unwrap()
}

fn exported(format: ExportFormat) -> Vec<u8> {
    let mut out = Vec::new();
    let len = export(&mut disk(), format, &mut out, &mut go_on).unwrap();
    assert_eq!(len, out.len() as u64, "{format:?}");
    out
}

#[test]
fn qemu_reads_all_kinds_of_qcow2() {
    if missing("qemu-img") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("disk.raw"), sample()).unwrap();
    let sizes = QCOW2.map(|format| {
        let image = exported(format);
        fs::write(dir.path().join("disk.qcow2"), &image).unwrap();
        run(dir.path(), "qemu-img", ["check", "-q", "disk.qcow2"]);
        run(dir.path(), "qemu-img", ["compare", "-q", "disk.qcow2", "disk.raw"]);
        image.len()
    });
    assert!(sizes[1] < sizes[0] && sizes[2] < sizes[0], "packed clusters take less room: {sizes:?}");
}

#[test]
fn gzip_and_zstd_unpack_raw_exports() {
    let dir = tempfile::tempdir().unwrap();
    assert!(exported(ExportFormat::Raw(None)) == sample());
    assert!(pipe(dir.path(), "gzip", &["-dc"], &exported(ExportFormat::Raw(Some(Packing::Gzip)))) == sample());
    assert!(pipe(dir.path(), "zstd", &["-dc"], &exported(ExportFormat::Raw(Some(Packing::Zstd)))) == sample());
}

#[test]
fn the_same_disk_gives_the_same_file() {
    for format in FORMATS {
        assert!(exported(format) == exported(format), "{format:?}");
    }
}

#[test]
fn it_can_be_cancelled_and_progress_reaches_its_total() {
    for format in FORMATS {
        let mut steps = Vec::new();
        export(&mut disk(), format, &mut io::sink(), &mut |progress| {
            steps.push((progress.done, progress.total.unwrap()));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(steps.is_sorted_by_key(|step| step.0), "{format:?}");
        assert!(steps.last().is_some_and(|(done, total)| done == total), "{format:?}: {:?}", steps.last());
        for stop_at in [1, steps.len() / 2, steps.len()] {
            let mut count = 0;
            let result = export(&mut disk(), format, &mut io::sink(), &mut |_| {
                count += 1;
                if count == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(result, Err(Error::Cancelled), "{format:?}, step {stop_at}");
        }
    }
}

/// Takes so many bytes and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(io::Error::other("the paper is full"));
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A disk that can't be read.
struct Broken;

impl Backing for Broken {
    fn size(&self) -> u64 {
        MIB
    }

    fn read(&mut self, _: u64, _: &mut [u8]) -> Result<(), BlockError> {
        Err(BlockError::Corrupt("scratched".into()))
    }

    fn extent(&mut self, _: u64, len: u64) -> Result<Extent, BlockError> {
        Ok(Extent { len, zero: false })
    }
}

#[test]
fn it_says_which_side_failed() {
    for format in FORMATS {
        let error = export(&mut disk(), format, &mut Full(300_000), &mut go_on).unwrap_err();
        assert_eq!(error, Error::Output("the paper is full".into()), "{format:?}");
        let error = export(&mut Broken, format, &mut Vec::new(), &mut go_on).unwrap_err();
        assert_eq!(error, BlockError::Corrupt("scratched".into()).into(), "{format:?}");
    }
}
