//! Profiles: what the host puts into a guest, such as “Node.js” or a web server, and takes back again.
//!
//! ```text
//!  profile.toml ──► Profile ──► plan, lines that the guest's runner reads
//!  tar, zip ──► Bundle (profile.toml, apply.sh, rollback.sh, check.sh, further files) ──► tar
//!  profiles ──► order: what has to be applied first; cycles and conflicts by name
//!  the guest's marks ──► Mark ──► Standing: “applied 1.0, the catalog has 1.1”
//! ```
//!
//! Everything that is parsed here may be hostile: a bundle is a file of somebody's, and a mark is the guest's. All of it is bounded by
//! constants, and no name leads out of its folder. The crate knows neither browsers nor guests; `docs/profiles.md` has the formats.

mod archive;
mod bundle;
mod key;
mod mark;
mod name;
mod order;
mod profile;
mod report;

pub use archive::{ARCHIVE_MAX, ArchiveError, RUNNER_BYTES_MAX, runner_from_tar, runner_to_tar};
pub use bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError, FILES_MAX, PATH_MAX, REQUIRED, from_catalog, to_catalog};
pub use key::{KeyError, PackageKey, keys};
pub use mark::{Mark, MarkError, MarkState, Reason, Standing, marks};
pub use name::{NAME_MAX, Name, NameError, Version, VersionError};
pub use order::{OrderError, order};
pub use profile::{Packages, Port, Profile, ProfileError, Protocol};
pub use report::{Line, Report};
