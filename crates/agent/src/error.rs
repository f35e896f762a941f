/// Why a request to the guest agent failed. Each text is a sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// No agent has ever said that it is there.
    #[error("The guest’s agent has not answered yet: the machine is still booting, or its system has no agent.")]
    NoAgent,
    /// There is an agent, but nothing was heard of this request for as long as its caller was willing to wait.
    #[error("The guest’s agent did not answer in time.")]
    Silent,
    /// The agent was started anew, and knows nothing of this request.
    #[error("The guest’s agent was restarted before it was done.")]
    Restarted,
    /// The agent speaks a protocol that is newer than ours.
    #[error("The guest’s agent speaks version {0} of its protocol, which this version of VM Workbench does not know.")]
    Version(u32),
    /// The agent is older than this request.
    #[error("The guest’s agent does not know how to do this; it is of an older version.")]
    Unknown,
    /// The caller has canceled it.
    #[error("It was canceled.")]
    Canceled,
    /// The answer makes no sense.
    #[error("The guest’s agent gave an answer that makes no sense.")]
    Garbled,
    /// A command has put out more than its request allows; it was ended.
    #[error("The command was ended because it put out more than {0} bytes.")]
    TooMuchOutput(u64),
    /// The request can't be put into a line.
    #[error("The request is too long for the guest’s agent.")]
    TooLong,
    /// The request has text that can't be given to a guest: none at all, a NUL byte, or a host name that is none.
    #[error("The request has text that can’t be given to a guest.")]
    Invalid,
    /// There are too many requests at once.
    #[error("The guest’s agent has too much to do at once.")]
    Busy,
    /// The guest has tried and failed.
    #[error("The guest could not do it (status {status}): {said}")]
    Failed {
        /// The exit status of what failed.
        status: i32,
        /// What it said.
        said: String,
    },
}
