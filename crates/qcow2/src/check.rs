//! Is the image sound? What refers to each cluster of the file is counted anew and compared with its refcount.
//!
//! A count that is too high is a *leak*: lost room, nothing else. Everything else that is found is a *corruption*.

use crate::bytes::bytes_to_entries;
use crate::error::{Error, corrupt};
use crate::file::ImageFile;
use crate::geometry::{ENTRY_SIZE, Geometry};
use crate::header;
use crate::image::Qcow2;
use crate::refcount::Refcounts;
use crate::snapshot;
use crate::tables::{COPIED, Mapping, OFFSET_MASK};
use block::{BlockError, BlockFile, Disk};
use std::collections::HashSet;
use std::ops::Range;

/// The longest file that can be checked, in clusters: 2 TiB at 64 KiB each. It bounds the memory to 64 MiB.
const MAX_CHECKED_CLUSTERS: u64 = 1 << 25;
/// How many problems are described in words; all are counted.
const MAX_PROBLEMS: usize = 20;
/// The autoclear bit of persistent bitmaps, whose clusters are not known here.
const AUTOCLEAR_BITMAPS: u64 = 1 << 0;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Things that can't be right. The image should not be written any more.
    pub corruptions: u64,
    /// Clusters that are counted, but that nothing refers to (or not as often): room that is lost until
    /// [`Qcow2::repair_leaks`] gives it back.
    pub leaks: u64,
    /// Clusters of the disk that this file holds plainly.
    pub data_clusters: u64,
    /// Clusters of the disk that this file holds compressed.
    pub compressed_clusters: u64,
    /// Clusters of the disk that are marked as zeros.
    pub zero_clusters: u64,
    /// Clusters of the file.
    pub file_clusters: u64,
    /// The first problems in words.
    pub problems: Vec<String>,
}

impl CheckReport {
    /// Whether there is neither corruption nor leak.
    pub fn is_clean(&self) -> bool {
        self.corruptions == 0 && self.leaks == 0
    }

    fn say(&mut self, problem: impl FnOnce() -> String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem());
        }
    }

    fn corruption(&mut self, problem: impl FnOnce() -> String) {
        self.corruptions += 1;
        self.say(problem);
    }
}

/// What to do about counts that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fix {
    /// Only report them.
    Nothing,
    /// Lower those that are too high.
    Leaks,
    /// Make all of them right, because they are known to be stale.
    Everything,
}

impl<F: BlockFile> Qcow2<F> {
    /// Counts leaks and corruptions. Writes what waits in memory first, if the image is open for writing.
    pub fn check(&mut self) -> Result<CheckReport, Error> {
        self.check_and_fix(Fix::Nothing)
    }

    /// Gives lost clusters back and says how many there were; cuts off what is free at the file's end. A corrupt image is
    /// left as it is, because there a cluster may only seem lost.
    pub fn repair_leaks(&mut self) -> Result<u64, Error> {
        self.counts()?;
        let report = self.check()?;
        if report.corruptions != 0 {
            let first = report.problems.into_iter().next().unwrap_or_default();
            return Err(corrupt(first).into());
        }
        if report.leaks != 0 {
            self.check_and_fix(Fix::Leaks)?;
            self.write_out()?;
        }
        self.cut_end()?;
        Ok(report.leaks)
    }

    /// Shortens the file by the free clusters at its end.
    fn cut_end(&mut self) -> Result<(), BlockError> {
        let geometry = self.header.geometry;
        let counts = self.refcounts.as_mut().ok_or(BlockError::ReadOnly)?;
        let mut end = geometry.clusters(self.file.len());
        while end > 0 && counts.get(&mut self.file, end - 1)? == 0 {
            end -= 1;
        }
        let len = end << geometry.cluster_bits;
        if len < self.file.len() { self.file.cut(len) } else { Ok(()) }
    }

