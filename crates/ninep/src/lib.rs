//! A 9P2000.L file server for one Linux guest.
//!
//! ```text
//!  guest's kernel ── messages ──► Server ──► FileTree ◄── host's side (by path)
//!                                              │
//!                                           MetaTree     inodes, names, modes, times, symlinks: in memory, and in a journal
//!                                              │
//!                                          BlobStore     numbered runs of bytes: OPFS files, or memory in tests
//! ```
//!
//! - [`Server`] takes whole messages and gives whole replies. It knows fids, and nothing of how files are kept.
//! - [`FileTree`] is what it serves: inodes by number. Its functions are asynchronous, since a browser's storage is.
//! - [`MetaTree`] is a tree for a store that knows neither names nor modes ([`BlobStore`]). What was synchronised outlives a
//!   crash at any point, and a change of names is made whole or not at all.
//! - [`Slabs`] puts many small blobs into few files, where making a file costs much.
//! - [`Turns`] lets the guest's messages and the host's own work have the one server by turns, in the order they came.
//!
//! Nothing here knows a browser, starts a task or keeps a clock; no name that the guest gives ever reaches the store.

mod errno;
mod meta;
mod name;
mod request;
mod server;
mod slabs;
mod store;
pub mod testing;
mod tree;
mod turns;
mod wire;

pub use errno::Errno;
pub use meta::{HostEntry, MetaTree, OpenError, Settings};
pub use name::{MAX_NAME, Name};
pub use request::{HEADER, Malformed, Request};
pub use server::{MAX_MSIZE, MIN_MSIZE, Server, Session};
pub use slabs::Slabs;
pub use store::{BlobId, BlobStore, MemoryStore, StoreError};
pub use tree::{Attr, DirEntry, FileTree, Ino, Kind, NewInode, SetAttr, SetTime, Space, Time};
pub use turns::{Held, Turn, Turns};
