//! One run of a machine, from its start to its end.

use super::agent::GuestAgent;
use super::console::{Console, Keyboard};
use super::disk::{DiskTrouble, GuestDisk};
use super::supplies::Order;
use super::v86::{Emulator, Listener, Parts, Port};
use super::{after, disk_problem, drives, tell};
use crate::bridge::{log, problem};
use futures_util::try_join;
use protocol::{MachineEvent, MachineSpec, Problem, ProblemCode, Stream, TerminalSize, WorkerNotice};
use scrollback::PanicWatch;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// How long typed bytes wait for the guest to have room again.
const INPUT_RETRY_MS: i32 = 10;
/// The most typed bytes that wait for a guest that does not read; more are dropped, as a serial line does.
const INPUT_MAX: usize = 4 << 20;

/// The shell's size until somebody looks at it.
const DEFAULT_SIZE: TerminalSize = TerminalSize { cols: 80, rows: 25 };

/// Why the processor stands still. It runs while there is no reason.
#[derive(Debug, Default, Clone, Copy)]
struct Holds {
    user: bool,
    disk: bool,
    console: bool,
}

/// What the emulator's callbacks and the run share.
pub struct Run {
    spec: MachineSpec,
    emulator: OnceCell<Emulator>,
    disk: GuestDisk,
    console: Rc<Console>,
    agent: Rc<GuestAgent>,
    panic: RefCell<PanicWatch>,
    input: RefCell<VecDeque<u8>>,
    input_scheduled: Cell<bool>,
    holds: Cell<Holds>,
    switching: Cell<bool>,
    started: Cell<u64>,
    over: Box<dyn Fn(MachineEvent)>,
}

impl Run {
    /// Opens the disk and makes the machine; it does not run yet. `over` is called when the run is over.
    pub async fn start(
        spec: MachineSpec,
        supplies: &Order,
        over: impl Fn(MachineEvent) + 'static,
    ) -> Result<Rc<Self>, Problem> {
        let (drive, supplies) = try_join!(drives::system(&spec), supplies.delivery())?;
        let failed = |error| problem(ProblemCode::Internal, "The console could not be opened", &error);
        let console = Console::open(&spec.id, spec.boot).map_err(failed)?;
        let trouble_of = Rc::new(OnceCell::<std::rc::Weak<Self>>::new());
        let tell_run = trouble_of.clone();
        let disk = GuestDisk::new(drive, move |trouble| {
            if let Some(run) = tell_run.get().and_then(std::rc::Weak::upgrade) {
                run.disk_trouble(trouble);
            }
        });
        let run = Rc::new(Self {
            emulator: OnceCell::new(),
            console,
            agent: GuestAgent::new(),
            disk,
            panic: RefCell::default(),
            input: RefCell::default(),
            input_scheduled: Cell::new(false),
            holds: Cell::default(),
            switching: Cell::new(false),
            started: Cell::new(0),
            over: Box::new(over),
            spec,
        });
        let _ = trouble_of.set(Rc::downgrade(&run));
        let failed = |error| problem(ProblemCode::Internal, "The disk could not be attached", &error);
        let parts = Parts {
            supplies,
            cmdline: format!("{} workbench.hostname={}", run.spec.cmdline, run.spec.name),
            memory: run.spec.memory.bytes(),
            disk: run.disk.to_js().map_err(failed)?,
        };
        let emulator = Emulator::new(&parts, Rc::new(Ears(run.clone()))).await?;
        emulator.resize(DEFAULT_SIZE);
        run.agent.attach(emulator.clone());
        let _ = run.emulator.set(emulator);
        run.console.serve(Rc::new(Ears(run.clone())));
        Ok(run)
    }

    /// Lets the processor run for the first time.
    pub async fn begin(self: &Rc<Self>) {
        self.started.set(js_sys::Date::now() as u64);
        self.switch().await;
        tell(&WorkerNotice::Event(MachineEvent::Running { started: self.started.get() }));
    }

