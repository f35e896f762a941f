//! The order in which metadata reaches the file.

use crate::image::Qcow2;
use block::{BlockError, BlockFile};

impl<F: BlockFile> Qcow2<F> {
    /// Writes all metadata that waits in memory, in the order that keeps the image valid, and flushes the file.
    ///
    /// 1. Refcounts. Guest data was written when the guest wrote it, and a new L2 table, still without entries, when it
    ///    was needed.
    /// 2. A flush: everything that step 3 refers to is in the file for certain.
    /// 3. Changes to L2 tables, then to the L1 table.
    /// 4. A flush: the guest's writes are in the file for certain, and nothing there refers to freed clusters.
    /// 5. Freed clusters are counted down, in memory, and can be handed out again.
    ///
    /// If no table changed, steps 2 and 3 are left out.
    pub(crate) fn write_out(&mut self) -> Result<(), BlockError> {
        let Some(counts) = self.refcounts.as_mut() else { return Ok(()) };
        counts.write_dirty(&mut self.file)?;
        if self.tables.is_dirty() {
            self.file.flush()?;
            self.tables.write_dirty(&mut self.file)?;
        }
        self.file.flush()?;
        counts.settle_frees(&mut self.file)
    }
}
