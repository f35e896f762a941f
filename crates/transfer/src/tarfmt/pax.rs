//! pax records: "LENGTH KEY=VALUE\n", the length counting itself (POSIX.1-2001, pax, "pax Extended Header").

/// What the records of one entry say, as far as it matters here. Later records win.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<u64>,
    pub(super) sparse: bool,
}

/// Parses records, or says that they are none.
pub(super) fn parse(mut bytes: &[u8]) -> Option<Pax> {
    let mut pax = Pax::default();
    // Some writers fill the last block with zeros and count them in.
    while bytes.first().is_some_and(|byte| *byte != 0) {
        let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
        let len: usize = number(&bytes[..space])?.try_into().ok()?;
        let record = bytes.get(space + 1..len)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        note(&mut pax, &record[..equals], &record[equals + 1..])?;
        bytes = &bytes[len..];
    }
    Some(pax)
}

fn note(pax: &mut Pax, key: &[u8], value: &[u8]) -> Option<()> {
    match key {
        b"path" => pax.path = Some(value.to_vec()),
        b"linkpath" => pax.link = Some(value.to_vec()),
        b"size" => pax.size = Some(number(value)?),
        b"uid" => pax.uid = Some(number(value)?),
        b"gid" => pax.gid = Some(number(value)?),
        b"mtime" => pax.mtime = Some(seconds(value)?),
        _ => pax.sparse |= key.starts_with(b"GNU.sparse."),
    }
    Some(())
}

fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A time with a fraction, which is dropped. What was before 1970 becomes 1970.
fn seconds(value: &[u8]) -> Option<u64> {
    let negative = value.first() == Some(&b'-');
    let whole = value.split(|byte| *byte == b'.').next()?;
    if negative { number(&whole[1..]).map(|_| 0) } else { number(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_by_their_lengths_not_by_their_lines() {
        let pax = parse(b"15 path=a\nb=c \n21 mtime=1234.567890\n18 uid=4294967295\n").unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"a\nb=c "[..]));
        assert_eq!((pax.mtime, pax.uid), (Some(1234), Some(4_294_967_295)));
        assert!(parse(b"22 GNU.sparse.major=1\n").unwrap().sparse);
        assert_eq!(parse(b"12 mtime=-5\n\0\0").unwrap().mtime, Some(0));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            &b"x path=a\n"[..],
            b"9 path=a",
            b"99 path=a\n",
            b"8 path=a\n",
            b"4 a\n",
            b"0 =\n",
            b"10 size=x\n",
            b"9 size=\n",
        ] {
            assert_eq!(parse(bad), None, "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
