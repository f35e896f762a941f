use std::io;
use std::path::PathBuf;

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a kernel or an image could not be built. Each text is a sentence for the person who ran the build.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// A verb: "read", "write", "create".
        action: &'static str,
        /// The file or directory that it was about.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A program that is needed is not installed.
    #[error("the program `{program}` is needed and is neither in PATH nor in /sbin or /usr/sbin: install {package}")]
    ToolMissing {
        /// Its name.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A program ran and failed.
    #[error("`{command}` failed ({status}): {said}")]
    CommandFailed {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        said: String,
    },
    /// A file of ours does not have the form that it should have.
    #[error("{path} is not as it should be: {problem}")]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        problem: String,
    },
    /// A downloaded or committed file is not the one that is pinned. Never answered by taking another file instead.
    #[error(
        "{what} has the wrong checksum, and was not used: {algorithm} {found}, but {pinned_in} says {expected}. \
         If the file was meant to change, change the pin; otherwise the file is damaged or not what it claims to be"
    )]
    WrongChecksum {
        /// The file's name or address.
        what: String,
        /// `SHA-256` or `SHA-512`.
        algorithm: &'static str,
        /// Of the file, in hex.
        found: String,
        /// The pinned one, in hex.
        expected: String,
        /// The file that pins it.
        pinned_in: PathBuf,
    },
    /// No apt source of this system is a Debian archive.
    #[error(
        "no Debian archive is among this system's apt sources, and the Debian package `{package}` is needed from one"
    )]
    NoDebianArchive {
        /// The package that was wanted.
        package: String,
    },
    /// Options of the kernel fragment did not make it into the configuration.
    #[error("the kernel's configuration refused what the fragment asks for: {}", .0.join(", "))]
    FragmentRefused(Vec<String>),
    /// The kernel that was built can't be made flat.
    #[error("the kernel can't be made flat: {0}")]
    NotFlat(String),
    /// A node of a root file system can't be written to an image.
    #[error("`{path}` can't be put into the image: {problem}")]
    BadNode {
        /// Its path in the guest.
        path: String,
        /// Why not.
        problem: String,
    },
    /// `e2fsck` or `debugfs` found fault with an image of ours.
    #[error("the image {path} came out damaged: {said}")]
    BadImage {
        /// The raw image.
        path: PathBuf,
        /// What the tool said.
        said: String,
    },
    /// No place has the source of a flavour.
    #[error("no source could be reached ({})", .tried.join("; "))]
    NoSource {
        /// Each place and what was wrong with it.
        tried: Vec<String>,
    },
    /// Neither flavour can be built here.
    #[error(
        "no guest image can be built. Alpine: no source could be reached ({alpine}); set ALPINE_MIRROR to a mirror's address or \
         directory. Debian instead: {debian}"
    )]
    NoImage {
        /// The places that were tried.
        alpine: String,
        /// Why Debian can't be built either.
        debian: Box<Error>,
    },
    /// debootstrap can only be run by root.
    #[error("a Debian image can only be built by root, because debootstrap runs the packages' own scripts in a chroot")]
    RootNeeded,
    /// A flavour's name that does not exist.
    #[error("there is no guest flavour `{0}`; there are `alpine` and `debian`")]
    UnknownFlavour(String),
}

impl Error {
    /// For `map_err`: says what was being done to which path.
    pub(crate) fn io<P: Into<PathBuf>>(action: &'static str, path: P) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// A file of ours that can't be understood.
    pub(crate) fn bad_file<P: Into<PathBuf>>(path: P, problem: impl ToString) -> Self {
        Self::BadFile { path: path.into(), problem: problem.to_string() }
    }
}
