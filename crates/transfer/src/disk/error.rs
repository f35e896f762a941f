/// Why a file is not taken as a disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// There is nothing in the file, or nothing in what it unpacks to.
    #[error("the file is empty")]
    Empty,
    /// A format that is not read.
    #[error("this is {0}, which can't be used as a disk; convert it to qcow2 or raw first")]
    Foreign(&'static str),
    /// Packed twice.
    #[error("the file is packed twice; unpack it once and try again")]
    PackedTwice,
    /// A raw disk is a number of sectors. Such a file is cut short or no disk, and rounding up would hide both.
    #[error(
        "a raw disk image is a multiple of 512 bytes long, but this one has {size} bytes; it is cut short or no disk image"
    )]
    Odd {
        /// The file's size in bytes, unpacked.
        size: u64,
    },
    /// The virtual disk is larger than the caller allows.
    #[error("the disk has {size} bytes or more; at most {limit} are taken")]
    TooLarge {
        /// Its size in bytes, or as much of it as was read.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The image is only a layer over another file.
    #[error(
        "this disk is only a layer over \"{0}\", which is not part of the file; put both together first \
         (qemu-img convert) and take the result"
    )]
    Layer(String),
    /// Somebody found the image damaged and marked it.
    #[error(
        "this disk image was marked as damaged by the program that wrote it last; repair it first (qemu-img check -r)"
    )]
    MarkedDamaged,
    /// Data that the tables name is not in the file.
    #[error("this disk image is cut short: data at {at} of a file of {len} bytes is missing")]
    CutShort {
        /// Where the data begins in the file, in bytes.
        at: u64,
        /// The file's length in bytes.
        len: u64,
    },
}
