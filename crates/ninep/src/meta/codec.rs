//! Records as bytes.
//!
//! A record is one byte for its kind and then its fields in the order of [`Record`], numbers as 9P has them. Of an inode's
//! fields the kind comes first: `S_IFMT` bits in four bytes, then a symbolic link's target or a special file's device number.

use super::table::{Fields, Record};
use crate::tree::{Kind, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, Time};
use crate::wire::{Reader, Short, Writer};

const PUT: u8 = 1;
const LINK: u8 = 2;
const UNLINK: u8 = 3;
const FORGET: u8 = 4;
const NEXT: u8 = 5;

/// No blob.
const NO_BLOB: u64 = 0;

fn time(out: &mut Writer, time: Time) {
    out.u64(time.seconds).u32(time.nanos);
}

fn read_time(from: &mut Reader<'_>) -> Result<Time, Short> {
    Ok(Time { seconds: from.u64()?, nanos: from.u32()? })
}

fn fields(out: &mut Writer, fields: &Fields) {
    out.u32(fields.kind.format());
    match &fields.kind {
        Kind::File | Kind::Dir => {}
        Kind::Symlink(target) => {
            out.string(target);
        }
        Kind::Special { device, .. } => {
            out.u64(*device);
        }
    }
    out.u32(fields.mode).u32(fields.uid).u32(fields.gid);
    out.u64(fields.size).u64(fields.stored).u64(fields.blob.unwrap_or(NO_BLOB));
    for moment in [fields.atime, fields.mtime, fields.ctime, fields.btime] {
        time(out, moment);
    }
    out.u32(fields.version).u8(fields.sealed.into());
}

fn read_fields(from: &mut Reader<'_>) -> Result<Fields, Short> {
    let kind = match from.u32()? & S_IFMT {
        S_IFREG => Kind::File,
        S_IFDIR => Kind::Dir,
        S_IFLNK => Kind::Symlink(from.string()?.to_vec()),
        format => Kind::Special { format, device: from.u64()? },
    };
    Ok(Fields {
        kind,
        mode: from.u32()?,
        uid: from.u32()?,
        gid: from.u32()?,
        size: from.u64()?,
        stored: from.u64()?,
        blob: Some(from.u64()?).filter(|blob| *blob != NO_BLOB),
        atime: read_time(from)?,
        mtime: read_time(from)?,
        ctime: read_time(from)?,
        btime: read_time(from)?,
        version: from.u32()?,
        sealed: from.u8()? != 0,
    })
}

/// Puts a record behind what is there.
pub fn encode(out: &mut Writer, record: &Record) {
    match record {
        Record::Put(ino, of) => {
            out.u8(PUT).u64(*ino);
            fields(out, of);
        }
        Record::Link { dir, name, cookie, ino } => {
            out.u8(LINK).u64(*dir).string(name).u64(*cookie).u64(*ino);
        }
        Record::Unlink { dir, name } => {
            out.u8(UNLINK).u64(*dir).string(name);
        }
        Record::Forget(ino) => {
            out.u8(FORGET).u64(*ino);
        }
        Record::Next { ino, blob } => {
            out.u8(NEXT).u64(*ino).u64(*blob);
        }
    }
}

/// Takes a record off.
pub fn decode(from: &mut Reader<'_>) -> Result<Record, Short> {
    Ok(match from.u8()? {
        PUT => Record::Put(from.u64()?, read_fields(from)?),
        LINK => Record::Link { dir: from.u64()?, name: from.string()?.to_vec(), cookie: from.u64()?, ino: from.u64()? },
        UNLINK => Record::Unlink { dir: from.u64()?, name: from.string()?.to_vec() },
        FORGET => Record::Forget(from.u64()?),
        NEXT => Record::Next { ino: from.u64()?, blob: from.u64()? },
        _ => return Err(Short),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_read_as_it_was_written() {
        let moment = |n: u32| Time { seconds: u64::from(n) << 33, nanos: n };
        let put = |kind| Fields {
            kind,
            mode: 0o4755,
            uid: 1000,
            gid: 1001,
            size: 1 << 40,
            stored: 5,
            blob: Some(77),
            atime: moment(1),
            mtime: moment(2),
            ctime: moment(3),
            btime: moment(4),
            version: 9,
            sealed: true,
        };
        let kinds =
            [Kind::File, Kind::Dir, Kind::Symlink(b"/x".to_vec()), Kind::Special { format: 0o010_000, device: 3 }];
        let mut records: Vec<_> = kinds.into_iter().map(|kind| Record::Put(12, put(kind))).collect();
        records.push(Record::Link { dir: 1, name: b"\xff".to_vec(), cookie: 3, ino: 12 });
        records.push(Record::Unlink { dir: 1, name: b"\xff".to_vec() });
        records.push(Record::Forget(12));
        records.push(Record::Next { ino: 13, blob: 78 });
        let mut out = Writer::default();
        records.iter().for_each(|record| encode(&mut out, record));
        let mut from = Reader::new(&out.0);
        let read: Vec<_> = records.iter().map(|_| decode(&mut from).unwrap()).collect();
        assert_eq!(read, records);
        assert!(from.is_empty());
    }
}
