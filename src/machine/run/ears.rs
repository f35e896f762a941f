//! The run as the emulator and the console know it.

use super::Run;
use crate::machine::after;
use crate::machine::console::Keyboard;
use crate::machine::v86::{Listener, Port};
use protocol::{MachineEvent, Problem, ProblemCode, Stream, TerminalSize};
use std::rc::Rc;

/// How long typed bytes wait for the guest to have room again.
const INPUT_RETRY_MS: i32 = 10;
/// The most typed bytes that wait for a guest that does not read; more are dropped, as a serial line does.
const INPUT_MAX: usize = 4 << 20;

/// What happens in the machine, and what is typed, told to its run.
pub(super) struct Ears(pub(super) Rc<Run>);

impl Listener for Ears {
    fn serial_output(&self, byte: u8) {
        self.0.console.output(Stream::Serial, &[byte]);
        let panicked = self.0.panic.borrow_mut().push(byte);
        if let Some(reason) = panicked {
            let message = format!("The guest’s kernel gave up: {reason}.");
            (self.0.over)(MachineEvent::Crashed(Problem::new(ProblemCode::KernelPanic, message)));
        }
        self.0.readers_changed();
    }

    fn output(&self, port: Port, bytes: Vec<u8>) {
        match port {
            Port::Shell => {
                self.0.console.output(Stream::Shell, &bytes);
                self.0.readers_changed();
            }
            Port::Control | Port::Bulk => self.0.agent.output(port, &bytes),
        }
    }

    fn halted(&self) {
        (self.0.over)(MachineEvent::Halted);
    }

    fn reset(&self) {
        (self.0.over)(MachineEvent::Reset);
    }

    fn flush(&self) {
        self.0.flush();
    }
}

impl Keyboard for Ears {
    fn input(&self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Serial => {
                if let Some(emulator) = self.0.emulator.get() {
                    emulator.serial_input(bytes);
                }
            }
            Stream::Shell => {
                let room = INPUT_MAX.saturating_sub(self.0.input.borrow().len());
                self.0.input.borrow_mut().extend(&bytes[..bytes.len().min(room)]);
                self.0.type_in();
            }
        }
    }

    fn resize(&self, size: TerminalSize) {
        if let Some(emulator) = self.0.emulator.get() {
            emulator.resize(size);
        }
    }

    fn read(&self) {
        self.0.readers_changed();
    }
}

impl Run {
    fn type_in(self: &Rc<Self>) {
        let Some(emulator) = self.emulator.get() else { return };
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
