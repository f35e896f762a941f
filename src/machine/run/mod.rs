//! One run of a machine, from its start to its end.

mod care;
mod ears;
mod freeze;
mod gate;
mod start;

pub use ears::Ears;

use super::agent::{GuestAgent, QUICK_MS};
use super::console::Console;
use super::disk::{DiskTrouble, GuestDisk};
use super::drives::Drives;
use super::health::Health;
use super::network::Network;
use super::profiles::Profiles;
use super::setup::Stage;
use super::share::Share;
use super::task::Tasks;
use super::tell;
use super::v86::Emulator;
use crate::bridge::log;
use crate::disks::disk_problem;
use care::Attention;
use futures_util::future::select;
use protocol::{Care, HealthSample, MachineEvent, MachineSpec, Problem, TerminalSize, WorkerNotice};
use scrollback::PanicWatch;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// How long the shared files may take to be made durable at the end, in milliseconds; the host page waits for a little longer.
const SHARE_CLOSE_MS: i32 = 2_000;

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
    network: Rc<Network>,
    /// None if the machine goes on from a memory that was saved before there were shared files.
    share: Option<Rc<Share>>,
    profiles: Option<Rc<Profiles>>,
    health: OnceCell<Rc<Health>>,
    care: Cell<Care>,
    attention: Cell<Attention>,
    tasks: Option<Rc<Tasks>>,
    /// How far what is done at the first start is.
    setup: Cell<Stage>,
    panic: RefCell<PanicWatch>,
    /// The guest is on its way to its gate, or waits there.
    gate: Cell<bool>,
    input: RefCell<VecDeque<u8>>,
    input_scheduled: Cell<bool>,
    unpacking: Cell<Unpacking>,
    freezing: Cell<bool>,
    /// The guest's clock has stood still while it was saved, and is to be set when its agent is there.
    clock_stale: Cell<bool>,
    /// What the guest's serial terminal has not been told of the size that it is shown at.
    serial_size: Cell<Option<TerminalSize>>,
    holds: Cell<Holds>,
    switching: Cell<bool>,
    started: Cell<u64>,
    over: Box<dyn Fn(MachineEvent)>,
}

impl Run {
    /// Lets the processor run for the first time.
    pub async fn begin(self: &Rc<Self>) {
        self.started.set(js_sys::Date::now() as u64);
        self.network.begin();
        self.begin_attention();
        self.switch().await;
        tell(&WorkerNotice::Event(MachineEvent::Running { started: self.started.get() }));
    }

    /// What the machine is.
    pub fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    /// The connection to the guest's agent.
    pub fn agent(&self) -> &Rc<GuestAgent> {
        &self.agent
    }

    /// The machine's profiles, if they can be applied in it.
    pub fn profiles(&self) -> Option<&Rc<Profiles>> {
        self.profiles.as_ref()
    }

    /// How far what is done at the first start is.
    pub fn setup_stage(&self) -> Stage {
        self.setup.get()
    }

    /// Sets [`Self::setup_stage`].
    pub fn set_setup_stage(&self, stage: Stage) {
        self.setup.set(stage);
    }

    /// The machine's end of the LAN.
    pub fn network(&self) -> &Rc<Network> {
        &self.network
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

    /// Whether the processor stands still at the user's wish, or because the disk can't be written.
    pub fn is_paused(&self) -> bool {
        let Holds { user, disk, .. } = self.holds.get();
        user || disk
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
        self.health.get().into_iter().for_each(|health| health.close());
        self.tasks.iter().for_each(|tasks| tasks.close());
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
        self.attend();
        self.agent.look();
        self.profiles.iter().for_each(Profiles::look);
        self.set_up_if_wanted();
        if let Some(tasks) = &self.tasks {
            tasks.look(self.setup.get() == Stage::Done);
        }
        self.network.look(&self.agent);
        self.set_clock_if_stale();
        self.size_serial();
        self.unpack_if_wanted();
        let holds = self.holds.get();
        if !holds.disk && !holds.freeze {
            self.flush();
        }
        if let Some(share) = self.share.as_ref().filter(|_| !holds.freeze) {
            share.look();
        }
    }

    /// What the machine has done so far.
    fn count(&self) -> HealthSample {
        let [disk_read, disk_written] = self.drives.all().map(GuestDisk::moved).fold([0.0; 2], add);
        let [net_in, net_out] = self.network.moved();
        let (at, busy) = (super::health::since_start(), super::health::busy());
        HealthSample { at, busy, disk_read, disk_written, net_in, net_out, guest: None }
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

    /// A serial line has no way to tell a size: the agent does it, once a second at most, as windows are dragged.
    fn size_serial(self: &Rc<Self>) {
        if !self.agent.is_up() {
            return;
        }
        if let Some(TerminalSize { cols, rows }) = self.serial_size.take() {
            let agent = self.agent.clone();
            spawn_local(async move {
                let command = format!("busybox stty -F /dev/ttyS0 cols {cols} rows {rows}");
                if let Err(error) = agent.exec(&command, &[], 0, QUICK_MS, |_, _| {}).await {
                    log(&format!("the serial terminal was not told its size: {error}"));
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
        self.drives.all().for_each(GuestDisk::flush);
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
}

fn add([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    [a + c, b + d]
}
