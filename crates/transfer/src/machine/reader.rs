//! Reading.

use super::sums::{self, Sum, sum_of};
use super::{MACHINE_JSON, MAX_MACHINE_JSON, MAX_MEMBERS, MAX_NAME, MachineError, SUMS, name};
use crate::archive::readable;
use crate::error::{Error, from_input, into_io};
use crate::progress::{Count, OnProgress, Ticker};
use crate::source::{FileReader, read_full};
use crate::tarfmt::{TarEntry, TarError, TarKind, TarReader};
use block::BlockFile;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

/// How much is read at a time of what a caller left unread.
const CHUNK: usize = 64 << 10;
/// The longest list of checksums, in bytes.
const MAX_SUMS: u64 = (MAX_MEMBERS as u64 + 1) * (64 + 2 + MAX_NAME as u64 + 1);

/// A part of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, `layers/ID.qcow2` or `states/ID`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Where its data is in the file.
    offset: u64,
    sum: Sum,
}

impl Member {
    /// The SHA-256 that its data has to have, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        self.sum.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads a machine out of one file.
pub struct MachineReader<'a> {
    reader: FileReader<'a>,
    machine_json: Vec<u8>,
    members: Vec<Member>,
}

impl<'a> MachineReader<'a> {
    /// Checks the structure of the whole file, and what describes the machine. Of the other members only the headers are read.
    pub fn open(file: &'a mut dyn BlockFile) -> Result<Self, Error> {
        let mut scan = Scan { tar: TarReader::new(FileReader::new(file)?), last: None };
        let machine_json = scan.machine_json()?;
        let mut found: Vec<(String, u64, u64)> = Vec::new();
        let list = loop {
            let entry = scan.next()?.ok_or(MachineError::NoSums)?;
            if entry.name == SUMS.as_bytes() && entry.kind == TarKind::File {
                break scan.sums(&entry)?;
            }
            let name = member_name(&entry)?;
            if found.iter().any(|(other, ..)| *other == name) {
                return Err(MachineError::Duplicate(name).into());
            }
            if found.len() == MAX_MEMBERS {
                return Err(MachineError::TooManyMembers.into());
            }
            found.push((name, entry.size, scan.tar.offset()?));
        };
        if let Some(entry) = scan.next()? {
            return Err(MachineError::UnknownMember(readable(&entry.name)).into());
        }
        let members = give_sums(list, &machine_json, found)?;
        Ok(Self { reader: scan.tar.into_inner(), machine_json, members })
    }

    /// What describes the machine; its checksum was right.
    pub fn machine_json(&self) -> &[u8] {
        &self.machine_json
    }

    /// The other members, in their order in the file.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Hands each member to `take`, in the order of the file, and compares its checksum afterwards, whether `take` read it to its
    /// end or not. Only when this has succeeded the whole file is known to be right.
    ///
    /// Progress counts the bytes of all members.
    pub fn read(
        mut self,
        take: &mut dyn FnMut(&Member, &mut dyn Read) -> Result<(), Error>,
        on_progress: &mut OnProgress<'_>,
    ) -> Result<(), Error> {
        let total = self.members.iter().map(|member| member.size).sum();
        let mut ticker = Ticker::new(on_progress, Count::default(), Some(total));
        for member in &self.members {
            self.reader.seek(SeekFrom::Start(member.offset)).map_err(from_input)?;
            let mut data =
                MemberReader { input: &mut self.reader, left: member.size, hasher: Sha256::new(), ticker: &mut ticker };
            take(member, &mut data)?;
            let mut rest = vec![0; CHUNK];
            while read_full(&mut data, &mut rest)? > 0 {}
            if sum_of(data.hasher) != member.sum {
                return Err(MachineError::WrongSum(member.name.clone()).into());
            }
        }
        Ok(())
    }
}

/// The pass over the headers.
struct Scan<'a> {
    tar: TarReader<FileReader<'a>>,
    /// The last member that was found.
    last: Option<String>,
}

