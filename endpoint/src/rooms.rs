//! All rooms, and seats in them. A room is there as long as somebody is in it.

use crate::metrics::Metrics;
use crate::room::{Place, Room};
use crate::server::Limits;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use uplink::{End, Hello, Name, Reason};
use vlan::{BatchError, Counters, batch, frame};

type Shared = Arc<Mutex<Room>>;

/// A lock that somebody panicked with holds nothing that is half done: each change of a room is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(crate) struct Rooms {
    limits: Limits,
    metrics: Arc<Metrics>,
    begun: Instant,
    rooms: Mutex<BTreeMap<String, Shared>>,
}

impl Rooms {
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Arc<Rooms> {
        Arc::new(Rooms { limits, metrics, begun: Instant::now(), rooms: Mutex::default() })
    }

    /// A seat in the room that a LAN wants to join.
    pub(crate) fn join(self: &Arc<Rooms>, hello: &Hello) -> Result<Seat, End> {
        let mut rooms = lock(&self.rooms);
        if !rooms.contains_key(&hello.room) && rooms.len() >= self.limits.rooms {
            return Err(End::new(Reason::Full, "The endpoint has as many rooms as it takes."));
        }
        let room = rooms.get(&hello.room).cloned().unwrap_or_else(|| Arc::new(Mutex::new(Room::new())));
        let (place, replaced) = lock(&room).join(hello, self.limits.members)?;
        rooms.insert(hello.room.clone(), Arc::clone(&room));
        self.metrics.rooms.store(rooms.len() as u64, Ordering::Relaxed);
        self.metrics.joined.fetch_add(1, Ordering::Relaxed);
        match replaced {
            Some(counters) => self.metrics.add(&counters),
            None => {
                self.metrics.clients.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(Seat { rooms: Arc::clone(self), room, name: hello.room.clone(), place })
    }

    /// Tells the members of all rooms what has changed; comes several times a second.
    pub(crate) fn tell(&self) {
        for room in lock(&self.rooms).values() {
            lock(room).tell();
        }
    }

    pub(crate) fn dismiss_all(&self, end: &End) {
        for room in lock(&self.rooms).values() {
            lock(room).dismiss_all(end);
        }
    }

    /// What those who are there have counted.
    pub(crate) fn live(&self) -> Vec<Counters> {
        lock(&self.rooms).values().flat_map(|room| lock(room).counters().collect::<Vec<_>>()).collect()
    }
}

/// A LAN's seat in a room; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Seat {
    rooms: Arc<Rooms>,
    room: Shared,
    name: String,
    pub(crate) place: Place,
}

impl Seat {
    /// Frames came, each behind its length.
    pub(crate) fn input_batch(&self, bytes: &[u8]) -> Result<(), BatchError> {
        let frames = batch::frames(bytes, frame::LONGEST)?;
        lock(&self.room).input(self.place.port, frames, self.rooms.begun.elapsed());
        Ok(())
    }

    /// A frame came by itself.
    pub(crate) fn input(&self, bytes: &[u8]) {
        lock(&self.room).input(self.place.port, std::iter::once(bytes), self.rooms.begun.elapsed());
    }

    /// What is to be sent, as a batch of about so many bytes.
    pub(crate) fn take(&self, max_bytes: usize) -> Vec<u8> {
        lock(&self.room).take(self.place.port, max_bytes)
    }

    pub(crate) fn set_names(&self, names: Vec<Name>) {
        lock(&self.room).set_names(self.place.port, names);
    }

    pub(crate) fn misdeeds(&self) -> (u64, u64) {
        lock(&self.room).misdeeds(self.place.port)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = lock(&self.rooms.rooms);
        let mut room = lock(&self.room);
        if let Some(counters) = room.leave(self.place.port) {
            let metrics = &self.rooms.metrics;
            metrics.add(&counters);
            metrics.clients.fetch_sub(1, Ordering::Relaxed);
            if room.is_empty() {
                rooms.remove(&self.name);
                metrics.rooms.store(rooms.len() as u64, Ordering::Relaxed);
            }
        }
    }
}
