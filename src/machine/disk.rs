//! A disk as v86 wants it: an object with `get`, `set` and a few others, over a [`Disk`].
//!
//! v86 has no word for a failed access. So a write that can't be done is kept here, in order, and the machine is paused:
//! once there is room, [`GuestDisk::retry`] brings it to the disk, and the guest has noticed nothing. A read that can't
//! be done is never answered with other bytes: the machine ends.

use block::{BlockError, Disk};
use js_sys::{Function, Object, Reflect, Uint8Array, WebAssembly};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// What a disk's user must do something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskTrouble {
    /// Writes wait; the machine must stand still until [`GuestDisk::retry`] succeeds.
    WritesWait(BlockError),
    /// A read failed; the machine can't go on.
    Unreadable(BlockError),
}

struct State {
    disk: Box<dyn Disk>,
    waiting: Vec<(u64, Vec<u8>)>,
    dirty: bool,
}

impl State {
    fn new(disk: Box<dyn Disk>) -> Self {
        Self { disk, waiting: vec![], dirty: false }
    }
}

/// Where bytes stay for a moment on their way to the guest or from it. It is kept, since making room for each access anew takes
/// longer than the access. ATA's longest is 32 MiB, Linux' 1.25 MiB.
#[derive(Default)]
struct Passage(Vec<u8>);

impl Passage {
    fn room(&mut self, count: usize) -> &mut [u8] {
        if self.0.len() < count {
            self.0.resize(count, 0);
        }
        &mut self.0[..count]
    }
}

/// Bytes of this module's memory as JavaScript sees them. It is for those who look at once: the view is gone when the memory grows.
fn seen_from_outside(bytes: &[u8]) -> Uint8Array {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    Uint8Array::new_with_byte_offset_and_length(&memory.buffer(), bytes.as_ptr().addr() as u32, bytes.len() as u32)
}

/// A machine's disk, shared by v86's object and the machine.
#[derive(Clone)]
pub struct GuestDisk {
    /// `None` once it is closed.
    state: Rc<RefCell<Option<State>>>,
    passage: Rc<RefCell<Passage>>,
    trouble: Rc<dyn Fn(DiskTrouble)>,
    size: u64,
    /// Bytes that the guest has read, and written.
    moved: Rc<Cell<[f64; 2]>>,
}

