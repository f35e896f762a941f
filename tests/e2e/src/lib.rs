//! The workbench in a real browser: what tests and the build tool do with it.
//!
//! A [`Workbench`] speaks with the background as the product's pages do; a [`Console`] is a viewer of a machine's two
//! terminals. Both run in whatever page of the extension is shown, and need nothing that the product does not have.

mod console;
mod exec;
pub mod peers;
mod profiles;
mod tasks;
mod workbench;

pub use console::Console;
pub use exec::Finished;
pub use workbench::Workbench;

use protocol::Problem;

/// Why something could not be done with the workbench.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The browser failed, or something was waited for in vain.
    #[error(transparent)]
    Browser(#[from] driver::Error),
    /// The background refused, or a machine has a problem.
    #[error("{} {}", .0.message, .0.advice)]
    Problem(Problem),
    /// The page answered something that is not of the protocol.
    #[error("the page answered “{0}”")]
    Answer(String),
    /// A machine's console did not show what it should have.
    #[error("the console did not show {wanted} within {seconds} s; it showed:\n{shown}")]
    Silent {
        /// What was waited for.
        wanted: String,
        /// How long, in seconds.
        seconds: u64,
        /// The end of what was there.
        shown: String,
    },
}

/// What a function of this crate answers.
pub type Result<T> = std::result::Result<T, Error>;
