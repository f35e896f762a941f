//! Extent trees (`Documentation/filesystems/ext4/ifork.rst`): which blocks a file has.

use super::layout::{Replayed, le16, le32};
use block::BlockError;
use std::collections::BTreeSet;

/// A node's header and each of its entries, in bytes.
const ENTRY: usize = 12;
const MAGIC: u16 = 0xf30a;
/// A longer extent is one that was allocated, but never written; it is so much shorter.
const MAX_WRITTEN: u16 = 32_768;
/// Where an inode's flags and the root of its tree are, and the flag for having a tree.
const FLAGS_AT: usize = 0x20;
pub(super) const ROOT: std::ops::Range<usize> = 0x28..0x28 + 60;
const EXTENTS_FLAG: u32 = 0x8_0000;
/// Nodes of one file, at most: 340 extents each, of up to 128 MiB.
const MAX_NODES: usize = 1 << 16;
const MAX_DEPTH: u16 = 5;

/// Blocks of a file that lie in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) logical: u64,
    pub(super) physical: u64,
    pub(super) len: u64,
}

/// The root of an inode's tree, if it has one.
pub(super) fn root(inode: &[u8]) -> Option<&[u8]> {
    (le32(inode, FLAGS_AT) & EXTENTS_FLAG != 0).then(|| &inode[ROOT])
}

/// Depth and number of entries, if this is a node.
fn header(node: &[u8]) -> Option<(u16, usize)> {
    let entries = usize::from(le16(node, 2));
    (le16(node, 0) == MAGIC && (entries + 1) * ENTRY <= node.len()).then(|| (le16(node, 6), entries))
}

/// Calls `visit` for each leaf of the tree, with its block (none if it is the root) and content. Damaged parts are passed over: whoever
/// reads the file will find them.
pub(super) fn leaves(
    disk: &mut Replayed,
    root: &[u8],
    visit: &mut dyn FnMut(Option<u64>, &[u8]),
) -> Result<(), BlockError> {
    let mut seen = BTreeSet::new();
    let mut todo = vec![(None, root.to_vec(), MAX_DEPTH)];
    while let Some((number, node, below)) = todo.pop() {
        let Some((depth, entries)) = header(&node).filter(|(depth, _)| *depth <= below) else { continue };
        if depth == 0 {
            visit(number, &node);
            continue;
        }
        for index in 1..=entries {
            let at = index * ENTRY;
            let child = u64::from(le32(&node, at + 4)) | u64::from(le16(&node, at + 8)) << 32;
            let inside = child < disk.size() / disk.block_size;
            if inside && seen.len() < MAX_NODES && seen.insert(child) {
                todo.push((Some(child), disk.block(child)?, depth - 1));
            }
        }
    }
    Ok(())
}

/// The extents of a leaf that were written.
pub(super) fn written(leaf: &[u8]) -> impl Iterator<Item = Extent> {
    let entries = header(leaf).map_or(0, |(_, entries)| entries);
    leaf.chunks_exact(ENTRY).skip(1).take(entries).filter(|entry| !is_unwritten(entry)).map(|entry| Extent {
        logical: le32(entry, 0).into(),
        physical: u64::from(le32(entry, 8)) | u64::from(le16(entry, 6)) << 32,
        len: le16(entry, 4).into(),
    })
}

fn is_unwritten(entry: &[u8]) -> bool {
    le16(entry, 4) > MAX_WRITTEN
}

/// Whether a leaf has extents that were never written.
pub(super) fn has_unwritten(leaf: &[u8]) -> bool {
    let leaf_entries = header(leaf).filter(|(depth, _)| *depth == 0).map_or(0, |(_, entries)| entries);
    leaf.chunks_exact(ENTRY).skip(1).take(leaf_entries).any(is_unwritten)
}

/// Removes the extents of a leaf that were never written, so that they are holes.
pub(super) fn remove_unwritten(leaf: &mut [u8]) {
    let entries = header(leaf).map_or(0, |(_, entries)| entries);
    let mut kept = 0;
    for index in 1..=entries {
        if !is_unwritten(&leaf[index * ENTRY..][..ENTRY]) {
            kept += 1;
            leaf.copy_within(index * ENTRY..(index + 1) * ENTRY, kept * ENTRY);
        }
    }
    leaf[(kept + 1) * ENTRY..(entries + 1) * ENTRY].fill(0);
    leaf[2..4].copy_from_slice(&(kept as u16).to_le_bytes());
}

/// Where a leaf that is a block of its own has its checksum: behind the room for entries.
pub(super) fn checksum_at(leaf: &[u8]) -> Option<usize> {
    let at = (usize::from(le16(leaf, 4)) + 1) * ENTRY;
    (at + 4 <= leaf.len()).then_some(at)
}
