//! An open image: what it consists of and how it is opened.

use crate::backing::{Backing, Extent};
use crate::compressed::Unpacker;
use crate::error::{Error, corrupt};
use crate::file::ImageFile;
use crate::geometry::Geometry;
use crate::header::{self, Header};
use crate::refcount::Refcounts;
use crate::tables::Tables;
use block::{BlockError, BlockFile, Disk, check_range};

/// A qcow2 image that is open for reading or for reading and writing.
///
/// Dropping it loses what no [`Disk::flush`] wrote; the image stays valid.
pub struct Qcow2<F> {
    pub(crate) file: ImageFile<F>,
    pub(crate) header: Header,
    pub(crate) tables: Tables,
    /// Only there when the image is open for writing.
    pub(crate) refcounts: Option<Refcounts>,
    pub(crate) backing: Option<Box<dyn Backing>>,
    pub(crate) unpacker: Unpacker,
}

impl<F> std::fmt::Debug for Qcow2<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Qcow2").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<F: BlockFile> Qcow2<F> {
    /// Opens an image for reading and writing.
    ///
    /// `backing` is the layer below, and must be there exactly if the header names one ([`Header::read`] tells which).
    /// Images that can only be read are refused: those with internal snapshots, and those marked as damaged. If the last
    /// writer kept refcounts lazily and was interrupted, they are counted anew.
    pub fn open(file: F, backing: Option<Box<dyn Backing>>) -> Result<Self, Error> {
        let mut image = Self::open_read_only(file, backing)?;
        if image.header.snapshots != 0 {
            return Err(Error::Unsupported("internal snapshots; such an image can be read, but not written".into()));
        }
        if image.header.corrupt {
            return Err(corrupt("it was marked as corrupt by whoever wrote it last").into());
        }
        image.load_refcounts()?;
        if image.header.autoclear != 0 {
            image.header.autoclear = 0;
            header::rewrite(&mut image.file, &image.header)?;
            image.file.flush()?;
        }
        if image.header.dirty {
            image.rebuild_refcounts()?;
        }
        Ok(image)
    }

    /// Opens an image for reading only; see [`Qcow2::open`] for `backing`.
    pub fn open_read_only(file: F, backing: Option<Box<dyn Backing>>) -> Result<Self, Error> {
        let mut image = Self::open_detached(file)?;
        match (&image.header.backing, &backing) {
            (Some(named), None) => return Err(Error::BackingMissing(named.name.clone())),
            (None, Some(_)) => return Err(Error::BackingUnexpected),
            _ => {}
        }
        image.backing = backing;
        Ok(image)
    }

    /// Opens a layer for reading what it holds itself; everything else reads as zeros.
    pub(crate) fn open_detached(mut file: F) -> Result<Self, Error> {
        let header = Header::read(&mut file)?;
        let mut file = ImageFile::new(file)?;
        let tables = Tables::load(&mut file, header.geometry, header.l1_offset, header.l1_entries)?;
        let unpacker = Unpacker::new(header.geometry, header.compression);
        Ok(Self { file, header, tables, refcounts: None, backing: None, unpacker })
    }

    /// Loads what writing needs, and finds tables that lie in each other's place before anything is written there.
    fn load_refcounts(&mut self) -> Result<(), BlockError> {
        let (geometry, header) = (self.header.geometry, &self.header);
        let mut counts =
            Refcounts::load(&mut self.file, geometry, header.refcount_table_offset, header.refcount_table_clusters)?;
        counts.fix([0])?;
        counts.fix(counts.own_clusters().collect::<Vec<_>>())?;
        let first = header.l1_offset >> geometry.cluster_bits;
        counts.fix(first..first + geometry.clusters(u64::from(header.l1_entries) * 8))?;
        for index in 0..self.tables.l1().len() {
            if let Some(offset) = self.tables.l2_offset(index)? {
                counts.fix([offset >> geometry.cluster_bits])?;
            }
        }
        self.refcounts = Some(counts);
        Ok(())
    }

    /// The header, as it is now.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Cluster size and refcount width.
    pub fn geometry(&self) -> Geometry {
        self.header.geometry
    }

    /// Whether the image is open for writing.
    pub fn is_writable(&self) -> bool {
        self.refcounts.is_some()
    }

    /// Whether changes wait for a flush: a kill would lose what was written to new clusters.
    pub fn has_unflushed_metadata(&self) -> bool {
        self.tables.is_dirty()
            || self.refcounts.as_ref().is_some_and(|counts| counts.is_dirty() || counts.has_pending())
    }

    /// Writes everything and gives the file back.
    pub fn close(mut self) -> Result<F, BlockError> {
        if self.is_writable() {
            self.write_out()?;
            // Frees are settled in memory by the first write-out and reach the file by a second.
            self.write_out()?;
        }
        Ok(self.file.into_inner())
    }

    /// Gives the file back as it is, without what no flush wrote.
    pub fn into_file(self) -> F {
        self.file.into_inner()
    }
}

impl<F: BlockFile> Disk for Qcow2<F> {
    fn size(&self) -> u64 {
        self.header.size
    }

    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        check_range(offset, buf.len(), self.header.size)?;
        self.read_range(offset, buf)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), BlockError> {
        check_range(offset, data.len(), self.header.size)?;
        self.write_range(offset, data)
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        if self.is_writable() { self.write_out() } else { Ok(()) }
    }
}

impl<F: BlockFile> Backing for Qcow2<F> {
    fn size(&self) -> u64 {
        self.header.size
    }

    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        Disk::read(self, offset, buf)
    }

    fn extent(&mut self, offset: u64, len: u64) -> Result<Extent, BlockError> {
        self.zero_extent(offset, len)
    }
}
