//! qcow2 disk images over a [`block::BlockFile`].

mod backing;
mod bytes;
mod compressed;
mod create;
mod error;
mod export;
mod file;
mod geometry;
mod header;
mod image;
mod layout;
mod read;
mod refcount;
mod refcount_grow;
mod tables;
mod write;
mod writeout;

pub use backing::{Backing, Extent};
pub use create::{CreateOptions, create};
pub use error::Error;
pub use export::{ExportOptions, ExportPlan, FileSink, Sink, export_raw};
pub use geometry::Geometry;
pub use header::{BackingFormat, BackingRef, Compression, Header, MAX_BACKING_NAME};
pub use image::Qcow2;