    /// Counts all clusters anew, because the counts in the file are known to be stale, and says so in the header.
    pub(crate) fn rebuild_refcounts(&mut self) -> Result<(), Error> {
        let report = self.check_and_fix(Fix::Everything)?;
        if report.corruptions != 0 {
            let first = report.problems.into_iter().find(|problem| !problem.contains("leaked")).unwrap_or_default();
            return Err(corrupt(first).into());
        }
        self.write_out()?;
        self.header.dirty = false;
        header::rewrite(&mut self.file, &self.header)?;
        self.file.flush()?;
        Ok(())
    }

    fn check_and_fix(&mut self, fix: Fix) -> Result<CheckReport, Error> {
        if self.header.autoclear & AUTOCLEAR_BITMAPS != 0 {
            return Err(Error::Unsupported("persistent bitmaps; such an image can be read, but not checked".into()));
        }
        Disk::flush(self)?;
        let mut report = CheckReport::default();
        let references = self.count_references(&mut report)?;
        report.file_clusters = references.counts.len() as u64;
        if report.corruptions != 0 && fix != Fix::Nothing {
            return Ok(report);
        }
        let header = &self.header;
        let mut read_only = None;
        let counts = match self.refcounts.as_mut() {
            Some(counts) => counts,
            None => read_only.insert(Refcounts::load(
                &mut self.file,
                header.geometry,
                header.refcount_table_offset,
                header.refcount_table_clusters,
            )?),
        };
        if references.blocks_are_readable {
            compare(&mut self.file, counts, &references, &mut report, fix)?;
            let mut flags = Flags { file: &mut self.file, counts, geometry: self.header.geometry };
            flags.check(&self.header, &mut report)?;
        }
        Ok(report)
    }

    /// Walks everything that refers to clusters.
    fn count_references(&mut self, report: &mut CheckReport) -> Result<References, Error> {
        let (geometry, header) = (self.header.geometry, &self.header);
        let clusters = geometry.clusters(self.file.len());
        if clusters > MAX_CHECKED_CLUSTERS {
            let what = "the number of clusters to check";
            return Err(Error::TooLarge { what, value: clusters, limit: MAX_CHECKED_CLUSTERS });
        }
        let mut references = References::new(clusters);
        references.add_table(0..1, report, "the header");
        let counts =
            Refcounts::load(&mut self.file, geometry, header.refcount_table_offset, header.refcount_table_clusters)?;
        let first = counts.table_offset >> geometry.cluster_bits;
        references.add_table(first..first + counts.table_clusters(), report, "the refcount table");
        for offset in counts.table.iter().filter(|offset| **offset != 0) {
            let cluster = offset >> geometry.cluster_bits;
            references.blocks_are_readable &= cluster < clusters;
            references.add_table(cluster..cluster + 1, report, "a refcount block");
        }
        let active = (header.l1_offset, header.l1_entries);
        let snapshots = snapshot::read_all(&mut self.file, header)?;
        references.add_bytes(geometry, snapshots.table.clone(), report, "the snapshot table");
        let mut walk = Walk { file: &mut self.file, geometry, version: header.version, references: &mut references };
        walk.l1(active, true, report)?;
        for l1 in &snapshots.l1_tables {
            walk.l1(*l1, false, report)?;
        }
        references.find_overlaps(snapshots.l1_tables.is_empty(), report);
        Ok(references)
    }
}

/// How many bytes of an image's file are lost: clusters that are counted, and that nothing refers to. It looks at the tables
/// only, so the layers below need not be there. In a corrupt image nothing counts as lost, as in [`Qcow2::repair_leaks`].
pub fn leaked_bytes<F: BlockFile>(file: F) -> Result<u64, Error> {
    let mut image = Qcow2::open_detached(file)?;
    let report = image.check()?;
    Ok(if report.corruptions == 0 { report.leaks << image.geometry().cluster_bits } else { 0 })
}

/// How often each cluster of the file is referred to.
struct References {
    counts: Vec<u16>,
    /// Clusters that nothing else may refer to.
    exclusive: Vec<u64>,
    /// L2 tables, which snapshots may share.
    l2_tables: Vec<u64>,
    blocks_are_readable: bool,
}

