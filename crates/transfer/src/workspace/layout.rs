//! Where things are in an ext4 file system (Linux, `Documentation/filesystems/ext4/`: super.rst, group_descr.rst, inodes.rst, ifork.rst), as
//! far as [`super::journal`] and [`super::unwritten`] need it.

use super::WorkspaceError;
use crate::error::Error;
use block::{BlockError, Disk};
use std::collections::BTreeMap;

/// Where the superblock is, and how long it is, in bytes.
pub(super) const SUPERBLOCK_AT: u64 = 1024;
pub(super) const SUPERBLOCK_LEN: usize = 1024;
const MAGIC: u16 = 0xef53;

const COMPAT_HAS_JOURNAL: u32 = 0x4;
const INCOMPAT_RECOVER: u32 = 0x4;
const INCOMPAT_META_BG: u32 = 0x10;
const INCOMPAT_64BIT: u32 = 0x80;
const INCOMPAT_CSUM_SEED: u32 = 0x2000;
const RO_COMPAT_METADATA_CSUM: u32 = 0x400;

/// A disk as it would be after the journal was replayed.
pub(super) struct Replayed {
    pub(super) disk: Box<dyn Disk>,
    pub(super) block_size: u64,
    /// Blocks whose newest content is in the journal: where it is, and whether its first four bytes were replaced there.
    pub(super) newer: BTreeMap<u64, (u64, bool)>,
}

impl Replayed {
    pub(super) fn size(&self) -> u64 {
        self.disk.size()
    }

    /// Reads bytes, newer blocks in their newer form.
    pub(super) fn read(&mut self, at: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.disk.read(at, buf)?;
        let (size, end) = (self.block_size, at + buf.len() as u64);
        let mut block = vec![0; size as usize];
        for (number, (place, escaped)) in self.newer.range(at / size..end.div_ceil(size)) {
            self.disk.read(place.saturating_mul(size), &mut block)?;
            if *escaped {
                block[..4].copy_from_slice(&super::journal::MAGIC);
            }
            let start = number * size;
            let (from, to) = (start.max(at), (start + size).min(end));
            buf[(from - at) as usize..(to - at) as usize]
                .copy_from_slice(&block[(from - start) as usize..(to - start) as usize]);
        }
        Ok(())
    }

    pub(super) fn block(&mut self, number: u64) -> Result<Vec<u8>, BlockError> {
        let mut bytes = vec![0; self.block_size as usize];
        self.read(number.saturating_mul(self.block_size), &mut bytes)?;
        Ok(bytes)
    }
}

/// A block group: where its inodes are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
}

/// What the superblock and the group descriptors say.
pub(super) struct Layout {
    pub(super) inode_size: u64,
    pub(super) inodes_per_group: u64,
    pub(super) groups: Vec<Group>,
    /// The number of the journal's inode, if the journal has to be replayed.
    pub(super) journal: Option<u64>,
    /// What checksums begin with, if there are checksums.
    pub(super) seed: Option<u32>,
}

