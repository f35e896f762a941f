/// Why a workspace's files can't be written out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkspaceError {
    /// No ext4 on the disk.
    #[error("there is no ext4 file system on this disk, so its files can't be read; export the disk as it is")]
    NoFileSystem,
    /// What the file system says can't be true.
    #[error("the file system is damaged: {0}; start the machine once, which checks it, or export the disk as it is")]
    Damaged(String),
    /// A feature of the file system that is not read.
    #[error("the file system can't be read here: {0}; export the disk as it is")]
    Unsupported(String),
    /// Directories in directories, without end or nearly so.
    #[error("the path of \"{0}…\" is longer than 4096 bytes; such files can't be put into an archive")]
    LongPath(String),
    /// A zip's directory would fill the memory.
    #[error("there are more than {limit} files and directories, too many for a zip; choose tar")]
    TooManyForZip {
        /// The limit.
        limit: u64,
    },
}