impl References {
    fn new(clusters: u64) -> Self {
        let counts = vec![0; clusters as usize];
        Self { counts, exclusive: Vec::new(), l2_tables: Vec::new(), blocks_are_readable: true }
    }

    fn add(&mut self, clusters: Range<u64>, report: &mut CheckReport, what: &str) {
        for cluster in clusters {
            match usize::try_from(cluster).ok().and_then(|index| self.counts.get_mut(index)) {
                Some(count) => *count = count.saturating_add(1),
                None => {
                    report.corruption(|| format!("{what} in cluster {cluster} lies behind the end of the file"));
                    break;
                }
            }
        }
    }

    fn count(&self, cluster: u64) -> u64 {
        let count = usize::try_from(cluster).ok().and_then(|index| self.counts.get(index));
        count.map_or(0, |count| u64::from(*count))
    }

    fn add_table(&mut self, clusters: Range<u64>, report: &mut CheckReport, what: &str) {
        self.exclusive.extend(clusters.clone().take(self.counts.len()));
        self.add(clusters, report, what);
    }

    fn add_bytes(&mut self, geometry: Geometry, bytes: Range<u64>, report: &mut CheckReport, what: &str) {
        if !bytes.is_empty() {
            let bits = geometry.cluster_bits;
            self.add_table(bytes.start >> bits..((bytes.end - 1) >> bits) + 1, report, what);
        }
    }

    /// Tables must have their clusters for themselves.
    fn find_overlaps(&mut self, l2_too: bool, report: &mut CheckReport) {
        if l2_too {
            self.exclusive.append(&mut self.l2_tables);
        }
        for cluster in &self.exclusive {
            if self.count(*cluster) > 1 {
                report.corruption(|| format!("cluster {cluster} holds a table and something else"));
            }
        }
    }
}

/// Walks L1 and L2 tables and counts what they refer to.
struct Walk<'a, F> {
    file: &'a mut ImageFile<F>,
    geometry: Geometry,
    version: u32,
    references: &'a mut References,
}

impl<F: BlockFile> Walk<'_, F> {
    fn l1(&mut self, (offset, entries): (u64, u32), active: bool, report: &mut CheckReport) -> Result<(), BlockError> {
        let table = read_table(self.file, offset, entries as usize, "an L1 table")?;
        let bytes = u64::from(entries) * ENTRY_SIZE;
        self.references.add_bytes(self.geometry, offset..offset + bytes, report, "an L1 table");
        let mut seen = HashSet::new();
        for (index, entry) in table.into_iter().enumerate() {
            let offset = entry & OFFSET_MASK;
            if offset == 0 {
                continue;
            }
            if self.geometry.in_cluster(offset) != 0 || offset >= self.file.len() || !seen.insert(offset) {
                report.corruption(|| format!("L1 entry {index} can't point at {offset}"));
                continue;
            }
            let cluster = offset >> self.geometry.cluster_bits;
            self.references.l2_tables.push(cluster);
            self.references.add(cluster..cluster + 1, report, "an L2 table");
            self.l2(offset, active, report)?;
        }
        Ok(())
    }

    fn l2(&mut self, offset: u64, active: bool, report: &mut CheckReport) -> Result<(), BlockError> {
        for entry in read_table(self.file, offset, self.geometry.l2_entries(), "an L2 table")? {
            let mapping = match Mapping::parse(entry, self.geometry, self.version) {
                Ok(mapping) => mapping,
                Err(error) => {
                    report.corruption(|| error.to_string());
                    continue;
                }
            };
            if active {
                match mapping {
                    Mapping::Unallocated => {}
                    Mapping::Zero(_) => report.zero_clusters += 1,
                    Mapping::Data(_) => report.data_clusters += 1,
                    Mapping::Compressed { .. } => report.compressed_clusters += 1,
                }
            }
            if let Some(clusters) = mapping.clusters(self.geometry) {
                self.references.add(clusters, report, "data");
            }
        }
        Ok(())
    }
}

