//! Memory that two workers share, with a ring of batches in it (`vlan::ring`): where the pages are cross-origin isolated, which is so in Chromium.
//!
//! Whoever waits for the other side does so without standing still, by `Atomics.waitAsync`. Each time it is woken is a task of its own, so that
//! nothing else of the worker starves.

use js_sys::{Atomics, Function, Int32Array, Promise, Reflect, SharedArrayBuffer, Uint8Array};
use std::cell::Cell;
use std::rc::Rc;
use vlan::ring::{End, Ring, Shared};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// Before the bytes: the counters, far enough from each other and from the bytes that no processor's cache holds two of them in one line.
const COUNTERS: u32 = 128;
/// How far the second counter is from the first one, in numbers of four bytes.
const APART: u32 = 16;

#[wasm_bindgen]
extern "C" {
    /// Calls a function in a task of its own.
    #[wasm_bindgen(js_namespace = scheduler, js_name = postTask)]
    fn post_task(task: &Function);
}

/// What a ring is in.
#[derive(Debug)]
pub struct Memory {
    counters: Int32Array,
    bytes: Uint8Array,
}

impl Memory {
    fn index(end: End) -> u32 {
        end as u32 * APART
    }

    /// Those bytes, where they are.
    pub fn view(&self, at: std::ops::Range<usize>) -> Uint8Array {
        self.bytes.subarray(at.start as u32, at.end as u32)
    }
}

impl Shared for Memory {
    fn capacity(&self) -> usize {
        self.bytes.length() as usize
    }

    fn load(&self, end: End) -> u32 {
        // It fails at a wrong index only, and at memory that is gone, which shared memory never is.
        Atomics::load(&self.counters, Self::index(end)).unwrap_or_default() as u32
    }

    fn store(&self, end: End, value: u32) {
        let index = Self::index(end);
        let _ = Atomics::store(&self.counters, index, value as i32);
        let _ = Atomics::notify(&self.counters, index);
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        self.view(at..at + into.len()).copy_to(into);
    }

    fn write(&self, at: usize, bytes: &[u8]) {
        self.view(at..at + bytes.len()).copy_from(bytes);
    }
}

/// One side's end of a ring. Dropping it ends what waits for the other side.
#[derive(Debug)]
pub struct SharedRing {
    ring: Rc<Ring<Memory>>,
    closed: Rc<Cell<bool>>,
}

impl SharedRing {
    /// Whether this worker can share memory with others.
    pub fn is_possible() -> bool {
        let global = js_sys::global();
        let has = |of: &JsValue, name: &str| Reflect::get(of, &JsValue::from_str(name)).unwrap_or_default();
        has(&global, "crossOriginIsolated").is_truthy()
            && has(&has(&global, "Atomics"), "waitAsync").is_function()
            && has(&has(&global, "scheduler"), "postTask").is_function()
    }

    /// New memory for a ring of so many bytes, a power of two.
    pub fn memory(capacity: u32) -> SharedArrayBuffer {
        SharedArrayBuffer::new(COUNTERS + capacity)
    }

    /// An end of the ring in such memory.
    pub fn new(memory: &SharedArrayBuffer) -> Self {
        let counters = Int32Array::new_with_byte_offset_and_length(memory, 0, COUNTERS / 4);
        let bytes = Uint8Array::new_with_byte_offset(memory, COUNTERS);
        Self { ring: Rc::new(Ring::new(Memory { counters, bytes })), closed: Rc::default() }
    }

    /// The ring.
    pub fn ring(&self) -> &Ring<Memory> {
        &self.ring
    }

    /// Where an end is, for [`once`](Self::once).
    pub fn seen(&self, end: End) -> u32 {
        self.ring.shared().load(end)
    }

    /// Calls `moved` once, as soon as an end, which the other side moves, is not where it was seen.
    pub fn once(&self, end: End, seen: u32, moved: impl FnOnce() + 'static) {
        let (ring, closed) = (self.ring.clone(), self.closed.clone());
        spawn_local(async move {
            if wait(&ring, &closed, end, seen).await {
                moved();
            }
        });
    }

    /// Calls `moved` whenever the other side has moved an end.
    pub fn watch(&self, end: End, moved: impl Fn() + 'static) {
        let (ring, closed) = (self.ring.clone(), self.closed.clone());
        spawn_local(async move {
            let mut seen = 0;
            while wait(&ring, &closed, end, seen).await {
                seen = ring.shared().load(end);
                moved();
            }
        });
    }
}

/// Waits until an end is not where it was seen; says whether it was moved, or the ring is closed.
async fn wait(ring: &Ring<Memory>, closed: &Cell<bool>, end: End, seen: u32) -> bool {
    let memory = ring.shared();
    let mut is_own_task = false;
    while !closed.get() && memory.load(end) == seen {
        let Ok(waiting) = Atomics::wait_async(&memory.counters, Memory::index(end), seen as i32) else { return false };
        let value = Reflect::get(&waiting, &JsValue::from_str("value")).unwrap_or_default();
        // Where it has moved meanwhile, it is no promise.
        if let Ok(woken) = value.dyn_into::<Promise>() {
            let _ = JsFuture::from(woken).await;
            is_own_task = true;
        }
    }
    if !is_own_task {
        let _ = JsFuture::from(Promise::new(&mut |then, _| post_task(&then))).await;
    }
    !closed.get()
}

impl Drop for SharedRing {
    fn drop(&mut self) {
        self.closed.set(true);
        for end in [End::Read, End::Written] {
            let _ = Atomics::notify(&self.ring.shared().counters, Memory::index(end));
        }
    }
}
