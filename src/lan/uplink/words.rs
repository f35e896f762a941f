//! What went wrong with an uplink, as people read it.

use protocol::{Problem, ProblemCode};
use uplink::{End, Reason, VERSION, WireError};

/// Why a session is over, or never was.
#[derive(Debug)]
pub enum Why {
    /// The browser has no session there; what it says about that.
    Unreachable(String),
    /// The session broke off; what the browser says about that.
    Lost(String),
    /// The endpoint said nothing any more.
    Silent,
    /// The endpoint ended it.
    Ended(End),
    /// What came was not the protocol.
    Nonsense(WireError),
    /// This browser's LAN takes no more ports.
    Full(String),
}

impl From<WireError> for Why {
    fn from(error: WireError) -> Self {
        Self::Nonsense(error)
    }
}

fn problem(message: String, advice: &str) -> Problem {
    Problem { code: ProblemCode::Refused, message, advice: advice.to_owned() }
}

impl Why {
    /// Whether trying again can help without anybody changing anything.
    pub fn passes(&self) -> bool {
        match self {
            Self::Ended(end) => end.reason.passes(),
            Self::Nonsense(_) | Self::Full(_) => false,
            _ => true,
        }
    }

    /// It as a problem of an uplink to this address, with or without hashes.
    pub fn problem(&self, address: &str, hashes: usize) -> Problem {
        match self {
            Self::Unreachable(said) => unreachable(address, hashes, said),
            Self::Lost(said) => problem(
                format!("The connection with the endpoint broke off ({}).", said.trim_end_matches('.')),
                "Nothing has to be done: it is tried again.",
            ),
            Self::Silent => problem(
                "The endpoint has stopped answering.".to_owned(),
                "Nothing has to be done: it is tried again. If that goes on, look whether it runs.",
            ),
            Self::Nonsense(error) => problem(
                format!("What answers there does not speak the uplink protocol: {error}."),
                "Check the address and its path.",
            ),
            Self::Full(said) => {
                problem(format!("This LAN can’t be joined to more: {said}."), "Leave another one first.")
            }
            Self::Ended(end) => ended(end),
        }
    }
}

fn unreachable(address: &str, hashes: usize, said: &str) -> Problem {
    let message = match hashes {
        0 => {
            format!("There is no connection with {address}, or its certificate is not one that this browser believes.")
        }
        _ => {
            format!("There is no connection with {address}, or its certificate does not have the hash that was given.")
        }
    };
    let message = format!("{message} The browser says: {}.", said.trim_end_matches('.'));
    let advice = match hashes {
        0 => {
            "Check the address and its path, that the endpoint runs, and that UDP gets there. If its certificate is self-made, give the hash that it prints."
        }
        _ => {
            "Check that the endpoint runs, that UDP gets there, and its address and path. Then compare the hash with the one that it prints: it takes a new certificate each week."
        }
    };
    problem(message, advice)
}

fn ended(end: &End) -> Problem {
    let said = |what: &str| match end.text.is_empty() {
        true => format!("{what}."),
        false => format!("{what}: {}.", end.text.trim_end_matches('.')),
    };
    match end.reason {
        Reason::Version => problem(
            format!(
                "The endpoint speaks version {} of the uplink protocol, this extension version {VERSION}.",
                end.version
            ),
            if end.version > VERSION { "Update the extension." } else { "Ask whoever runs the endpoint to update it." },
        ),
        Reason::Token => problem(
            said("The endpoint does not let this LAN into the room"),
            "Ask whoever runs the endpoint for the room’s token, and enter it with Change.",
        ),
        Reason::Room => problem(
            said("The endpoint does not have this room"),
            "Check the room’s name, and change it here if it is wrong.",
        ),
        Reason::Full => problem(said("The endpoint takes nobody more"), "Nothing has to be done: it is tried again."),
        Reason::Collision => {
            problem(said("This LAN can’t join the room"), "Have one of the two LANs take other addresses.")
        }
        Reason::Shutdown => {
            problem("The endpoint was shut down.".to_owned(), "Nothing has to be done: it is tried again.")
        }
        Reason::Replaced => problem(
            said("This LAN has joined the room a second time"),
            "If that was not you in another window, forget this uplink and add it anew.",
        ),
        Reason::Abuse => problem(
            said("The endpoint has cut this LAN off"),
            "Look what your machines send before you join again: the network page can capture it.",
        ),
        _ => problem(said("The endpoint ended the session"), "Nothing has to be done: it is tried again."),
    }
}
