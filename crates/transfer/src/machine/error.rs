use super::{MAX_MACHINE_JSON, MAX_MEMBERS, MAX_NAME};

/// Why a machine's archive can't be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// Something else than such an archive.
    #[error("this file is no machine: {0}")]
    NotAMachine(&'static str),
    /// What describes the machine is too long to be that.
    #[error("the description of the machine has {size} bytes; at most {MAX_MACHINE_JSON} are taken")]
    LongDescription {
        /// Its size in bytes.
        size: u64,
    },
    /// A member that machines don't have, or with an impossible name.
    #[error("the file holds \"{0}\", which is no part of a machine")]
    UnknownMember(String),
    /// A name that can't be given to a member.
    #[error(
        "\"{0}\" can't be a member's name: it has to be layers/ID.qcow2 or states/ID, of at most {MAX_NAME} letters a-z, digits, - and ."
    )]
    BadName(String),
    /// Two members of the same name.
    #[error("the file holds \"{0}\" twice")]
    Duplicate(String),
    /// More members than any machine has.
    #[error("the file holds more than {MAX_MEMBERS} parts")]
    TooManyMembers,
    /// The end of the file is missing.
    #[error("the file is cut short after \"{0}\"; its end is missing")]
    CutShort(String),
    /// The list of checksums is missing or not one.
    #[error("the file's list of checksums is missing or damaged")]
    NoSums,
    /// The list has no sum for a member.
    #[error("the file has no checksum for \"{0}\"")]
    NoSum(String),
    /// The list has a sum for something that is not there.
    #[error("\"{0}\" is missing in the file")]
    Missing(String),
    /// A member is not what it was when the file was written.
    #[error("\"{0}\" is damaged: its checksum is wrong")]
    WrongSum(String),
    /// A writer got more or less data than it was told.
    #[error("\"{name}\" was announced with {size} bytes, but got another number")]
    Size {
        /// The member's name.
        name: String,
        /// What was announced, in bytes.
        size: u64,
    },
}
