//! Disks in the origin private file system.
//!
//! ```text
//!  images/SHA256.qcow2       base images, immutable
//!  layers/LAYER.qcow2        all instances' layers; the header of each names what it lies on
//!  instances/ID/disks.0, .1  the instance's record (crate `layers`), in two slots
//!  instances/ID/machine.json which machine it is, should the list be lost (crate `catalog`)
//!  instances/ID/memory-NAME  saved memories that the record names
//!  instances/ID/inbox/…      archives that wait to be unpacked into the workspace
//!  warm/NAME/…               states of first boots, for other machines to begin with
//!  jobs/JOB/…                what unfinished work has made so far
//!  exports/JOB               a file that an export wrote, until the user has saved it
//! ```
//!
//! See `locks` for who may touch what when.

pub mod described;
pub mod images;
pub mod layers;
pub mod locks;
pub mod opfs;
pub mod records;
pub mod warm;

use block::BlockError;
use protocol::{Problem, ProblemCode};

/// What a failed disk means to the user.
pub fn disk_problem(what: &str, error: &BlockError) -> Problem {
    let code = match error {
        BlockError::NoSpace => ProblemCode::NoSpace,
        BlockError::OutOfRange { .. } | BlockError::Corrupt(_) | BlockError::ReadOnly | BlockError::Io(_) => {
            ProblemCode::DiskDamaged
        }
    };
    Problem::new(code, format!("{what}: {error}."))
}

/// What a failed disk image means to the user.
pub fn image_problem(what: &str, error: &qcow2::Error) -> Problem {
    match error {
        qcow2::Error::Block(error) => disk_problem(what, error),
        error => Problem::new(ProblemCode::DiskDamaged, format!("{what}: {error}.")),
    }
}

/// Random bits for an identifier, which has to be new, not secret.
pub fn random_bits() -> u64 {
    let part = || (js_sys::Math::random() * f64::from(1 << 30)) as u64;
    part() << 30 | part()
}
