//! The header: QEMU's `docs/interop/qcow2.rst`, sections "General" and "Header extensions".

use crate::bytes::{be32, be64, put32, put64};
use crate::error::{Error, corrupt};
use crate::geometry::{
    DEFAULT_REFCOUNT_ORDER, ENTRY_SIZE, Geometry, MAX_CLUSTER_BITS, MAX_L1_BYTES, MAX_REFCOUNT_ORDER,
    MAX_REFCOUNT_TABLE_BYTES, MIN_CLUSTER_BITS,
};
use block::{BlockError, BlockFile};

const MAGIC: u32 = 0x5146_49fb;
const V2_LENGTH: usize = 72;
/// A version 3 header up to and with the compression type, padded to a multiple of 8.
const V3_LENGTH: usize = 112;
/// Where version 3 says how clusters are compressed.
const COMPRESSION_TYPE: usize = 104;
/// The longest name of a backing file that the format allows.
pub const MAX_BACKING_NAME: usize = 1023;

pub(crate) const EXT_END: u32 = 0;
pub(crate) const EXT_BACKING_FORMAT: u32 = 0xe279_2aca;
const EXT_FEATURE_NAMES: u32 = 0x6803_f857;

const INCOMPATIBLE_DIRTY: u64 = 1 << 0;
const INCOMPATIBLE_CORRUPT: u64 = 1 << 1;
const INCOMPATIBLE_EXTERNAL_DATA: u64 = 1 << 2;
const INCOMPATIBLE_COMPRESSION: u64 = 1 << 3;
const INCOMPATIBLE_EXTENDED_L2: u64 = 1 << 4;

/// How the bytes of a backing file are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackingFormat {
    /// The file's bytes are the disk's bytes.
    Raw,
    /// The file is a qcow2 image itself.
    Qcow2,
}

impl BackingFormat {
    pub(crate) fn name(self) -> &'static str {
        match self {
            BackingFormat::Raw => "raw",
            BackingFormat::Qcow2 => "qcow2",
        }
    }
}

/// The layer below, as the header names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackingRef {
    /// The file's name: a path, in QEMU's eyes. At most [`MAX_BACKING_NAME`] bytes.
    pub name: String,
    /// Its format; old images leave it out, and then it has to be guessed.
    pub format: Option<BackingFormat>,
}

/// What packs compressed clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Raw deflate without a zlib header.
    Zlib,
    /// Zstandard frames.
    Zstd,
}

/// The parsed header of an image whose features this crate can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// Cluster size and refcount width.
    pub geometry: Geometry,
    /// The virtual disk's size in bytes, a multiple of 512.
    pub size: u64,
    /// The layer below.
    pub backing: Option<BackingRef>,
    /// Entries of the L1 table.
    pub l1_entries: u32,
    /// Where the L1 table is in the file.
    pub l1_offset: u64,
    /// Where the refcount table is in the file.
    pub refcount_table_offset: u64,
    /// Clusters that the refcount table has.
    pub refcount_table_clusters: u32,
    /// How many internal snapshots the image holds.
    pub snapshots: u32,
    /// Where their table is in the file.
    pub snapshots_offset: u64,
    /// How compressed clusters are packed.
    pub compression: Compression,
    /// Refcounts may be wrong, because whoever wrote the image last did so lazily and was interrupted.
    pub dirty: bool,
    /// Somebody found the image damaged and marked it.
    pub corrupt: bool,
    /// Bits that a writer which does not know them must clear. This crate knows none.
    pub autoclear: u64,
}

