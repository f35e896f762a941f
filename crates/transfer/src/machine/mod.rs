//! A whole machine in one file.
//!
//! The format is described in `docs/formats.md`: a tar that begins with `machine.json`, goes on with the machine's disks and states, and ends
//! with the checksums of them all. What is in `machine.json` is the caller's business.
//!
//! [`MachineWriter`] writes such a file in one go. [`MachineReader::open`] checks the structure without reading the members' data; then
//! [`MachineReader::read`] hands out each member while it is hashed. A member whose data was handed out may still turn out to be wrong: on
//! any error the caller throws away all that it made of the file.

mod error;
mod name;
mod reader;
mod sums;
mod writer;

pub use error::MachineError;
pub use reader::{MachineReader, Member};
pub use writer::{MachineWriter, MemberWriter};

/// The first member.
pub const MACHINE_JSON: &str = "machine.json";
/// The last member.
pub const SUMS: &str = "SHA256SUMS";
/// The longest `machine.json`, in bytes: it describes one machine, and is taken into memory.
pub const MAX_MACHINE_JSON: u64 = 1 << 20;
/// Members between the first and the last, at most. A machine has some dozen layers and states.
pub const MAX_MEMBERS: usize = 4096;
/// The longest name of a member, in bytes: what fits a tar's header.
pub const MAX_NAME: usize = 100;
