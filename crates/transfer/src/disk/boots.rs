//! What is on a disk, as far as it matters for starting from it.

use block::{BlockError, Disk};

/// A kind of partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The old one, in the first sector.
    Mbr,
    /// The one of UEFI (specification 2.10, chapter 5).
    Gpt,
}

/// What was found on a disk, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boots {
    /// The whole disk is one ext2, ext3 or ext4 file system, without partitions.
    WholeDisk,
    /// An MBR marks one of its partitions as the one to boot from.
    Bootable {
        /// The partition's number, from 1 on, as Linux counts.
        partition: u32,
    },
    /// No partition is marked, but this is the first one made for Linux.
    Linux {
        /// The kind of table.
        table: Table,
        /// The partition's number, from 1 on, as Linux counts.
        partition: u32,
    },
    /// None of these.
    Unknown,
}

const SECTOR: u64 = 512;
/// The magic of ext2 to ext4, 56 bytes into the superblock at 1024 (Linux, `Documentation/filesystems/ext4/super.rst`).
const EXT4_MAGIC_AT: u64 = 1024 + 56;
const EXT4_MAGIC: [u8; 2] = [0x53, 0xef];
/// Partition types of the MBR.
const MBR_LINUX: u8 = 0x83;
const MBR_PROTECTIVE: u8 = 0xee;
/// Partition types of a GPT that hold a Linux file system, as bytes on the disk: "Linux filesystem data", and the roots for
/// x86 and x86-64 (systemd's Discoverable Partitions Specification).
const GPT_LINUX: [[u8; 16]; 3] = [
    [0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4],
    [0x40, 0x95, 0x47, 0x44, 0xf2, 0x97, 0xb2, 0x41, 0x9a, 0xf7, 0xd1, 0x31, 0xd5, 0xf0, 0x45, 0x8a],
    [0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8, 0xb1, 0x4d, 0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09],
];
/// Partitions of a GPT that are looked at: what every program makes room for.
const GPT_ENTRIES: u32 = 128;

/// Looks at a disk's first sectors.
pub(super) fn find(disk: &mut impl Disk) -> Result<Boots, BlockError> {
    if bytes::<2>(disk, EXT4_MAGIC_AT)? == Some(EXT4_MAGIC) {
        return Ok(Boots::WholeDisk);
    }
    let Some(first) = bytes::<512>(disk, 0)? else { return Ok(Boots::Unknown) };
    if first[510..] != [0x55, 0xaa] {
        return Ok(Boots::Unknown);
    }
    let entries: Vec<&[u8]> = first[446..510].chunks_exact(16).collect();
    // A boot sector of FAT or NTFS has the same signature, but code where the table would be.
    if entries.iter().any(|entry| entry[0] & 0x7f != 0) {
        return Ok(Boots::Unknown);
    }
    if entries.iter().any(|entry| entry[4] == MBR_PROTECTIVE) {
        return gpt(disk);
    }
    let sectors = disk.size() / SECTOR;
    let inside = |entry: &[u8]| {
        let (start, len) = (u64::from(le32(entry, 8)), u64::from(le32(entry, 12)));
        entry[4] != 0 && start > 0 && len > 0 && start < sectors
    };
    let numbered = || (1..).zip(&entries).filter(|(_, entry)| inside(entry));
    if let Some((partition, _)) = numbered().find(|(_, entry)| entry[0] == 0x80) {
        return Ok(Boots::Bootable { partition });
    }
    let linux = numbered().find(|(_, entry)| entry[4] == MBR_LINUX);
    Ok(linux.map_or(Boots::Unknown, |(partition, _)| Boots::Linux { table: Table::Mbr, partition }))
}

fn gpt(disk: &mut impl Disk) -> Result<Boots, BlockError> {
    let Some(header) = bytes::<92>(disk, SECTOR)?.filter(|header| header.starts_with(b"EFI PART")) else {
        return Ok(Boots::Unknown);
    };
    let start = le64(&header, 72).saturating_mul(SECTOR);
    let (count, size) = (le32(&header, 80).min(GPT_ENTRIES), u64::from(le32(&header, 84)));
    if !(128..=4096).contains(&size) {
        return Ok(Boots::Unknown);
    }
    for index in 0..count {
        let Some(kind) = bytes::<16>(disk, start.saturating_add(u64::from(index) * size))? else { break };
        if GPT_LINUX.contains(&kind) {
            return Ok(Boots::Linux { table: Table::Gpt, partition: index + 1 });
        }
    }
    Ok(Boots::Unknown)
}

/// Bytes of the disk, or nothing if they are not all inside of it.
fn bytes<const N: usize>(disk: &mut impl Disk, at: u64) -> Result<Option<[u8; N]>, BlockError> {
    let mut bytes = [0; N];
    if at.saturating_add(N as u64) > disk.size() {
        return Ok(None);
    }
    disk.read(at, &mut bytes)?;
    Ok(Some(bytes))
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    (0..4).rev().fold(0, |value, index| value << 8 | u32::from(bytes[at + index]))
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at + 4)) << 32 | u64::from(le32(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use block::{MemoryFile, RawDisk};

    fn find_in(bytes: &[u8]) -> Boots {
        find(&mut RawDisk::new(MemoryFile::new(bytes.to_vec())).unwrap()).unwrap()
    }

    /// An MBR whose partitions are given by flag and type.
    fn mbr(partitions: &[(u8, u8)]) -> Vec<u8> {
        let mut disk = vec![0; 1 << 20];
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        for (index, (flag, kind)) in partitions.iter().enumerate() {
            let entry = &mut disk[446 + 16 * index..][..16];
            (entry[0], entry[4], entry[8], entry[12]) = (*flag, *kind, 1, 1);
        }
        disk
    }

    #[test]
    fn a_file_system_without_partitions_is_told_by_its_superblock() {
        let mut disk = vec![0; 4096];
        disk[1080..1082].copy_from_slice(&[0x53, 0xef]);
        assert_eq!(find_in(&disk), Boots::WholeDisk);
        assert_eq!(find_in(&disk[..1024]), Boots::Unknown, "what is not on the disk is not read");
    }

    #[test]
    fn a_bootable_partition_comes_before_a_linux_partition() {
        assert_eq!(find_in(&mbr(&[(0, 0x83), (0x80, 0x0c)])), Boots::Bootable { partition: 2 });
        assert_eq!(find_in(&mbr(&[(0, 0x07), (0, 0x82), (0, 0x83)])), Boots::Linux { table: Table::Mbr, partition: 3 });
        assert_eq!(find_in(&mbr(&[(0, 0x07)])), Boots::Unknown);
        assert_eq!(find_in(&mbr(&[])), Boots::Unknown);
        assert_eq!(find_in(&mbr(&[(0x33, 0x83)])), Boots::Unknown, "code is no partition table");
    }

    #[test]
    fn a_gpt_is_found_behind_its_protective_mbr() {
        let mut disk = mbr(&[(0, MBR_PROTECTIVE)]);
        assert_eq!(find_in(&disk), Boots::Unknown);
        disk[512..520].copy_from_slice(b"EFI PART");
        disk[512 + 72] = 2;
        disk[512 + 80] = 128;
        disk[512 + 84] = 128;
        disk[1024..1040].fill(9);
        disk[1024 + 128..][..16].copy_from_slice(&GPT_LINUX[0]);
        assert_eq!(find_in(&disk), Boots::Linux { table: Table::Gpt, partition: 2 });
        disk[512 + 72..512 + 80].fill(0xff);
        assert_eq!(find_in(&disk), Boots::Unknown, "a table outside of the disk is none");
    }
}
