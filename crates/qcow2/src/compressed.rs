//! Compressed clusters: unpacking with a small cache, and packing for exports.

use crate::error::corrupt;
use crate::file::ImageFile;
use crate::geometry::Geometry;
use crate::header::Compression;
use block::{BlockError, BlockFile};
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Read;

/// Memory for unpacked clusters: guests read 4 KiB at a time, and unpacking all of a cluster for each would hurt.
const CACHE_BYTES: usize = 1 << 20;
/// QEMU inflates with a window of `1 << 12` bytes.
const WINDOW_BITS: u8 = 12;
/// A frame may ask for a window that is larger than any cluster; that much memory it does not get.
const MAX_ZSTD_WINDOW: u64 = 8 << 20;

/// Unpacks clusters and remembers the last few. Compressed clusters are never written in place, so what is remembered
/// by its place in the file stays true.
#[derive(Debug)]
pub(crate) struct Unpacker {
    geometry: Geometry,
    compression: Compression,
    /// Most recently used last: offset in the file and bytes.
    cache: Vec<(u64, Vec<u8>)>,
}

impl Unpacker {
    pub(crate) fn new(geometry: Geometry, compression: Compression) -> Self {
        Self { geometry, compression, cache: Vec::new() }
    }

    /// The cluster that `len` bytes at `offset` unpack to.
    pub(crate) fn unpack<F: BlockFile>(
        &mut self,
        file: &mut ImageFile<F>,
        offset: u64,
        len: u64,
    ) -> Result<&[u8], BlockError> {
        let cluster = match self.cache.iter().position(|(at, _)| *at == offset) {
            Some(index) => self.cache.remove(index),
            None => {
                // The descriptor's length field bounds this to two clusters.
                let mut packed = vec![0; len as usize];
                file.read(offset, &mut packed, "a compressed cluster")?;
                let room = (CACHE_BYTES / self.geometry.cluster_len()).max(1);
                if self.cache.len() >= room {
                    self.cache.remove(0);
                }
                (offset, unpack(&packed, self.geometry.cluster_len(), self.compression)?)
            }
        };
        self.cache.push(cluster);
        self.cache.last().map(|(_, bytes)| bytes.as_slice()).ok_or_else(|| corrupt("a cluster vanished"))
    }
}

/// Unpacks exactly one cluster; what follows its packed bytes is ignored.
fn unpack(packed: &[u8], cluster_len: usize, compression: Compression) -> Result<Vec<u8>, BlockError> {
    let mut cluster = vec![0; cluster_len];
    let written = match compression {
        Compression::Zlib => {
            let mut inflater = Decompress::new(false);
            inflater
                .decompress(packed, &mut cluster, FlushDecompress::Finish)
                .ok()
                .map(|_| inflater.total_out() as usize)
        }
        Compression::Zstd => unzstd(packed, &mut cluster),
    };
    if written == Some(cluster_len) { Ok(cluster) } else { Err(corrupt("a compressed cluster can't be unpacked")) }
}

/// Unpacks a frame block by block (each at most 128 KiB), so that one that unpacks to more than a cluster is noticed
/// before it has filled the memory.
fn unzstd(mut packed: &[u8], cluster: &mut [u8]) -> Option<usize> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_ZSTD_WINDOW);
    decoder.init(&mut packed).ok()?;
    let mut written = 0;
    while !decoder.is_finished() {
        decoder.decode_blocks(&mut packed, BlockDecodingStrategy::UptoBlocks(1)).ok()?;
        written += decoder.read(&mut cluster[written..]).ok()?;
        if written == cluster.len() && decoder.can_collect() > 0 {
            return None;
        }
    }
    Some(written)
}

/// How an export packs its clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterPacking {
    /// With deflate of this level, 1 to 9.
    Deflate(u32),
    /// With Zstandard, as fast as it gets. QEMU reads it since version 5.1.
    Zstd,
}

impl ClusterPacking {
    /// What the header says of it.
    pub(crate) fn compression(self) -> Compression {
        match self {
            Self::Deflate(_) => Compression::Zlib,
            Self::Zstd => Compression::Zstd,
        }
    }
}

/// Packs a cluster, or says that it does not get smaller.
pub(crate) fn pack(cluster: &[u8], packing: ClusterPacking) -> Option<Vec<u8>> {
    let packed = match packing {
        ClusterPacking::Deflate(level) => deflate(cluster, level)?,
        ClusterPacking::Zstd => compress_to_vec(cluster, CompressionLevel::Fastest),
    };
    (packed.len() < cluster.len()).then_some(packed)
}

fn deflate(cluster: &[u8], level: u32) -> Option<Vec<u8>> {
    let mut deflater = Compress::new_with_window_bits(flate2::Compression::new(level), false, WINDOW_BITS);
    let mut packed = Vec::with_capacity(cluster.len());
    let status = deflater.compress_vec(cluster, &mut packed, FlushCompress::Finish).ok()?;
    (status == flate2::Status::StreamEnd).then_some(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked_and_what_follows_is_ignored() {
        let cluster: Vec<u8> = (0..65536u32).map(|at| (at / 100) as u8).collect();
        for level in 1..=9 {
            let mut packed = pack(&cluster, ClusterPacking::Deflate(level)).unwrap();
            packed.extend_from_slice(&[0xff; 300]);
            assert!(unpack(&packed, cluster.len(), Compression::Zlib).unwrap() == cluster, "level {level}");
        }
        let mut packed = pack(&cluster, ClusterPacking::Zstd).unwrap();
        packed.extend_from_slice(&[0xff; 300]);
        assert!(unpack(&packed, cluster.len(), Compression::Zstd).unwrap() == cluster);
    }

    #[test]
    fn what_does_not_get_smaller_is_not_packed() {
        let mut state = 1u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(65536)
        .collect();
        for packing in [ClusterPacking::Deflate(9), ClusterPacking::Zstd] {
            assert_eq!(pack(&noise, packing), None, "{packing:?}");
        }
    }

    #[test]
    fn packed_bytes_that_give_more_or_less_than_a_cluster_are_damage() {
        for len in [65535, 65537, 1 << 20] {
            let zeros = vec![0; len];
            let frame = compress_to_vec(&zeros[..], CompressionLevel::Fastest);
            assert!(unpack(&frame, 65536, Compression::Zstd).is_err(), "zstd, {len}");
        }
        let short = pack(&vec![0; 65535], ClusterPacking::Deflate(6)).unwrap();
        assert!(unpack(&short, 65536, Compression::Zlib).is_err());
        assert!(unpack(&[], 65536, Compression::Zlib).is_err());
    }

    #[test]
    fn a_frame_that_unpacks_without_end_stops_after_a_cluster() {
        // Magic number, no flags, a window of 1 KiB times 2^10, and blocks that repeat one byte 128 KiB often.
        let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3];
        let block = (131_072u32 << 3 | 1 << 1).to_le_bytes();
        for _ in 0..100_000 {
            bomb.extend_from_slice(&[block[0], block[1], block[2], 0]);
        }
        assert!(unpack(&bomb, 65536, Compression::Zstd).is_err());
    }
}