    /// Stops the processor at the user's wish.
    pub async fn pause(self: &Rc<Self>) {
        self.hold(|holds| holds.user = true);
        self.switch().await;
        tell(&WorkerNotice::Event(MachineEvent::Paused(None)));
    }

    /// Lets the processor go on, if the disk can.
    pub async fn resume(self: &Rc<Self>) {
        if let Err(error) = self.disk.retry() {
            let paused = disk_problem("The machine’s disk still can’t be written", &error);
            return tell(&WorkerNotice::Event(MachineEvent::Paused(Some(paused))));
        }
        self.hold(|holds| {
            holds.user = false;
            holds.disk = false;
        });
        self.switch().await;
        tell(&WorkerNotice::Event(MachineEvent::Running { started: self.started.get() }));
        // Its clock has stood still. A guest without an agent keeps its own time.
        let agent = self.agent.clone();
        spawn_local(async move {
            let _ = agent.set_time().await;
        });
    }

    /// Asks the guest to shut down; a paused machine goes on to do so.
    pub async fn shutdown(self: &Rc<Self>) {
        self.hold(|holds| holds.user = false);
        self.switch().await;
        if let Some(emulator) = self.emulator.get() {
            emulator.ctrl_alt_del();
        }
    }

    /// Ends the run: the processor stands still, the disk is durable and free.
    pub async fn close(self: &Rc<Self>) {
        self.hold(|holds| holds.user = true);
        if let Some(emulator) = self.emulator.get().filter(|emulator| emulator.is_running()) {
            // An engine that has panicked never says that it stands still, and must not be waited for.
            let stop = emulator.clone();
            spawn_local(async move { stop.stop().await });
        }
        self.console.send_gathered();
        if let Err(error) = self.disk.close() {
            log(&disk_problem("The disk could not be written back at the end", &error).message);
        }
    }

    /// Comes once a second: sees whether readers have stalled, and makes durable what a guest wrote without asking for it.
    pub fn look(self: &Rc<Self>) {
        self.readers_changed();
        self.agent.look();
        if !self.holds.get().disk {
            self.disk.flush();
        }
    }

    fn hold(&self, change: impl FnOnce(&mut Holds)) {
        let mut holds = self.holds.get();
        change(&mut holds);
        self.holds.set(holds);
    }

    /// Brings the processor into the state that the holds ask for. They may change while v86 takes its time.
    async fn switch(self: &Rc<Self>) {
        let Some(emulator) = self.emulator.get() else { return };
        if self.switching.replace(true) {
            return;
        }
        loop {
            let holds = self.holds.get();
            let run = !(holds.user || holds.disk || holds.console);
            if run == emulator.is_running() {
                break;
            }
            if run { emulator.run().await } else { emulator.stop().await }
        }
        self.switching.set(false);
    }

    fn switch_soon(self: &Rc<Self>) {
        let own = self.clone();
        spawn_local(async move { own.switch().await });
    }

    fn disk_trouble(self: &Rc<Self>, trouble: DiskTrouble) {
        match trouble {
            DiskTrouble::WritesWait(error) => {
                if self.holds.get().disk {
                    return;
                }
                self.hold(|holds| holds.disk = true);
                self.switch_soon();
                let paused = disk_problem("The machine was paused because its disk could not be written", &error);
                tell(&WorkerNotice::Event(MachineEvent::Paused(Some(paused))));
            }
            DiskTrouble::Unreadable(error) => {
                self.hold(|holds| holds.disk = true);
                self.switch_soon();
                let crashed = disk_problem("The machine’s disk could not be read", &error);
                (self.over)(MachineEvent::Crashed(crashed));
            }
        }
    }

    fn readers_changed(self: &Rc<Self>) {
        let wait = self.console.must_wait();
        if wait != self.holds.get().console {
            self.hold(|holds| holds.console = wait);
            self.switch_soon();
        }
    }

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

/// The run as the emulator and the console know it.
struct Ears(Rc<Run>);

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
        self.0.disk.flush();
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
