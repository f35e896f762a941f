//! Internal snapshots: only where their tables are, so that a check can count what they refer to (section "Snapshots").
//! Such images are opened for reading only; our own snapshots are layers.

use crate::bytes::{be32, be64};
use crate::error::{Error, corrupt};
use crate::file::ImageFile;
use crate::geometry::{ENTRY_SIZE, MAX_L1_BYTES};
use crate::header::Header;
use block::BlockFile;
use std::ops::Range;

/// More snapshots than this are not checked.
const MAX_SNAPSHOTS: u32 = 1024;
/// An entry's fields of fixed length.
const FIXED_LEN: usize = 40;

/// Where snapshots keep their tables.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// The bytes of the file that the snapshot table fills.
    pub(crate) table: Range<u64>,
    /// Offset and entries of each snapshot's L1 table.
    pub(crate) l1_tables: Vec<(u64, u32)>,
}

/// Reads the snapshot table.
pub(crate) fn read_all<F: BlockFile>(file: &mut ImageFile<F>, header: &Header) -> Result<Snapshots, Error> {
    if header.snapshots == 0 {
        return Ok(Snapshots::default());
    }
    if header.snapshots > MAX_SNAPSHOTS {
        let what = "the number of internal snapshots";
        return Err(Error::TooLarge { what, value: header.snapshots.into(), limit: MAX_SNAPSHOTS.into() });
    }
    let mut l1_tables = Vec::new();
    let mut at = header.snapshots_offset;
    for _ in 0..header.snapshots {
        let mut entry = [0; FIXED_LEN];
        file.read(at, &mut entry, "the snapshot table")?;
        let (offset, entries) = (be64(&entry, 0), be32(&entry, 8));
        let l1_bytes = u64::from(entries) * ENTRY_SIZE;
        let end = offset.checked_add(l1_bytes);
        if l1_bytes > MAX_L1_BYTES || header.geometry.in_cluster(offset) != 0 || end.is_none_or(|end| end > file.len())
        {
            return Err(corrupt("the L1 table of an internal snapshot is not inside of the file").into());
        }
        l1_tables.push((offset, entries));
        let names = u64::from(entry[12]) << 8 | u64::from(entry[13]);
        let name = u64::from(entry[14]) << 8 | u64::from(entry[15]);
        let extra = u64::from(be32(&entry, 36));
        // At most 4 GiB and a bit for each: no overflow within MAX_SNAPSHOTS of them.
        at = (at + FIXED_LEN as u64 + extra + names + name).next_multiple_of(8);
    }
    Ok(Snapshots { table: header.snapshots_offset..at, l1_tables })
}
