//! Sizes that follow from the cluster size and the width of a refcount.

/// Smallest cluster: 512 bytes.
pub const MIN_CLUSTER_BITS: u32 = 9;
/// Largest cluster: 2 MiB, QEMU's own limit. It bounds every buffer of one cluster.
pub const MAX_CLUSTER_BITS: u32 = 21;
/// 64 KiB: what QEMU makes by default.
pub const DEFAULT_CLUSTER_BITS: u32 = 16;
/// Refcounts of `1 << 6` = 64 bits are the widest that the format knows.
pub const MAX_REFCOUNT_ORDER: u32 = 6;
/// 16-bit refcounts: what QEMU makes by default, and all that version 2 has.
pub const DEFAULT_REFCOUNT_ORDER: u32 = 4;

/// An L1 or L2 table's entry, a refcount table's entry: 8 bytes.
pub const ENTRY_SIZE: u64 = 8;

/// The largest L1 table, in bytes, that is kept in memory: 256 TiB of disk at 64 KiB clusters, 16 GiB at 512 bytes.
pub const MAX_L1_BYTES: u64 = 4 << 20;
/// The largest refcount table, in bytes, that is kept in memory (QEMU's own limit).
pub const MAX_REFCOUNT_TABLE_BYTES: u64 = 8 << 20;

/// The two numbers that decide an image's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Clusters have `1 << cluster_bits` bytes.
    pub cluster_bits: u32,
    /// Refcounts have `1 << refcount_order` bits.
    pub refcount_order: u32,
}

impl Default for Geometry {
    fn default() -> Self {
        Self { cluster_bits: DEFAULT_CLUSTER_BITS, refcount_order: DEFAULT_REFCOUNT_ORDER }
    }
}

impl Geometry {
    /// Bytes in a cluster.
    pub fn cluster_size(self) -> u64 {
        1 << self.cluster_bits
    }

    /// Bytes in a cluster, as a buffer's length. Never over 2 MiB.
    pub fn cluster_len(self) -> usize {
        1 << self.cluster_bits
    }

    /// Where in its cluster an offset lies.
    pub fn in_cluster(self, offset: u64) -> u64 {
        offset & (self.cluster_size() - 1)
    }

    /// Clusters that `bytes` bytes fill, the last one perhaps in part.
    pub fn clusters(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.cluster_size())
    }

    /// Entries of an L2 table, which is one cluster.
    pub fn l2_entries(self) -> usize {
        1 << (self.cluster_bits - 3)
    }

    /// Bytes of the virtual disk that one L2 table maps.
    pub fn l2_span(self) -> u64 {
        1 << (2 * self.cluster_bits - 3)
    }

    /// L1 entries that a virtual disk of `size` bytes needs.
    pub fn l1_entries(self, size: u64) -> u64 {
        size.div_ceil(self.l2_span())
    }

    /// The L1 index and the L2 index of a virtual offset.
    pub fn indexes(self, offset: u64) -> (usize, usize) {
        let cluster = offset >> self.cluster_bits;
        // The L1 index of an offset inside of the disk fits: MAX_L1_BYTES bounds it.
        ((cluster >> (self.cluster_bits - 3)) as usize, cluster as usize & (self.l2_entries() - 1))
    }

    /// Refcounts in a refcount block, which is one cluster.
    pub fn refcounts_per_block(self) -> u64 {
        1 << (self.cluster_bits + 3 - self.refcount_order)
    }

    /// The largest refcount that fits its width.
    pub fn max_refcount(self) -> u64 {
        match self.refcount_order {
            MAX_REFCOUNT_ORDER.. => u64::MAX,
            order => (1 << (1 << order)) - 1,
        }
    }

    /// Where the length field of a compressed cluster's descriptor begins, in bits (section "L2 table entries").
    pub fn compressed_shift(self) -> u32 {
        62 - (self.cluster_bits - 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_from_cluster_bits_as_qemu_documents_them() {
        let default = Geometry::default();
        assert_eq!((default.cluster_size(), default.l2_entries()), (65536, 8192));
        assert_eq!(default.l2_span(), 512 << 20, "an L2 table maps 512 MiB");
        assert_eq!((default.refcounts_per_block(), default.max_refcount()), (32768, 65535));
        assert_eq!(default.compressed_shift(), 54);
        let small = Geometry { cluster_bits: 9, refcount_order: 0 };
        assert_eq!((small.refcounts_per_block(), small.max_refcount()), (4096, 1));
        assert_eq!(small.compressed_shift(), 61);
        assert_eq!(Geometry { cluster_bits: 21, refcount_order: 6 }.max_refcount(), u64::MAX);
    }

    #[test]
    fn an_offset_has_an_index_in_each_table() {
        let geometry = Geometry::default();
        assert_eq!(geometry.indexes((512 << 20) * 3 + 65536 * 7 + 1), (3, 7));
        assert_eq!(geometry.l1_entries(512 << 20), 1);
        assert_eq!(geometry.l1_entries((512 << 20) + 1), 2);
    }
}
