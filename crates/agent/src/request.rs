use crate::{AgentError, Health, base64, wire};

/// A request's number, for as long as the connection lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u32);

/// The longest line that is sent, because the guest reads it byte by byte.
const SENT_MAX: usize = 96 * 1024;
/// The longest host name (Linux, `include/uapi/linux/utsname.h`).
const NAME_MAX: usize = 64;

/// How a guest stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAction {
    /// The processor halts when all is unmounted.
    Halt,
    /// The machine is reset when all is unmounted.
    Reboot,
}

/// Which of a command's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What a guest can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Runs a command: [`Event::Output`] as it comes, then [`Reply::Exit`]. It is done when the command's outputs are closed, so what it
    /// leaves running should have outputs of its own.
    Exec {
        /// For `sh -c`, without NUL. Working directory is root's home.
        command: Vec<u8>,
        /// Its standard input; for more than some KiB a put is quicker.
        input: Vec<u8>,
        /// The most that it may put out, in bytes.
        output_max: u64,
    },
    /// Makes all that was written durable.
    Sync,
    /// Unpacks a tar stream into a directory, which is made if it is not there.
    Put {
        /// Its absolute path.
        directory: Vec<u8>,
    },
    /// Packs a directory's content as a tar stream, which may have zeros behind its end.
    Get {
        /// Its absolute path.
        directory: Vec<u8>,
    },
    /// How the guest is doing: [`Reply::Health`].
    Health,
    /// Sets the clock.
    SetTime {
        /// Seconds since 1970.
        seconds: u64,
    },
    /// Sets the host name until the next boot.
    SetName {
        /// Letters, digits and hyphens.
        name: String,
    },
    /// Makes a guest that goes on from a saved state this machine's own: its clock, its random numbers, its host name. Where the state
    /// is one for many machines, it begins to run its shells now.
    Settle {
        /// Milliseconds since 1970.
        milliseconds: u64,
        /// Random bytes that no other machine has.
        seed: [u8; 32],
        /// Letters, digits and hyphens.
        name: String,
    },
    /// Grows the mounted file systems to the sizes of their disks.
    Grow,
    /// Stops the guest as Ctrl-Alt-Del does; it is done when that has begun.
    Stop(StopAction),
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It is done.
    Done,
    /// A command has ended with this status; 128 and more is a signal.
    Exit(i32),
    /// Of [`Request::Health`].
    Health(Health),
}

/// What the connection tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The agent is there, or there again after a restart.
    Up,
    /// A command has put out bytes.
    Output {
        /// The exec.
        id: RequestId,
        /// Where.
        stream: Stream,
        /// What.
        bytes: Vec<u8>,
    },
    /// A put can take more bytes.
    Room {
        /// The put.
        id: RequestId,
        /// How many bytes the guest has taken by now.
        taken: u64,
    },
    /// A get has bytes; say [`crate::Agent::taken`] when there is room for more.
    Data {
        /// The get.
        id: RequestId,
        /// The next bytes of the stream.
        bytes: Vec<u8>,
    },
    /// The request is over; nothing more comes of it.
    Over {
        /// The request.
        id: RequestId,
        /// What came of it.
        result: Result<Reply, AgentError>,
    },
}

impl Request {
    /// The line that asks for it.
    pub(crate) fn line(&self, id: RequestId) -> Result<String, AgentError> {
        let id = id.0;
        let text = match self {
            Self::Exec { command, input, .. } => {
                let room = SENT_MAX.saturating_sub(command.len());
                if base64::encoded_len(input.len()) > room {
                    return Err(AgentError::TooLong);
                }
                let input = if input.is_empty() { "-".to_owned() } else { base64::encode(input) };
                format!("exec {id} {} {input}", argument(command)?)
            }
            Self::Sync => format!("sync {id}"),
            Self::Put { directory } => format!("put {id} {}", path(directory)?),
            Self::Get { directory } => format!("get {id} {}", path(directory)?),
            Self::Health => format!("health {id}"),
            Self::SetTime { seconds } => format!("time {id} {seconds}"),
            Self::SetName { name } => format!("name {id} {}", host_name(name)?),
            Self::Settle { milliseconds, seed, name } => {
                let seed: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
                let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
                format!("settle {id} {seconds} {rest} {seed} {}", host_name(name)?)
            }
            Self::Grow => format!("grow {id}"),
            Self::Stop(StopAction::Halt) => format!("stop {id} halt"),
            Self::Stop(StopAction::Reboot) => format!("stop {id} reboot"),
        };
        if text.len() > SENT_MAX { Err(AgentError::TooLong) } else { Ok(wire::line(&text)) }
    }
}

/// Bytes that become an argument of a program.
fn argument(bytes: &[u8]) -> Result<String, AgentError> {
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(AgentError::Invalid);
    }
    // Before they are encoded, which makes them up to five times as many.
    if bytes.len() > SENT_MAX { Err(AgentError::TooLong) } else { Ok(wire::word(bytes)) }
}

fn path(bytes: &[u8]) -> Result<String, AgentError> {
    if bytes.starts_with(b"/") { argument(bytes) } else { Err(AgentError::Invalid) }
}

fn host_name(name: &str) -> Result<&str, AgentError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let good = !name.is_empty() && name.len() <= NAME_MAX && !name.starts_with('-') && name.bytes().all(allowed);
    if good { Ok(name) } else { Err(AgentError::Invalid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(command: &[u8], input: &[u8]) -> Result<String, AgentError> {
        Request::Exec { command: command.to_vec(), input: input.to_vec(), output_max: 0 }.line(RequestId(7))
    }

    #[test]
    fn a_command_is_one_line_whatever_is_in_it() {
        assert_eq!(exec(b"ls", b"").unwrap(), "11 exec 7 ls -\n");
        assert_eq!(exec(b"a\nb", b"in").unwrap(), "19 exec 7 a\\0012b aW4=\n");
    }

    #[test]
    fn a_guest_is_given_its_time_in_whole_seconds_and_the_rest() {
        let settle = Request::Settle { milliseconds: 1_790_000_000_042, seed: [0xa5; 32], name: "alpine-2".into() };
        let line = settle.line(RequestId(3)).unwrap();
        assert!(line.ends_with(&format!(" settle 3 1790000000 42 {} alpine-2\n", "a5".repeat(32))), "{line}");
    }

    #[test]
    fn what_no_guest_could_be_given_is_refused() {
        assert_eq!(exec(b"", b""), Err(AgentError::Invalid));
        assert_eq!(exec(b"a\0", b""), Err(AgentError::Invalid));
        assert_eq!(exec(b"cat", &[0; 80_000]), Err(AgentError::TooLong));
        assert_eq!(exec(&[b' '; 30_000], b""), Err(AgentError::TooLong));
        assert_eq!(Request::Put { directory: b"tmp".to_vec() }.line(RequestId(1)), Err(AgentError::Invalid));
        for name in ["", "-a", "a b", "a.b", "ä", &"a".repeat(65)] {
            assert_eq!(
                Request::SetName { name: name.to_owned() }.line(RequestId(1)),
                Err(AgentError::Invalid),
                "{name}"
            );
        }
    }
}
