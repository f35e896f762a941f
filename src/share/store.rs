//! Blobs as files of the private file system, each with its number for a name.

use crate::disks::opfs::{Directory, LockedFile};
use block::{BlockError, BlockFile};
use ninep::{BlobId, BlobStore, StoreError};
use protocol::{Problem, ProblemCode};

/// How many files are open at once. Opening one takes about a millisecond, and each takes a descriptor of the browser's.
const OPEN_MAX: usize = 64;
/// How often a file that its ended worker has not yet let go of is tried again, and after how many milliseconds.
const BUSY_TRIES: u32 = 50;
const BUSY_PAUSE_MS: i32 = 100;

/// A directory of blobs.
#[derive(Debug)]
pub struct OpfsStore {
    directory: Directory,
    /// The open ones, those used last at the end.
    open: Vec<(BlobId, LockedFile)>,
}

fn failed(problem: Problem) -> StoreError {
    match problem.code {
        ProblemCode::NoSpace => StoreError::NoSpace,
        _ => StoreError::Io(problem.message),
    }
}

fn io(error: BlockError) -> StoreError {
    match error {
        BlockError::NoSpace => StoreError::NoSpace,
        error => StoreError::Io(error.to_string()),
    }
}

impl OpfsStore {
    /// The blobs in this directory, which nobody else may touch.
    pub fn new(directory: Directory) -> Self {
        Self { directory, open: Vec::with_capacity(OPEN_MAX) }
    }

    /// The file, made if it is not there.
    async fn file(&mut self, id: BlobId) -> Result<&mut LockedFile, StoreError> {
        match self.open.iter().rposition(|(open, _)| *open == id) {
            Some(last) if last + 1 == self.open.len() => {}
            Some(place) => {
                let used = self.open.remove(place);
                self.open.push(used);
            }
            None => {
                let file = self.lock(id).await?;
                if self.open.len() >= OPEN_MAX {
                    self.open.remove(0);
                }
                self.open.push((id, file));
            }
        }
        let last = self.open.last_mut().map(|(_, file)| file);
        last.ok_or_else(|| StoreError::Io("no file is open".to_owned()))
    }

    async fn lock(&self, id: BlobId) -> Result<LockedFile, StoreError> {
        let mut tries = 0;
        loop {
            match self.directory.locked(&id.to_string()).await {
                Err(problem) if problem.code == ProblemCode::DiskBusy && tries < BUSY_TRIES => {
                    tries += 1;
                    crate::storage::pause(BUSY_PAUSE_MS).await;
                }
                opened => return opened.map_err(failed),
            }
        }
    }
}

impl BlobStore for OpfsStore {
    async fn list(&mut self) -> Result<Vec<BlobId>, StoreError> {
        let entries = self.directory.entries().await.map_err(failed)?;
        Ok(entries.into_iter().filter_map(|entry| entry.name.parse().ok()).collect())
    }

    async fn create(&mut self, id: BlobId) -> Result<(), StoreError> {
        self.file(id).await?.set_len(0).map_err(io)
    }

    async fn len(&mut self, id: BlobId) -> Result<u64, StoreError> {
        self.file(id).await?.len().map_err(io)
    }

    async fn read_at(&mut self, id: BlobId, offset: u64, buf: &mut [u8]) -> Result<usize, StoreError> {
        self.file(id).await?.read_some(offset, buf).map_err(io)
    }

    async fn write_at(&mut self, id: BlobId, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        self.file(id).await?.write_at(offset, data).map_err(io)
    }

    async fn truncate(&mut self, id: BlobId, len: u64) -> Result<(), StoreError> {
        let file = self.file(id).await?;
        if file.len().map_err(io)? > len { file.set_len(len).map_err(io) } else { Ok(()) }
    }

    async fn flush(&mut self, id: BlobId) -> Result<(), StoreError> {
        self.file(id).await?.flush().map_err(io)
    }

    async fn remove(&mut self, id: BlobId) -> Result<(), StoreError> {
        self.open.retain(|(open, _)| *open != id);
        self.directory.remove(&id.to_string()).await.map_err(failed)
    }
}
