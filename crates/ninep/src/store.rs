//! Where bytes are kept: numbered blobs.

use std::collections::BTreeMap;

/// The number of a blob.
pub type BlobId = u64;

/// Why a store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no room.
    #[error("no room is left in the browser’s storage")]
    NoSpace,
    /// Anything else, in the storage's words.
    #[error("the browser’s storage failed: {0}")]
    Io(String),
}

/// Numbered runs of bytes: files of OPFS with a number for a name, or memory.
///
/// A change may be lost in a crash, or half made, until the blob's next [`flush`](Self::flush) has ended; and changes may reach
/// the disk in any order until then. A blob's making is durable with its first flush.
pub trait BlobStore {
    /// All blobs that there are.
    fn list(&mut self) -> impl Future<Output = Result<Vec<BlobId>, StoreError>>;

    /// Makes an empty blob; what the number held before is gone.
    fn create(&mut self, id: BlobId) -> impl Future<Output = Result<(), StoreError>>;

    /// Its length in bytes; 0 if there is none of that number.
    fn len(&mut self, id: BlobId) -> impl Future<Output = Result<u64, StoreError>>;

    /// Reads into `buf` and says how many bytes there were: less than asked for only at the end.
    fn read_at(&mut self, id: BlobId, offset: u64, buf: &mut [u8]) -> impl Future<Output = Result<usize, StoreError>>;

    /// Writes all of `data`, growing the blob if need be; a gap reads as zeros. After an error any part may have been written.
    fn write_at(&mut self, id: BlobId, offset: u64, data: &[u8]) -> impl Future<Output = Result<(), StoreError>>;

    /// Shortens the blob to `len` bytes, if it is longer.
    fn truncate(&mut self, id: BlobId, len: u64) -> impl Future<Output = Result<(), StoreError>>;

    /// Waits until all of the blob is durable.
    fn flush(&mut self, id: BlobId) -> impl Future<Output = Result<(), StoreError>>;

    /// Removes the blob, if there is one.
    fn remove(&mut self, id: BlobId) -> impl Future<Output = Result<(), StoreError>>;
}

/// A change of a [`MemoryStore`], as its log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A blob was made.
    Create(BlobId),
    /// Bytes were written at an offset.
    Write(BlobId, u64, Vec<u8>),
    /// A blob was shortened.
    Truncate(BlobId, u64),
    /// Everything before is durable, as far as this blob goes.
    Flush(BlobId),
    /// A blob was removed.
    Remove(BlobId),
}

impl Change {
    fn blob(&self) -> BlobId {
        match self {
            Self::Create(id) | Self::Write(id, ..) | Self::Truncate(id, _) | Self::Flush(id) | Self::Remove(id) => *id,
        }
    }
}

/// Blobs in memory, for tests: it can fail, and say what would be left after a crash.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    blobs: BTreeMap<BlobId, Vec<u8>>,
    /// Every change, in order, if they are to be kept.
    pub log: Option<Vec<Change>>,
    /// How many more changes succeed; all do if `None`. The first that fails does half of its work.
    pub fail_after: Option<(usize, StoreError)>,
    /// How many bytes all blobs may have together.
    pub room: Option<usize>,
}

impl MemoryStore {
    /// What may be left of a store that was empty at first, after these changes and a crash. What was flushed is there; of
    /// each other change `fate` says whether it was made: not at all at 0, wholly at 255, else as much of its bytes.
    pub fn after_crash(changes: &[Change], mut fate: impl FnMut() -> u8) -> Self {
        let mut flushed = BTreeMap::new();
        for (at, change) in changes.iter().enumerate() {
            if let Change::Flush(id) = change {
                flushed.insert(*id, at);
            }
        }
        let mut store = Self::default();
        for (at, change) in changes.iter().enumerate() {
            let sure = flushed.get(&change.blob()).is_some_and(|flush| at < *flush);
            let fate = if sure { u8::MAX } else { fate() };
            match change {
                _ if fate == 0 => {}
                Change::Write(id, offset, data) if fate < u8::MAX => {
                    let part = data.len() * usize::from(fate) / 255;
                    store.apply(&Change::Write(*id, *offset, data[..part].to_vec()));
                }
                whole => store.apply(whole),
            }
        }
        store
    }

    /// The blobs that there are.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.blobs.keys().copied()
    }

    /// A blob's bytes.
    pub fn blob(&self, id: BlobId) -> Option<&[u8]> {
        self.blobs.get(&id).map(Vec::as_slice)
    }

    /// A blob's bytes, to be damaged; the blob is made if need be.
    pub fn blob_mut(&mut self, id: BlobId) -> &mut Vec<u8> {
        self.blobs.entry(id).or_default()
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(id) => {
                self.blobs.insert(*id, Vec::new());
            }
            Change::Write(id, offset, data) => {
                let blob = self.blobs.entry(*id).or_default();
                let start = usize::try_from(*offset).unwrap_or(usize::MAX);
                if blob.len() < start + data.len() {
                    blob.resize(start + data.len(), 0);
                }
                blob[start..start + data.len()].copy_from_slice(data);
            }
            Change::Truncate(id, len) => {
                let len = usize::try_from(*len).unwrap_or(usize::MAX);
                self.blobs.entry(*id).or_default().truncate(len);
            }
            Change::Flush(_) => {}
            Change::Remove(id) => {
                self.blobs.remove(id);
            }
        }
    }

    fn change(&mut self, change: Change) -> Result<(), StoreError> {
        if let Some((left, error)) = &mut self.fail_after {
            if *left == 0 {
                let error = error.clone();
                if let Change::Write(id, offset, data) = change {
                    self.apply(&Change::Write(id, offset, data[..data.len() / 2].to_vec()));
                }
                return Err(error);
            }
            *left -= 1;
        }
        if let (Some(room), Change::Write(id, offset, data)) = (self.room, &change) {
            let end = usize::try_from(*offset).unwrap_or(usize::MAX).saturating_add(data.len());
            let grows = end.saturating_sub(self.blobs.get(id).map_or(0, Vec::len));
            if self.blobs.values().map(Vec::len).sum::<usize>().saturating_add(grows) > room {
                return Err(StoreError::NoSpace);
            }
        }
        self.apply(&change);
        if let Some(log) = &mut self.log {
            log.push(change);
        }
        Ok(())
    }
}

impl BlobStore for MemoryStore {
    async fn list(&mut self) -> Result<Vec<BlobId>, StoreError> {
        Ok(self.blobs.keys().copied().collect())
    }

    async fn create(&mut self, id: BlobId) -> Result<(), StoreError> {
        self.change(Change::Create(id))
    }

    async fn len(&mut self, id: BlobId) -> Result<u64, StoreError> {
        Ok(self.blobs.get(&id).map_or(0, |blob| blob.len() as u64))
    }

    async fn read_at(&mut self, id: BlobId, offset: u64, buf: &mut [u8]) -> Result<usize, StoreError> {
        let blob = self.blobs.get(&id).map_or(&[][..], Vec::as_slice);
        let rest = usize::try_from(offset).ok().and_then(|offset| blob.get(offset..)).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    async fn write_at(&mut self, id: BlobId, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        self.change(Change::Write(id, offset, data.to_vec()))
    }

    async fn truncate(&mut self, id: BlobId, len: u64) -> Result<(), StoreError> {
        self.change(Change::Truncate(id, len))
    }

    async fn flush(&mut self, id: BlobId) -> Result<(), StoreError> {
        self.change(Change::Flush(id))
    }

    async fn remove(&mut self, id: BlobId) -> Result<(), StoreError> {
        self.change(Change::Remove(id))
    }
}
