//! One way through an archive: everything is unpacked and judged, and written on if somebody wants it.

use super::error::{EntryProblem, refuse};
use super::form::Form;
use super::tree::Tree;
use super::{Kind, Limits, Summary, tar_in, zip_in};
use crate::error::{Error, from_input, from_output};
use crate::progress::Ticker;
use crate::source::FileReader;
use crate::tarfmt::{TarEntry, TarKind, TarWriter};
use std::io::{Read, Write};

/// How much data moves at a time.
const CHUNK: usize = 64 << 10;
/// The bits that give a program somebody else's rights.
const SET_ID: u32 = 0o6000;

/// Is shown an entry as it is in the archive, and its data.
pub(super) type Visit<'a> = dyn FnMut(TarEntry, &mut dyn Read) -> Result<(), Error> + 'a;

/// Goes through the archive once.
pub(super) fn run(
    reader: &mut FileReader<'_>,
    form: Form,
    limits: &Limits,
    ticker: &mut Ticker<'_, '_>,
    out: Option<&mut TarWriter<&mut dyn Write>>,
) -> Result<Summary, Error> {
    let mut pass = Pass {
        tree: Tree::new(limits),
        summary: Summary {
            kind: form.kind,
            packing: form.packing,
            files: 0,
            directories: 0,
            symlinks: 0,
            hard_links: 0,
            bytes: 0,
            dropped_bits: 0,
        },
        ticker,
        out,
        buffer: vec![0; CHUNK],
    };
    let mut visit = |entry: TarEntry, data: &mut dyn Read| pass.visit(entry, data);
    match form.kind {
        Kind::Tar => tar_in::walk(reader, form.packing, &mut visit)?,
        Kind::Zip => zip_in::walk(reader, &mut visit)?,
    }
    Ok(Summary { bytes: pass.tree.bytes(), ..pass.summary })
}

struct Pass<'a, 'b, 'c, 'd> {
    tree: Tree,
    summary: Summary,
    ticker: &'a mut Ticker<'b, 'c>,
    out: Option<&'a mut TarWriter<&'d mut dyn Write>>,
    buffer: Vec<u8>,
}

impl Pass<'_, '_, '_, '_> {
    fn visit(&mut self, entry: TarEntry, data: &mut dyn Read) -> Result<(), Error> {
        self.ticker.tick()?;
        let set_id = entry.attributes.mode & SET_ID != 0;
        let Some(entry) = self.tree.admit(entry)? else { return Ok(()) };
        self.summary.dropped_bits += u64::from(set_id);
        let count = match entry.kind {
            TarKind::Directory => &mut self.summary.directories,
            TarKind::Symlink => &mut self.summary.symlinks,
            TarKind::HardLink => &mut self.summary.hard_links,
            _ => &mut self.summary.files,
        };
        *count += 1;
        if let Some(out) = &mut self.out {
            out.entry(entry.kind, &entry.name, &entry.link, entry.size, &entry.attributes).map_err(from_output)?;
        }
        self.copy(&entry, data)
    }

    /// Unpacks the data to its end, which must be where the entry said.
    fn copy(&mut self, entry: &TarEntry, data: &mut dyn Read) -> Result<(), Error> {
        let mut size = 0;
        loop {
            let read = match data.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(from_input(error)),
            };
            size += read as u64;
            self.tree.count_bytes(read as u64)?;
            if size > entry.size {
                break;
            }
            if let Some(out) = &mut self.out {
                out.write_all(&self.buffer[..read]).map_err(from_output)?;
            }
            self.ticker.tick()?;
        }
        if size == entry.size { Ok(()) } else { Err(refuse(&entry.name, EntryProblem::Size)) }
    }
}
