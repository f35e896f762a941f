//! One run of a machine, from its start to its end.

use super::agent::GuestAgent;
use super::console::{Console, Keyboard};
use super::disk::DiskTrouble;
use super::drives::Drives;
use super::memory::{NewMemory, SavedMemory};
use super::profiles::Profiles;
use super::share::Share;
use super::supplies::Order;
use super::v86::{Emulator, Listener, Parts, Port};
use super::{after, tell};
use crate::bridge::{log, problem};
use crate::disks::disk_problem;
use futures_util::future::select;
use futures_util::try_join;
use protocol::{
    MachineEvent, MachineSpec, NewSnapshot, Point, Problem, ProblemCode, StartFrom, Stream, TerminalSize, WorkerNotice,
};
use scrollback::PanicWatch;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// How long typed bytes wait for the guest to have room again.
const INPUT_RETRY_MS: i32 = 10;
/// The most typed bytes that wait for a guest that does not read; more are dropped, as a serial line does.
const INPUT_MAX: usize = 4 << 20;

/// How long a guest may take to write back its files before they are frozen, in milliseconds.
const SYNC_MS: u64 = 15_000;

/// How long the shared files may take to be made durable at the end, in milliseconds; the host page waits for a little longer.
const SHARE_CLOSE_MS: i32 = 2_000;

/// The shell's size until somebody looks at it.
const DEFAULT_SIZE: TerminalSize = TerminalSize { cols: 80, rows: 25 };

/// Why the processor stands still. It runs while there is no reason.
#[derive(Debug, Default, Clone, Copy)]
struct Holds {
    user: bool,
    disk: bool,
    console: bool,
    freeze: bool,
}

/// Whether archives wait to be unpacked, as far as is known.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Unpacking {
    /// Looks as soon as the agent is there: at the start, and when one has come.
    #[default]
    Wanted,
    /// Is at it; whatever comes meanwhile is seen.
    Going,
    /// Nothing waits.
    Idle,
}

/// What the emulator's callbacks and the run share.
pub struct Run {
    spec: MachineSpec,
    emulator: OnceCell<Emulator>,
    drives: Drives,
    console: Rc<Console>,
    agent: Rc<GuestAgent>,
    /// None if the machine goes on from a memory that was saved before there were shared files.
    share: Option<Rc<Share>>,
    profiles: Option<Rc<Profiles>>,
    panic: RefCell<PanicWatch>,
    input: RefCell<VecDeque<u8>>,
    input_scheduled: Cell<bool>,
    unpacking: Cell<Unpacking>,
    freezing: Cell<bool>,
    /// The guest's clock has stood still while it was saved, and is to be set when its agent is there.
    clock_stale: Cell<bool>,
    holds: Cell<Holds>,
    switching: Cell<bool>,
    started: Cell<u64>,
    over: Box<dyn Fn(MachineEvent)>,
}

