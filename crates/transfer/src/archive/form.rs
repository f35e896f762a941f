//! What an archive is, by its content.

use super::ArchiveError;
use crate::error::{Error, from_input};
use crate::source::{FileReader, read_full};
use crate::tarfmt::{BLOCK, looks_like_tar};
use crate::unpack::{Packing, Unpacked, foreign};
use std::io::BufRead;

/// An archive's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A tar, perhaps packed.
    Tar,
    /// A zip.
    Zip,
}

/// How an archive has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) kind: Kind,
    pub(super) packing: Option<Packing>,
}

/// Looks at the beginning, also at that of what is packed.
pub(super) fn detect(reader: &mut FileReader<'_>) -> Result<Form, Error> {
    reader.restart();
    let head = reader.fill_buf().map_err(from_input)?;
    if head.is_empty() {
        return Err(ArchiveError::Empty.into());
    }
    // The second one is a zip without entries.
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Form { kind: Kind::Zip, packing: None });
    }
    let packing = Packing::detect(head);
    if let Some(name) = foreign(head) {
        return Err(ArchiveError::Foreign(name).into());
    }
    let mut first = [0; BLOCK];
    let filled = read_full(&mut Unpacked::new(&mut *reader, packing), &mut first)?;
    let first = &first[..filled];
    if looks_like_tar(first) {
        return Ok(Form { kind: Kind::Tar, packing });
    }
    let what = match (packing, Packing::detect(first)) {
        (Some(_), Some(_)) => "a file that is packed twice",
        (Some(_), None) => "a packed file, but no packed archive",
        (None, _) => "no archive",
    };
    Err(ArchiveError::Foreign(what).into())
}
