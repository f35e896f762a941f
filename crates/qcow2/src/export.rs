//! Exports: a disk with all layers below it, flattened into one qcow2 or raw stream.
//!
//! A stream is written from front to back with bounded memory, so a first pass finds out what is not zero (and how
//! small it gets when packed), and a second pass writes tables that are right from the start. The same disk gives the
//! same bytes, always.

use crate::backing::Backing;
use crate::bytes::entries_to_bytes;
use crate::compressed::{ClusterPacking, pack};
use crate::error::{Error, Progress};
use crate::geometry::Geometry;
use crate::header::{Compression, Header};
use crate::layout::Layout;
use crate::tables::COPIED;
use block::{BlockError, BlockFile};
use std::ops::ControlFlow;

/// Clusters that are not zero, at most: 256 GiB at 64 KiB each. It bounds the plan to about 100 MiB of memory.
const MAX_CLUSTERS: usize = 1 << 22;
/// How much of a raw export is read at a time.
const RAW_CHUNK: u64 = 1 << 20;

/// Takes a stream's bytes in order.
pub trait Sink {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), BlockError>;

    /// Takes `count` zeros; a sink that can leave holes does better than the default.
    fn write_zeros(&mut self, mut count: u64) -> Result<(), BlockError> {
        const ZEROS: [u8; 4096] = [0; 4096];
        while count > 0 {
            let now = count.min(ZEROS.len() as u64);
            self.write(&ZEROS[..now as usize])?;
            count -= now;
        }
        Ok(())
    }
}

/// A sink that fills a [`BlockFile`] from its beginning; zeros past the file's end become a hole where files have them.
#[derive(Debug)]
pub struct FileSink<'a, F: ?Sized> {
    file: &'a mut F,
    at: u64,
}

impl<'a, F: BlockFile + ?Sized> FileSink<'a, F> {
    /// Empties the file.
    pub fn new(file: &'a mut F) -> Result<Self, BlockError> {
        file.set_len(0)?;
        Ok(Self { file, at: 0 })
    }

    /// Makes what was written durable.
    pub fn finish(self) -> Result<(), BlockError> {
        self.file.flush()
    }
}

impl<F: BlockFile + ?Sized> Sink for FileSink<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BlockError> {
        self.file.write_at(self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn write_zeros(&mut self, count: u64) -> Result<(), BlockError> {
        if count == 0 {
            return Ok(());
        }
        self.at += count;
        self.file.set_len(self.at)
    }
}

/// How an exported qcow2 image looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportOptions {
    /// Clusters have `1 << cluster_bits` bytes; 64 KiB unless there is a reason.
    pub cluster_bits: u32,
    /// Packs clusters that get smaller by it. Each is packed twice, once to learn its length.
    pub packing: Option<ClusterPacking>,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { cluster_bits: Geometry::default().cluster_bits, packing: None }
    }
}

/// A cluster that the export contains.
#[derive(Debug)]
struct Placed {
    /// Its number in the virtual disk.
    cluster: u64,
    /// Where it is, from the beginning of the data.
    offset: u64,
    /// Its packed length, or 0 if it is not packed.
    packed: u32,
}

/// What the first pass found: everything but the data. The disk must not change until the second.
#[derive(Debug)]
pub struct ExportPlan {
    options: ExportOptions,
    layout: Layout,
    placed: Vec<Placed>,
    data_len: u64,
}

impl ExportPlan {
    /// Reads what the disk holds, where it is not known to be zeros.
    pub fn new(disk: &mut dyn Backing, options: ExportOptions) -> Result<Self, Error> {
        Self::with_progress(disk, options, &mut |_, _| ControlFlow::Continue(()))
    }

