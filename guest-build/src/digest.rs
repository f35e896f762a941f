//! Checksums in hex, as they are pinned.

use crate::{Error, Result};
use sha2::digest::Update;
use sha2::{Digest, Sha256, Sha512};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// SHA-256 of bytes in memory.
pub fn sha256(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

/// SHA-512 of bytes in memory.
pub fn sha512(data: &[u8]) -> String {
    hex(&Sha512::digest(data))
}

/// SHA-256 of a file of any size.
pub fn sha256_of_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if n == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        Update::update(&mut hasher, &buffer[..n]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_file_agree_with_the_published_vector() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        assert_eq!(sha256(b"abc"), abc);
        assert_eq!(sha256_of_file(file.path()).unwrap(), abc);
        assert!(sha512(b"abc").starts_with("ddaf35a193617aba"));
    }
}
