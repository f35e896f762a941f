//! Changing the name of the layer below.

use crate::bytes::{be32, be64, put32, put64};
use crate::error::Error;
use crate::header::{BackingRef, EXT_BACKING_FORMAT, EXT_END, check_name, extensions_start};
use crate::image::Qcow2;
use block::BlockFile;
use std::ops::Range;

/// What storage writes as a whole or not at all; the header's fields and our extensions are inside of the first one.
const SECTOR: usize = 512;

impl<F: BlockFile> Qcow2<F> {
    /// Names another file as the layer below, which has to hold the same bytes (a copy, or the result of
    /// [`crate::merge_down`]): nothing of the disk is changed. The open image goes on reading from what it was opened with.
    ///
    /// The new name is in the file for certain before the header points at it, so a crash leaves the one or the other.
    pub fn set_backing(&mut self, backing: &BackingRef) -> Result<(), Error> {
        self.counts()?;
        check_name(&backing.name)?;
        let Some(former) = &self.header.backing else { return Err(Error::BackingUnexpected) };
        let other_format = backing.format != former.format;
        let mut bytes = vec![0; self.header.geometry.cluster_len()];
        self.file.read(0, &mut bytes, "its header")?;
        let places = Places::find(&bytes);
        let format = match (places.format.clone(), backing.format) {
            _ if !other_format => None,
            (Some(place), Some(format)) if place.end <= SECTOR => Some((place, format.name().as_bytes())),
            _ => return Err(Error::Invalid("the header has no place for the format of the layer below".into())),
        };
        let at = places.room_for(backing.name.len(), bytes.len())?;
        self.file.write(at as u64, backing.name.as_bytes())?;
        self.file.flush()?;
        let mut sector = [0; SECTOR];
        self.file.read(0, &mut sector, "its header")?;
        put64(&mut sector, 8, at as u64);
        put32(&mut sector, 16, backing.name.len() as u32);
        if let Some((place, name)) = format {
            put32(&mut sector, place.start - 4, name.len() as u32);
            sector[place.clone()].fill(0);
            sector[place][..name.len()].copy_from_slice(name);
        }
        self.file.write_root(0, &sector)?;
        self.file.flush()?;
        self.header.backing = Some(backing.clone());
        Ok(())
    }
}

/// Where things are in the first cluster of an image whose header was parsed.
struct Places {
    extensions_end: usize,
    /// The data of the backing format's extension, with its padding.
    format: Option<Range<usize>>,
    name: Range<usize>,
}

impl Places {
    fn find(bytes: &[u8]) -> Self {
        let name = be64(bytes, 8) as usize;
        let name = name..name + be32(bytes, 16) as usize;
        let mut places = Self { extensions_end: extensions_start(bytes), format: None, name };
        while places.extensions_end + 8 <= places.name.start {
            let data = places.extensions_end + 8;
            let (kind, len) = (be32(bytes, data - 8), be32(bytes, data - 4) as usize);
            places.extensions_end = data + len.next_multiple_of(8);
            match kind {
                EXT_END => break,
                EXT_BACKING_FORMAT => places.format = Some(data..places.extensions_end),
                _ => {}
            }
        }
        places
    }

    /// Where a name of `len` bytes can go without touching the old one.
    fn room_for(&self, len: usize, cluster: usize) -> Result<usize, Error> {
        if self.extensions_end + len <= self.name.start {
            return Ok(self.extensions_end);
        }
        let behind = self.name.end.next_multiple_of(8);
        if behind + len <= cluster {
            return Ok(behind);
        }
        Err(Error::Invalid("the header has no room for another name of the layer below".into()))
    }
}