impl Run {
    /// Opens the disks and makes the machine; it does not run yet. `over` is called when the run is over.
    pub async fn start(
        spec: MachineSpec,
        supplies: &Order,
        over: impl Fn(MachineEvent) + 'static,
    ) -> Result<Rc<Self>, Problem> {
        let trouble_of = Rc::new(OnceCell::<std::rc::Weak<Self>>::new());
        let tell_run = trouble_of.clone();
        let drives = Drives::open(&spec, move |trouble| {
            if let Some(run) = tell_run.get().and_then(std::rc::Weak::upgrade) {
                run.disk_trouble(trouble);
            }
        });
        let (drives, supplies) = try_join!(drives, supplies.delivery())?;
        let failed = |error| problem(ProblemCode::Internal, "The console could not be opened", &error);
        let console = Console::open(&spec.id, spec.boot).map_err(failed)?;
        let saved = match spec.forget {
            true => None,
            false => match drives.saved_memory().await {
                Ok(saved) => saved,
                Err(problem) => {
                    // Else it could never start again: now it boots the next time.
                    drives.forget_saved_memory().await?;
                    return Err(problem);
                }
            },
        };
        let memory = saved.as_ref().map_or(spec.memory, |saved| saved.memory);
        let spec = MachineSpec { memory, ..spec };
        let share = match saved.as_ref().map(|saved| &saved.share[..]) {
            None => Some(Share::open(&spec.id, None)),
            Some([]) => None,
            Some(session) => Some(Share::open(&spec.id, Some(session))),
        };
        let agent = GuestAgent::new();
        let profiles = share.as_ref().and_then(|share| Profiles::open(&spec.id, agent.clone(), share.clone()));
        let run = Rc::new(Self {
            emulator: OnceCell::new(),
            console,
            drives,
            agent,
            share,
            profiles,
            panic: RefCell::default(),
            input: RefCell::default(),
            input_scheduled: Cell::new(false),
            unpacking: Cell::default(),
            freezing: Cell::new(false),
            clock_stale: Cell::new(saved.is_some()),
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
            cmdline: command_line(&run.spec),
            memory: run.spec.memory.bytes(),
            disk: run.drives.system.to_js().map_err(failed)?,
            second_disk: run.drives.workspace.as_ref().map(|disk| disk.to_js()).transpose().map_err(failed)?,
            firmware: run.spec.start_from == StartFrom::Firmware,
            share: run.share.as_ref().map(Share::handler),
        };
        let emulator = Emulator::new(&parts, Rc::new(Ears(run.clone()))).await?;
        // Whether or not it can go on from there: it must never do so again, for the disks change now.
        run.drives.forget_saved_memory().await?;
        if let Some(SavedMemory { serial, shell, state, .. }) = saved {
            emulator.restore_state(&state).await?;
            run.console.put_back(Stream::Serial, &serial);
            run.console.put_back(Stream::Shell, &shell);
        }
        emulator.resize(DEFAULT_SIZE);
        run.agent.attach(emulator.clone());
        if run.clock_stale.get() {
            run.agent.greet();
        }
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
        if let Err(error) = self.drives.retry() {
            let paused = disk_problem("The machine’s disk still can’t be written", &error);
            return tell(&WorkerNotice::Event(MachineEvent::Paused(Some(paused))));
        }
        self.hold(|holds| {
            holds.user = false;
            holds.disk = false;
        });
        self.switch().await;
        tell(&WorkerNotice::Event(MachineEvent::Running { started: self.started.get() }));
        self.clock_stale.set(true);
        self.set_clock_if_stale();
    }

    /// Asks the guest to shut down; a paused machine goes on to do so.
    pub async fn shutdown(self: &Rc<Self>) {
        self.hold(|holds| holds.user = false);
        self.switch().await;
        if let Some(emulator) = self.emulator.get() {
            emulator.ctrl_alt_del();
        }
    }

    /// Freezes the disks, and goes on upon new layers; with a snapshot it can be gone back to. The guest stands still
    /// meanwhile and notices nothing.
    pub async fn freeze(self: &Rc<Self>, snapshot: Option<NewSnapshot>) -> Result<Point, Problem> {
        if self.freezing.replace(true) {
            return Err(Problem::new(ProblemCode::Refused, "The machine’s disks are being frozen already."));
        }
        // A snapshot with the memory has what is not written yet in there.
        if !snapshot.as_ref().is_some_and(|snapshot| snapshot.memory) {
            self.sync_guest().await;
        }
        self.hold(|holds| holds.freeze = true);
        self.switch().await;
        let frozen = self.freeze_now(snapshot).await;
        self.hold(|holds| holds.freeze = false);
        self.freezing.set(false);
        self.switch().await;
        frozen.map_err(|(problem, lost)| {
            if lost {
                (self.over)(MachineEvent::Crashed(problem.clone()));
            }
            problem
        })
    }

    /// Saves the memory beside the disks, for the next start to go on from. The processor stands still afterwards, for good unless
    /// it failed.
    pub async fn suspend(self: &Rc<Self>) -> Result<(), Problem> {
        if self.freezing.replace(true) {
            return Err(Problem::new(ProblemCode::Refused, "The machine’s disks are just being frozen: try again."));
        }
        self.hold(|holds| holds.freeze = true);
        self.switch().await;
        let suspended = self.suspend_now().await;
        if suspended.is_err() {
            self.hold(|holds| holds.freeze = false);
            self.freezing.set(false);
            self.switch().await;
        }
        suspended
    }

    async fn suspend_now(&self) -> Result<(), Problem> {
        let gone = || Problem::new(ProblemCode::Refused, "The machine is just being stopped.");
        let emulator = self.emulator.get().ok_or_else(gone)?;
        while emulator.is_running() {
            emulator.stop().await;
        }
        self.drives.retry().map_err(|error| disk_problem("The disk could not be written back", &error))?;
        let memory = self.remember(emulator).await?;
        self.drives.suspend(self.spec.boot, &memory).await
    }

    /// What is in the machine, of a processor that stands still.
    async fn remember(&self, emulator: &Emulator) -> Result<NewMemory, Problem> {
        // First: what the guest has asked is answered into its memory.
        let share = match &self.share {
            Some(share) => share.session().await?,
            None => vec![],
        };
        let state = emulator.save_state().await?;
        let [serial, shell] = self.console.scrollback();
        Ok(NewMemory { memory: self.spec.memory, beside: [serial, shell, share], state })
    }

    /// Whether the processor stands still at the user's wish, or because the disk can't be written.
    pub fn is_paused(&self) -> bool {
        let Holds { user, disk, .. } = self.holds.get();
        user || disk
    }

    /// Has the guest write what it holds back. One that does not, or can't, is as one whose plug is pulled: its file system's
    /// journal makes it whole, and what it had not written is not there.
    async fn sync_guest(&self) {
        if self.agent.is_up() && self.emulator.get().is_some_and(Emulator::is_running) {
            let synced = self.agent.call(&agent::Request::Sync, SYNC_MS).await;
            if let Err(error) = synced {
                log(&format!("the guest did not write its files back: {error}"));
            }
        }
    }

    async fn freeze_now(&self, snapshot: Option<NewSnapshot>) -> Result<Point, (Problem, bool)> {
        let keep = |problem| (problem, false);
        let gone = || keep(Problem::new(ProblemCode::Refused, "The machine is just being stopped."));
        let emulator = self.emulator.get().ok_or_else(gone)?;
        while emulator.is_running() {
            emulator.stop().await;
        }
        let full = |error| keep(disk_problem("The disk could not be written back", &error));
        self.drives.retry().map_err(full)?;
        let memory = match &snapshot {
            Some(snapshot) if snapshot.memory => {
                let memory = self.remember(emulator).await.map_err(keep)?;
                Some(self.drives.save_with(snapshot, &memory).await.map_err(keep)?)
            }
            _ => None,
        };
        self.drives.freeze(snapshot, memory).await
    }

    /// Ends the run: the processor stands still, the disks are durable and free. Comes with what was lost, if anything was.
    pub async fn close(self: &Rc<Self>) -> Option<Problem> {
        self.hold(|holds| holds.user = true);
        if let Some(emulator) = self.emulator.get().filter(|emulator| emulator.is_running()) {
            // An engine that has panicked never says that it stands still, and must not be waited for.
            let stop = emulator.clone();
            spawn_local(async move { stop.stop().await });
        }
        self.console.send_gathered();
        self.profiles.iter().for_each(|profiles| profiles.close());
        if let Some(share) = &self.share {
            // The disks must not wait for it for good: the worker is ended soon.
            self.flush();
            let patience = std::pin::pin!(crate::storage::pause(SHARE_CLOSE_MS));
            select(std::pin::pin!(share.close()), patience).await;
        }
        let closed = self.drives.close();
        closed.err().map(|error| disk_problem("The last of what the guest wrote did not reach its disk", &error))
    }

    /// Comes once a second: sees whether readers have stalled, and makes durable what a guest wrote without asking for it.
    pub fn look(self: &Rc<Self>) {
        self.readers_changed();
        self.agent.look();
        self.profiles.iter().for_each(Profiles::look);
        self.set_clock_if_stale();
        self.unpack_if_wanted();
        let holds = self.holds.get();
        if !holds.disk && !holds.freeze {
            self.flush();
        }
        if let Some(share) = self.share.as_ref().filter(|_| !holds.freeze) {
            share.look();
        }
    }

    /// A guest without an agent keeps its own time.
    fn set_clock_if_stale(self: &Rc<Self>) {
        if self.agent.is_up() && self.clock_stale.replace(false) {
            let agent = self.agent.clone();
            spawn_local(async move {
                if let Err(error) = agent.set_time().await {
                    log(&format!("the guest’s clock was not set: {error}"));
                }
            });
        }
    }

    /// An archive has come that waits to be unpacked.
    pub fn unpack_soon(self: &Rc<Self>) {
        self.unpacking.set(Unpacking::Wanted);
        self.unpack_if_wanted();
    }

    fn unpack_if_wanted(self: &Rc<Self>) {
        let ready = self.drives.workspace.is_some() && self.agent.is_up();
        if self.unpacking.get() != Unpacking::Wanted || !ready {
            return;
        }
        self.unpacking.set(Unpacking::Going);
        let own = self.clone();
        spawn_local(async move {
            let unpacked = super::inbox::unpack(&own.drives, &own.agent).await;
            if own.unpacking.get() == Unpacking::Going {
                own.unpacking.set(Unpacking::Idle);
            }
            match unpacked {
                Ok(0) => {}
                Ok(_) => tell(&WorkerNotice::Event(MachineEvent::Unpacked(None))),
                Err(problem) => tell(&WorkerNotice::Event(MachineEvent::Unpacked(Some(problem)))),
            }
        });
    }

    fn flush(&self) {
        self.drives.all().for_each(super::disk::GuestDisk::flush);
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
            let run = !(holds.user || holds.disk || holds.console || holds.freeze);
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

/// The kernel's command line: the template's, with what is this machine's own.
fn command_line(spec: &MachineSpec) -> String {
    let cmdline = match spec.start_from {
        StartFrom::Partition(number) => spec.cmdline.replace("root=/dev/sda", &format!("root=/dev/sda{number}")),
        StartFrom::Disk | StartFrom::Firmware => spec.cmdline.clone(),
    };
    format!("{cmdline} workbench.hostname={}", spec.name)
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
