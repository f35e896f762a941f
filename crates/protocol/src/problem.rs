use serde::{Deserialize, Serialize};

/// What kind of thing went wrong; tests and pages tell problems apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// The browser gives this context no private file system (a private window, or storage switched off).
    NoStorage,
    /// The storage is full.
    NoSpace,
    /// The packaged base image is not what the package says it is.
    ImageDamaged,
    /// The instance's disk can't be opened or read.
    DiskDamaged,
    /// Another context holds the instance's disk.
    DiskBusy,
    /// The browser gave no memory for the machine.
    NoMemory,
    /// The guest's kernel gave up.
    KernelPanic,
    /// v86 failed inside.
    EngineTrap,
    /// The machine's worker ended or fell silent.
    WorkerDied,
    /// The browser or the host page ended while the machine ran.
    Interrupted,
    /// The guest did not shut down in time and was stopped by force.
    Forced,
    /// A file of the user's is not what it should be, or asks for more than is allowed.
    BadFile,
    /// The request names an instance or template that does not exist.
    NotFound,
    /// The request makes no sense in the instance's state, or its content is not allowed.
    Refused,
    /// Two LANs that are to be joined have the same addresses, and this one could take others.
    SameAddresses,
    /// Something else failed.
    Internal,
}

/// An error's words as a sentence: with a capital letter, and one full stop.
pub fn sentence(words: impl std::fmt::Display) -> String {
    let words = words.to_string();
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Something that went wrong, as a person reads it: what happened, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of thing went wrong.
    pub code: ProblemCode,
    /// What happened, as a sentence.
    pub message: String,
    /// What to do next, as a sentence.
    pub advice: String,
}

impl Problem {
    /// A problem with its own words for what happened.
    pub fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), advice: code.advice().to_owned() }
    }
}

impl ProblemCode {
    /// What to do next when this happened.
    fn advice(self) -> &'static str {
        match self {
            Self::NoStorage => {
                "Use a normal window and allow this extension to store data, then start the machine again."
            }
            Self::NoSpace => "Free some disk space or delete machines you no longer need, then press Resume or Start.",
            Self::ImageDamaged => {
                "Install the extension again; your machines' disks are kept apart and stay as they are."
            }
            Self::DiskDamaged => "The disk was left untouched. Start it again, or make a new machine.",
            Self::DiskBusy => "Wait a moment and start the machine again; if it stays, restart the browser.",
            Self::NoMemory => "Close other machines or tabs, or give the machine less memory, then start it again.",
            Self::KernelPanic => "Look at the console for the cause, then restart the machine.",
            Self::EngineTrap => "The disk is safe. Restart the machine.",
            Self::WorkerDied => "The disk is safe. Restart the machine.",
            Self::Interrupted => "The disk holds all that was written. Start the machine to boot it again.",
            Self::Forced => "The disk holds all that was written; the guest repairs its file system at the next start.",
            Self::BadFile => "Nothing was changed. Choose another file, or make it anew with the program it came from.",
            Self::NotFound => "Close this page and open the machine from the toolbar's list.",
            Self::Refused => "Wait until the machine's state allows it, then try again.",
            Self::SameAddresses => {
                "This browser’s LAN can take other addresses: its machines get new ones within a few seconds, and their open connections end."
            }
            Self::Internal => "Try again; if it stays, restart the browser.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_sentences() {
        let sentences = ["the room is full", "“é” is no host.", "é", ""].map(sentence);
        assert_eq!(sentences, ["The room is full.", "“é” is no host.", "É.", "."]);
    }

    #[test]
    fn every_problem_says_what_to_do_next() {
        let problem = Problem::new(ProblemCode::NoSpace, "No room is left for the machine’s disk.");
        assert!(problem.advice.ends_with('.'));
        let json = serde_json::to_string(&problem).unwrap();
        assert!(json.contains("\"no-space\""), "{json}");
        assert_eq!(serde_json::from_str::<Problem>(&json).unwrap(), problem);
    }
}
