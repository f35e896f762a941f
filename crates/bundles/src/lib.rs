//! The profiles that there are, as pages read them.
//!
//! The catalog is a file of the package ([`use_catalog`]); the user's own profiles are files in the browser's private
//! file system ([`own`]), which machines lay for their guests. A page must be in a folder beside `profiles`.

mod catalog;
pub mod own;

pub use catalog::{Catalog, use_catalog};

use profile::Bundle;
use std::rc::Rc;

/// A profile that can be applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it is.
    pub bundle: Rc<Bundle>,
    /// It is the user's and can be changed.
    pub own: bool,
}