impl Header {
    /// Reads and checks an image's header. Anything that could make later reads wrong is refused here, by name.
    pub fn read<F: BlockFile + ?Sized>(file: &mut F) -> Result<Self, Error> {
        let len = file.len()?;
        let mut head = vec![0; len.min(V2_LENGTH as u64) as usize];
        file.read_at(0, &mut head)?;
        if head.len() < V2_LENGTH || be32(&head, 0) != MAGIC {
            return Err(Error::NotQcow2);
        }
        let cluster_bits = be32(&head, 20);
        if !(MIN_CLUSTER_BITS..=MAX_CLUSTER_BITS).contains(&cluster_bits) {
            return Err(corrupt(format!("its cluster size would be two to the power of {cluster_bits}")).into());
        }
        // The header, its extensions and the backing file's name all lie in the first cluster.
        let mut first = vec![0; len.min(1 << cluster_bits) as usize];
        file.read_at(0, &mut first)?;
        Self::parse(&first, len)
    }

    /// Parses the first cluster of a file of `file_len` bytes.
    fn parse(bytes: &[u8], file_len: u64) -> Result<Self, Error> {
        let version = be32(bytes, 4);
        if !(2..=3).contains(&version) {
            return Err(Error::Version(version));
        }
        let fixed = extensions_start(bytes);
        if bytes.len() < fixed || (version == 3 && (fixed < 104 || !fixed.is_multiple_of(8))) {
            return Err(corrupt(format!("its header has {fixed} bytes")).into());
        }
        let extensions = Extensions::parse(bytes, fixed)?;
        if be32(bytes, 32) != 0 {
            return Err(Error::Unsupported("encryption".into()));
        }
        let (features, autoclear, refcount_order) = match version {
            2 => (0, 0, DEFAULT_REFCOUNT_ORDER),
            _ => (be64(bytes, 72), be64(bytes, 88), be32(bytes, 96)),
        };
        if refcount_order > MAX_REFCOUNT_ORDER {
            return Err(corrupt(format!("its refcounts would have two to the power of {refcount_order} bits")).into());
        }
        extensions.refuse_unknown(features)?;
        let header = Self {
            version,
            geometry: Geometry { cluster_bits: be32(bytes, 20), refcount_order },
            size: be64(bytes, 24),
            backing: backing_ref(bytes, fixed, extensions.backing_format)?,
            l1_entries: be32(bytes, 36),
            l1_offset: be64(bytes, 40),
            refcount_table_offset: be64(bytes, 48),
            refcount_table_clusters: be32(bytes, 56),
            snapshots: be32(bytes, 60),
            snapshots_offset: be64(bytes, 64),
            compression: compression(bytes, fixed, features)?,
            dirty: features & INCOMPATIBLE_DIRTY != 0,
            corrupt: features & INCOMPATIBLE_CORRUPT != 0,
            autoclear,
        };
        header.check_tables(file_len)?;
        Ok(header)
    }

    /// Bounds the two tables that are kept in memory, before anybody allocates room for them.
    fn check_tables(&self, file_len: u64) -> Result<(), Error> {
        let geometry = self.geometry;
        if !self.size.is_multiple_of(512) {
            return Err(corrupt(format!("its size of {} bytes is not a number of sectors", self.size)).into());
        }
        check_size(geometry, self.size)?;
        let l1_bytes = u64::from(self.l1_entries) * ENTRY_SIZE;
        at_most("the size of the disk image's L1 table", l1_bytes, MAX_L1_BYTES)?;
        if u64::from(self.l1_entries) < geometry.l1_entries(self.size) {
            return Err(corrupt("its L1 table is too short for its size").into());
        }
        let table_bytes = u64::from(self.refcount_table_clusters) << geometry.cluster_bits;
        at_most("the size of the disk image's refcount table", table_bytes, MAX_REFCOUNT_TABLE_BYTES)?;
        let l1_end = self.l1_offset.checked_add(l1_bytes);
        if geometry.in_cluster(self.l1_offset) != 0 || l1_end.is_none_or(|end| end > file_len) {
            return Err(corrupt("its L1 table is not inside of the file").into());
        }
        let table = self.refcount_table_offset;
        if geometry.in_cluster(table) != 0 || table == 0 || table >= file_len {
            return Err(corrupt("its refcount table is not inside of the file").into());
        }
        Ok(())
    }

