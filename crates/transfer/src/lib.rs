//! Bytes that come in from a user's file, and bytes that go out to one.
//!
//! | what | in | out |
//! | --- | --- | --- |
//! | a disk | [`disk::import`]: qcow2 or raw, plain or packed, into a qcow2 image of our own geometry | [`disk::export`]: qcow2 or raw, plain or packed |
//! | a workspace's files | [`archive::import`]: tar or zip, checked as a whole, then a tar stream that a guest can unpack blindly | [`workspace::export`]: tar or zip out of an ext4 file system |
//! | a folder's files | | [`folder::FolderZip`]: zip |
//! | a machine | [`machine::MachineReader`] | [`machine::MachineWriter`]; the format is in `docs/formats.md` |
//!
//! Nothing here knows a browser. What comes in is a [`block::BlockFile`], because formats have to be read at random; what goes
//! out is written in order to a [`std::io::Write`]. Memory is bounded by constants whatever the size, and so is what a hostile
//! file can make of it: limits count bytes that were really unpacked, never sizes that a file declares.
//!
//! Long work tells its [`Progress`] about once for each 64 KiB to 1 MiB that moved, and ends with [`Error::Cancelled`] when
//! the answer is `Break`. After any error the caller throws away what was written so far; a disk import empties its target itself.

pub mod archive;
pub mod disk;
pub mod folder;
pub mod machine;
pub mod workspace;

mod dos_time;
mod error;
mod pack;
mod progress;
mod source;
mod tarfmt;
mod unpack;

pub use error::Error;
pub use progress::{OnProgress, Progress};
pub use source::FileReader;
