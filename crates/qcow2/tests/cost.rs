//! What a guest's write costs in writes and flushes of the file: small writes of OPFS take 32 to 200 µs each.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::Disk;
use common::recorder::{Op, Recorder};
use common::*;
use qcow2::{BackingFormat, Geometry, Qcow2};

/// Writes and flushes of the file, and bytes written.
#[derive(Debug, PartialEq)]
struct Cost {
    writes: usize,
    flushes: usize,
    bytes: usize,
}

/// What `act` costs.
fn cost(disk: &mut Qcow2<Recorder>, log: &common::recorder::Log, act: impl FnOnce(&mut Qcow2<Recorder>)) -> Cost {
    log.borrow_mut().clear();
    act(disk);
    let mut cost = Cost { writes: 0, flushes: 0, bytes: 0 };
    for op in log.borrow().iter() {
        match op {
            Op::Write(_, data) => {
                cost.writes += 1;
                cost.bytes += data.len();
            }
            Op::Flush => cost.flushes += 1,
            Op::SetLen(_) => panic!("nothing changes the file's length"),
        }
    }
    cost
}

#[test]
fn a_small_write_is_one_write_and_a_flush_adds_two() {
    let recorder = Recorder::new(new_image(1 << 30, Geometry::default()));
    let log = recorder.log.clone();
    let mut disk = Qcow2::open(recorder, None).unwrap();
    let first = cost(&mut disk, &log, |disk| disk.write(0, &[1; 4096]).unwrap());
    assert_eq!(first, Cost { writes: 2, flushes: 0, bytes: 4096 + 65536 }, "an L2 table, once for 512 MiB");
    let scattered = cost(&mut disk, &log, |disk| {
        for at in 1..=100 {
            disk.write(at * 3 * MIB + 8192, &[2; 4096]).unwrap();
        }
    });
    assert_eq!(scattered, Cost { writes: 100, flushes: 0, bytes: 100 * 4096 });
    let flush = cost(&mut disk, &log, |disk| disk.flush().unwrap());
    assert_eq!((flush.writes, flush.flushes), (3, 2), "refcounts, a barrier, the L2 and the L1 table, the end");
    assert!(flush.bytes < 64 * KIB as usize, "{flush:?}");
    let in_place = cost(&mut disk, &log, |disk| {
        disk.write(3 * MIB + 12288, &[3; 4096]).unwrap();
        disk.flush().unwrap();
    });
    assert_eq!(in_place, Cost { writes: 1, flushes: 1, bytes: 4096 });
    let nothing = cost(&mut disk, &log, |disk| disk.flush().unwrap());
    assert_eq!(nothing, Cost { writes: 0, flushes: 0, bytes: 0 });
}

#[test]
fn a_first_write_over_a_backing_disk_copies_a_cluster_once() {
    let recorder = Recorder::new(new_overlay(64 * MIB, Geometry::default(), "base.img", BackingFormat::Raw));
    let log = recorder.log.clone();
    let mut disk = Qcow2::open(recorder, raw_backing(noise(MIB as usize, 1))).unwrap();
    disk.write(32 * MIB, &[1; 512]).unwrap();
    let copied = cost(&mut disk, &log, |disk| disk.write(100, &[1; 512]).unwrap());
    assert_eq!(copied, Cost { writes: 1, flushes: 0, bytes: 65536 });
    let again = cost(&mut disk, &log, |disk| disk.write(1000, &[1; 512]).unwrap());
    assert_eq!(again, Cost { writes: 1, flushes: 0, bytes: 512 });
    let large = cost(&mut disk, &log, |disk| disk.write(MIB, &noise(MIB as usize, 1)).unwrap());
    assert_eq!(large, Cost { writes: 1, flushes: 0, bytes: MIB as usize });
}
