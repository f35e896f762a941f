//! Consoles that are looked at across a pairing, and never typed into.
//!
//! One side shows: it looks at a machine's console as a page of its own would, and says what is new on the control channel, ten times a second at
//! most. What nobody has taken in by then does not slow the machine down: the oldest is left out. The other side watches: it keeps what it is told
//! for its pages, which see a console like any other.

use crate::bridge::{from_js, log, text_of, to_js};
use peering::control::{SCREEN_MAX, Screen};
use protocol::{ConsoleEvent, ConsoleRequest, InstanceId, Stream, TerminalSize, ViewerId, console_channel};
use scrollback::Ring;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// So much of a terminal may wait for the other side, in bytes.
const WAITING_MAX: usize = 64 * 1024;
/// The least and the most columns and lines of a terminal, whatever the other side says.
const SIDES: (u16, u16) = (2, 500);

/// A console's channel, which is closed when it is dropped.
struct Channel {
    channel: BroadcastChannel,
    _hear: Closure<dyn Fn(MessageEvent)>,
}

impl Channel {
    fn open(id: &InstanceId, hear: impl Fn(JsValue) + 'static) -> Result<Self, JsValue> {
        let channel = BroadcastChannel::new(&console_channel(id))?;
        let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| hear(event.data()));
        channel.set_onmessage(Some(hear.as_ref().unchecked_ref()));
        Ok(Self { channel, _hear: hear })
    }

    fn say(&self, what: &impl Serialize) {
        match to_js(what) {
            Ok(message) => {
                if let Err(error) = self.channel.post_message(&message) {
                    log(&format!("a console’s channel failed: {}", text_of(&error)));
                }
            }
            Err(problem) => log(&problem.message),
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

/// What waits for the other side.
#[derive(Default)]
struct Waiting {
    begins: bool,
    size: Option<TerminalSize>,
    streams: [(Vec<u8>, bool); 2],
}

impl Waiting {
    fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let (waiting, left_out) = &mut self.streams[usize::from(stream == Stream::Shell)];
        waiting.extend_from_slice(bytes);
        if waiting.len() > WAITING_MAX {
            waiting.drain(..waiting.len() - WAITING_MAX);
            *left_out = true;
        }
    }

    /// The next that is to be said of a machine.
    fn next(&mut self, machine: &str) -> Option<Screen> {
        let some = self.streams.iter().position(|(bytes, _)| !bytes.is_empty());
        if some.is_none() && !self.begins && self.size.is_none() {
            return None;
        }
        let index = some.unwrap_or_default();
        let (bytes, left_out) = &mut self.streams[index];
        let piece: Vec<u8> = bytes.drain(..bytes.len().min(SCREEN_MAX)).collect();
        Some(Screen {
            machine: machine.to_owned(),
            begins: std::mem::take(&mut self.begins),
            left_out: std::mem::take(left_out),
            size: self.size.take().map(|size| (size.cols, size.rows)),
            shell: index == 1,
            bytes: piece,
        })
    }
}

/// A console of this browser that is shown to a peer, until it is dropped.
pub struct Show {
    /// Whose it is.
    pub id: InstanceId,
    channel: Rc<RefCell<Option<Channel>>>,
    viewer: ViewerId,
    waiting: Rc<RefCell<Waiting>>,
}

impl Show {
    /// Begins; `wake` is called when there is something to say.
    pub fn new(id: &InstanceId, wake: impl Fn() + 'static) -> Result<Self, JsValue> {
        let viewer = (js_sys::Math::random() * f64::from(u32::MAX)) as u32;
        let channel = Rc::new(RefCell::new(None::<Channel>));
        let waiting = Rc::<RefCell<Waiting>>::default();
        let (own, shown) = (Rc::downgrade(&channel), waiting.clone());
        let hear = move |message| {
            // Requests of other viewers come here too.
            let (Some(own), Ok(event)) = (own.upgrade(), from_js::<ConsoleEvent>(message)) else { return };
            let say = |request: &ConsoleRequest| {
                if let Some(channel) = &*own.borrow() {
                    channel.say(request);
                }
            };
            let mut waiting = shown.borrow_mut();
            let (stream, offset, bytes) = match event {
                ConsoleEvent::Ready { .. } => return say(&ConsoleRequest::Attach { viewer }),
                ConsoleEvent::Welcome { viewer: whom, .. } if whom == viewer => {
                    *waiting = Waiting { begins: true, ..Waiting::default() };
                    drop(waiting);
                    return wake();
                }
                ConsoleEvent::Resized(size) => {
                    waiting.size = Some(size);
                    drop(waiting);
                    return wake();
                }
                ConsoleEvent::Replay { viewer: whom, stream, offset, bytes } if whom == viewer => {
                    let late = bytes.len().saturating_sub(WAITING_MAX);
                    waiting.push(stream, &bytes[late..]);
                    (stream, offset, bytes)
                }
                ConsoleEvent::Output { stream, offset, bytes } => {
                    waiting.push(stream, &bytes);
                    (stream, offset, bytes)
                }
                ConsoleEvent::Welcome { .. } | ConsoleEvent::Replay { .. } => return,
            };
            drop(waiting);
            // Taken in at once: a peer never slows a machine down.
            say(&ConsoleRequest::Ack { viewer, stream, offset: offset + bytes.len() as u64 });
            wake();
        };
        let opened = Channel::open(id, hear)?;
        opened.say(&ConsoleRequest::Attach { viewer });
        *channel.borrow_mut() = Some(opened);
        Ok(Self { id: id.clone(), channel, viewer, waiting })
    }

    /// The next that is to be said of the machine, which is called so.
    pub fn next(&self, machine: &str) -> Option<Screen> {
        self.waiting.borrow_mut().next(machine)
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.borrow_mut().take() {
            channel.say(&ConsoleRequest::Detach { viewer: self.viewer });
        }
    }
}

/// What is kept of a console that is watched.
#[derive(Default)]
struct Kept {
    boot: u32,
    rings: [Ring; 2],
    size: Option<TerminalSize>,
    viewers: BTreeSet<ViewerId>,
}

/// A console of a peer's that pages of this browser may look at, until it is dropped.
pub struct Watched {
    /// As which they find it.
    pub id: InstanceId,
    channel: Rc<RefCell<Option<Channel>>>,
    kept: Rc<RefCell<Kept>>,
    /// The other side was asked to show it.
    pub is_asked: Cell<bool>,
}

impl Watched {
    /// Waits for pages, as the console of a machine that is called so.
    pub fn new(id: InstanceId) -> Result<Self, JsValue> {
        let channel = Rc::new(RefCell::new(None::<Channel>));
        let kept = Rc::<RefCell<Kept>>::default();
        let (own, held) = (Rc::downgrade(&channel), kept.clone());
        let hear = move |message| {
            let (Some(own), Ok(request)) = (own.upgrade(), from_js::<ConsoleRequest>(message)) else { return };
            let own = own.borrow();
            let Some(channel) = &*own else { return };
            let mut kept = held.borrow_mut();
            match request {
                ConsoleRequest::Attach { viewer } => {
                    kept.viewers.insert(viewer);
                    channel.say(&ConsoleEvent::Welcome { viewer, boot: kept.boot });
                    for (stream, ring) in Stream::ALL.into_iter().zip(&kept.rings) {
                        let (offset, bytes) = ring.replay();
                        channel.say(&ConsoleEvent::Replay { viewer, stream, offset, bytes });
                    }
                    if let Some(size) = kept.size {
                        channel.say(&ConsoleEvent::Resized(size));
                    }
                }
                ConsoleRequest::Detach { viewer } => {
                    kept.viewers.remove(&viewer);
                }
                // Nothing is typed into it, and it has the size that its own browser gives it.
                ConsoleRequest::Input { .. } | ConsoleRequest::Resize { .. } | ConsoleRequest::Ack { .. } => {}
            }
        };
        let opened = Channel::open(&id, hear)?;
        opened.say(&ConsoleEvent::Ready { boot: 0 });
        *channel.borrow_mut() = Some(opened);
        Ok(Self { id, channel, kept, is_asked: Cell::new(false) })
    }

    /// Whether any page looks at it.
    pub fn is_looked_at(&self) -> bool {
        !self.kept.borrow().viewers.is_empty()
    }

    /// The other side has shown this.
    pub fn take(&self, screen: &Screen) {
        let own = self.channel.borrow();
        let Some(channel) = &*own else { return };
        let mut kept = self.kept.borrow_mut();
        if screen.begins {
            let boot = kept.boot.wrapping_add(1);
            let viewers = std::mem::take(&mut kept.viewers);
            *kept = Kept { boot, viewers, ..Kept::default() };
            // Pages attach anew, and get what comes now as well.
            channel.say(&ConsoleEvent::Ready { boot });
        }
        if let Some((cols, rows)) = screen.size {
            let [cols, rows] = [cols, rows].map(|side| side.clamp(SIDES.0, SIDES.1));
            let size = TerminalSize { cols, rows };
            kept.size = Some(size);
            channel.say(&ConsoleEvent::Resized(size));
        }
        let (stream, ring) = match screen.shell {
            false => (Stream::Serial, &mut kept.rings[0]),
            true => (Stream::Shell, &mut kept.rings[1]),
        };
        // The terminal begins anew where something is missing, since it may have been within a sequence.
        let gap: &[u8] = if screen.left_out { b"\x1bc\x1b[2m(some output was left out)\x1b[0m\r\n" } else { b"" };
        let bytes = [gap, &screen.bytes].concat();
        if !bytes.is_empty() {
            let offset = ring.push(&bytes);
            channel.say(&ConsoleEvent::Output { stream, offset, bytes });
        }
    }
}
