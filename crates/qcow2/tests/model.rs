//! A disk is nothing but an array of bytes: whatever is done to an image, it reads as a plain array to which the same was
//! done.
#![allow(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod common;

use block::{Disk, MemoryFile};
use common::*;
use proptest::prelude::*;
use qcow2::{Backing, BackingFormat, ClusterPacking, ExportOptions, ExportPlan, FileSink, Geometry, Qcow2, export_raw};

const SIZE: u64 = 200 * KIB;

#[derive(Debug, Clone)]
enum Step {
    Write {
        at: u64,
        len: u64,
        seed: u64,
    },
    /// The same byte everywhere, which compresses and may be zero.
    Fill {
        at: u64,
        len: u64,
        byte: u8,
    },
    Zeros {
        at: u64,
        len: u64,
    },
    Discard {
        at: u64,
        len: u64,
    },
    Read {
        at: u64,
        len: u64,
    },
    Flush,
    Reopen,
    /// The disk becomes the backing of a new, larger overlay.
    Overlay {
        geometry: Geometry,
        more: u64,
    },
    Grow {
        sectors: u64,
    },
    /// The disk is exported and goes on as what came out.
    Export {
        cluster_bits: u32,
        packing: Option<ClusterPacking>,
    },
    Repair,
}

fn geometry() -> impl Strategy<Value = Geometry> {
    (9..=17u32, 0..=6u32).prop_map(|(cluster_bits, refcount_order)| Geometry { cluster_bits, refcount_order })
}

fn packing() -> impl Strategy<Value = ClusterPacking> {
    prop_oneof![(1..=9u32).prop_map(ClusterPacking::Deflate), Just(ClusterPacking::Zstd)]
}

fn step() -> impl Strategy<Value = Step> {
    let range = || (0..SIZE, prop_oneof![3 => 1..2000u64, 1 => 1..70_000u64]);
    prop_oneof![
        8 => (range(), any::<u64>()).prop_map(|((at, len), seed)| Step::Write { at, len, seed }),
        3 => (range(), any::<u8>()).prop_map(|((at, len), byte)| Step::Fill { at, len, byte: byte / 128 * byte }),
        2 => range().prop_map(|(at, len)| Step::Zeros { at, len }),
        2 => range().prop_map(|(at, len)| Step::Discard { at, len }),
        3 => range().prop_map(|(at, len)| Step::Read { at, len }),
        2 => Just(Step::Flush),
        2 => Just(Step::Reopen),
        1 => (geometry(), 0..3u64).prop_map(|(geometry, more)| Step::Overlay { geometry, more: more * 4 * KIB }),
        1 => (1..60u64).prop_map(|sectors| Step::Grow { sectors }),
        1 => (9..=16u32, prop::option::of(packing())).prop_map(|(cluster_bits, packing)| Step::Export { cluster_bits, packing }),
        1 => Just(Step::Repair),
    ]
}

/// The layers' files from the top down, the top one open.
struct Subject {
    disk: Option<Qcow2<MemoryFile>>,
    below: Vec<MemoryFile>,
    bytes: Vec<u8>,
}

/// Opens a chain of read-only layers, the lowest last.
fn chain(files: &[MemoryFile]) -> Option<Box<dyn Backing>> {
    let (top, rest) = files.split_first()?;
    Some(Box::new(Qcow2::open_read_only(top.clone(), chain(rest)).unwrap()))
}

impl Subject {
    fn new(geometry: Geometry) -> Self {
        let disk = Some(open(new_image(SIZE, geometry)));
        Self { disk, below: Vec::new(), bytes: vec![0; SIZE as usize] }
    }

    fn disk(&mut self) -> &mut Qcow2<MemoryFile> {
        self.disk.as_mut().unwrap()
    }

    fn close(&mut self) -> MemoryFile {
        self.disk.take().unwrap().close().unwrap()
    }

    fn open(&mut self, file: MemoryFile) {
        self.disk = Some(Qcow2::open(file, chain(&self.below)).unwrap());
    }

