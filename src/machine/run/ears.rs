//! The run as the emulator and the console know it.

use super::Run;
use crate::machine::after;
use crate::machine::console::Keyboard;
use crate::machine::disk::DiskTrouble;
use crate::machine::v86::{Listener, Port};
use js_sys::{Function, Uint8Array};
use protocol::{MachineEvent, Problem, ProblemCode, Stream, TerminalSize};
use std::cell::OnceCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// How long typed bytes wait for the guest to have room again.
const INPUT_RETRY_MS: i32 = 10;
/// The most typed bytes that wait for a guest that does not read; more are dropped, as a serial line does.
const INPUT_MAX: usize = 4 << 20;

/// What happens in the machine, and what is typed, told to its run.
///
/// It may be there before its run. Nothing happens until then.
#[derive(Clone, Default)]
pub struct Ears(Rc<OnceCell<Rc<Run>>>);

impl Ears {
    /// From now on it is heard by this run.
    pub fn bind(&self, run: Rc<Run>) {
        let _ = self.0.set(run);
    }

    fn run(&self) -> Option<&Rc<Run>> {
        self.0.get()
    }

    /// What is told of trouble with the disks.
    pub fn disk_trouble(&self) -> impl Fn(DiskTrouble) + Clone + 'static {
        let own = self.clone();
        move |trouble| {
            if let Some(run) = own.run() {
                run.disk_trouble(trouble);
            }
        }
    }

    /// What v86 calls with each of the guest's 9P messages: `(message, reply)`.
    pub fn share_handler(&self) -> JsValue {
        let own = self.clone();
        let handle = Closure::<dyn Fn(Uint8Array, Function)>::new(move |message: Uint8Array, reply: Function| {
            if let Some(share) = own.run().and_then(|run| run.share.as_ref()) {
                share.take(message.to_vec(), reply);
            }
        });
        handle.into_js_value()
    }
}

impl Listener for Ears {
    fn serial_output(&self, byte: u8) {
        let Some(run) = self.run() else { return };
        run.console.output(Stream::Serial, &[byte]);
        let panicked = run.panic.borrow_mut().push(byte);
        if let Some(reason) = panicked {
            let message = format!("The guest’s kernel gave up: {reason}.");
            (run.over)(MachineEvent::Crashed(Problem::new(ProblemCode::KernelPanic, message)));
        }
        run.readers_changed();
    }

    fn output(&self, port: Port, bytes: Vec<u8>) {
        let Some(run) = self.run() else { return };
        match port {
            Port::Shell => {
                run.console.output(Stream::Shell, &bytes);
                run.readers_changed();
            }
            Port::Control | Port::Bulk => run.agent.output(port, &bytes),
        }
    }

    fn halted(&self) {
        let Some(run) = self.run() else { return };
        (run.over)(MachineEvent::Halted);
    }

    fn reset(&self) {
        let Some(run) = self.run() else { return };
        (run.over)(MachineEvent::Reset);
    }

    fn flush(&self) {
        let Some(run) = self.run() else { return };
        run.flush();
    }

    fn frame(&self, frame: &[u8]) {
        let Some(run) = self.run() else { return };
        run.network.frame(frame);
    }
}

impl Keyboard for Ears {
    fn input(&self, stream: Stream, bytes: &[u8]) {
        let Some(run) = self.run() else { return };
        run.is_used();
        match stream {
            Stream::Serial => {
                // Who types at its boot types at a line that nobody reads.
                if let Some(emulator) = run.emulator.get().filter(|_| !run.gate.get()) {
                    emulator.serial_input(bytes);
                }
            }
            Stream::Shell => {
                let room = INPUT_MAX.saturating_sub(run.input.borrow().len());
                run.input.borrow_mut().extend(&bytes[..bytes.len().min(room)]);
                run.type_in();
            }
        }
    }

    fn resize(&self, size: TerminalSize) {
        let Some(run) = self.run() else { return };
        if let Some(emulator) = run.emulator.get() {
            emulator.resize(size);
        }
        run.serial_size.set(Some(size));
    }

    fn read(&self) {
        let Some(run) = self.run() else { return };
        run.readers_changed();
    }
}

impl Run {
    pub(super) fn type_in(self: &Rc<Self>) {
        let Some(emulator) = self.emulator.get().filter(|_| !self.gate.get()) else { return };
        let mut input = self.input.borrow_mut();
        let given = emulator.input(Port::Shell, input.make_contiguous());
        input.drain(..given);
        if !input.is_empty() && !self.input_scheduled.replace(true) {
            let own = self.clone();
            after(INPUT_RETRY_MS, move || {
                own.input_scheduled.set(false);
                own.type_in();
            });
        }
    }
}
