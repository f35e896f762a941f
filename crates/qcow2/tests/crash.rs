//! The promise of section "Crash safety" in the crate's documentation: whenever the world stops, the image has no
//! corruption, what was flushed is there, and every other sector has a value that the guest gave it.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{Disk, MemoryFile};
use common::recorder::{Crash, Log, Op, Recorder, SECTOR, after_crash};
use common::*;
use proptest::prelude::*;
use qcow2::{BackingFormat, BackingRef, Geometry, Header, Qcow2, merge_down};

/// What a guest and its user do. Offsets and lengths are in sectors.
#[derive(Debug, Clone)]
enum Step {
    Write(u64, u64),
    Zeros(u64, u64),
    Discard(u64, u64),
    Flush,
    Grow(u64),
    Repair,
}

const DISK_SECTORS: u64 = 400;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..DISK_SECTORS, 1..12u64).prop_map(|(at, len)| Step::Write(at, len)),
        1 => (0..DISK_SECTORS, 1..100u64).prop_map(|(at, len)| Step::Write(at, len)),
        1 => (0..DISK_SECTORS, 1..60u64).prop_map(|(at, len)| Step::Zeros(at, len)),
        2 => (0..DISK_SECTORS, 1..60u64).prop_map(|(at, len)| Step::Discard(at, len)),
        3 => Just(Step::Flush),
        1 => (1..40u64).prop_map(Step::Grow),
        1 => Just(Step::Repair),
    ];
    prop::collection::vec(step, 1..25)
}

/// Clusters of 512 bytes to 2 KiB and all refcounts: small tables make everything that is rare happen often.
fn geometry() -> impl Strategy<Value = Geometry> {
    (9..=11u32, 0..=6u32).prop_map(|(cluster_bits, refcount_order)| Geometry { cluster_bits, refcount_order })
}

/// A sector's value: its bytes are all the same. The backing disk and every write use values of their own.
type Value = u8;

/// What the guest did, next to what that did to the file.
struct History {
    start: MemoryFile,
    log: Log,
    /// In order: the log's length before a sector was given a value, the sector, the value.
    writes: Vec<(usize, u64, Value)>,
    /// In order: the log's length after a flush, and how many of `writes` it covers.
    flushes: Vec<(usize, usize)>,
    /// In order: the log's length before the disk was to grow, its new size.
    sizes: Vec<(usize, u64)>,
    /// What the disk held in the beginning.
    before: Vec<Value>,
    has_backing: bool,
}

fn backing_value(sector: u64) -> Value {
    if sector.is_multiple_of(7) { 0 } else { 200 + (sector % 50) as u8 }
}

/// The backing disk has three quarters of the disk's size.
fn backing(has_backing: bool) -> Option<Box<dyn qcow2::Backing>> {
    let sectors = DISK_SECTORS * 3 / 4;
    has_backing.then(|| raw_backing((0..sectors).flat_map(|sector| [backing_value(sector); SECTOR]).collect()))?
}

/// A new image, and the values that its disk shows.
fn new_disk(geometry: Geometry, has_backing: bool) -> (MemoryFile, Vec<Value>) {
    let size = DISK_SECTORS * SECTOR as u64;
    let file = match has_backing {
        true => new_overlay(size, geometry, "base.img", BackingFormat::Raw),
        false => new_image(size, geometry),
    };
    (file.clone(), values(&mut Qcow2::open(file, backing(has_backing)).unwrap()))
}

/// The disk's sectors. A sector that mixes values is a failure already.
fn values(disk: &mut impl Disk) -> Vec<Value> {
    let bytes = contents(disk);
    let value = |sector: &[u8]| {
        assert!(sector[1..] == sector[..SECTOR - 1], "a sector mixes what was written at different times");
        sector[0]
    };
    bytes.chunks(SECTOR).map(value).collect()
}

