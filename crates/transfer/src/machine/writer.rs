//! Writing.

use super::sums::{line, sum_of};
use super::{MACHINE_JSON, MAX_MACHINE_JSON, MAX_MEMBERS, MachineError, SUMS, name};
use crate::error::{Error, from_output};
use crate::tarfmt::{Attributes, TarKind, TarWriter};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// What every member has: it belongs to nobody, and the same machine gives the same file.
const ATTRIBUTES: Attributes = Attributes { mode: 0o644, uid: 0, gid: 0, mtime: 0 };

/// Writes a machine into one file, from front to back.
pub struct MachineWriter<W: Write> {
    tar: TarWriter<W>,
    sums: String,
    names: BTreeSet<String>,
    /// A member that was begun and not finished.
    open: Option<(String, u64)>,
}

impl<W: Write> MachineWriter<W> {
    /// Begins with what describes the machine: at most [`MAX_MACHINE_JSON`] bytes.
    pub fn new(out: W, machine_json: &[u8]) -> Result<Self, Error> {
        let size = machine_json.len() as u64;
        if size > MAX_MACHINE_JSON {
            return Err(MachineError::LongDescription { size }.into());
        }
        let mut writer = Self { tar: TarWriter::new(out), sums: String::new(), names: BTreeSet::new(), open: None };
        let mut member = writer.begin(MACHINE_JSON, size)?;
        member.write_all(machine_json).map_err(from_output)?;
        member.finish()?;
        Ok(writer)
    }

    /// Begins a member, of which `size` bytes have to be written before [`MemberWriter::finish`].
    pub fn member(&mut self, name: &str, size: u64) -> Result<MemberWriter<'_, W>, Error> {
        if !name::is_allowed(name) {
            return Err(MachineError::BadName(name.into()).into());
        }
        if self.names.len() == MAX_MEMBERS {
            return Err(MachineError::TooManyMembers.into());
        }
        if !self.names.insert(name.into()) {
            return Err(MachineError::Duplicate(name.into()).into());
        }
        self.begin(name, size)
    }

    fn begin(&mut self, name: &str, size: u64) -> Result<MemberWriter<'_, W>, Error> {
        self.check_closed()?;
        self.tar.entry(TarKind::File, name.as_bytes(), &[], size, &ATTRIBUTES).map_err(from_output)?;
        self.open = Some((name.into(), size));
        Ok(MemberWriter { writer: self, hasher: Sha256::new(), left: size })
    }

    fn check_closed(&self) -> Result<(), Error> {
        match &self.open {
            Some((name, size)) => Err(MachineError::Size { name: name.clone(), size: *size }.into()),
            None => Ok(()),
        }
    }

    /// Ends the file with the checksums, and gives the sink back.
    pub fn finish(mut self) -> Result<W, Error> {
        self.check_closed()?;
        let list = self.sums.into_bytes();
        let size = list.len() as u64;
        let write = |tar: &mut TarWriter<W>| {
            tar.entry(TarKind::File, SUMS.as_bytes(), &[], size, &ATTRIBUTES)?;
            tar.write_all(&list)
        };
        write(&mut self.tar).map_err(from_output)?;
        let mut out = self.tar.finish().map_err(from_output)?;
        out.flush().map_err(from_output)?;
        Ok(out)
    }
}

/// Takes the data of one member.
pub struct MemberWriter<'a, W: Write> {
    writer: &'a mut MachineWriter<W>,
    hasher: Sha256,
    left: u64,
}

impl<W: Write> MemberWriter<'_, W> {
    /// Ends the member; an error if data is missing.
    pub fn finish(self) -> Result<(), Error> {
        if self.left > 0 {
            return self.writer.check_closed();
        }
        if let Some((name, _)) = self.writer.open.take() {
            self.writer.sums += &line(&sum_of(self.hasher), &name);
        }
        Ok(())
    }
}

impl<W: Write> Write for MemberWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.tar.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.tar.flush()
    }
}
