//! What a file is, by its first bytes.

use super::DiskError;
use crate::unpack::{Packing, foreign};

/// What the image is, packed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// QEMU's format.
    Qcow2,
    /// The disk's bytes as they are.
    Raw,
}

/// How many bytes [`detect`] wants to see, if there are so many.
pub(super) const HEAD: usize = 512;
const QCOW2_MAGIC: &[u8] = b"QFI\xfb";

/// Tells the format of unpacked bytes. Everything that nothing else claims is a raw disk.
pub(super) fn detect(head: &[u8]) -> Result<Format, DiskError> {
    if head.is_empty() {
        return Err(DiskError::Empty);
    }
    if head.starts_with(QCOW2_MAGIC) {
        return Ok(Format::Qcow2);
    }
    if let Some(name) = foreign(head) {
        return Err(DiskError::Foreign(name));
    }
    if head.starts_with(b"PK\x03\x04") || head.get(257..262) == Some(b"ustar") {
        return Err(DiskError::Foreign("an archive of files"));
    }
    Ok(Format::Raw)
}

/// Tells the format of what came out of a packed file.
pub(super) fn detect_unpacked(head: &[u8]) -> Result<Format, DiskError> {
    if Packing::detect(head).is_some() {
        return Err(DiskError::PackedTwice);
    }
    detect(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        assert_eq!(detect(b""), Err(DiskError::Empty));
        assert_eq!(detect(b"QFI\xfb\0\0\0\x03"), Ok(Format::Qcow2));
        assert_eq!(detect(&[0; 512]), Ok(Format::Raw));
        assert_eq!(detect(b"QFI"), Ok(Format::Raw), "too short to be anything else");
        assert_eq!(detect(b"KDMV\x01"), Err(DiskError::Foreign("a VMDK disk image")));
        assert!(detect(b"\xfd7zXZ\0\0").unwrap_err().to_string().contains("xz"));
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(detect(&tar), Err(DiskError::Foreign("an archive of files")));
        assert_eq!(detect_unpacked(b"\x1f\x8b\x08"), Err(DiskError::PackedTwice));
    }
}