/// Runs the steps on an image and records everything.
fn run(start: MemoryFile, before: Vec<Value>, has_backing: bool, steps: &[Step]) -> History {
    let recorder = Recorder::new(start.clone());
    let log = recorder.log.clone();
    let mut disk = Qcow2::open(recorder, backing(has_backing)).unwrap();
    let (writes, sizes) = (Vec::new(), vec![(0, Disk::size(&disk))]);
    let mut history = History { start, log, writes, flushes: vec![(0, 0)], sizes, before, has_backing };
    for (step, value) in steps.iter().zip(1..) {
        history.step(&mut disk, step, value);
    }
    history
}

impl History {
    fn step(&mut self, disk: &mut Qcow2<Recorder>, step: &Step, value: Value) {
        let now = self.log.borrow().len();
        let size = Disk::size(disk) / SECTOR as u64;
        let range = |at: u64, len: u64| (at, (at + len).min(size));
        match *step {
            Step::Write(at, len) => {
                let (start, end) = range(at, len);
                self.writes.extend((start..end).map(|sector| (now, sector, value)));
                disk.write(start * SECTOR as u64, &vec![value; (end - start) as usize * SECTOR]).unwrap();
            }
            Step::Zeros(at, len) => {
                let (start, end) = range(at, len);
                self.writes.extend((start..end).map(|sector| (now, sector, 0)));
                disk.write_zeros(start * SECTOR as u64, (end - start) * SECTOR as u64).unwrap();
            }
            Step::Discard(at, len) => {
                let (start, end) = range(at, len);
                // Which sectors a discard zeroes is its own business; those that changed have changed.
                let before = values(disk);
                disk.discard(start * SECTOR as u64, (end - start) * SECTOR as u64).unwrap();
                let after = values(disk);
                let changed = (0..size).filter(|sector| before[*sector as usize] != after[*sector as usize]);
                self.writes.extend(changed.map(|sector| (now, sector, 0)));
            }
            Step::Flush => {
                disk.flush().unwrap();
                self.flushes.push((self.log.borrow().len(), self.writes.len()));
            }
            Step::Grow(by) => {
                let size = (size + by) * SECTOR as u64;
                self.sizes.push((now, size));
                disk.grow(size).unwrap();
                self.flushes.push((self.log.borrow().len(), self.writes.len()));
            }
            Step::Repair => {
                disk.repair_leaks().unwrap();
                self.flushes.push((self.log.borrow().len(), self.writes.len()));
            }
        }
    }

    /// The values that each sector may have after a crash in front of operation `at`: what was flushed last, and what
    /// was written since.
    fn allowed(&self, at: usize, sectors: usize) -> Vec<Vec<Value>> {
        let covered = self.flushes.iter().rev().find(|(done, _)| *done <= at).map_or(0, |(_, covered)| *covered);
        let mut flushed = self.before.clone();
        flushed.resize(sectors.max(self.before.len()), 0);
        let mut set = |(_, sector, value): &(usize, u64, Value)| {
            if let Some(slot) = flushed.get_mut(*sector as usize) {
                *slot = *value;
            }
        };
        self.writes[..covered].iter().for_each(&mut set);
        let mut allowed: Vec<Vec<Value>> = flushed.into_iter().take(sectors).map(|value| vec![value]).collect();
        for (_, sector, value) in self.writes[covered..].iter().filter(|write| write.0 <= at) {
            if let Some(values) = allowed.get_mut(*sector as usize) {
                values.push(*value);
            }
        }
        allowed
    }

    /// Crashes, opens the image again and sees whether it is as promised. Returns it and the disk's values.
    fn crash_and_judge(&self, at: usize, crash: Crash) -> (MemoryFile, Vec<Value>) {
        let context = format!("crash in front of operation {at} of {}: {crash:?}", self.log.borrow().len());
        let file = after_crash(&self.start, &self.log.borrow(), at, crash);
        let mut disk =
            Qcow2::open(file.clone(), backing(self.has_backing)).unwrap_or_else(|e| panic!("{context}: {e}"));
        let report = disk.check().unwrap();
        assert_eq!(report.corruptions, 0, "{context}: {:?}", report.problems);
        let done = self.sizes.iter().rposition(|(begun, _)| *begun < at).unwrap_or(0);
        let sizes = &self.sizes[done.saturating_sub(1)..=done];
        assert!(sizes.iter().any(|(_, size)| *size == Disk::size(&disk)), "{context}: {} bytes", Disk::size(&disk));
        let values = values(&mut disk);
        for (sector, (value, allowed)) in values.iter().zip(self.allowed(at, values.len())).enumerate() {
            assert!(allowed.contains(value), "{context}: sector {sector} has {value}, allowed {allowed:?}");
        }
        (file, values)
    }
}

