/// Why bytes are not the protocol's. Nothing that comes after them can be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A body that is longer than its kind may be.
    #[error("a message of kind {kind} has {length} bytes, but at most {max} are allowed")]
    TooLong {
        /// The kind's number.
        kind: u8,
        /// What its header says.
        length: usize,
        /// What would be allowed.
        max: usize,
    },
    /// A body that ends before everything that has to be in it.
    #[error("a message of kind {0} ends too early")]
    CutShort(u8),
    /// A body with bytes behind its end.
    #[error("a message of kind {0} has bytes behind its end")]
    TooMuch(u8),
    /// A hello that does not begin as hellos do.
    #[error("this is no hello of the uplink protocol")]
    NoHello,
    /// A text that is none, or too long, or with control characters.
    #[error("the {0} of a message can’t be used")]
    Text(&'static str),
    /// More entries than a list may have.
    #[error("a list of {0} is too long")]
    TooMany(&'static str),
}