    /// Like [`ExportPlan::new`], and tells how much of the disk was looked at. ([`ExportPlan::write`] needs no such thing:
    /// its sink sees the bytes, of which there are [`ExportPlan::stream_len`], and may fail.)
    pub fn with_progress(
        disk: &mut dyn Backing,
        options: ExportOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Self, Error> {
        let geometry = Geometry { cluster_bits: options.cluster_bits, ..Geometry::default() };
        crate::create::check_geometry(geometry)?;
        let size = disk.size();
        // Refuses what is too large before anything is read.
        Layout::new(geometry, size, 0, 0)?;
        let mut placed: Vec<Placed> = Vec::new();
        let mut end: u64 = 0;
        let mut buf = vec![0; geometry.cluster_len()];
        let mut offset = 0;
        while let Some(start) = next_data(disk, geometry, offset)? {
            offset = start + geometry.cluster_size();
            if progress(offset.min(size), size).is_break() {
                return Err(Error::Cancelled);
            }
            read_cluster(disk, start, &mut buf)?;
            if is_zero(&buf) {
                continue;
            }
            if placed.len() == MAX_CLUSTERS {
                let value = geometry.clusters(size);
                return Err(Error::TooLarge {
                    what: "the number of clusters to export",
                    value,
                    limit: MAX_CLUSTERS as u64,
                });
            }
            let packed = options.packing.and_then(|packing| pack(&buf, packing)).map_or(0, |bytes| bytes.len());
            let at = if packed == 0 { end.next_multiple_of(geometry.cluster_size()) } else { end };
            end = at + if packed == 0 { geometry.cluster_size() } else { packed as u64 };
            placed.push(Placed { cluster: start >> geometry.cluster_bits, offset: at, packed: packed as u32 });
        }
        let l2_tables = placed.chunk_by(|a, b| l1_index(geometry, a) == l1_index(geometry, b)).count() as u64;
        let layout = Layout::new(geometry, size, l2_tables, geometry.clusters(end))?;
        Ok(Self { options, layout, placed, data_len: end })
    }

    /// How many bytes the stream will have.
    pub fn stream_len(&self) -> u64 {
        self.layout.clusters() << self.options.cluster_bits
    }

    /// Writes the image, reading the data once more.
    pub fn write(&self, disk: &mut dyn Backing, sink: &mut dyn Sink) -> Result<(), Error> {
        let compression = self.options.packing.map_or(Compression::Zlib, ClusterPacking::compression);
        let header = Header { compression, ..self.layout.header(None) }.to_bytes()?;
        self.write_padded(sink, &header, self.layout.geometry.cluster_len())?;
        self.write_padded(sink, &entries_to_bytes(&self.layout.table_entries()), self.layout.table_len())?;
        self.write_refcounts(sink)?;
        self.write_tables(sink)?;
        self.write_data(disk, sink)
    }

    fn write_padded(&self, sink: &mut dyn Sink, bytes: &[u8], len: usize) -> Result<(), BlockError> {
        sink.write(bytes)?;
        sink.write_zeros((len - bytes.len()) as u64)
    }

    fn write_refcounts(&self, sink: &mut dyn Sink) -> Result<(), BlockError> {
        let bits = self.layout.geometry.cluster_bits;
        let mut counts = vec![0u16; (self.data_len.div_ceil(1 << bits)) as usize];
        for placed in &self.placed {
            let len = if placed.packed == 0 { 1 << bits } else { u64::from(placed.packed) };
            for cluster in placed.offset >> bits..=(placed.offset + len - 1) >> bits {
                counts[cluster as usize] += 1;
            }
        }
        for index in 0..self.layout.block_count() {
            sink.write(&self.layout.block(index, |data| u64::from(counts[data as usize])))?;
        }
        Ok(())
    }

    /// Writes the L1 table and the L2 tables, which lie behind it in the order of their indexes.
    fn write_tables(&self, sink: &mut dyn Sink) -> Result<(), BlockError> {
        let geometry = self.layout.geometry;
        let same_table = |a: &Placed, b: &Placed| l1_index(geometry, a) == l1_index(geometry, b);
        let mut l1 = vec![0; self.layout.l1_len() / 8];
        for (cluster, group) in (self.layout.l2_start()..).zip(self.placed.chunk_by(same_table)) {
            l1[l1_index(geometry, &group[0])] = cluster << geometry.cluster_bits | COPIED;
        }
        sink.write(&entries_to_bytes(&l1))?;
        let mut table = vec![0; geometry.l2_entries()];
        for group in self.placed.chunk_by(same_table) {
            table.fill(0);
            for placed in group {
                table[placed.cluster as usize & (geometry.l2_entries() - 1)] = self.entry(placed);
            }
            sink.write(&entries_to_bytes(&table))?;
        }
        Ok(())
    }

    fn entry(&self, placed: &Placed) -> u64 {
        let geometry = self.layout.geometry;
        let offset = (self.layout.data_start() << geometry.cluster_bits) + placed.offset;
        if placed.packed == 0 {
            return offset | COPIED;
        }
        let sectors = ((offset + u64::from(placed.packed) - 1) >> 9) - (offset >> 9);
        1 << 62 | sectors << geometry.compressed_shift() | offset
    }

    fn write_data(&self, disk: &mut dyn Backing, sink: &mut dyn Sink) -> Result<(), Error> {
        let bits = self.layout.geometry.cluster_bits;
        let mut buf = vec![0; 1 << bits];
        let mut at = 0;
        for placed in &self.placed {
            sink.write_zeros(placed.offset - at)?;
            read_cluster(disk, placed.cluster << bits, &mut buf)?;
            at = match (placed.packed, self.options.packing) {
                (1.., Some(packing)) => {
                    let bytes = pack(&buf, packing).filter(|bytes| bytes.len() == placed.packed as usize);
                    sink.write(&bytes.ok_or_else(|| Error::Invalid("the disk changed while it was exported".into()))?)?;
                    placed.offset + u64::from(placed.packed)
                }
                _ => {
                    sink.write(&buf)?;
                    placed.offset + (1 << bits)
                }
            };
        }
        sink.write_zeros(at.next_multiple_of(1 << bits) - at)?;
        Ok(())
    }
}

/// Writes the disk's bytes as they are, zeros by [`Sink::write_zeros`].
pub fn export_raw(disk: &mut dyn Backing, sink: &mut dyn Sink) -> Result<(), BlockError> {
    let mut buf = vec![0; RAW_CHUNK as usize];
    let mut offset = 0;
    while offset < disk.size() {
        let most = RAW_CHUNK.min(disk.size() - offset);
        let extent = disk.extent(offset, most)?;
        let len = extent.len.clamp(1, most);
        let now = &mut buf[..len as usize];
        if !extent.zero {
            disk.read(offset, now)?;
        }
        if extent.zero || is_zero(now) {
            sink.write_zeros(len)?
        } else {
            sink.write(now)?
        }
        offset += len;
    }
    Ok(())
}

fn l1_index(geometry: Geometry, placed: &Placed) -> usize {
    geometry.indexes(placed.cluster << geometry.cluster_bits).0
}

/// The first cluster from `offset` (a cluster's beginning) on that is not known to be zeros.
fn next_data(disk: &mut dyn Backing, geometry: Geometry, mut offset: u64) -> Result<Option<u64>, BlockError> {
    while offset < disk.size() {
        let most = disk.size() - offset;
        let extent = disk.extent(offset, most)?;
        if !extent.zero {
            return Ok(Some(offset - geometry.in_cluster(offset)));
        }
        offset += extent.len.clamp(1, most);
    }
    Ok(None)
}

/// Reads a cluster; past the disk's end, in its last one, there are zeros.
fn read_cluster(disk: &mut dyn Backing, start: u64, buf: &mut [u8]) -> Result<(), BlockError> {
    let here = (disk.size() - start).min(buf.len() as u64) as usize;
    buf[here..].fill(0);
    disk.read(start, &mut buf[..here])
}

/// Whether all bytes are zero. Comparing a slice with itself, one byte on, is as fast as memory in debug builds too.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0) && bytes.get(1..).is_none_or(|rest| rest == &bytes[..rest.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_decides_whether_all_is_zero() {
        assert!(is_zero(&[]) && is_zero(&[0]) && is_zero(&[0; 1000]));
        for at in [0, 1, 500, 999] {
            let mut bytes = [0; 1000];
            bytes[at] = 1;
            assert!(!is_zero(&bytes), "byte {at}");
        }
        assert!(!is_zero(&[7; 1000]));
    }
}
