//! Names of directory entries.

use crate::Errno;

/// The longest name in bytes, as Linux has it (`NAME_MAX`).
pub const MAX_NAME: usize = 255;

/// The name of one directory entry: 1 to 255 bytes without `/` and NUL, and neither `.` nor `..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// Checks a name.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Errno> {
        match bytes {
            b"" | b"." | b".." => Err(Errno::Inval),
            _ if bytes.len() > MAX_NAME => Err(Errno::NameTooLong),
            _ if bytes.iter().any(|byte| matches!(byte, b'/' | 0)) => Err(Errno::Inval),
            _ => Ok(Self(bytes)),
        }
    }

    /// Its bytes; a guest's names need not be UTF-8.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        for bad in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0"] {
            assert_eq!(Name::new(bad), Err(Errno::Inval), "{bad:?}");
        }
        assert_eq!(Name::new(&[b'x'; 256]), Err(Errno::NameTooLong));
        for good in [&b"..."[..], b"a b", b"\xff\n", &[b'x'; 255]] {
            assert_eq!(Name::new(good).unwrap().bytes(), good);
        }
    }
}