    /// The first cluster of a new version 3 image, up to the end of what it says.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; V3_LENGTH];
        put32(&mut bytes, 0, MAGIC);
        put32(&mut bytes, 4, self.version);
        put32(&mut bytes, 20, self.geometry.cluster_bits);
        put32(&mut bytes, 96, self.geometry.refcount_order);
        put32(&mut bytes, 100, V3_LENGTH as u32);
        if self.compression == Compression::Zstd {
            put64(&mut bytes, 72, INCOMPATIBLE_COMPRESSION);
            bytes[COMPRESSION_TYPE] = 1;
        }
        if let Some(format) = self.backing.as_ref().and_then(|backing| backing.format) {
            put_extension(&mut bytes, EXT_BACKING_FORMAT, format.name().as_bytes());
        }
        put_extension(&mut bytes, EXT_END, &[]);
        if let Some(backing) = &self.backing {
            check_name(&backing.name)?;
            let at = bytes.len() as u64;
            put64(&mut bytes, 8, at);
            put32(&mut bytes, 16, backing.name.len() as u32);
            bytes.extend_from_slice(backing.name.as_bytes());
        }
        at_most("the length of the header", bytes.len() as u64, self.geometry.cluster_size())?;
        put64(&mut bytes, 48, self.refcount_table_offset);
        put32(&mut bytes, 56, self.refcount_table_clusters);
        self.put_changing(&mut bytes);
        Ok(bytes)
    }

    /// Writes the fields that change during an image's life into the header's bytes, except for the refcount table's
    /// place, which is its own module's business.
    fn put_changing(&self, bytes: &mut [u8]) {
        put64(bytes, 24, self.size);
        put32(bytes, 36, self.l1_entries);
        put64(bytes, 40, self.l1_offset);
    }
}

/// Refuses names that the format has no room for.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    match name.len() {
        1..=MAX_BACKING_NAME => Ok(()),
        len => Err(Error::Invalid(format!("the name of a backing file has 1 to {MAX_BACKING_NAME} bytes, not {len}"))),
    }
}

/// Where the header's extensions begin.
pub(crate) fn extensions_start(bytes: &[u8]) -> usize {
    if be32(bytes, 4) == 2 { V2_LENGTH } else { be32(bytes, 100) as usize }
}

/// Refuses a virtual size whose L1 table would be too large to keep in memory.
pub(crate) fn check_size(geometry: Geometry, size: u64) -> Result<(), Error> {
    let largest = (MAX_L1_BYTES / ENTRY_SIZE).saturating_mul(geometry.l2_span());
    at_most("the size of the disk", size, largest)
}

fn at_most(what: &'static str, value: u64, limit: u64) -> Result<(), Error> {
    if value > limit { Err(Error::TooLarge { what, value, limit }) } else { Ok(()) }
}

fn put_extension(bytes: &mut Vec<u8>, kind: u32, data: &[u8]) {
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&(data.len() as u32).to_be_bytes());
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// Reads the name of the layer below, which comes after the `fixed` bytes of fields: one that lay among them would become
/// another name when a field changes.
fn backing_ref(bytes: &[u8], fixed: usize, format: Option<BackingFormat>) -> Result<Option<BackingRef>, Error> {
    let (offset, len) = (be64(bytes, 8), be32(bytes, 16) as usize);
    if offset == 0 || len == 0 {
        return Ok(None);
    }
    let name = usize::try_from(offset)
        .ok()
        .filter(|start| *start >= fixed && len <= MAX_BACKING_NAME)
        .and_then(|start| bytes.get(start..start.checked_add(len)?))
        .ok_or_else(|| corrupt("the name of its backing file is not inside of the header, behind the fields"))?;
    let name = String::from_utf8(name.to_vec())
        .map_err(|_| Error::Unsupported("a backing file whose name is not UTF-8".into()))?;
    Ok(Some(BackingRef { name, format }))
}