/// Compares the refcounts with what was counted.
fn compare<F: BlockFile>(
    file: &mut ImageFile<F>,
    counts: &mut Refcounts,
    references: &References,
    report: &mut CheckReport,
    fix: Fix,
) -> Result<(), BlockError> {
    let per_block = counts.geometry.refcounts_per_block();
    for index in 0..counts.table.len() as u64 {
        if counts.table[index as usize] == 0 {
            continue;
        }
        for cluster in index * per_block..(index + 1) * per_block {
            let expected = references.count(cluster);
            let found = counts.get(file, cluster)?;
            if found > expected {
                report.leaks += 1;
                report.say(|| format!("cluster {cluster} is leaked: refcount {found}, references {expected}"));
            } else if found < expected && fix != Fix::Everything {
                report.corruption(|| format!("cluster {cluster} has refcount {found}, but {expected} references"));
            }
            if fix == Fix::Everything || (fix == Fix::Leaks && found > expected) {
                set_if_different(file, counts, cluster, found, expected)?;
            }
        }
    }
    for (cluster, expected) in (0..).zip(&references.counts) {
        if *expected > 0 && !counts.described(cluster) {
            report.corruption(|| format!("cluster {cluster} is in use, but no refcount block describes it"));
        }
    }
    Ok(())
}

fn set_if_different<F: BlockFile>(
    file: &mut ImageFile<F>,
    counts: &mut Refcounts,
    cluster: u64,
    found: u64,
    expected: u64,
) -> Result<(), BlockError> {
    if expected > counts.geometry.max_refcount() {
        return Err(corrupt(format!("cluster {cluster} has more references than its refcount can hold")));
    }
    if found == expected { Ok(()) } else { counts.set(file, cluster, expected) }
}

/// Whether the active tables flag a cluster as having exactly one reference when it has not: it would be written in place.
struct Flags<'a, F> {
    file: &'a mut ImageFile<F>,
    counts: &'a mut Refcounts,
    geometry: Geometry,
}

impl<F: BlockFile> Flags<'_, F> {
    fn check(&mut self, header: &header::Header, report: &mut CheckReport) -> Result<(), BlockError> {
        let l1 = read_table(self.file, header.l1_offset, header.l1_entries as usize, "its L1 table")?;
        let mut seen = HashSet::new();
        for entry in l1 {
            let offset = entry & OFFSET_MASK;
            let valid = self.geometry.in_cluster(offset) == 0 && offset < self.file.len();
            if offset == 0 || !valid || !seen.insert(offset) {
                continue;
            }
            self.flag(entry, offset, report)?;
            for entry in read_table(self.file, offset, self.geometry.l2_entries(), "an L2 table")? {
                match Mapping::parse(entry, self.geometry, header.version) {
                    Ok(Mapping::Data(offset) | Mapping::Zero(Some(offset))) => self.flag(entry, offset, report)?,
                    Ok(Mapping::Compressed { offset, .. }) if entry & COPIED != 0 => {
                        report.corruption(|| format!("the compressed cluster at {offset} is flagged as writable"));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn flag(&mut self, entry: u64, offset: u64, report: &mut CheckReport) -> Result<(), BlockError> {
        let cluster = offset >> self.geometry.cluster_bits;
        let count = self.counts.get(self.file, cluster)?;
        // A flag that is missing costs a copy at most. QEMU counts it all the same; here it would make a sound image corrupt
        // when the other one of two references goes away.
        if entry & COPIED != 0 && count != 1 {
            report.corruption(|| format!("cluster {cluster} is flagged as unshared, but has a refcount of {count}"));
        }
        Ok(())
    }
}

/// Reads a table of 64-bit entries.
fn read_table<F: BlockFile>(
    file: &mut ImageFile<F>,
    offset: u64,
    entries: usize,
    what: &str,
) -> Result<Vec<u64>, BlockError> {
    let mut bytes = vec![0; entries * ENTRY_SIZE as usize];
    if entries > 0 {
        file.read(offset, &mut bytes, what)?;
    }
    Ok(bytes_to_entries(&bytes))
}