/// An image that was crashed can be written, repaired, and is then sound, also in QEMU's eyes.
fn assert_usable(file: MemoryFile, mut expected: Vec<Value>, has_backing: bool) {
    let mut disk = Qcow2::open(file, backing(has_backing)).unwrap();
    disk.repair_leaks().unwrap();
    let size = expected.len();
    for (value, at) in (100..).zip([0, 30, size / 2, size - 20]) {
        disk.write((at * SECTOR) as u64, &[value; 20 * SECTOR]).unwrap();
        expected[at..at + 20].fill(value);
    }
    assert!(values(&mut disk) == expected, "the disk holds something else than was written after the crash");
    let report = disk.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    let file = disk.close().unwrap();
    assert!(values(&mut Qcow2::open(file, backing(has_backing)).unwrap()) == expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_kill_at_any_moment_is_survived(steps in steps(), geometry in geometry(), has_backing: bool, seed: u64) {
        let (start, before) = new_disk(geometry, has_backing);
        let history = run(start, before, has_backing, &steps);
        let ops = history.log.borrow().len();
        for at in 0..=ops {
            let torn = (seed.wrapping_mul(at as u64 + 1) >> 32) as usize % 4;
            let (file, values) = history.crash_and_judge(at, Crash::Kill { torn });
            if at % 8 == seed as usize % 8 {
                assert_usable(file, values, has_backing);
            }
        }
    }

    #[test]
    fn a_power_cut_at_any_moment_is_survived(steps in steps(), geometry in geometry(), has_backing: bool, seed: u64) {
        let (start, before) = new_disk(geometry, has_backing);
        let history = run(start, before, has_backing, &steps);
        let ops = history.log.borrow().len();
        for at in 0..=ops {
            let seed = seed.wrapping_add(at as u64);
            let (file, values) = history.crash_and_judge(at, Crash::PowerCut { seed });
            if at % 8 == 0 {
                assert_usable(file, values, has_backing);
            }
        }
    }

    #[test]
    fn a_second_crash_after_the_first_is_survived(
        (first, second) in (steps(), steps()), geometry in geometry(), has_backing: bool, seed: u64, place: prop::sample::Index
    ) {
        let (start, before) = new_disk(geometry, has_backing);
        let history = run(start, before, has_backing, &first);
        let at = place.index(history.log.borrow().len() + 1);
        let (file, values) = history.crash_and_judge(at, Crash::PowerCut { seed });
        let history = run(file, values, has_backing, &second);
        let ops = history.log.borrow().len();
        for at in 0..=ops {
            let crash = match at % 2 {
                0 => Crash::Kill { torn: at % 3 },
                _ => Crash::PowerCut { seed: seed.wrapping_mul(at as u64) },
            };
            let (file, values) = history.crash_and_judge(at, crash);
            if at % 8 == 0 {
                assert_usable(file, values, has_backing);
            }
        }
    }

    #[test]
    fn a_merge_that_a_crash_interrupts_is_repeated(
        below in steps(), above in steps(), geometries in (geometry(), geometry()), has_backing: bool, seed: u64
    ) {
        let only_writes = |steps: Vec<Step>| steps.into_iter().filter(|step| !matches!(step, Step::Grow(_))).collect::<Vec<_>>();
        let (below, above) = (finished(geometries.0, has_backing, &only_writes(below)), only_writes(above));
        let open_below = |file: MemoryFile| Qcow2::open(file, backing(has_backing)).unwrap();
        let layer = new_overlay((DISK_SECTORS + 9) * SECTOR as u64, geometries.1, "below", BackingFormat::Qcow2);
        let mut disk = Qcow2::open(layer, Some(Box::new(open_below(below.clone())))).unwrap();
        for (step, value) in above.iter().zip(100..) {
            apply(&mut disk, step, value);
        }
        let layer = disk.close().unwrap();
        let over = |below: MemoryFile| Qcow2::open(layer.clone(), Some(Box::new(open_below(below)))).unwrap();
        let expected = contents(&mut over(below.clone()));
        let recorder = Recorder::new(below.clone());
        let log = recorder.log.clone();
        let mut target = Qcow2::open(recorder, backing(has_backing)).unwrap();
        merge_down(layer.clone(), &mut target, &mut go_on).unwrap();
        assert!(contents(&mut target) == expected);
        let log = log.borrow();
        for at in (0..=log.len()).step_by(3) {
            let crash = if at % 2 == 0 { Crash::Kill { torn: 1 } } else { Crash::PowerCut { seed: seed ^ at as u64 } };
            let found = after_crash(&below, &log, at, crash);
            assert!(contents(&mut over(found.clone())) == expected, "after {crash:?} at {at} the two layers read differently");
            let mut target = open_below(found);
            merge_down(layer.clone(), &mut target, &mut go_on).unwrap();
            assert!(contents(&mut target) == expected, "after {crash:?} at {at} and another merge");
            assert_eq!(target.check().unwrap().corruptions, 0);
        }
    }
}

/// An image after some steps, closed properly.
fn finished(geometry: Geometry, has_backing: bool, steps: &[Step]) -> MemoryFile {
    let (file, _) = new_disk(geometry, has_backing);
    let mut disk = Qcow2::open(file, backing(has_backing)).unwrap();
    for (step, value) in steps.iter().zip(1..) {
        apply(&mut disk, step, value);
    }
    disk.close().unwrap()
}

/// A step without a history.
fn apply(disk: &mut Qcow2<MemoryFile>, step: &Step, value: Value) {
    let size = Disk::size(disk) / SECTOR as u64;
    let range = |at: u64, len: u64| (at * SECTOR as u64, (at + len).min(size) * SECTOR as u64 - at * SECTOR as u64);
    match *step {
        Step::Write(at, len) => {
            let (offset, len) = range(at, len);
            disk.write(offset, &vec![value; len as usize]).unwrap();
        }
        Step::Zeros(at, len) => {
            let (offset, len) = range(at, len);
            disk.write_zeros(offset, len).unwrap();
        }
        Step::Discard(at, len) => {
            let (offset, len) = range(at, len);
            disk.discard(offset, len).unwrap();
        }
        Step::Flush => disk.flush().unwrap(),
        Step::Grow(by) => disk.grow((size + by) * SECTOR as u64).unwrap(),
        Step::Repair => drop(disk.repair_leaks().unwrap()),
    }
}

#[test]
fn the_refcount_table_can_move_during_a_crash() {
    // A small disk has a small table; grown to 6 MiB and filled, its table has to move.
    let geometry = Geometry { cluster_bits: 9, refcount_order: 6 };
    let mut disk = open(new_image(64 * KIB, geometry));
    disk.grow(6 * MIB).unwrap();
    let before = Header::read(&mut disk.close().unwrap()).unwrap().refcount_table_clusters;
    let mut disk = open(new_image(64 * KIB, geometry));
    disk.grow(6 * MIB).unwrap();
    disk.write(0, &[1; MIB as usize + 700 * KIB as usize]).unwrap();
    let start = disk.close().unwrap();
    let recorder = Recorder::new(start.clone());
    let log = recorder.log.clone();
    let mut disk = Qcow2::open(recorder, None).unwrap();
    let mut model = contents(&mut disk);
    model[4 * MIB as usize..][..400 * KIB as usize].fill(2);
    for offset in (0..400 * KIB).step_by(4096) {
        disk.write(4 * MIB + offset, &[2; 4096]).unwrap();
    }
    let mut end = disk.close().unwrap().into_file();
    assert!(Header::read(&mut end).unwrap().refcount_table_clusters > before, "the table had to grow");
    let log = log.borrow();
    let moved = log.iter().position(|op| matches!(op, Op::Write(48, _))).unwrap();
    for at in (moved - 10..moved + 20).chain([log.len() - 1, log.len()]) {
        let cuts = (0..8).map(|seed| Crash::PowerCut { seed: seed * 1000 + at as u64 });
        for crash in cuts.chain([Crash::Kill { torn: 0 }, Crash::Kill { torn: 1 }]) {
            let mut disk = open(after_crash(&start, &log, at, crash));
            let report = disk.check().unwrap();
            assert_eq!(report.corruptions, 0, "{crash:?} at {at}: {:?}", report.problems);
            let found = contents(&mut disk);
            assert!(found[..2 * MIB as usize] == model[..2 * MIB as usize], "{crash:?} at {at}");
        }
    }
    assert!(contents(&mut open(end)) == model);
}

#[test]
fn a_table_in_a_row_fits_where_the_refcount_table_ends() {
    // The refcount table of a small disk describes 4096 clusters. The L1 table that a larger disk needs has six clusters,
    // and comes to lie before, on and behind that border.
    let geometry = Geometry { cluster_bits: 9, refcount_order: 6 };
    for clusters in [4087, 4090, 4091, 4093, 4095, 4097] {
        let mut disk = open(new_image(64 * KIB, geometry));
        disk.grow(3 * MIB).unwrap();
        let mut filled = 0;
        while disk.file_len() / 512 < clusters {
            disk.write(filled, &[1; 512]).unwrap();
            filled += 512;
        }
        let start = disk.close().unwrap();
        let recorder = Recorder::new(start.clone());
        let log = recorder.log.clone();
        let mut disk = Qcow2::open(recorder, None).unwrap();
        disk.grow(12 * MIB).unwrap();
        let mut disk = open(disk.close().unwrap().into_file());
        let report = disk.check().unwrap();
        assert!(report.is_clean(), "{clusters} clusters: {report:?}");
        let log = log.borrow();
        for (at, seed) in (0..=log.len()).flat_map(|at| (0..2).map(move |seed| (at, seed))) {
            let mut disk = open(after_crash(&start, &log, at, Crash::PowerCut { seed }));
            let report = disk.check().unwrap();
            assert_eq!(report.corruptions, 0, "{clusters} clusters, crash at {at}: {:?}", report.problems);
        }
    }
}

#[test]
fn a_crash_while_renaming_leaves_the_one_name_or_the_other() {
    // The new name goes into the first sector, or far behind it.
    for (cluster_bits, old) in [(9, "old".to_string()), (16, "older".repeat(200))] {
        let start = new_overlay(MIB, Geometry { cluster_bits, refcount_order: 4 }, &old, BackingFormat::Raw);
        let recorder = Recorder::new(start.clone());
        let log = recorder.log.clone();
        let mut disk = Qcow2::open(recorder, raw_backing(vec![])).unwrap();
        let new = old.replace("old", "quite new, longer, and ");
        let new = BackingRef { name: new[..new.len().min(1023)].into(), format: Some(BackingFormat::Qcow2) };
        disk.set_backing(&new).unwrap();
        let old = BackingRef { name: old, format: Some(BackingFormat::Raw) };
        let log = log.borrow();
        for (at, seed) in (0..=log.len()).flat_map(|at| (0..8).map(move |seed| (at, seed))) {
            let mut file = after_crash(&start, &log, at, Crash::PowerCut { seed });
            let named = Header::read(&mut file).unwrap().backing.unwrap();
            assert!(named == old || named == new, "{named:?} at {at}");
        }
    }
}

#[test]
fn an_image_is_nothing_or_complete_while_it_is_made() {
    let mut recorder = Recorder::new(MemoryFile::default());
    let options = qcow2::CreateOptions::new(MIB);
    qcow2::create(&mut recorder, &options).unwrap();
    let log = recorder.log.borrow();
    for at in 0..=log.len() {
        for seed in 0..8 {
            let file = after_crash(&MemoryFile::default(), &log, at, Crash::PowerCut { seed });
            match Qcow2::open(file, None) {
                Ok(mut disk) => assert!(disk.check().unwrap().is_clean()),
                Err(error) => assert_eq!(error, qcow2::Error::NotQcow2),
            }
        }
    }
}
