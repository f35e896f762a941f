//! The machine's end of its console: two terminals, their scrollback, and the pages that look at them.

use crate::bridge::{from_js, log, text_of, to_js};
use protocol::{ConsoleEvent, ConsoleRequest, InstanceId, Stream, TerminalSize, console_channel};
use scrollback::{Ring, Viewers};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// Output is sent after this many milliseconds, so that a burst becomes few messages and an echo is still at once.
const GATHER_MS: i32 = 4;
/// Output is sent at once when this much has gathered.
const GATHER_BYTES: usize = 32 * 1024;

/// What a console asks of its machine.
pub trait Keyboard: 'static {
    /// Someone has typed.
    fn input(&self, stream: Stream, bytes: &[u8]);
    /// The shell is to have this size.
    fn resize(&self, size: TerminalSize);
    /// Someone has read, gone or come: whether the machine must wait may have changed.
    fn read(&self);
}

#[derive(Default)]
struct Terminal {
    ring: Ring,
    gathered: Vec<u8>,
}

/// A machine's console.
pub struct Console {
    channel: BroadcastChannel,
    boot: u32,
    serial: RefCell<Terminal>,
    shell: RefCell<Terminal>,
    viewers: RefCell<Viewers>,
    scheduled: Cell<bool>,
    size: Cell<Option<TerminalSize>>,
}

fn now() -> f64 {
    js_sys::Date::now()
}

impl Console {
    /// Opens the machine's channel.
    pub fn open(id: &InstanceId, boot: u32) -> Result<Rc<Self>, JsValue> {
        Ok(Rc::new(Self {
            channel: BroadcastChannel::new(&console_channel(id))?,
            boot,
            serial: RefCell::default(),
            shell: RefCell::default(),
            viewers: RefCell::default(),
            scheduled: Cell::new(false),
            size: Cell::new(None),
        }))
    }

    /// What the two terminals have put out, as far as it is kept.
    pub fn scrollback(&self) -> [Vec<u8>; 2] {
        self.send_gathered();
        Stream::ALL.map(|stream| self.terminal(stream).borrow().ring.replay().1)
    }

    /// Puts back what a terminal had put out in an earlier run.
    pub fn put_back(&self, stream: Stream, output: &[u8]) {
        self.terminal(stream).borrow_mut().ring.push(output);
    }

    /// Begins to answer the viewers, with `keyboard` taking what they type, and tells those who wait for it.
    pub fn serve(self: &Rc<Self>, keyboard: Rc<impl Keyboard>) {
        let own = self.clone();
        let receive = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            // Other viewers' requests and our own events come on the same channel; only requests are for us.
            if let Ok(request) = from_js::<ConsoleRequest>(event.data()) {
                own.answer(request, keyboard.as_ref());
            }
        });
        self.channel.set_onmessage(Some(receive.into_js_value().unchecked_ref()));
        self.send(&ConsoleEvent::Ready { boot: self.boot });
    }

    fn terminal(&self, stream: Stream) -> &RefCell<Terminal> {
        match stream {
            Stream::Serial => &self.serial,
            Stream::Shell => &self.shell,
        }
    }

    fn answer(self: &Rc<Self>, request: ConsoleRequest, keyboard: &impl Keyboard) {
        match request {
            ConsoleRequest::Attach { viewer } => self.attach(viewer),
            ConsoleRequest::Ack { viewer, stream, offset } => {
                self.viewers.borrow_mut().ack(viewer, stream, offset, now());
            }
            ConsoleRequest::Input { stream, bytes } => return keyboard.input(stream, &bytes),
            ConsoleRequest::Resize { viewer, size } => self.viewers.borrow_mut().resize(viewer, size),
            ConsoleRequest::Detach { viewer } => self.viewers.borrow_mut().detach(viewer),
        }
        keyboard.read();
        let size = self.viewers.borrow().size();
        if let Some(size) = size.filter(|size| Some(*size) != self.size.get()) {
            self.size.set(Some(size));
            keyboard.resize(size);
            self.send(&ConsoleEvent::Resized(size));
        }
    }

    /// The newcomer gets what there was; all else it gets with everybody, beginning where the replay ends.
    fn attach(self: &Rc<Self>, viewer: u32) {
        self.send_gathered();
        let (serial, shell) = (self.serial.borrow().ring.replay(), self.shell.borrow().ring.replay());
        self.viewers.borrow_mut().attach(viewer, serial.0, shell.0, now());
        self.send(&ConsoleEvent::Welcome { viewer, boot: self.boot });
        for (stream, (offset, bytes)) in [(Stream::Serial, serial), (Stream::Shell, shell)] {
            self.send(&ConsoleEvent::Replay { viewer, stream, offset, bytes });
        }
        if let Some(size) = self.size.get() {
            self.send(&ConsoleEvent::Resized(size));
        }
    }

    /// Takes in output of the guest.
    pub fn output(self: &Rc<Self>, stream: Stream, bytes: &[u8]) {
        let gathered = {
            let mut terminal = self.terminal(stream).borrow_mut();
            terminal.gathered.extend_from_slice(bytes);
            terminal.gathered.len()
        };
        if gathered >= GATHER_BYTES {
            self.send_gathered();
        } else if !self.scheduled.replace(true) {
            let own = self.clone();
            super::after(GATHER_MS, move || {
                own.scheduled.set(false);
                own.send_gathered();
            });
        }
    }

    /// Sends what has gathered, to those who look.
    pub fn send_gathered(&self) {
        let looked_at = !self.viewers.borrow().is_empty();
        for stream in Stream::ALL {
            let (offset, bytes) = {
                let mut terminal = self.terminal(stream).borrow_mut();
                let bytes = std::mem::take(&mut terminal.gathered);
                if bytes.is_empty() {
                    continue;
                }
                (terminal.ring.push(&bytes), bytes)
            };
            if looked_at {
                self.send(&ConsoleEvent::Output { stream, offset, bytes });
            }
        }
    }

    /// Whether the machine must wait for somebody to read.
    pub fn must_wait(&self) -> bool {
        let (serial, shell) = (self.serial.borrow().ring.end(), self.shell.borrow().ring.end());
        self.viewers.borrow_mut().must_wait(serial, shell, now())
    }

    fn send(&self, event: &ConsoleEvent) {
        match to_js(event) {
            Ok(message) => {
                if let Err(error) = self.channel.post_message(&message) {
                    log(&format!("the console’s channel failed: {}", text_of(&error)));
                }
            }
            Err(problem) => log(&problem.message),
        }
    }
}
