//! New images.

use crate::bytes::entries_to_bytes;
use crate::error::Error;
use crate::geometry::{Geometry, MAX_CLUSTER_BITS, MAX_REFCOUNT_ORDER, MIN_CLUSTER_BITS};
use crate::header::BackingRef;
use crate::layout::Layout;
use block::BlockFile;

/// What a new image is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateOptions {
    /// The disk's size in bytes, a multiple of 512.
    pub size: u64,
    /// Cluster size and refcount width: 64 KiB and 16 bits unless there is a reason.
    pub geometry: Geometry,
    /// The layer below, if the image is an overlay.
    pub backing: Option<BackingRef>,
}

impl CreateOptions {
    /// An empty disk of `size` bytes that stands alone.
    pub fn new(size: u64) -> Self {
        Self { size, geometry: Geometry::default(), backing: None }
    }

    /// An overlay of `size` bytes on `backing`.
    pub fn overlay(size: u64, backing: BackingRef) -> Self {
        Self { size, geometry: Geometry::default(), backing: Some(backing) }
    }
}

/// Makes an image in `file`, whose former content is lost. Takes a few small writes, whatever the disk's size. The header
/// comes last: a file whose making was interrupted is no qcow2 image.
pub fn create<F: BlockFile + ?Sized>(file: &mut F, options: &CreateOptions) -> Result<(), Error> {
    check_geometry(options.geometry)?;
    let layout = Layout::new(options.geometry, options.size, 0, 0)?;
    let header = layout.header(options.backing.clone()).to_bytes()?;
    let bits = options.geometry.cluster_bits;
    file.set_len(0)?;
    file.set_len(layout.clusters() << bits)?;
    let entries = layout.table_entries();
    file.write_at(1 << bits, &entries_to_bytes(&entries))?;
    for (index, at) in (0..).zip(&entries) {
        file.write_at(*at, &layout.block(index, |_| 1))?;
    }
    file.flush()?;
    file.write_at(0, &header)?;
    file.flush()?;
    Ok(())
}

/// Refuses geometries that the format does not have.
pub(crate) fn check_geometry(geometry: Geometry) -> Result<(), Error> {
    let Geometry { cluster_bits, refcount_order } = geometry;
    if (MIN_CLUSTER_BITS..=MAX_CLUSTER_BITS).contains(&cluster_bits) && refcount_order <= MAX_REFCOUNT_ORDER {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "there are no images with {cluster_bits} cluster bits and refcount order {refcount_order}"
    )))
}
