//! What is in the files: blobs, holes, and what has to be durable before what.

use super::table::{Fields, Record};
use super::{MetaTree, new_fields};
use crate::store::{BlobId, BlobStore, StoreError};
use crate::tree::{Ino, Kind, SetAttr, SetTime, Time};
use crate::{Errno, NewInode};

/// The longest file in bytes, 8 TiB: far beyond any browser's quota, and exact as a JavaScript number.
const MAX_FILE: u64 = 1 << 43;
/// How much is flushed by way of removals once so many bytes wait for it.
const MAX_DOOMED_BYTES: u64 = 64 << 20;

impl<B: BlobStore> MetaTree<B> {
    pub(super) fn file(&self, ino: Ino) -> Result<&Fields, Errno> {
        let fields = &self.inode(ino)?.fields;
        match fields.kind {
            Kind::File => Ok(fields),
            Kind::Dir => Err(Errno::IsDir),
            _ => Err(Errno::Inval),
        }
    }

    pub(super) async fn read_file(&mut self, ino: Ino, offset: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let fields = self.file(ino)?;
        let Some(rest) = fields.size.checked_sub(offset) else { return Ok(0) };
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(buf.len());
        let stored = usize::try_from(fields.stored.saturating_sub(offset)).unwrap_or(usize::MAX).min(len);
        let buf = &mut buf[..len];
        let read = match fields.blob {
            Some(blob) if stored > 0 => self.store.read_at(blob, offset, &mut buf[..stored]).await?,
            _ => 0,
        };
        // Holes, and what a crash took.
        buf[read..].fill(0);
        Ok(len)
    }

    pub(super) async fn write_file(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<(), Errno> {
        let fields = self.file(ino)?;
        if data.is_empty() {
            return Ok(());
        }
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= MAX_FILE).ok_or(Errno::FBig)?;
        let grows = end.saturating_sub(fields.stored);
        if grows > 0 && self.table.used.saturating_add(grows) > self.settings.quota {
            return Err(Errno::NoSpc);
        }
        if self.doomed.values().sum::<u64>() > MAX_DOOMED_BYTES {
            self.settle().await?;
        }
        let blob = self.put_bytes(ino, offset, data).await?;
        let now = self.now();
        let Some(inode) = self.table.inodes.get_mut(&ino) else { return Err(Errno::Stale) };
        let fields = &mut inode.fields;
        fields.blob = Some(blob);
        fields.stored = fields.stored.max(end);
        fields.size = fields.size.max(end);
        touch(fields, now);
        self.table.used += grows;
        self.dirty.insert(ino);
        Ok(())
    }

