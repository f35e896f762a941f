use crate::Kind;
use std::fmt;
use std::io;
use std::path::PathBuf;
use thirtyfour::error::WebDriverError;

/// What a function of this crate answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a browser could not be started or didn't do as it was told.
#[derive(thiserror::Error)]
pub enum Error {
    /// The browser or its driver is missing.
    #[error(transparent)]
    Setup(#[from] setup::Error),
    /// The folder holds no extension that this browser can load.
    #[error("{} is no extension for {kind}: {problem}", folder.display())]
    Extension {
        /// The folder.
        folder: PathBuf,
        /// Which browser was to load it.
        kind: Kind,
        /// What is wrong with it.
        problem: String,
    },
    /// The driver or the browser didn't start.
    #[error("{kind} didn't start: {reason}\nThe driver's last words:\n{log}")]
    Start {
        /// Which browser.
        kind: Kind,
        /// What was seen.
        reason: String,
        /// The end of the driver's log.
        log: String,
    },
    /// The driver answered with an error, or not at all.
    #[error("the browser failed to {doing}: {answer}")]
    Command {
        /// What it was told to do.
        doing: String,
        /// What it answered.
        answer: String,
    },
    /// Chromium's debugging interface didn't answer as expected.
    #[error("Chromium's debugging interface failed to {doing}: {source}")]
    DevTools {
        /// What it was told to do.
        doing: &'static str,
        /// What happened.
        source: reqwest::Error,
    },
    /// A condition did not come true in time.
    #[error("waited {seconds} s in vain for {what}\n{circumstances}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long, in seconds.
        seconds: u64,
        /// The last error of the condition, and what page and browser were doing.
        circumstances: String,
    },
    /// A network of the test's could not be set up or changed.
    #[error("{what} failed: {said}")]
    Network {
        /// The command.
        what: String,
        /// What it said.
        said: String,
    },
    /// A condition of a test that has its own words for why it is not met.
    #[error("{0}")]
    Unmet(String),
    /// A file or folder could not be used.
    #[error("{} could not be {action}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// "read", "written".
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

/// The same as `Display`: what a failing test prints is the `Debug` form, and its reader wants the sentence.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Names what was being done when the driver answered with an error.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, WebDriverError> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::Command { doing: what(), answer: answer(&error) })
    }
}

/// What a driver said, without its own stack and the headings around its words.
pub(crate) fn answer(error: &WebDriverError) -> String {
    const HEADINGS: [&str; 3] = ["Status:", "Additional info:", "(Session info:"];
    let text = error.to_string();
    let words = text.split("Stacktrace:").next().unwrap_or_default().lines().map(str::trim);
    let words = words.filter(|line| !line.is_empty() && !HEADINGS.iter().any(|heading| line.starts_with(heading)));
    words.collect::<Vec<_>>().join("\n")
}
