//! The machine's end of the LAN: its network card's frames, in batches, by this worker's own messages, which the host page passes on, or through memory
//! that it shares with the lan worker, where that can be.
//!
//! The way comes when the guest first uses its card, and another one comes in its place if the lan worker has died. Frames that are sent in
//! one turn of the emulator leave together. Frames that come wait until the guest has buffers for them; the lan worker is told how many bytes were
//! dealt with, and sends no more than it may ahead of that.

use super::agent::{GuestAgent, QUICK_MS};
use super::v86::{Card, Emulator};
use super::{after, tell};
use crate::bridge::{log, text_of};
use crate::ring::SharedRing;
use js_sys::{Array, SharedArrayBuffer, Uint8Array};
use protocol::{InstanceId, Problem, WorkerNotice};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use vlan::ring::{End, Spans};
use vlan::{Mac, batch, offload};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Frames that wait for the way to the LAN, in bytes; later ones are lost, as on a cable that is not plugged in.
const WAITING_MAX: usize = 64 * 1024;
/// A batch is sent before it gets longer than this.
const BATCH_MAX: usize = 256 * 1024;
/// How soon a guest without a free buffer is asked again, in milliseconds.
const RETRY_MS: i32 = 2;
/// Has the guest learn its card's address, and ask for an address of its own.
const ANEW: &str = "/usr/lib/workbench/network anew";
/// How much a command in the guest may say, in bytes.
const SAID_MAX: u64 = 4096;

/// A batch that has come, and how much of it the guest has.
struct Incoming {
    batch: Uint8Array,
    at: u32,
    /// Where it lies in shared memory.
    spans: Option<Spans>,
}

/// The memory that is shared with the lan worker.
struct Rings {
    to: SharedRing,
    from: SharedRing,
    /// Somebody waits for room in it.
    waits: Cell<bool>,
}

/// The way to the LAN.
#[derive(Default)]
struct Way {
    rings: Option<Rings>,
}

/// Sends a message to the lan worker, by the host page, which passes on what is in lists of one.
fn post(message: &JsValue, transfer: &Array) -> Result<(), JsValue> {
    super::scope().post_message_with_transfer(&Array::of1(message), transfer)
}

/// What the machine goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// It boots.
    Nothing,
    /// Its template's warm state: the guest sets up its network when it wakes up.
    Warm,
    /// A memory that was saved when it was on the LAN.
    Memory,
}

/// A machine's network.
pub struct Network {
    mac: Mac,
    emulator: OnceCell<(Emulator, Card)>,
    way: RefCell<Option<Way>>,
    restored: Cell<bool>,
    asked: Cell<bool>,
    outgoing: RefCell<Vec<u8>>,
    sending: Cell<bool>,
    incoming: RefCell<VecDeque<Incoming>>,
    scheduled: Cell<bool>,
    /// The kernel has another address than this machine's: it was saved in another machine, or on a LAN with other addresses.
    strange: Cell<bool>,
    /// Bytes that the card has received, and sent.
    moved: Cell<[f64; 2]>,
}

impl Network {
    /// The network of a machine that is still being made.
    pub fn new(id: &InstanceId) -> Rc<Self> {
        Rc::new(Self {
            mac: Mac::of_name(id.as_str()),
            emulator: OnceCell::new(),
            way: RefCell::default(),
            restored: Cell::new(false),
            asked: Cell::new(false),
            outgoing: RefCell::default(),
            sending: Cell::new(false),
            incoming: RefCell::default(),
            scheduled: Cell::new(false),
            strange: Cell::new(false),
            moved: Cell::default(),
        })
    }

    /// Bytes that the card has received, and sent.
    pub fn moved(&self) -> [f64; 2] {
        self.moved.get()
    }

    fn count(&self, received: usize, sent: usize) {
        let [before_received, before_sent] = self.moved.get();
        self.moved.set([before_received + received as f64, before_sent + sent as f64]);
    }