impl Layout {
    /// Reads the superblock; sets the block size of `disk`.
    pub(super) fn read(disk: &mut Replayed) -> Result<Self, Error> {
        let mut sb = [0; SUPERBLOCK_LEN];
        if disk.size() < SUPERBLOCK_AT + SUPERBLOCK_LEN as u64 {
            return Err(WorkspaceError::NoFileSystem.into());
        }
        disk.read(SUPERBLOCK_AT, &mut sb)?;
        if le16(&sb, 0x38) != MAGIC {
            return Err(WorkspaceError::NoFileSystem.into());
        }
        let damaged = |what: &str| Error::from(WorkspaceError::Damaged(format!("its superblock has {what}")));
        let (incompat, log) = (le32(&sb, 0x60), le32(&sb, 0x18));
        if log > 6 {
            return Err(damaged("an impossible block size"));
        }
        disk.block_size = 1024 << log;
        let (inode_size, inodes_per_group) = (u64::from(le16(&sb, 0x58)), u64::from(le32(&sb, 0x28)));
        if le32(&sb, 0x4c) == 0 || !inode_size.is_power_of_two() || inode_size < 256 || inode_size > disk.block_size {
            return Err(WorkspaceError::Unsupported(format!("its inodes have {inode_size} bytes")).into());
        }
        if inodes_per_group == 0 || inodes_per_group > 8 * disk.block_size {
            return Err(damaged("an impossible number of inodes"));
        }
        if incompat & INCOMPAT_META_BG != 0 {
            return Err(WorkspaceError::Unsupported("its group descriptors are spread (meta_bg)".into()).into());
        }
        let wide = incompat & INCOMPAT_64BIT != 0;
        let blocks = u64::from(le32(&sb, 4)) | if wide { u64::from(le32(&sb, 0x150)) << 32 } else { 0 };
        if blocks > disk.size() / disk.block_size {
            return Err(damaged("more blocks than the disk"));
        }
        let recover = incompat & INCOMPAT_RECOVER != 0 && le32(&sb, 0x5c) & COMPAT_HAS_JOURNAL != 0;
        let mut layout = Self {
            inode_size,
            inodes_per_group,
            groups: Vec::new(),
            journal: recover.then(|| le32(&sb, 0xe0).into()),
            seed: (le32(&sb, 0x64) & RO_COMPAT_METADATA_CSUM != 0).then(|| match incompat & INCOMPAT_CSUM_SEED {
                0 => crc32c(!0, &sb[0x68..0x78]),
                _ => le32(&sb, 0x270),
            }),
        };
        layout.groups = groups(disk, &sb, blocks, wide)?;
        Ok(layout)
    }

    /// Where an inode is, in bytes.
    pub(super) fn inode_at(&self, number: u64, block_size: u64) -> Option<u64> {
        let index = number.checked_sub(1)?;
        let group = self.groups.get(usize::try_from(index / self.inodes_per_group).ok()?)?;
        group.inode_table.checked_mul(block_size)?.checked_add(index % self.inodes_per_group * self.inode_size)
    }
}

fn groups(disk: &mut Replayed, sb: &[u8], blocks: u64, wide: bool) -> Result<Vec<Group>, Error> {
    let (first, per_group) = (u64::from(le32(sb, 0x14)), u64::from(le32(sb, 0x20)));
    let size = if wide { usize::from(le16(sb, 0xfe)) } else { 32 };
    if per_group == 0 || blocks <= first || !(32..=1024).contains(&size) {
        return Err(WorkspaceError::Damaged("its block groups are impossible".into()).into());
    }
    let count = (blocks - first).div_ceil(per_group);
    let mut descriptor = vec![0; size];
    let mut groups = Vec::new();
    for index in 0..count {
        disk.read((first + 1) * disk.block_size + index * size as u64, &mut descriptor)?;
        let high = |at| if size >= 64 { u64::from(le32(&descriptor, at)) << 32 } else { 0 };
        groups.push(Group {
            inode_bitmap: u64::from(le32(&descriptor, 4)) | high(0x24),
            inode_table: u64::from(le32(&descriptor, 8)) | high(0x28),
        });
    }
    Ok(groups)
}

/// Takes the journal out of a superblock, since it has been replayed.
pub(super) fn forget_journal(sb: &mut [u8]) {
    let compat = le32(sb, 0x5c) & !COMPAT_HAS_JOURNAL;
    let incompat = le32(sb, 0x60) & !INCOMPAT_RECOVER;
    sb[0x5c..0x60].copy_from_slice(&compat.to_le_bytes());
    sb[0x60..0x64].copy_from_slice(&incompat.to_le_bytes());
    sb[0xe0..0xe4].fill(0);
    if le32(sb, 0x64) & RO_COMPAT_METADATA_CSUM != 0 {
        let sum = crc32c(!0, &sb[..0x3fc]);
        sb[0x3fc..0x400].copy_from_slice(&sum.to_le_bytes());
    }
}

/// CRC-32C as ext4 uses it: the caller gives the beginning, and nothing is inverted at the end.
pub(super) fn crc32c(mut crc: u32, bytes: &[u8]) -> u32 {
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    crc
}

pub(super) fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from(bytes[at]) | u16::from(bytes[at + 1]) << 8
}

pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from(le16(bytes, at)) | u32::from(le16(bytes, at + 2)) << 16
}
