use thiserror::Error;

/// What is wrong with a hardware address as text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a hardware address: six pairs of hexadecimal digits with colons between them are expected")]
pub struct MacError(pub String);

/// Why something can't be attached to the LAN.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AttachError {
    /// Another port has this hardware address.
    #[error("the hardware address {0} is already on the LAN: two machines can't have the same one")]
    MacTaken(crate::Mac),
    /// No station can have this hardware address.
    #[error("{0} is not a hardware address that a machine can have")]
    MacUnusable(crate::Mac),
    /// There are as many ports as the switch has room for.
    #[error("the LAN is full: {0} ports are in use; stop a machine or disconnect a peer first")]
    Full(usize),
}

/// Why a batch of frames was refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// The batch ends within a frame or its length.
    #[error("a batch of frames ends in the middle of a frame")]
    CutShort,
    /// A frame is shorter than an Ethernet header.
    #[error("a batch has a frame of {0} bytes, which is less than an Ethernet header")]
    FrameTooShort(usize),
    /// A frame is longer than this LAN's frames.
    #[error("a batch has a frame of {length} bytes; this LAN's longest have {max}")]
    FrameTooLong {
        /// What the batch says, in bytes.
        length: usize,
        /// The longest frame, in bytes.
        max: usize,
    },
    /// More frames than a batch may have.
    #[error("a batch has more than {0} frames")]
    TooManyFrames(usize),
    /// The batch as a whole is too large.
    #[error("a batch of {0} bytes is too large")]
    TooLarge(usize),
}

/// Why what lies in a ring is no batch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RingError {
    /// The counters are so many bytes apart, which is too little for a batch or more than there is.
    #[error("a ring's counters are {0} bytes apart, which can't be")]
    Counters(usize),
    /// A batch is longer than what was written.
    #[error("a batch in a ring has {length} bytes, and {used} were written")]
    Length {
        /// What the batch says, in bytes.
        length: usize,
        /// What there is, in bytes.
        used: usize,
    },
}

/// Why a connection to a machine's service can't be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// Nothing is attached there.
    #[error("this machine is not on the LAN")]
    NoSuchPort,
    /// The machine has no address yet.
    #[error("this machine has no address on the LAN yet: its network is not up")]
    NoAddress,
    /// As many connections as are allowed.
    #[error("this machine has {0} connections to the gateway, which is as many as it may have")]
    TooMany(usize),
    /// Port 0.
    #[error("0 is not a port")]
    NoPort,
}