    /// The machine is there. Its card has the machine's own address from now on, also where its kernel knows another one.
    pub fn attach(&self, emulator: Emulator, from: From) -> Result<(), Problem> {
        let Some(mac) = emulator.mac() else { return Ok(()) };
        self.restored.set(from == From::Memory);
        self.strange.set(from == From::Memory && mac != self.mac.0);
        emulator.set_mac(self.mac.0)?;
        let card = emulator.card()?;
        let _ = self.emulator.set((emulator, card));
        Ok(())
    }

    /// The processor is about to run. A kernel that goes on is on the LAN, also before it sends anything.
    pub fn begin(&self) {
        if self.restored.get() {
            self.ask();
        }
    }

    /// Asks for the way to the LAN, once.
    fn ask(&self) {
        if !self.asked.replace(true) {
            // A kernel with the address of another machine's card is dealt with here.
            tell(&WorkerNotice::Network { settled: self.restored.get() && !self.strange.get() });
        }
    }

    /// The guest's address is none of the LAN's.
    pub fn ask_for_address(&self) {
        self.strange.set(true);
    }

    /// The host page gives a way to the LAN, in place of any earlier one: an empty list. What comes by it then is in lists of one.
    pub fn hear(self: &Rc<Self>, list: &Array) {
        if list.length() > 0 {
            return self.receive(&list.get(0));
        }
        self.incoming.borrow_mut().clear();
        self.way.replace(Some(Way::default()));
        self.send();
    }

    /// The card has sent a frame.
    pub fn frame(self: &Rc<Self>, frame: &[u8]) {
        self.count(0, frame.len());
        self.ask();
        let most = if self.way.borrow().is_some() { BATCH_MAX } else { WAITING_MAX };
        if self.outgoing.borrow().len() + frame.len() > most {
            self.send();
        }
        let mut outgoing = self.outgoing.borrow_mut();
        if outgoing.len() + frame.len() <= BATCH_MAX {
            batch::push(&mut outgoing, frame);
        }
        drop(outgoing);
        if !self.sending.replace(true) {
            // Runs when the emulator's turn is over.
            let own = self.clone();
            spawn_local(async move {
                own.sending.set(false);
                own.send();
            });
        }
    }

    fn send(self: &Rc<Self>) {
        let way = self.way.borrow();
        let Some(way) = &*way else {
            if self.outgoing.borrow().len() > WAITING_MAX {
                self.outgoing.borrow_mut().clear();
            }
            return;
        };
        if let Some(rings) = &way.rings {
            self.put(rings);
            return;
        }
        let outgoing = self.outgoing.take();
        if outgoing.is_empty() {
            return;
        }
        let bytes = Uint8Array::from(&outgoing[..]);
        if let Err(error) = post(&bytes, &Array::of1(&bytes.buffer())) {
            log(&format!("frames could not be sent: {}", text_of(&error)));
        }
    }

    /// Puts what is to be sent into shared memory, at once or as soon as there is room for it.
    fn put(self: &Rc<Self>, rings: &Rings) {
        let seen = rings.to.seen(End::Read);
        if rings.to.ring().put(&self.outgoing.borrow()) {
            self.outgoing.borrow_mut().clear();
        } else if !rings.waits.replace(true) {
            let own = self.clone();
            rings.to.once(End::Read, seen, move || {
                if let Some(rings) = own.way.borrow().as_ref().and_then(|way| way.rings.as_ref()) {
                    rings.waits.set(false);
                    own.put(rings);
                }
            });
        }
    }

    fn receive(self: &Rc<Self>, message: &JsValue) {
        if let Some(bytes) = message.dyn_ref::<Uint8Array>() {
            self.incoming.borrow_mut().push_back(Incoming { batch: bytes.clone(), at: 0, spans: None });
            self.give();
        } else if let Some(memory) = message.dyn_ref::<Array>() {
            self.share_memory(memory);
        }
    }

