use crate::{FileName, FilePath, InstanceId, Problem};
use serde::{Deserialize, Serialize};

/// Name of the `BroadcastChannel` by which storage workers reach the machine worker whose files are shared: [`ShareAsk`], [`ShareAnswer`].
pub fn share_channel(id: &InstanceId) -> String {
    format!("share:{id}")
}

/// Name of the `BroadcastChannel` on which pages hear that a machine's shared files have changed. What is said there has no content.
pub fn share_news_channel(id: &InstanceId) -> String {
    format!("share-news:{id}")
}

/// How many entries of a folder a [`ShareListing`] has at most.
pub const LISTING_MAX: usize = 2_000;
/// How many bytes are moved at once, at most.
pub const SHARE_PIECE: u32 = 1 << 20;

/// What the name of a file begins with that is just being uploaded: pages do not show it.
pub const UNFINISHED: &str = ".upload-";

/// Whether this is the name of a file that is just being uploaded.
pub fn is_unfinished(name: &FileName) -> bool {
    let job = name.as_str().strip_prefix(UNFINISHED);
    job.is_some_and(|job| crate::JobId::try_from(job.to_owned()).is_ok())
}

/// What a page asks about a machine's exchange folder. Paths are below that folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRequest {
    /// Whose.
    pub id: InstanceId,
    /// What.
    pub what: ShareWhat,
}

/// See [`ShareRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareWhat {
    /// What is in a folder: answered with [`crate::DiskReply::Share`].
    List {
        /// Which folder.
        path: FilePath,
        /// Where to begin: 0, or [`ShareListing::next`].
        after: u64,
    },
    /// Makes a folder, which must not be there.
    MakeFolder(FilePath),
    /// Gives a file or folder another name or place, where nothing is.
    Rename {
        /// What.
        from: FilePath,
        /// Where to.
        to: FilePath,
    },
    /// Removes a file, or a folder with all that is in it.
    Delete(FilePath),
    /// Begins to take in files that the page hands over by the [`crate::file_channel`]: answered with [`crate::DiskReply::Job`].
    Upload {
        /// Into which folder.
        into: FilePath,
        /// What is taken in, for the user.
        name: String,
    },
    /// Begins to write a file, or a folder as a zip, to where the page can save it: answered with [`crate::DiskReply::Job`].
    Download(FilePath),
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareKind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A symbolic link, which means something only in the guest.
    Link,
    /// A FIFO, a socket or a device.
    Other,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareStat {
    /// What it is.
    pub kind: ShareKind,
    /// Its length in bytes; 0 for what is no file.
    pub bytes: u64,
    /// When its content changed last, in milliseconds since 1970.
    pub modified: u64,
    /// Its permissions.
    pub mode: u32,
    /// A number that changes with the content.
    pub version: u32,
}

/// A file in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareEntry {
    /// Its name.
    pub name: FileName,
    /// What is known of it.
    pub stat: ShareStat,
    /// Where a symbolic link leads, as text; empty for all else.
    pub target: String,
}

/// A part of what is in a folder, in the order in which it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareListing {
    /// The entries.
    pub entries: Vec<ShareEntry>,
    /// Where the next part begins, if there may be more.
    pub next: Option<u64>,
}

/// What a storage worker asks of the machine worker that has the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareAsk {
    /// Who asks; random.
    pub client: u32,
    /// Chosen by who asks; the answer carries it.
    pub call: u32,
    /// What.
    pub op: ShareOp,
}

/// The answer to a [`ShareAsk`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareAnswer {
    /// Whom it is for.
    pub client: u32,
    /// The question's number.
    pub call: u32,
    /// What came of it.
    pub result: Result<ShareDone, Problem>,
}

/// One thing that is done with the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareOp {
    /// Is anybody there? Answered with [`ShareDone::Done`].
    Hello,
    /// What is at the path: [`ShareDone::Stat`].
    Stat(FilePath),
    /// What is in the folder: [`ShareDone::Listing`].
    List(FilePath, u64),
    /// Bytes from an offset on, less than asked for only at the file's end: [`ShareDone::Bytes`].
    Read(FilePath, u64, u32),
    /// An empty file, where nothing is or a file that loses its content.
    Create(FilePath),
    /// Bytes at an offset of a file.
    Write(FilePath, u64, #[serde(with = "serde_bytes")] Vec<u8>),
    /// A folder, where nothing is.
    MakeFolder(FilePath),
    /// Another name, which nothing has.
    Rename(FilePath, FilePath),
    /// Away with it.
    Remove(FilePath),
    /// All of it outlives a crash from now on.
    Sync,
    /// How much all of the machine's shared files take up: [`ShareDone::Used`].
    Used,
}

/// What came of a [`ShareOp`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareDone {
    /// It is done.
    Done,
    /// What is there.
    Stat(ShareStat),
    /// What is in it.
    Listing(ShareListing),
    /// So many bytes.
    Used(u64),
    /// The bytes.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
}

impl ShareWhat {
    /// Whether it takes long, and is done as a job.
    pub fn is_work(&self) -> bool {
        matches!(self, Self::Upload { .. } | Self::Download(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_with_a_way_out_of_the_folder_is_no_request() {
        let id = InstanceId::from_random(1);
        let path = FilePath::try_from("a/b".to_owned()).unwrap();
        let json = serde_json::to_string(&ShareRequest { id, what: ShareWhat::Delete(path) }).unwrap();
        assert!(serde_json::from_str::<ShareRequest>(&json).is_ok());
        for path in ["../b", "a/../../b", "/b", "a%2F..%2Fb"] {
            let hostile = json.replace("a/b", path);
            assert_ne!(hostile, json);
            assert!(serde_json::from_str::<ShareRequest>(&hostile).is_err(), "{path}");
        }
    }
}