impl State {
    fn read(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.disk.read(offset, buf)?;
        let end = offset + buf.len() as u64;
        for (at, bytes) in &self.waiting {
            let (from, to) = (offset.max(*at), end.min(at + bytes.len() as u64));
            if from < to {
                let source = &bytes[(from - at) as usize..(to - at) as usize];
                buf[(from - offset) as usize..(to - offset) as usize].copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), BlockError> {
        self.dirty = true;
        // What came first must reach the disk first.
        if !self.waiting.is_empty() {
            self.waiting.push((offset, bytes.to_vec()));
            return Ok(());
        }
        let written = self.disk.write(offset, bytes);
        if written.is_err() {
            self.waiting.push((offset, bytes.to_vec()));
        }
        written
    }

    fn settle(&mut self) -> Result<(), BlockError> {
        while let Some((offset, bytes)) = self.waiting.first() {
            self.disk.write(*offset, bytes)?;
            self.waiting.remove(0);
        }
        if self.dirty {
            self.disk.flush()?;
            self.dirty = false;
        }
        Ok(())
    }
}

impl GuestDisk {
    /// Takes a disk; `trouble` is told what goes wrong.
    pub fn new(disk: Box<dyn Disk>, trouble: impl Fn(DiskTrouble) + 'static) -> Self {
        let size = disk.size();
        Self {
            state: Rc::new(RefCell::new(Some(State::new(disk)))),
            passage: Rc::default(),
            trouble: Rc::new(trouble),
            size,
            moved: Rc::default(),
        }
    }

    /// Bytes that the guest has read, and written.
    pub fn moved(&self) -> [f64; 2] {
        self.moved.get()
    }

    fn count(&self, read: usize, written: usize) {
        let [before_read, before_written] = self.moved.get();
        self.moved.set([before_read + read as f64, before_written + written as f64]);
    }

    /// Makes everything that was written durable. A failure is trouble, and is tried again by [`Self::retry`].
    pub fn flush(&self) {
        if let Err(error) = self.retry() {
            (self.trouble)(DiskTrouble::WritesWait(error));
        }
    }

    /// Brings what waits to the disk and makes it durable.
    pub fn retry(&self) -> Result<(), BlockError> {
        self.state.borrow_mut().as_mut().map_or(Ok(()), State::settle)
    }

    /// Makes everything durable and gives the files free, whatever goes wrong.
    pub fn close(&self) -> Result<(), BlockError> {
        self.state.borrow_mut().take().map_or(Ok(()), |mut state| state.settle())
    }

    /// Closes the disk for another to be [put in](Self::put_in); the guest must stand still meanwhile.
    pub fn take_out(&self) {
        self.state.borrow_mut().take();
    }

    /// Goes on with this disk, which holds the same bytes.
    pub fn put_in(&self, disk: Box<dyn Disk>) {
        *self.state.borrow_mut() = Some(State::new(disk));
    }

    /// The bytes stand there until the next access: v86 copies them where the guest wants them, once.
    fn read(&self, offset: u64, count: usize) -> Option<Uint8Array> {
        self.count(count, 0);
        let mut passage = self.passage.borrow_mut();
        let bytes = passage.room(count);
        let read = self.state.borrow_mut().as_mut()?.read(offset, bytes);
        if let Err(error) = read {
            (self.trouble)(DiskTrouble::Unreadable(error));
            return None;
        }
        Some(seen_from_outside(bytes))
    }

    fn write(&self, offset: u64, bytes: &Uint8Array) {
        self.count(0, bytes.length() as usize);
        let result = match self.state.borrow_mut().as_mut() {
            Some(state) => {
                let mut passage = self.passage.borrow_mut();
                let copied = passage.room(bytes.length() as usize);
                bytes.copy_to(copied);
                state.write(offset, copied)
            }
            None => Ok(()),
        };
        if let Err(error) = result {
            (self.trouble)(DiskTrouble::WritesWait(error));
        }
    }

    /// The object that v86 takes as `hda` or `hdb`. It lives as long as the worker.
    pub fn to_js(&self) -> Result<JsValue, JsValue> {
        let object = Object::new();
        let put = |name: &str, value: JsValue| Reflect::set(&object, &JsValue::from_str(name), &value).map(drop);
        put("byteLength", JsValue::from_f64(self.size as f64))?;
        let this = object.clone();
        put("load", function(move || call_onload(&this)))?;
        let own = self.clone();
        let get = move |offset: f64, count: f64, done: Function| {
            if let Some(bytes) = own.read(offset as u64, count as usize) {
                done.call1(&JsValue::NULL, &bytes)?;
            }
            Ok(JsValue::UNDEFINED)
        };
        let get = Closure::<dyn Fn(f64, f64, Function) -> Result<JsValue, JsValue>>::new(get).into_js_value();
        put("get", get.clone())?;
        put("get_and_cache", get)?;
        let own = self.clone();
        let get_now = Closure::<dyn Fn(f64, f64) -> Option<Uint8Array>>::new(move |offset: f64, count: f64| {
            // Nobody says how long these are needed.
            own.read(offset as u64, count as usize).map(|bytes| bytes.slice(0, bytes.length()))
        });
        put("get_from_cache", get_now.into_js_value())?;
        let own = self.clone();
        let set = move |offset: f64, bytes: Uint8Array, done: Function| {
            own.write(offset as u64, &bytes);
            done.call0(&JsValue::NULL)
        };
        put("set", Closure::<dyn Fn(f64, Uint8Array, Function) -> Result<JsValue, JsValue>>::new(set).into_js_value())?;
        // A saved machine state must not hold the disk: it is in its own file.
        put("get_state", function(|| Ok(js_sys::Array::new().into())))?;
        put("set_state", function(|| Ok(JsValue::UNDEFINED)))?;
        Ok(object.into())
    }
}

fn function(work: impl Fn() -> Result<JsValue, JsValue> + 'static) -> JsValue {
    Closure::<dyn Fn() -> Result<JsValue, JsValue>>::new(work).into_js_value()
}

fn call_onload(object: &Object) -> Result<JsValue, JsValue> {
    let onload = Reflect::get(object, &JsValue::from_str("onload"))?;
    match onload.dyn_ref::<Function>() {
        Some(onload) => onload.call1(object, &Object::new()),
        None => Ok(JsValue::UNDEFINED),
    }
}
