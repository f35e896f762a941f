//! The line to one machine, or to one peer: this worker's own messages, with a number, which the host page passes on. Frames to and from a machine travel
//! through memory that it shares with this worker, where the browser lets them.

use super::scope;
use crate::bridge::{log, text_of};
use crate::ring::SharedRing;
use js_sys::{Array, Uint8Array};
use std::cell::Cell;
use std::rc::Rc;
use vlan::batch::PREFIX;
use vlan::frame::LONGEST;
use vlan::ring::End;
use wasm_bindgen::prelude::*;

/// How many bytes are sent ahead of what the machine has dealt with. What does not fit waits in the switch, where it is shared fairly.
const WINDOW: usize = 512 * 1024;
/// How many bytes of a machine's frames may wait for the LAN in shared memory.
pub const FROM_MACHINE: usize = 1024 * 1024;
/// The most bytes of one batch for a machine.
pub const MACHINE_BATCH: usize = 128 * 1024;
/// The most bytes of one batch for a peer, but for a longer frame: far below what a data channel takes.
pub const PEER_BATCH: usize = 64 * 1024;

/// What came by a line.
pub enum Heard {
    /// A batch of frames.
    Frames(Vec<u8>),
    /// It has dealt with so many bytes of what was sent to it.
    DealtWith(usize),
    /// What is neither.
    Nonsense,
}

impl Heard {
    /// What this message is.
    pub fn of(message: &JsValue) -> Self {
        if let Some(bytes) = message.dyn_ref::<Uint8Array>() {
            Self::Frames(bytes.to_vec())
        } else if let Some(bytes) = message.as_f64() {
            Self::DealtWith(bytes as usize)
        } else {
            Self::Nonsense
        }
    }
}

/// The memory that is shared with a machine's worker.
struct Rings {
    from: SharedRing,
    to: SharedRing,
    /// Somebody waits for room in it.
    waits: Rc<Cell<bool>>,
    /// Something has come through it.
    used: bool,
}

/// A line.
pub struct Line<Id> {
    /// Whose it is.
    pub id: Id,
    /// Its number, which no other line has.
    pub number: u32,
    batch: usize,
    ahead: usize,
    rings: Option<Rings>,
}

impl<Id> Line<Id> {
    /// A line whose messages are of at most `batch` bytes.
    pub fn new(id: Id, number: u32, batch: usize) -> Self {
        Self { id, number, batch, ahead: 0, rings: None }
    }

    fn post(&self, message: &JsValue, transfer: &Array) -> Result<(), JsValue> {
        scope().post_message_with_transfer(&Array::of2(&self.number.into(), message), transfer)
    }

    /// Has frames travel through shared memory from now on, if that can be. `heard` is called when something has come to be [`taken`](Self::take).
    pub fn share_memory(&mut self, heard: impl Fn() + 'static) {
        if !SharedRing::is_possible() {
            return;
        }
        let [from, to] = [FROM_MACHINE, WINDOW].map(|capacity| SharedRing::memory(capacity as u32));
        if let Err(error) = self.post(&Array::of2(&from, &to), &Array::new()) {
            log(&format!("memory can’t be shared with a machine: {}", text_of(&error)));
            return;
        }
        let [from, to] = [from, to].map(|memory| SharedRing::new(&memory));
        from.watch(End::Written, heard);
        self.rings = Some(Rings { from, to, waits: Rc::default(), used: false });
    }

    /// The next batch that has come through shared memory.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        let rings = self.rings.as_mut()?;
        match rings.from.ring().take() {
            Ok(batch) => {
                rings.used |= batch.is_some();
                batch
            }
            Err(error) => {
                log(&format!("a machine’s worker sent nonsense: {error}"));
                self.rings = None;
                None
            }
        }
    }

    /// Whether the machine's frames come through shared memory.
    pub fn shares_memory(&self) -> bool {
        self.rings.as_ref().is_some_and(|rings| rings.used)
    }

    /// How many bytes may be sent now.
    pub fn room(&self) -> usize {
        let room = match &self.rings {
            // A batch may be one frame of any length.
            Some(rings) => rings.to.ring().room().saturating_sub(PREFIX + LONGEST),
            None => WINDOW.saturating_sub(self.ahead),
        };
        room.min(self.batch)
    }

    /// Calls `again` once there may be room again, unless somebody waits for that already. A machine that is told by messages says so itself.
    pub fn await_room(&self, again: impl FnOnce() + 'static) {
        let Some(rings) = &self.rings else { return };
        let seen = rings.to.seen(End::Read);
        if self.room() == 0 && !rings.waits.replace(true) {
            let waits = rings.waits.clone();
            rings.to.once(End::Read, seen, move || {
                waits.set(false);
                again();
            });
        }
    }

    /// Sends a batch.
    pub fn send(&mut self, batch: &[u8]) {
        if let Some(rings) = &self.rings {
            // It always fits, since no more is sent than there was room for.
            rings.to.ring().put(batch);
            return;
        }
        self.ahead += batch.len();
        let bytes = Uint8Array::from(batch);
        if let Err(error) = self.post(&bytes, &Array::of1(&bytes.buffer())) {
            log(&format!("frames could not be sent on: {}", text_of(&error)));
        }
    }

    /// How many bytes it has not dealt with.
    pub fn ahead(&self) -> usize {
        self.ahead
    }

    /// The machine has dealt with so many bytes.
    pub fn dealt_with(&mut self, bytes: usize) {
        self.ahead = self.ahead.saturating_sub(bytes);
    }
}
