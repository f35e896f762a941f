//! Files of a folder on their way out as a zip, given one after the other by whoever can read them.

pub use crate::tarfmt::Attributes;

use crate::error::Error;
use crate::workspace::Format;
use crate::workspace::sink::Sink;
use std::io::Write;

/// A zip that is being written. Names are relative, with `/` between their parts and none at the end.
pub struct FolderZip<'a>(Sink<'a>);

impl std::fmt::Debug for FolderZip<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FolderZip")
    }
}

impl<'a> FolderZip<'a> {
    /// An empty one.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self(Sink::new(out, Format::Zip))
    }

    /// Adds a folder.
    pub fn directory(&mut self, name: &[u8], attributes: &Attributes) -> Result<(), Error> {
        self.0.directory(name, attributes)
    }

    /// Begins a file. About `size` bytes follow by [`Self::data`]; a file that has become shorter meanwhile is as long as its data.
    pub fn file(&mut self, name: &[u8], size: u64, attributes: &Attributes) -> Result<(), Error> {
        self.0.file(name, size, attributes)
    }

    /// Adds to the file that was begun last.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.data(bytes)
    }

    /// Writes the end.
    pub fn finish(self) -> Result<(), Error> {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::ZipArchive;

    #[test]
    fn what_goes_in_comes_out_also_where_a_file_became_shorter() {
        let mut bytes = vec![];
        let attributes = Attributes { mode: 0o644, mtime: 1_700_000_000, ..Attributes::default() };
        let mut folder = FolderZip::new(&mut bytes);
        folder.directory(b"d", &attributes).unwrap();
        folder.file(b"d/a", 3, &attributes).unwrap();
        folder.data(b"abc").unwrap();
        folder.file(b"short", 10, &attributes).unwrap();
        folder.data(b"x").unwrap();
        folder.file(b"empty", 0, &attributes).unwrap();
        folder.finish().unwrap();
        let mut archive = ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        for (name, content) in [("d/a", "abc"), ("short", "x"), ("empty", "")] {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut archive.by_name(name).unwrap(), &mut text).unwrap();
            assert_eq!(text, content);
        }
        assert!(archive.by_name("d/").unwrap().is_dir());
    }
}
