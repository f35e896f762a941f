//! Builds what runs inside the machines: the kernel, and the immutable root file systems that instances start from.
//!
//! What flows in: recipes and data of ours from `images/`, and pinned or signed sources of others (a Debian kernel
//! source package, Alpine's minirootfs, Debian packages). What flows out: files in `images/kernel/` that are
//! committed, and raw ext4 images that are built where they are needed and cached.
//!
//! Native only: it runs compilers and file system tools, and knows nothing of browsers, of v86 or of the extension.
//!
//! - [`kernel`]: the kernel, built from source ([`kernel::build`]) or unpacked from what is committed ([`kernel::flat_kernel`]).
//! - [`image`]: the root file systems; [`image::ensure`] is what the extension's build calls.
//! - [`tools`]: programs of ours that every root file system has.
//! - [`rootfs`]: a root file system as a list of nodes in memory, wherever it came from.
//! - [`ext4`]: writes such a list as an ext4 image, the same bytes every time.

mod apt;
mod command;
mod digest;
mod error;
pub mod ext4;
mod files;
pub mod image;
pub mod kernel;
pub mod rootfs;
pub mod tools;

pub use apt::unpacked;
pub use error::{Error, Result};