    /// Writes the bytes to the file's blob, and tries again if room can be made.
    async fn put_bytes(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<BlobId, Errno> {
        match self.try_put_bytes(ino, offset, data).await {
            Err(StoreError::NoSpace) if !self.doomed.is_empty() => {
                self.settle().await?;
                Ok(self.try_put_bytes(ino, offset, data).await?)
            }
            done => Ok(done?),
        }
    }

    async fn try_put_bytes(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<BlobId, StoreError> {
        let fields = self.table.inodes.get(&ino).map(|inode| &inode.fields);
        let (blob, stored) = match fields.and_then(|fields| fields.blob.map(|blob| (blob, fields.stored))) {
            Some(there) => there,
            None => {
                let blob = self.table.next_blob;
                self.store.create(blob).await?;
                self.table.next_blob += 1;
                self.trimmed.insert(blob);
                (blob, 0)
            }
        };
        // Bytes behind what counts, left by a crash or a failure, must not come to light when the file grows.
        if !self.trimmed.contains(&blob) {
            self.store.truncate(blob, stored).await?;
        }
        self.trimmed.remove(&blob);
        self.unflushed.insert(blob);
        let written = self.store.write_at(blob, offset, data).await;
        if written.is_ok() {
            self.trimmed.insert(blob);
        } else if fields_blob(self, ino) != Some(blob) {
            // Nobody knows of it yet.
            self.unflushed.remove(&blob);
            let _ = self.store.remove(blob).await;
        }
        written.map(|()| blob)
    }

    pub(super) async fn change(&mut self, ino: Ino, change: &SetAttr) -> Result<(), Errno> {
        let now = self.now();
        let mut fields = self.inode(ino)?.fields.clone();
        let mut shrinks = None;
        if let Some(size) = change.size {
            self.file(ino)?;
            if size > MAX_FILE {
                return Err(Errno::FBig);
            }
            if size < fields.stored {
                fields.stored = size;
                shrinks = fields.blob.filter(|_| size > 0);
                fields.blob = shrinks;
            }
            fields.size = size;
            touch(&mut fields, now);
        }
        let moment = |time: SetTime| if let SetTime::To(time) = time { time } else { now };
        fields.mode = change.mode.map_or(fields.mode, |mode| mode & crate::tree::PERMISSIONS);
        fields.uid = change.uid.unwrap_or(fields.uid);
        fields.gid = change.gid.unwrap_or(fields.gid);
        fields.atime = change.atime.map_or(fields.atime, moment);
        fields.mtime = change.mtime.map_or(fields.mtime, moment);
        fields.ctime = now;
        let stored = fields.stored;
        self.commit(vec![Record::Put(ino, fields)]).await?;
        if let Some(blob) = shrinks {
            // The shorter length must be durable before the bytes go.
            self.trimmed.remove(&blob);
            self.journal.flush(&mut self.store).await?;
            self.store.truncate(blob, stored).await?;
            self.trimmed.insert(blob);
        }
        Ok(())
    }

    /// Makes a file's bytes durable, without its length.
    pub(super) async fn flush_bytes(&mut self, ino: Ino) -> Result<(), Errno> {
        if let Some(blob) = fields_blob(self, ino).filter(|blob| self.unflushed.contains(blob)) {
            self.store.flush(blob).await?;
            self.unflushed.remove(&blob);
        }
        Ok(())
    }

    pub(super) async fn sync_file(&mut self, ino: Ino) -> Result<(), Errno> {
        self.inode(ino)?;
        self.flush_bytes(ino).await?;
        self.commit(Vec::new()).await?;
        self.settle().await
    }

    /// Does a part of [`sync_all`](crate::FileTree::sync_all): makes the bytes of at most `files` files durable, or everything else once no
    /// file is left. Says whether it is done; between two parts the guest can have its turn.
    pub async fn sync_part(&mut self, files: usize) -> Result<bool, Errno> {
        for _ in 0..files {
            let Some(blob) = self.unflushed.first().copied() else { break };
            if !self.doomed.contains_key(&blob) {
                self.store.flush(blob).await?;
            }
            self.unflushed.remove(&blob);
        }
        if !self.unflushed.is_empty() {
            return Ok(false);
        }
        self.commit(Vec::new()).await?;
        self.settle().await?;
        Ok(true)
    }

    pub(super) async fn sync_everything(&mut self) -> Result<(), Errno> {
        while let Some(blob) = self.unflushed.first().copied() {
            if !self.doomed.contains_key(&blob) {
                self.store.flush(blob).await?;
            }
            self.unflushed.remove(&blob);
        }
        self.commit(Vec::new()).await?;
        self.settle().await
    }

    pub(super) fn made(&self, new: &NewInode, sealed: bool) -> Fields {
        new_fields(new, self.now(), sealed)
    }
}

fn fields_blob<B>(tree: &MetaTree<B>, ino: Ino) -> Option<BlobId> {
    tree.table.inodes.get(&ino).and_then(|inode| inode.fields.blob)
}

/// The content changed.
pub(super) fn touch(fields: &mut Fields, now: Time) {
    fields.mtime = now;
    fields.ctime = now;
    fields.version = fields.version.wrapping_add(1);
}
