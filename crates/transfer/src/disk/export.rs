//! A disk becomes one file.

use super::Packing;
use crate::error::{Error, from_output};
use crate::pack::Packer;
use crate::progress::{Count, OnProgress, Progress, Ticker};
use block::BlockError;
use qcow2::{Backing, ClusterPacking, ExportOptions, ExportPlan, Sink, export_raw};
use std::io::Write;
use std::ops::ControlFlow;

/// What the file is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// qcow2, version 3, clusters of 64 KiB, packed or not.
    Qcow2(Option<ClusterPacking>),
    /// The disk's bytes, packed as a whole or not.
    Raw(Option<Packing>),
}

/// Writes `disk`, with all layers below it, to `out`, and returns how many bytes that were. The disk must not change meanwhile.
///
/// Progress counts bytes of the virtual disk; for qcow2 it goes over the disk twice, once to plan and once to write.
pub fn export(
    disk: &mut dyn Backing,
    format: ExportFormat,
    out: &mut dyn Write,
    on_progress: &mut OnProgress<'_>,
) -> Result<u64, Error> {
    match format {
        ExportFormat::Qcow2(packing) => {
            qcow2(disk, ExportOptions { packing, ..ExportOptions::default() }, out, on_progress)
        }
        ExportFormat::Raw(packing) => raw(disk, packing, out, on_progress),
    }
}

fn qcow2(
    disk: &mut dyn Backing,
    options: ExportOptions,
    out: &mut dyn Write,
    on_progress: &mut OnProgress<'_>,
) -> Result<u64, Error> {
    let size = disk.size();
    let total = Some(size.saturating_mul(2));
    let plan = ExportPlan::with_progress(disk, options, &mut |done, _| on_progress(Progress { done, total }))?;
    let len = plan.stream_len();
    // The stream's bytes, as a part of the disk's: that is what the first half counted.
    let mut tell = |done: u64| {
        let part = u128::from(done) * u128::from(size) / u128::from(len.max(1));
        on_progress(Progress { done: size.saturating_add(part as u64), total })
    };
    let mut sink = WriteSink { out, done: 0, tell: &mut tell, failed: None };
    let written = plan.write(disk, &mut sink);
    finish(sink, written.map_err(Error::from))
}

fn raw(
    disk: &mut dyn Backing,
    packing: Option<Packing>,
    out: &mut dyn Write,
    on_progress: &mut OnProgress<'_>,
) -> Result<u64, Error> {
    let count = Count::default();
    let mut ticker = Ticker::new(on_progress, Count::default(), Some(disk.size()));
    let mut packer = Packer::new(Counted { out, count: count.clone() }, packing);
    let total = disk.size();
    let mut tell = |done: u64| match ticker.tick_of(done, total) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let mut sink = WriteSink { out: &mut packer, done: 0, tell: &mut tell, failed: None };
    let written = export_raw(disk, &mut sink);
    finish(sink, written.map_err(Error::from))?;
    packer.finish().map_err(from_output)?.out.flush().map_err(from_output)?;
    Ok(count.get())
}

/// What came of it: the sink knows better than the format's crate why a write failed.
fn finish(sink: WriteSink<'_>, written: Result<(), Error>) -> Result<u64, Error> {
    match (sink.failed, written) {
        (Some(error), _) | (None, Err(error)) => Err(error),
        (None, Ok(())) => {
            sink.out.flush().map_err(from_output)?;
            Ok(sink.done)
        }
    }
}

/// A [`Sink`] that writes on, and tells how far it is.
struct WriteSink<'a> {
    out: &'a mut dyn Write,
    done: u64,
    tell: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    failed: Option<Error>,
}

impl Sink for WriteSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BlockError> {
        let mut write = || {
            self.out.write_all(bytes).map_err(from_output)?;
            self.done += bytes.len() as u64;
            if (self.tell)(self.done).is_break() { Err(Error::Cancelled) } else { Ok(()) }
        };
        write().map_err(|error| {
            let text = error.to_string();
            self.failed = Some(error);
            BlockError::Io(text)
        })
    }

    fn write_zeros(&mut self, mut count: u64) -> Result<(), BlockError> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        while count > 0 {
            let now = count.min(ZEROS.len() as u64);
            self.write(&ZEROS[..now as usize])?;
            count -= now;
        }
        Ok(())
    }
}

/// Counts what is written.
struct Counted<'a> {
    out: &'a mut dyn Write,
    count: Count,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count.add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
