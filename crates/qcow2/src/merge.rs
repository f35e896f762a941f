//! Merging a layer into the one below it, as when a snapshot between two others goes away.

use crate::error::{Error, Progress};
use crate::image::Qcow2;
use crate::tables::Mapping;
use block::{BlockFile, Disk};

/// How much is copied at a time.
const CHUNK: u64 = 1 << 20;

/// Writes everything that the image in `layer` holds itself into `below`, the layer that it lies on, which then holds the
/// disk that the two made up. Gives `layer`'s file back, unchanged: the caller deletes it, and lets whoever lay on it lie on
/// `below`.
///
/// A disk opened over the two reads the same before, during and after the merge, since whatever changes below is covered by
/// the layer. So after a crash both are as good as before, and the merge is simply repeated. Nothing else may lie on `below`:
/// it would see the change.
///
/// `progress` is told how many bytes of the disk are done, and of how many; it may break off, with [`Error::Cancelled`],
/// after which things are as after a crash.
pub fn merge_down<F: BlockFile, G: BlockFile>(
    layer: F,
    below: &mut Qcow2<G>,
    progress: &mut Progress<'_>,
) -> Result<F, Error> {
    let mut layer = Qcow2::open_detached(layer)?;
    if layer.header().backing.is_none() {
        return Err(Error::Invalid("a disk that stands alone has no layer below to be merged into".into()));
    }
    let size = layer.header().size;
    let former = below.header().size;
    if size < former {
        return Err(Error::Invalid(format!(
            "a layer of {size} bytes can't be merged into one of {former} bytes: its disk would lose its end"
        )));
    }
    below.grow(size)?;
    let mut buf = Vec::new();
    let mut offset = 0;
    while offset < size {
        let (mapping, run) = layer.run(offset, size - offset)?;
        match mapping {
            Mapping::Unallocated => offset += run,
            Mapping::Zero(_) => {
                below.write_zeros(offset, run)?;
                offset += run;
            }
            Mapping::Data(_) | Mapping::Compressed { .. } => {
                buf.resize(run.min(CHUNK) as usize, 0);
                layer.read_range(offset, &mut buf)?;
                below.write(offset, &buf)?;
                offset += buf.len() as u64;
            }
        }
        if progress(offset, size).is_break() {
            return Err(Error::Cancelled);
        }
    }
    below.flush()?;
    Ok(layer.into_file())
}