    /// The lan worker has made memory for frames in both directions. What it has sent by messages came before.
    fn share_memory(self: &Rc<Self>, memory: &Array) {
        let memory = |index| memory.get(index).dyn_into::<SharedArrayBuffer>().map(|memory| SharedRing::new(&memory));
        let (Ok(to), Ok(from)) = (memory(0), memory(1)) else { return };
        let own = self.clone();
        from.watch(End::Written, move || own.give());
        if let Some(way) = &mut *self.way.borrow_mut() {
            way.rings = Some(Rings { to, from, waits: Cell::default() });
        }
        self.send();
    }

    /// Gives the guest what it has buffers for. While it stands still its memory must not change.
    fn give(self: &Rc<Self>) {
        let Some((_, card)) = self.emulator.get().filter(|(emulator, _)| emulator.is_running()) else { return };
        let way = self.way.borrow();
        let Some(way) = &*way else { return };
        let mut dealt_with = 0;
        let mut incoming = self.incoming.borrow_mut();
        let mut bytes = vec![];
        loop {
            if incoming.is_empty() {
                incoming.extend(way.rings.as_ref().and_then(Rings::next));
            }
            let Some(first) = incoming.front_mut() else { break };
            let Some(frame) = first.next() else {
                match (&first.spans, &way.rings) {
                    (Some(spans), Some(rings)) => rings.from.ring().done(spans),
                    _ => dealt_with += first.batch.length(),
                }
                incoming.pop_front();
                continue;
            };
            if !card.has_room() {
                break;
            }
            bytes.resize(offload::HEADER + frame.length() as usize, 0);
            frame.copy_to(&mut bytes[offload::HEADER..]);
            card.receive(&mut bytes);
            self.count(frame.length() as usize, 0);
            first.at += batch::PREFIX as u32 + frame.length();
        }
        card.interrupt();
        let waits = !incoming.is_empty();
        drop(incoming);
        if dealt_with > 0
            && let Err(error) = post(&dealt_with.into(), &Array::new())
        {
            log(&format!("the LAN could not be told: {}", text_of(&error)));
        }
        if waits && !self.scheduled.replace(true) {
            let own = self.clone();
            after(RETRY_MS, move || {
                own.scheduled.set(false);
                own.give();
            });
        }
    }

    /// Comes once a second: what came while the machine stood still is given to it, and one whose address is no good gets its own.
    pub fn look(self: &Rc<Self>, agent: &Rc<GuestAgent>) {
        self.give();
        if !agent.is_up() || !self.strange.replace(false) {
            return;
        }
        let agent = agent.clone();
        spawn_local(async move {
            let done = agent.exec(ANEW, &[], SAID_MAX, QUICK_MS, |_, _| {}).await;
            match done {
                Ok(0) => {}
                Ok(status) => log(&format!("the guest did not take its new address: status {status}")),
                Err(error) => log(&format!("the guest did not take its new address: {error}")),
            }
        });
    }
}

impl Rings {
    /// The next batch, which stays in shared memory unless it goes round its end.
    fn next(&self) -> Option<Incoming> {
        let ring = self.from.ring();
        let spans = ring.next().unwrap_or_else(|error| {
            // The lan worker and this one are the same program.
            log(&format!("the LAN sent nonsense: {error}"));
            None
        })?;
        let [first, second] = spans.0.clone().map(|span| ring.shared().view(span));
        let batch = if second.length() == 0 {
            first
        } else {
            let whole = Uint8Array::new_with_length(spans.length() as u32);
            whole.set(&first, 0);
            whole.set(&second, first.length());
            whole
        };
        Some(Incoming { batch, at: 0, spans: Some(spans) })
    }
}

impl Incoming {
    /// The next frame, which stays where it is. The lan worker's batches are whole; `None` at the end, as at anything else.
    fn next(&self) -> Option<Uint8Array> {
        let start = self.at + batch::PREFIX as u32;
        let mut length = [0; batch::PREFIX];
        (start <= self.batch.length()).then(|| self.batch.subarray(self.at, start).copy_to(&mut length))?;
        let end = start.checked_add(u32::from_le_bytes(length))?;
        (end <= self.batch.length()).then(|| self.batch.subarray(start, end))
    }
}