fn compression(bytes: &[u8], header_len: usize, features: u64) -> Result<Compression, Error> {
    let kind = if header_len > COMPRESSION_TYPE { bytes[COMPRESSION_TYPE] } else { 0 };
    match (kind, features & INCOMPATIBLE_COMPRESSION != 0) {
        (0, _) => Ok(Compression::Zlib),
        (1, true) => Ok(Compression::Zstd),
        (other, true) => Err(Error::Unsupported(format!("compression of kind {other}"))),
        (other, false) => Err(corrupt(format!("it names compression {other} without saying that it does")).into()),
    }
}

/// What the header extensions say, as far as it matters here.
#[derive(Default)]
struct Extensions {
    backing_format: Option<BackingFormat>,
    /// Incompatible feature bits by number and the names that the image gives them.
    names: Vec<(u8, String)>,
}

impl Extensions {
    /// Reads extensions up to the end marker or the end of the cluster, whichever comes first.
    fn parse(bytes: &[u8], mut at: usize) -> Result<Self, Error> {
        let mut found = Self::default();
        let end = match be64(bytes, 8) {
            0 => bytes.len(),
            name => usize::try_from(name).map_or(bytes.len(), |name| name.min(bytes.len())),
        };
        while at + 8 <= end {
            let (kind, len) = (be32(bytes, at), be32(bytes, at + 4) as usize);
            if kind == EXT_END {
                break;
            }
            let data = bytes[..end]
                .get(at + 8..)
                .and_then(|rest| rest.get(..len))
                .ok_or_else(|| corrupt("a header extension is longer than the header"))?;
            found.note(kind, data)?;
            at += 8 + len.next_multiple_of(8);
        }
        Ok(found)
    }

    fn note(&mut self, kind: u32, data: &[u8]) -> Result<(), Error> {
        match kind {
            EXT_BACKING_FORMAT => {
                self.backing_format = Some(match data {
                    b"raw" => BackingFormat::Raw,
                    b"qcow2" => BackingFormat::Qcow2,
                    other => {
                        return Err(Error::Unsupported(format!("a backing file of format \"{}\"", readable(other))));
                    }
                });
            }
            EXT_FEATURE_NAMES => {
                let rows = data.chunks_exact(48).filter(|row| row[0] == 0);
                self.names = rows.map(|row| (row[1], readable(&row[2..]))).collect();
            }
            _ => {}
        }
        Ok(())
    }

    fn refuse_unknown(&self, features: u64) -> Result<(), Error> {
        if features & INCOMPATIBLE_EXTERNAL_DATA != 0 {
            return Err(Error::Unsupported("an external data file".into()));
        }
        if features & INCOMPATIBLE_EXTENDED_L2 != 0 {
            return Err(Error::Unsupported("extended L2 entries (subclusters)".into()));
        }
        let known = INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT | INCOMPATIBLE_COMPRESSION;
        let unknown = features & !known;
        if unknown == 0 {
            return Ok(());
        }
        let bit = unknown.trailing_zeros() as u8;
        let name = self.names.iter().find(|(number, _)| *number == bit);
        Err(Error::Unsupported(match name {
            Some((_, name)) => format!("the feature \"{name}\""),
            None => format!("an unknown feature (bit {bit})"),
        }))
    }
}

/// Text out of a file for a message: up to the first zero, printable characters only.
fn readable(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Rewrites the changing fields in the file, which is one write inside of the first sector.
pub(crate) fn rewrite<F: BlockFile>(file: &mut crate::file::ImageFile<F>, header: &Header) -> Result<(), BlockError> {
    let len = if header.version == 2 { V2_LENGTH } else { 104 };
    let mut bytes = vec![0; len];
    file.read(0, &mut bytes, "its header")?;
    header.put_changing(&mut bytes);
    if header.version > 2 {
        let features = be64(&bytes, 72) & !(INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT);
        let dirty = if header.dirty { INCOMPATIBLE_DIRTY } else { 0 };
        let corrupt = if header.corrupt { INCOMPATIBLE_CORRUPT } else { 0 };
        put64(&mut bytes, 72, features | dirty | corrupt);
        put64(&mut bytes, 88, header.autoclear);
    }
    file.write_root(0, &bytes)
}
