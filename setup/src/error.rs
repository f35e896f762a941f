use std::io;

/// What a function of this crate answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something that building or testing needs is not there. Each text says what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not installed and could not be installed from here.
    #[error("{what} is missing. {remedy}")]
    Missing {
        /// What is missing, as the subject of a sentence.
        what: String,
        /// What to install or to set.
        remedy: String,
    },
    /// It is installed, but not as it must be.
    #[error("{what}. {remedy}")]
    Unsuitable {
        /// What was found, without the full stop.
        what: String,
        /// What to install or to set.
        remedy: String,
    },
    /// It could not be installed.
    #[error("{what} could not be installed: {cause}\n{remedy}")]
    NotInstalled {
        /// What was to be installed, as the subject of a sentence.
        what: String,
        /// What the installer said.
        cause: Box<Error>,
        /// What to install or to set.
        remedy: String,
    },
    /// A program that was found could not be started.
    #[error("`{command}` could not be started: {source}. Check that the program is installed and may be run.")]
    Start {
        /// The command line.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed ({outcome}); its last words:\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// Its exit status, or that it was ended because it took too long.
        outcome: String,
        /// The end of what it printed.
        output: String,
    },
    /// A file or folder could not be read or written.
    #[error("{path} could not be {action}: {source}")]
    File {
        /// Where.
        path: String,
        /// "read" or "written".
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn missing(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Missing { what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn unsuitable(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Unsuitable { what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn not_installed(self, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::NotInstalled { what: what.into(), cause: Box::new(self), remedy: remedy.into() }
    }
}
