/// Why an archive is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// There is nothing in the file.
    #[error("the file is empty")]
    Empty,
    /// Neither tar nor zip.
    #[error("this is {0}; archives can be tar (also .gz or .zst) or zip")]
    Foreign(&'static str),
    /// Not readable as the archive that it seemed to be.
    #[error("the archive is damaged: {0}")]
    Damaged(String),
    /// An entry can't be let through.
    #[error("the archive can't be taken because of its entry \"{name}\": {problem}")]
    Entry {
        /// The entry's name, made readable and not too long.
        name: String,
        /// What is wrong with it.
        problem: EntryProblem,
    },
    /// More files, directories and links than allowed.
    #[error("the archive holds more than {limit} files, directories and links")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// More data than allowed.
    #[error("the archive holds more than the {limit} bytes that there is room for")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The names alone would fill the memory.
    #[error("the names in the archive are more than {limit} bytes long together")]
    TooManyNames {
        /// The limit in bytes.
        limit: u64,
    },
}

/// What is wrong with an entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// It has no name.
    #[error("it has no name")]
    NoName,
    /// The name begins at the root.
    #[error("its name begins with a slash")]
    Absolute,
    /// The name leads upwards.
    #[error("its name contains \"..\"")]
    Upwards,
    /// The name can't exist.
    #[error("its name contains a zero byte")]
    Nul,
    /// Longer than Linux allows.
    #[error("its name is too long")]
    LongName,
    /// The archive's root is to be something else.
    #[error("it stands for the archive's root, but is no directory")]
    Root,
    /// It lies in something that is no directory.
    #[error("it lies inside of \"{0}\", which is a file")]
    InsideFile(String),
    /// It would be written through a symbolic link.
    #[error("it would be written through the symbolic link \"{0}\"")]
    ThroughSymlink(String),
    /// Two different things of the same name.
    #[error("an earlier entry has the same name, but is something else")]
    Conflict,
    /// A hard link that leads out of the archive, or to nothing in it.
    #[error("it is a hard link to \"{0}\", which is no earlier file of the archive")]
    HardLink(String),
    /// A symbolic link without a usable target.
    #[error("it is a symbolic link whose target can't be one")]
    Target,
    /// Devices, fifos, sockets and whatever else a file system may hold.
    #[error("it is {0}")]
    Special(&'static str),
    /// Data where there can't be any.
    #[error("it is no file, but has data")]
    Data,
    /// The data is longer or shorter than announced.
    #[error("it has another size than the archive says")]
    Size,
    /// A zip entry under a password.
    #[error("it is encrypted")]
    Encrypted,
    /// A zip entry packed by something else than deflate.
    #[error("it is packed by {0}, which is not supported; deflate is")]
    Compression(String),
}

/// How much of a name is shown.
const SHOWN: usize = 200;

/// Makes a name readable: no control characters, not too long.
pub(crate) fn readable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut shown: String = text.chars().take(SHOWN).flat_map(plain).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A character, or how it is written if it does not show.
fn plain(letter: char) -> Vec<char> {
    let direction = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if letter.is_control() || direction { letter.escape_default().collect() } else { vec![letter] }
}

/// An error that names an entry.
pub(super) fn refuse(name: &[u8], problem: EntryProblem) -> crate::Error {
    ArchiveError::Entry { name: readable(name), problem }.into()
}
