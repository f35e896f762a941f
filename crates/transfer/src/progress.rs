//! Telling how far long work is, and being told to stop.

use crate::error::Error;
use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done; of what, says the function that tells it. Never goes back.
    pub done: u64,
    /// Bytes in all, if that is known. `done` can stay below it, but never passes it.
    pub total: Option<u64>,
}

/// Is told the progress and says whether to go on.
pub type OnProgress<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// A count of bytes that a reader deep inside of decoders keeps, for who tells the progress outside.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count(Rc<Cell<u64>>);

impl Count {
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }

    pub(crate) fn set(&self, bytes: u64) {
        self.0.set(bytes);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.set(self.0.get().saturating_add(bytes));
    }
}

/// Tells progress as a count stands.
pub(crate) struct Ticker<'a, 'b> {
    on_progress: &'a mut OnProgress<'b>,
    count: Count,
    total: Option<u64>,
    told: u64,
}

impl<'a, 'b> Ticker<'a, 'b> {
    pub(crate) fn new(on_progress: &'a mut OnProgress<'b>, count: Count, total: Option<u64>) -> Self {
        Self { on_progress, count, total, told: 0 }
    }

    /// Tells how far it is; an error if the answer is to stop.
    pub(crate) fn tick(&mut self) -> Result<(), Error> {
        let done = self.count.get().min(self.total.unwrap_or(u64::MAX));
        self.told = self.told.max(done);
        match (self.on_progress)(Progress { done: self.told, total: self.total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    }

    /// Tells that `done` of `total` bytes are done, whatever the count says.
    pub(crate) fn tick_of(&mut self, done: u64, total: u64) -> Result<(), Error> {
        self.count.set(done);
        self.total = Some(total);
        self.tick()
    }

    /// Counts bytes and tells.
    pub(crate) fn advance(&mut self, bytes: u64) -> Result<(), Error> {
        self.count.add(bytes);
        self.tick()
    }
}
