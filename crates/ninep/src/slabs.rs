//! Blobs in fewer files: a store for which making a file costs much.
//!
//! ```text
//!  blob 0, 1       the journal             as they are, 0 and 1
//!  blob n ≥ 2      its first 16 KiB        a slot of slab n / 64, which is 2 · (n / 64) + 3 below
//!                  what is behind          its tail, 2 · n below
//! ```
//!
//! A slab holds the heads of 64 blobs that were made one after the other. It goes when none of them is left, so a small blob that lives
//! long may keep one MiB; the numbers of blobs rise, and a slot is never another blob's. Most files are smaller than a slot, and making
//! such a file makes no file below.

use crate::store::{BlobId, BlobStore, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// How much of a blob is in its slab, in bytes: four of five files of a source tree are not longer.
const HEAD: u64 = 16 << 10;
/// How many blobs share a slab; as many as an `u64` has bits.
const SLOTS: u64 = 64;
/// Below are the journal's blobs.
const FIRST: BlobId = 2;

/// A store of blobs in slabs, over one of files.
#[derive(Debug)]
pub struct Slabs<B> {
    below: B,
    /// Which slots of each slab that there is are in use.
    used: BTreeMap<u64, u64>,
    /// The blobs that have a tail.
    tails: BTreeSet<BlobId>,
    /// What was written below and not flushed.
    dirty: BTreeSet<BlobId>,
}

fn slab_of(id: BlobId) -> u64 {
    id / SLOTS
}

fn slab_below(slab: u64) -> BlobId {
    2 * slab + 3
}

fn tail_below(id: BlobId) -> BlobId {
    2 * id
}

/// Where a blob's head begins in its slab.
fn slot(id: BlobId) -> u64 {
    id % SLOTS * HEAD
}

/// Splits a run of bytes into how much of it is in the head, and where the rest is in the tail.
fn split(offset: u64, len: usize) -> (usize, u64) {
    let head = HEAD.saturating_sub(offset).min(len as u64);
    (head as usize, (offset + head).saturating_sub(HEAD))
}

impl<B: BlobStore> Slabs<B> {
    /// Blobs over these files. [`BlobStore::list`] has to come first, as [`MetaTree::open`](crate::MetaTree::open) does it.
    pub fn new(below: B) -> Self {
        Self { below, used: BTreeMap::new(), tails: BTreeSet::new(), dirty: BTreeSet::new() }
    }

    /// The store of files.
    pub fn below(&self) -> &B {
        &self.below
    }

    /// Makes what a slot holds from an offset on read as zeros.
    async fn clear(&mut self, id: BlobId, from: u64) -> Result<(), StoreError> {
        let below = slab_below(slab_of(id));
        let filled = self.below.len(below).await?.saturating_sub(slot(id)).min(HEAD);
        if filled > from {
            let zeros = vec![0; (filled - from) as usize];
            self.dirty.insert(below);
            self.below.write_at(below, slot(id) + from, &zeros).await?;
        }
        Ok(())
    }

    async fn flush_below(&mut self, below: BlobId) -> Result<(), StoreError> {
        if self.dirty.contains(&below) {
            self.below.flush(below).await?;
            self.dirty.remove(&below);
        }
        Ok(())
    }

    async fn remove_below(&mut self, below: BlobId) -> Result<(), StoreError> {
        self.dirty.remove(&below);
        self.below.remove(below).await
    }

    async fn remove_tail(&mut self, id: BlobId) -> Result<(), StoreError> {
        if self.tails.contains(&id) {
            self.remove_below(tail_below(id)).await?;
            self.tails.remove(&id);
        }
        Ok(())
    }
}

impl<B: BlobStore> BlobStore for Slabs<B> {
    /// Every slot of a slab counts as a blob until it is removed: which of them are in use, the caller knows.
    async fn list(&mut self) -> Result<Vec<BlobId>, StoreError> {
        let mut all = BTreeSet::new();
        for below in self.below.list().await? {
            match below {
                0 | 1 => {
                    all.insert(below);
                }
                _ if below.is_multiple_of(2) => {
                    self.tails.insert(below / 2);
                    all.insert(below / 2);
                }
                _ => {
                    let slab = (below - 3) / 2;
                    self.used.entry(slab).or_insert(u64::MAX);
                }
            }
        }
        for (slab, used) in &self.used {
            let slots = (0..SLOTS).filter(|slot| used & (1 << slot) != 0);
            all.extend(slots.map(|slot| slab * SLOTS + slot).filter(|id| *id >= FIRST));
        }
        Ok(all.into_iter().collect())
    }

    async fn create(&mut self, id: BlobId) -> Result<(), StoreError> {
        if id < FIRST {
            return self.below.create(id).await;
        }
        self.remove_tail(id).await?;
        if self.used.contains_key(&slab_of(id)) {
            // A slot that was used before a crash, and not noted.
            self.clear(id, 0).await?;
        } else {
            self.below.create(slab_below(slab_of(id))).await?;
        }
        *self.used.entry(slab_of(id)).or_default() |= 1 << (id % SLOTS);
        self.dirty.insert(slab_below(slab_of(id)));
        Ok(())
    }

    /// Of a blob that has no tail, zeros may count that were never written.
    async fn len(&mut self, id: BlobId) -> Result<u64, StoreError> {
        if id < FIRST {
            return self.below.len(id).await;
        }
        if self.tails.contains(&id) {
            return Ok(HEAD + self.below.len(tail_below(id)).await?);
        }
        match self.used.get(&slab_of(id)) {
            Some(used) if used & (1 << (id % SLOTS)) != 0 => {
                let slab = self.below.len(slab_below(slab_of(id))).await?;
                Ok(slab.saturating_sub(slot(id)).min(HEAD))
            }
            _ => Ok(0),
        }
    }

    /// What was never written reads as zeros, also behind the end.
    async fn read_at(&mut self, id: BlobId, offset: u64, buf: &mut [u8]) -> Result<usize, StoreError> {
        if id < FIRST {
            return self.below.read_at(id, offset, buf).await;
        }
        let (head, behind) = split(offset, buf.len());
        let (first, rest) = buf.split_at_mut(head);
        let mut read = 0;
        if !first.is_empty() && self.used.contains_key(&slab_of(id)) {
            read = self.below.read_at(slab_below(slab_of(id)), slot(id) + offset, first).await?;
        }
        first[read..].fill(0);
        read = 0;
        if !rest.is_empty() && self.tails.contains(&id) {
            read = self.below.read_at(tail_below(id), behind, rest).await?;
        }
        rest[read..].fill(0);
        Ok(buf.len())
    }

    async fn write_at(&mut self, id: BlobId, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        if id < FIRST {
            return self.below.write_at(id, offset, data).await;
        }
        let (head, behind) = split(offset, data.len());
        let (first, rest) = data.split_at(head);
        if !first.is_empty() {
            let slab = slab_below(slab_of(id));
            self.dirty.insert(slab);
            self.below.write_at(slab, slot(id) + offset, first).await?;
        }
        if !rest.is_empty() {
            let tail = tail_below(id);
            if !self.tails.contains(&id) {
                self.below.create(tail).await?;
                self.tails.insert(id);
            }
            self.dirty.insert(tail);
            self.below.write_at(tail, behind, rest).await?;
        }
        Ok(())
    }

    async fn truncate(&mut self, id: BlobId, len: u64) -> Result<(), StoreError> {
        if id < FIRST {
            return self.below.truncate(id, len).await;
        }
        if len <= HEAD {
            self.remove_tail(id).await?;
        } else if self.tails.contains(&id) {
            self.dirty.insert(tail_below(id));
            self.below.truncate(tail_below(id), len - HEAD).await?;
        }
        if len < HEAD && self.used.contains_key(&slab_of(id)) {
            self.clear(id, len).await?;
        }
        Ok(())
    }

    async fn flush(&mut self, id: BlobId) -> Result<(), StoreError> {
        if id < FIRST {
            return self.below.flush(id).await;
        }
        self.flush_below(slab_below(slab_of(id))).await?;
        self.flush_below(tail_below(id)).await
    }

    async fn remove(&mut self, id: BlobId) -> Result<(), StoreError> {
        if id < FIRST {
            return self.below.remove(id).await;
        }
        self.remove_tail(id).await?;
        let slab = slab_of(id);
        let newest = self.used.last_key_value().is_some_and(|(last, _)| *last == slab);
        let Some(used) = self.used.get_mut(&slab) else { return Ok(()) };
        *used &= !(1 << (id % SLOTS));
        // Slots below the first blob's are nobody's.
        let nobodys = if slab == 0 { (1 << FIRST) - 1 } else { 0 };
        // The newest is about to be used for the next blob.
        if *used & !nobodys == 0 && !newest {
            self.remove_below(slab_below(slab)).await?;
            self.used.remove(&slab);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::block_on;
    use crate::{Errno, MemoryStore, MetaTree, Settings, Time};
    use proptest::prelude::*;
    use std::collections::HashMap;

    type Tree = MetaTree<Slabs<MemoryStore>>;

    fn open(below: MemoryStore) -> Tree {
        block_on(MetaTree::open(Slabs::new(below), Settings::default(), Time::default)).unwrap()
    }

    fn write(tree: &mut Tree, path: &str, offset: u64, data: &[u8]) -> Result<(), Errno> {
        block_on(async {
            if tree.host_stat(path.as_bytes()).await.is_err() {
                tree.host_create(path.as_bytes(), 0o644, (0, 0)).await?;
            }
            tree.host_write(path.as_bytes(), offset, data).await
        })
    }

    fn read(tree: &mut Tree, path: &str) -> Vec<u8> {
        let size = block_on(tree.host_stat(path.as_bytes())).unwrap().size as usize;
        let mut bytes = vec![1; size];
        assert_eq!(block_on(tree.host_read(path.as_bytes(), 0, &mut bytes)), Ok(size));
        bytes
    }

    #[derive(Debug, Clone)]
    enum Step {
        Write(u8, u64, usize, u8),
        Cut(u8, u64),
        Remove(u8),
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        let place = prop_oneof![0..100_u64, HEAD - 100..HEAD + 100, 0..3 * HEAD];
        prop_oneof![
            6 => (0..6_u8, place.clone(), 1..40_000_usize, 1_u8..).prop_map(|(f, at, len, byte)| Step::Write(f, at, len, byte)),
            2 => (0..6_u8, place).prop_map(|(f, len)| Step::Cut(f, len)),
            2 => (0..6_u8).prop_map(Step::Remove),
            1 => Just(Step::Reopen),
        ]
    }

    proptest! {
        #[test]
        fn files_are_what_was_written_wherever_their_bytes_are(steps in proptest::collection::vec(step(), 1..60)) {
            let (mut tree, mut model) = (open(MemoryStore::default()), HashMap::<u8, Vec<u8>>::new());
            for step in steps {
                match step {
                    Step::Write(file, at, len, byte) => {
                        write(&mut tree, &file.to_string(), at, &vec![byte; len]).unwrap();
                        let bytes = model.entry(file).or_default();
                        let end = at as usize + len;
                        bytes.resize(bytes.len().max(end), 0);
                        bytes[at as usize..end].fill(byte);
                    }
                    Step::Cut(file, len) => if let Some(bytes) = model.get_mut(&file) {
                        let change = crate::SetAttr { size: Some(len), ..crate::SetAttr::default() };
                        let ino = block_on(tree.host_stat(file.to_string().as_bytes())).unwrap().ino;
                        block_on(crate::FileTree::set_attr(&mut tree, ino, &change)).unwrap();
                        bytes.resize(len as usize, 0);
                    },
                    Step::Remove(file) => if model.remove(&file).is_some() {
                        block_on(tree.host_remove(file.to_string().as_bytes())).unwrap();
                    },
                    Step::Reopen => {
                        block_on(crate::FileTree::sync_all(&mut tree)).unwrap();
                        tree = open(tree.into_store().below);
                    }
                }
                for (file, bytes) in &model {
                    prop_assert_eq!(&read(&mut tree, &file.to_string()), bytes);
                }
            }
        }
    }

    #[test]
    fn small_files_make_few_files_below_and_leave_few() {
        let mut tree = open(MemoryStore::default());
        for number in 0..1000 {
            write(&mut tree, &number.to_string(), 0, b"small").unwrap();
        }
        assert!(tree.store().below().blobs().count() <= 2 + 17, "{}", tree.store().below().blobs().count());
        for number in 0..1000 {
            block_on(tree.host_remove(number.to_string().as_bytes())).unwrap();
        }
        block_on(crate::FileTree::sync_all(&mut tree)).unwrap();
        assert!(tree.store().below().blobs().count() <= 3);
        let mut tree = open(tree.into_store().below);
        write(&mut tree, "next", 0, b"one").unwrap();
        assert_eq!(read(&mut tree, "next"), b"one");
    }

    #[test]
    fn what_a_slot_held_before_a_crash_does_not_come_to_light() {
        let mut slabs = Slabs::new(MemoryStore::default());
        block_on(async {
            slabs.create(70).await.unwrap();
            slabs.write_at(70, 0, &[7; 100]).await.unwrap();
            let mut again = Slabs::new(slabs.below);
            again.list().await.unwrap();
            again.create(70).await.unwrap();
            again.write_at(70, 50, &[8]).await.unwrap();
            let mut bytes = [1; 60];
            again.read_at(70, 0, &mut bytes).await.unwrap();
            assert_eq!(bytes[..50], [0; 50]);
            assert_eq!(bytes[50..], [8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        });
    }
}
