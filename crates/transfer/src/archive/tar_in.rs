//! The entries of a tar.

use super::ArchiveError;
use super::pass::Visit;
use crate::error::{Error, from_input};
use crate::source::FileReader;
use crate::tarfmt::{TarError, TarReader};
use crate::unpack::{Packing, Unpacked};
use std::io::{self, Read};

/// How much is read behind the mark of the end, to get to the checksum of what packs the tar. GNU tar fills up to 10 KiB.
const TAIL: u64 = 1 << 20;

impl From<TarError> for Error {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Stream(error) => error,
            TarError::Format(what) => ArchiveError::Damaged(what.into()).into(),
        }
    }
}

/// Shows all entries, in their order.
pub(super) fn walk(reader: &mut FileReader<'_>, packing: Option<Packing>, visit: &mut Visit<'_>) -> Result<(), Error> {
    reader.restart();
    let mut tar = TarReader::new(Unpacked::new(reader, packing));
    while let Some(entry) = tar.next()? {
        visit(entry, &mut tar)?;
    }
    io::copy(&mut tar.into_inner().take(TAIL), &mut io::sink()).map_err(from_input)?;
    Ok(())
}
