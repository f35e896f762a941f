//! qcow2 disk images over a [`block::BlockFile`].

mod backing;
mod bytes;
mod check;
mod compressed;
mod create;
mod discard;
mod error;
mod export;
mod file;
mod geometry;
mod header;
mod image;
mod layout;
mod map;
mod merge;
mod read;
mod rebase;
mod refcount;
mod refcount_grow;
mod resize;
mod snapshot;
mod tables;
mod write;
mod writeout;

pub use backing::{Backing, Extent};
pub use check::CheckReport;
pub use create::{CreateOptions, create};
pub use error::{Error, Progress};
pub use export::{ExportOptions, ExportPlan, FileSink, Sink, export_raw};
pub use geometry::Geometry;
pub use header::{BackingFormat, BackingRef, Compression, Header, MAX_BACKING_NAME};
pub use image::Qcow2;
pub use map::Source;
pub use merge::merge_down;