impl Scan<'_> {
    /// The next entry. An end that comes too early is told with what came before it.
    fn next(&mut self) -> Result<Option<TarEntry>, Error> {
        let entry = self.tar.next().map_err(|error| match (error, &self.last) {
            (TarError::Stream(Error::Truncated), Some(last)) => MachineError::CutShort(last.clone()).into(),
            (TarError::Stream(Error::Truncated), None) => MachineError::NotAMachine("it is too short").into(),
            (TarError::Stream(error), _) => error,
            (TarError::Format(_), None) => MachineError::NotAMachine("it is no tar").into(),
            (TarError::Format(what), Some(_)) => Error::Damaged(what.into()),
        })?;
        if let Some(entry) = &entry {
            self.last = Some(readable(&entry.name));
        }
        Ok(entry)
    }

    fn machine_json(&mut self) -> Result<Vec<u8>, Error> {
        let missing = || MachineError::NotAMachine("it does not begin with machine.json");
        let entry = self.next()?.ok_or_else(missing)?;
        if entry.name != MACHINE_JSON.as_bytes() || entry.kind != TarKind::File {
            return Err(missing().into());
        }
        if entry.size > MAX_MACHINE_JSON {
            return Err(MachineError::LongDescription { size: entry.size }.into());
        }
        self.data(&entry)
    }

    fn sums(&mut self, entry: &TarEntry) -> Result<BTreeMap<String, Sum>, Error> {
        if entry.size > MAX_SUMS {
            return Err(MachineError::NoSums.into());
        }
        let list = self.data(entry)?;
        Ok(sums::parse(&list).ok_or(MachineError::NoSums)?)
    }

    /// The data of a member that is taken into memory; its size was bounded.
    fn data(&mut self, entry: &TarEntry) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; entry.size as usize];
        match read_full(&mut self.tar, &mut bytes) {
            Ok(read) if read == bytes.len() => Ok(bytes),
            Ok(_) | Err(Error::Truncated) => Err(MachineError::CutShort(readable(&entry.name)).into()),
            Err(error) => Err(error),
        }
    }
}

fn member_name(entry: &TarEntry) -> Result<String, MachineError> {
    let unknown = || MachineError::UnknownMember(readable(&entry.name));
    let name = std::str::from_utf8(&entry.name).map_err(|_| unknown())?;
    if entry.kind == TarKind::File && name::is_allowed(name) { Ok(name.into()) } else { Err(unknown()) }
}

/// Puts members and sums together: none may be left over.
fn give_sums(
    mut list: BTreeMap<String, Sum>,
    machine_json: &[u8],
    found: Vec<(String, u64, u64)>,
) -> Result<Vec<Member>, MachineError> {
    let mut take = |name: &str| list.remove(name).ok_or_else(|| MachineError::NoSum(name.into()));
    if take(MACHINE_JSON)? != sum_of(Sha256::new_with_prefix(machine_json)) {
        return Err(MachineError::WrongSum(MACHINE_JSON.into()));
    }
    let members = found
        .into_iter()
        .map(|(name, size, offset)| Ok(Member { sum: take(&name)?, name, size, offset }))
        .collect::<Result<_, MachineError>>()?;
    match list.pop_first() {
        Some((name, _)) => Err(MachineError::Missing(readable(name.as_bytes()))),
        None => Ok(members),
    }
}

/// The data of a member on its way to the caller.
struct MemberReader<'a, 'b, 'c, 'd> {
    input: &'a mut FileReader<'b>,
    left: u64,
    hasher: Sha256,
    ticker: &'a mut Ticker<'c, 'd>,
}

impl Read for MemberReader<'_, '_, '_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let now = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        let read = self.input.read(&mut buf[..now])?;
        if read == 0 && now > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.hasher.update(&buf[..read]);
        self.left -= read as u64;
        self.ticker.advance(read as u64).map_err(into_io)?;
        Ok(read)
    }
}