    fn range(&self, at: u64, len: u64) -> (u64, usize) {
        (at, len.min(self.bytes.len() as u64 - at) as usize)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Write { at, len, seed } => {
                let (at, len) = self.range(at, len);
                self.write(at, &noise(len, seed));
            }
            Step::Fill { at, len, byte } => {
                let (at, len) = self.range(at, len);
                self.write(at, &vec![byte; len]);
            }
            Step::Zeros { at, len } => {
                let (at, len) = self.range(at, len);
                self.disk().write_zeros(at, len as u64).unwrap();
                self.bytes[at as usize..][..len].fill(0);
            }
            Step::Discard { at, len } => {
                let (at, len) = self.range(at, len);
                self.disk().discard(at, len as u64).unwrap();
                let cluster = self.disk().geometry().cluster_len();
                let first = (at as usize).next_multiple_of(cluster);
                let end = at as usize + len;
                let end = if end == self.bytes.len() { end } else { end / cluster * cluster };
                if first < end {
                    self.bytes[first..end].fill(0);
                }
            }
            Step::Read { at, len } => {
                let (at, len) = self.range(at, len);
                let mut found = vec![0x5a; len];
                Disk::read(self.disk(), at, &mut found).unwrap();
                assert!(found == self.bytes[at as usize..][..len], "{len} bytes at {at}");
            }
            Step::Flush => self.disk().flush().unwrap(),
            Step::Reopen => {
                let file = self.close();
                self.open(file);
            }
            Step::Overlay { geometry, more } => {
                let file = self.close();
                self.below.insert(0, file);
                self.bytes.resize(self.bytes.len() + more as usize, 0);
                self.open(new_overlay(self.bytes.len() as u64, geometry, "below", BackingFormat::Qcow2));
            }
            Step::Grow { sectors } => {
                self.bytes.resize(self.bytes.len() + 512 * sectors as usize, 0);
                let size = self.bytes.len() as u64;
                self.disk().grow(size).unwrap();
            }
            Step::Export { cluster_bits, packing } => self.export(ExportOptions { cluster_bits, packing }),
            Step::Repair => {
                let leaks = self.disk().repair_leaks().unwrap();
                assert_eq!(leaks, 0, "nothing leaks unless something is killed");
            }
        }
    }

    fn write(&mut self, at: u64, data: &[u8]) {
        self.disk().write(at, data).unwrap();
        self.bytes[at as usize..][..data.len()].copy_from_slice(data);
    }

    fn export(&mut self, options: ExportOptions) {
        let mut file = MemoryFile::default();
        let mut sink = FileSink::new(&mut file).unwrap();
        let plan = ExportPlan::new(self.disk(), options).unwrap();
        plan.write(self.disk(), &mut sink).unwrap();
        self.below.clear();
        self.open(file);
    }

    fn judge(&mut self) {
        let found = contents(self.disk());
        assert!(found == self.bytes, "the whole disk");
        let mut raw = MemoryFile::default();
        export_raw(self.disk(), &mut FileSink::new(&mut raw).unwrap()).unwrap();
        assert!(raw.bytes() == self.bytes, "exported raw");
        let report = self.disk().check().unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn an_image_is_an_array_of_bytes(geometry in geometry(), steps in prop::collection::vec(step(), 1..40)) {
        let mut subject = Subject::new(geometry);
        for step in &steps {
            subject.step(step);
        }
        subject.judge();
        let file = subject.close();
        subject.open(file);
        subject.judge();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn qemu_agrees(geometry in geometry(), steps in prop::collection::vec(step(), 1..40)) {
        if qemu_img_is_missing() {
            return Ok(());
        }
        let mut subject = Subject::new(geometry);
        for step in &steps {
            subject.step(step);
        }
        let dir = tempfile::tempdir().unwrap();
        // Each layer names "below"; QEMU needs names that differ.
        let top = subject.close();
        let layers: Vec<_> = [top].into_iter().chain(subject.below).collect();
        for (index, file) in layers.iter().enumerate() {
            let mut disk = Qcow2::open(file.clone(), chain(&layers[index + 1..])).unwrap();
            if index + 1 < layers.len() {
                let name = format!("{}.qcow2", index + 1);
                disk.set_backing(&qcow2::BackingRef { name, format: Some(BackingFormat::Qcow2) }).unwrap();
            }
            save(&disk.close().unwrap(), &dir.path().join(format!("{index}.qcow2")));
        }
        std::fs::write(dir.path().join("model.raw"), &subject.bytes).unwrap();
        qemu_img(dir.path(), &["compare", "-q", "-f", "qcow2", "-F", "raw", "0.qcow2", "model.raw"]);
        for index in 0..layers.len() {
            qemu_img(dir.path(), &["check", "-q", &format!("{index}.qcow2")]);
        }
    }
}
