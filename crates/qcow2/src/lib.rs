//! qcow2 disk images over a [`block::BlockFile`]: what machines' disks are made of.
//!
//! [`create`] makes an image, [`Qcow2::open`] opens one as a [`block::Disk`], alone or as an overlay over a [`Backing`] disk
//! that is only read (a raw file, or another image, which may be an overlay itself). [`ExportPlan`] writes any such chain into
//! one flat image, [`merge_down`] puts a layer into the one below it, [`Qcow2::check`] counts what is wrong.
//!
//! The crate knows neither browsers nor file systems. The format is QEMU's `docs/interop/qcow2.rst`.
//!
//! ```
//! use block::{Disk, MemoryFile, RawDisk};
//! use qcow2::{BackingFormat, BackingRef, CreateOptions, ExportOptions, ExportPlan, FileSink, Qcow2, create};
//!
//! // A raw file becomes a sparse image ...
//! let mut raw = RawDisk::new(MemoryFile::new(vec![7; 1 << 20]))?;
//! let mut image = MemoryFile::default();
//! let mut sink = FileSink::new(&mut image)?;
//! ExportPlan::new(&mut raw, ExportOptions::default())?.write(&mut raw, &mut sink)?;
//! sink.finish()?;
//!
//! // ... on which a machine's disk is laid.
//! let mut file = MemoryFile::default();
//! let backing = BackingRef { name: "image.qcow2".into(), format: Some(BackingFormat::Qcow2) };
//! create(&mut file, &CreateOptions::overlay(2 << 20, backing))?;
//! let below = Qcow2::open_read_only(image, None)?;
//! let mut disk = Qcow2::open(file, Some(Box::new(below)))?;
//! disk.write(512, b"new")?;
//! disk.flush()?;
//! let mut bytes = [0; 4];
//! Disk::read(&mut disk, 511, &mut bytes)?;
//! assert_eq!(&bytes, b"\x07new");
//! # Ok::<(), qcow2::Error>(())
//! ```
//!
//! # Layers
//!
//! | module | job |
//! | --- | --- |
//! | `header`, `geometry` | the header, and the sizes that follow from it |
//! | `file` | the file with its length remembered; reads past its end are zeros |
//! | `tables` | the L1 table, a bounded cache of L2 tables, what an entry means |
//! | `refcount`, `refcount_grow` | counts of references, free clusters, room for more counts |
//! | `read`, `write`, `discard` | the guest's reads, writes and discards |
//! | `writeout` | the order in which metadata reaches the file |
//! | `create`, `layout`, `export`, `compressed` | images written from front to back |
//! | `resize`, `merge`, `rebase` | changes to a whole disk or chain |
//! | `check`, `snapshot` | counting everything anew |
//!
//! # Crash safety
//!
//! Two things can happen while an image is open, and the tests do both in front of every single write (`tests/crash.rs`):
//!
//! - The process is *killed* (a closed browser, a reloaded extension). All writes that were made survive, in their order;
//!   the last one perhaps in part.
//! - The *power* goes. What was written before the last [`block::BlockFile::flush`] survives; of what was written after it,
//!   any sectors may.
//!
//! In both cases the image afterwards opens without corruption, everything from before the last completed
//! [`block::Disk::flush`] is there, and each sector written since then has its old or a newer value. Clusters may have
//! leaked; [`leaked_bytes`] counts them, and [`Qcow2::repair_leaks`] gives them back. A sector of 512 bytes is taken to be written as a whole or not at all.
//!
//! This is what a physical disk with a volatile write cache promises, and like there it is worth something only if the
//! guest knows: **the emulated disk has to announce a write cache and turn the guest's flush into [`block::Disk::flush`]**,
//! or else a guest believes that what was never flushed is safe. Calling `flush` when the guest has been idle for a
//! moment costs little and shortens what a kill can lose ([`Qcow2::has_unflushed_metadata`] tells whether there is anything).
//!
//! Metadata is gathered, not written through. The guest's bytes go to the file at once, in place or to a new cluster;
//! refcounts and table entries for new clusters change in memory, and reach the file at a flush:
//!
//! 1. refcounts of new clusters;
//! 2. a flush of the file, the barrier, without which a power cut could leave a table entry that points at bytes or counts
//!    that never arrived;
//! 3. L2 entries, then L1 entries;
//! 4. a flush of the file. Only now clusters that were freed count as free, since nothing in the file refers to them any more.
//!
//! Writing through would either need that barrier in every write to a new cluster (milliseconds each), or give up the promise
//! for power cuts. Gathered, a small write costs one write of the file (of a whole cluster where one has to be copied from the
//! layer below), and a flush two or three small ones and two flushes; one flush if only clusters were written that
//! were there before, none if there was nothing (`tests/cost.rs`).
//!
//! What decides between two tables (the header, an entry of the refcount table) is written last, alone, and inside of one
//! sector. New tables are in the file, empty, when they are handed out, so a flush needs no room that the storage may not have.
//!
//! # Memory
//!
//! Kept in memory for each open image, whatever its file says: the L1 table (at most 4 MiB: a disk of 256 TiB at 64 KiB
//! clusters), the refcount table (8 MiB), 4 MiB of L2 tables, 2 MiB of refcount blocks, 1 MiB of unpacked clusters, and the
//! numbers of the clusters that hold tables. The constants have the details. Before anything is written the tables' places
//! are compared: an image in which they overlap is not opened for writing, and data that is mapped into a table's place
//! is not written.
//!
//! # What is not supported
//!
//! Encryption, external data files, extended L2 entries and unknown incompatible features are refused by name. Images with
//! internal snapshots can be read, not written. Persistent bitmaps are given up when an image is opened for writing (which is
//! what the format asks for), and their clusters become leaks. Lazy refcounts are never used; an image that another program
//! left dirty is counted anew when it is opened. Disks don't shrink.

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
pub use check::{CheckReport, leaked_bytes};
pub use compressed::ClusterPacking;
pub use create::{CreateOptions, create};
pub use error::{Error, Progress};
pub use export::{ExportOptions, ExportPlan, FileSink, Sink, export_raw};
pub use geometry::Geometry;
pub use header::{BackingFormat, BackingRef, Compression, Header, MAX_BACKING_NAME};
pub use image::Qcow2;
pub use map::Source;
pub use merge::merge_down;
