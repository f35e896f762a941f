//! The machines that have a worker, and those whose end the background does not know of yet.

use super::engine::Engine;
use super::lan::Lan;
use super::worker::{FromWorker, MachineWorker, after, every};
use super::{notices, room};
use crate::bridge::{log, text_of};
use crate::journal;
use futures_channel::oneshot;
use protocol::{
    Access, Care, Confined, HostNotice, InstanceId, MachineEvent, MachineSpec, NewSnapshot, Notice, Point, Problem,
    ProblemCode, RunningMachine, WorkerCommand, WorkerNotice,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// How often the workers' signs of life are looked at.
const WATCH_MS: i32 = 1_000;
/// So many looks without a sign of life, and the worker is given up. A look needs the page itself to be awake, so a
/// sleeping laptop counts for nothing.
const SILENT_LOOKS_MAX: u32 = 45;
/// How long a worker that is to be ended may take to write back and close its disk.
const CLOSE_MS: u64 = 3_000;

/// How long a worker waits for a machine. It has one in its memory already.
const SPARE_TIME: Duration = Duration::from_secs(60);

/// After so long with a machine the emulator is as quick as it gets.
const QUICK_TIME: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Machine {
    boot: u32,
    name: String,
    access: Access,
    confined: Confined,
    /// `None` once the run is over and only the background's answer is waited for.
    worker: Option<MachineWorker>,
    last: Option<MachineEvent>,
    silent_looks: u32,
    /// Whether its worker has said anything in this run: one that never did is another fault than one that stopped.
    heard: bool,
    /// How to start it once more, should there be no memory for it.
    again: Option<Box<MachineSpec>>,
    /// What to tell when the worker says that its disk is closed.
    closing: Option<MachineEvent>,
    /// Who waits for the disks to be frozen, by the command's number. They hear of the worker's end, too.
    freezing: BTreeMap<u32, oneshot::Sender<Result<Point, Problem>>>,
}

/// All machines of this host page.
#[derive(Debug)]
pub struct Machines {
    engine: Engine,
    machines: RefCell<BTreeMap<InstanceId, Machine>>,
    /// A worker without a machine: the page is opened because one is about to be started.
    spare: RefCell<Option<MachineWorker>>,
    /// How many of those there have been.
    spares: Cell<u32>,
    /// Whether a machine has run on the engine for a while, so that the browser has made it quick.
    quick: Cell<bool>,
    lan: Rc<Lan>,
    own: Weak<Self>,
}

impl Machine {
    /// Puts the machine on the LAN. Without it, it runs on all the same.
    fn connect(&self, id: &InstanceId, lan: &Lan, settled: bool) {
        let Some(worker) = &self.worker else { return };
        let line = lan.attach(id, &self.name, &self.access, self.confined, settled);
        if let Err(problem) = line.and_then(|line| worker.give_line(line)) {
            log(&problem.message);
        }
    }
}

fn no_such() -> Problem {
    Problem::new(ProblemCode::NotFound, "This machine has no worker: it ended without notice.")
}

impl Machines {
    /// No machines yet, a worker for the first, and a timer that looks for signs of life.
    pub fn watched() -> Result<Rc<Self>, JsValue> {
        let machines = Rc::new_cyclic(|own| Self {
            engine: Engine::compile(),
            machines: RefCell::default(),
            spare: RefCell::default(),
            spares: Cell::default(),
            quick: Cell::default(),
            lan: Rc::default(),
            own: own.clone(),
        });
        machines.prepare();
        let own = machines.clone();
        every(WATCH_MS, move || own.look())?;
        Ok(machines)
    }

    /// Has a worker without a machine, for a while: one is likely to be started.
    pub fn prepare(&self) {
        if self.spare.borrow().as_ref().is_some_and(|worker| !worker.has_failed()) {
            return;
        }
        let started = MachineWorker::start(&self.engine).and_then(|worker| {
            if self.quick.get() {
                worker.send(&WorkerCommand::Quick)?;
            }
            *self.spare.borrow_mut() = Some(worker);
            Ok(())
        });
        // Whoever starts a machine tries again, and is told.
        let _ = started.inspect_err(|problem| log(&problem.message));
        let number = self.spares.get() + 1;
        self.spares.set(number);
        let own = self.own.clone();
        let leave = move || {
            if let Some(own) = own.upgrade().filter(|own| own.spares.get() == number) {
                own.spare.borrow_mut().take();
            }
        };
        // Without a timer it waits until the page is closed.
        let _ = after(SPARE_TIME, leave);
    }

    /// The LAN that they are on.
    pub fn lan(&self) -> Rc<Lan> {
        self.lan.clone()
    }

    /// Which machines run, or have ended without the background's knowing.
    pub fn list(&self) -> Vec<RunningMachine> {
        let machines = self.machines.borrow();
        let running = |(id, machine): (&InstanceId, &Machine)| RunningMachine {
            id: id.clone(),
            boot: machine.boot,
            last: machine.last.clone(),
        };
        machines.iter().map(running).collect()
    }

    /// Starts a worker with this machine.
    pub fn start(&self, spec: MachineSpec) -> Result<(), Problem> {
        let (id, boot, name) = (spec.id.clone(), spec.boot, spec.name.clone());
        let (access, confined) = (spec.access.clone(), spec.confined);
        if self.machines.borrow().get(&id).is_some_and(|machine| machine.worker.is_some()) {
            return Err(Problem::new(ProblemCode::DiskBusy, format!("{} has a worker already.", spec.name)));
        }
        let spare = self.spare.borrow_mut().take().filter(|worker| !worker.has_failed());
        let worker = spare.map_or_else(|| MachineWorker::start(&self.engine), Ok)?;
        let again = Some(Box::new(spec.clone()));
        journal::say_of(Some(id.clone()), &format!("{name} is started (run {boot}, {} MiB)", spec.memory.mib()));
        self.give(&worker, spec)?;
        let machine = Machine {
            boot,
            name,
            access,
            confined,
            worker: Some(worker),
            last: None,
            silent_looks: 0,
            heard: false,
            again,
            closing: None,
            freezing: BTreeMap::new(),
        };
        self.machines.borrow_mut().insert(id, machine);
        Ok(())
    }

    /// Gives a worker its machine.
    fn give(&self, worker: &MachineWorker, spec: MachineSpec) -> Result<(), Problem> {
        let (own, from, boot) = (self.own.clone(), spec.id.clone(), spec.boot);
        worker.listen(move |message| {
            if let Some(own) = own.upgrade() {
                own.receive(&from, boot, message);
            }
        });
        worker.send(&WorkerCommand::Start(Box::new(spec)))
    }

    /// Whether a machine that could not begin for lack of memory is started once more, after room was made.
    fn starts_again(&self, id: &InstanceId, boot: u32, problem: &Problem) -> bool {
        let ended = self.with_run(id, boot, |machine| {
            let wanted = room::is_lack(problem) && machine.last.is_none() && machine.closing.is_none();
            Some((machine.again.take_if(|_| wanted)?, machine.worker.take()))
        });
        let Some(Some((spec, ended))) = ended else { return false };
        self.lan.detach(id);
        journal::say_of(Some(id.clone()), &format!("{} It is tried once more", problem.message));
        let (own, id) = (self.own.clone(), id.clone());
        spawn_local(async move {
            // Not before: it can't be dropped while its own message is handled.
            drop(ended);
            room::make().await;
            let Some(own) = own.upgrade() else { return };
            if let Some(Some(event)) = own.with_run(&id, boot, |machine| machine.closing.take()) {
                return own.tell(&id, boot, event);
            }
            let started = MachineWorker::start(&own.engine).and_then(|worker| {
                own.give(&worker, *spec)?;
                own.with_run(&id, boot, |machine| machine.worker = Some(worker));
                Ok(())
            });
            if let Err(problem) = started {
                own.tell(&id, boot, MachineEvent::Crashed(problem));
            }
        });
        true
    }

    /// Stops the machine's processor.
    pub fn pause(&self, id: &InstanceId) -> Result<(), Problem> {
        self.send(id, &WorkerCommand::Pause)
    }

    /// Lets the machine's processor go on.
    pub fn resume(&self, id: &InstanceId) -> Result<(), Problem> {
        self.send(id, &WorkerCommand::Resume)
    }

    /// Has the machine save its memory and end.
    pub fn suspend(&self, id: &InstanceId) -> Result<(), Problem> {
        self.send(id, &WorkerCommand::Suspend)
    }

    /// Has the machine save a checkpoint.
    pub fn checkpoint(&self, id: &InstanceId) -> Result<(), Problem> {
        self.send(id, &WorkerCommand::Checkpoint)
    }

    /// Changes what is done for a running machine without being asked.
    pub fn set_care(&self, id: &InstanceId, care: Care) -> Result<(), Problem> {
        self.send(id, &WorkerCommand::Care(care))
    }

    /// Asks the guest to shut down, and ends the worker if it has not after a time.
    pub fn shutdown(&self, id: &InstanceId, force_after_ms: u32) -> Result<(), Problem> {
        let boot = self.machines.borrow().get(id).ok_or_else(no_such)?.boot;
        self.send(id, &WorkerCommand::Shutdown)?;
        let (own, id) = (self.own.clone(), id.clone());
        let force = move || {
            let Some(own) = own.upgrade() else { return };
            own.close(&id, boot, MachineEvent::Forced);
        };
        after(Duration::from_millis(force_after_ms.into()), force).map_err(|error| {
            Problem::new(ProblemCode::Internal, format!("No time-out could be set: {}.", text_of(&error)))
        })
    }

    /// Ends the worker now.
    pub fn kill(&self, id: &InstanceId) -> Result<(), Problem> {
        let boot = self.machines.borrow().get(id).ok_or_else(no_such)?.boot;
        self.close(id, boot, MachineEvent::Halted);
        Ok(())
    }

    /// Changes what a running machine may reach.
    pub fn set_access(&self, id: &InstanceId, access: Access) -> Result<(), Problem> {
        let mut machines = self.machines.borrow_mut();
        let machine = machines.get_mut(id).ok_or_else(no_such)?;
        self.lan.set_access(id, &access);
        machine.access = access;
        Ok(())
    }

    /// The machines that have a worker.
    pub fn running(&self) -> Vec<InstanceId> {
        let machines = self.machines.borrow();
        machines.iter().filter(|(_, machine)| machine.worker.is_some()).map(|(id, _)| id.clone()).collect()
    }

    /// Whether the machine has a worker.
    pub fn has_worker(&self, id: &InstanceId) -> bool {
        self.machines.borrow().get(id).is_some_and(|machine| machine.worker.is_some())
    }

    /// Has a running machine look whether archives wait for it.
    pub fn unpack(&self, id: &InstanceId) {
        // One that does not run looks at its next start.
        let _ = self.send(id, &WorkerCommand::Unpack);
    }

    /// Whether no machine is just being started.
    pub fn is_settled(&self) -> bool {
        self.machines.borrow().values().all(|machine| machine.worker.is_none() || machine.last.is_some())
    }

    /// Has a running machine freeze its disks, with a snapshot if one is given.
    pub async fn freeze(&self, id: &InstanceId, snapshot: Option<NewSnapshot>) -> Result<Point, Problem> {
        let (send, answered) = oneshot::channel();
        let call = {
            let mut machines = self.machines.borrow_mut();
            let machine = machines.get_mut(id).ok_or_else(no_such)?;
            let call = machine.freezing.last_key_value().map_or(0, |(last, _)| last + 1);
            let worker = machine.worker.as_ref().ok_or_else(no_such)?;
            worker.send(&WorkerCommand::Freeze { call, snapshot })?;
            machine.freezing.insert(call, send);
            call
        };
        let ended = |_| Problem::new(ProblemCode::Interrupted, "The machine ended before its disks could be frozen.");
        answered.await.map_err(ended).inspect_err(|_| {
            if let Some(machine) = self.machines.borrow_mut().get_mut(id) {
                machine.freezing.remove(&call);
            }
        })?
    }

    fn send(&self, id: &InstanceId, command: &WorkerCommand) -> Result<(), Problem> {
        let machines = self.machines.borrow();
        machines.get(id).and_then(|machine| machine.worker.as_ref()).ok_or_else(no_such)?.send(command)
    }

    /// Lets the worker close its disk, ends it, and tells the event.
    fn close(&self, id: &InstanceId, boot: u32, event: MachineEvent) {
        let asked = self.with_run(id, boot, |machine| {
            if machine.closing.is_some() {
                return None;
            }
            machine.closing = Some(event.clone());
            // None between two workers: the second one is not started then.
            Some(machine.worker.as_ref()?.send(&WorkerCommand::Close))
        });
        let Some(Some(asked)) = asked else { return };
        let (own, of, at_last) = (self.own.clone(), id.clone(), event.clone());
        let waiting = after(Duration::from_millis(CLOSE_MS), move || {
            if let Some(own) = own.upgrade() {
                own.end(&of, boot, at_last);
            }
        });
        if asked.is_err() || waiting.is_err() {
            self.end(id, boot, event);
        }
    }

    fn receive(&self, id: &InstanceId, boot: u32, message: FromWorker<WorkerNotice>) {
        match message {
            FromWorker::Notice(WorkerNotice::Alive) => {
                self.with_run(id, boot, |machine| {
                    machine.silent_looks = 0;
                    machine.heard = true;
                });
            }
            FromWorker::Notice(WorkerNotice::Network { settled }) => {
                self.with_run(id, boot, |machine| machine.connect(id, &self.lan, settled));
            }
            FromWorker::Notice(WorkerNotice::Closed(lost)) => {
                let closing = self.with_run(id, boot, |machine| machine.closing.take()).flatten();
                if let Some(event) = closing {
                    self.end(id, boot, lost.map_or(event, MachineEvent::Crashed));
                }
            }
            FromWorker::Notice(WorkerNotice::Frozen { call, result }) => {
                let waiting = self.with_run(id, boot, |machine| machine.freezing.remove(&call)).flatten();
                if let Some(waiting) = waiting {
                    // Whoever asked may have gone meanwhile.
                    drop(waiting.send(result));
                }
            }
            FromWorker::Notice(WorkerNotice::Event(MachineEvent::Crashed(problem))) | FromWorker::Failed(problem)
                if self.starts_again(id, boot, &problem) => {}
            FromWorker::Notice(WorkerNotice::Event(event)) => match event {
                MachineEvent::Running { .. } | MachineEvent::Paused(_) | MachineEvent::StaysUp { .. } => {
                    let own = self.own.clone();
                    let quick = move || own.upgrade().into_iter().for_each(|own| own.quick.set(true));
                    // Else waiting workers go on making it quick.
                    let _ = after(QUICK_TIME, quick);
                    self.tell(id, boot, event);
                }
                // These say nothing of the machine's state.
                MachineEvent::Unpacked(_)
                | MachineEvent::SetUp(_)
                | MachineEvent::Checkpointed(_)
                | MachineEvent::NotCheckpointed(_)
                | MachineEvent::Idle => {
                    journal::say_of(Some(id.clone()), &words(&event));
                    self.tell_background(HostNotice { id: id.clone(), boot, event });
                }
                MachineEvent::Suspended
                | MachineEvent::Halted
                | MachineEvent::Reset
                | MachineEvent::Forced
                | MachineEvent::Crashed(_) => {
                    self.end(id, boot, event);
                }
            },
            FromWorker::Failed(problem) => self.end(id, boot, MachineEvent::Crashed(problem)),
        }
    }

    /// Ends the worker, if it has not ended, and tells the event.
    fn end(&self, id: &InstanceId, boot: u32, event: MachineEvent) {
        let ended = self.with_run(id, boot, |machine| {
            machine.freezing.clear();
            machine.worker.take().is_some()
        });
        if ended == Some(true) {
            self.lan.detach(id);
            self.tell(id, boot, event);
        }
    }

    fn tell(&self, id: &InstanceId, boot: u32, event: MachineEvent) {
        journal::say_of(Some(id.clone()), &words(&event));
        self.with_run(id, boot, |machine| machine.last = Some(event.clone()));
        self.tell_background(HostNotice { id: id.clone(), boot, event });
    }

    fn tell_background(&self, notice: HostNotice) {
        let own = self.own.clone();
        spawn_local(async move {
            if notices::tell(Notice::Machine(notice.clone())).await
                && let Some(machines) = own.upgrade()
            {
                machines.told(&notice);
            }
        });
    }

    /// The background knows of it: an ended machine need not be kept any longer.
    fn told(&self, notice: &HostNotice) {
        let over = self.with_run(&notice.id, notice.boot, |machine| {
            machine.worker.is_none() && machine.last.as_ref() == Some(&notice.event)
        });
        if over == Some(true) {
            self.machines.borrow_mut().remove(&notice.id);
        }
    }

    fn look(&self) {
        for id in self.lan.look() {
            if let Some(machine) = self.machines.borrow().get(&id) {
                machine.connect(&id, &self.lan, true);
            }
        }
        for id in self.lan.stranded() {
            // One that has ended meanwhile asks when it is started again.
            let _ = self.send(&id, &WorkerCommand::AskForAddress);
        }
        let mut silent = vec![];
        for (id, machine) in self.machines.borrow_mut().iter_mut() {
            if machine.worker.is_some() {
                machine.silent_looks += 1;
                if machine.silent_looks > SILENT_LOOKS_MAX {
                    silent.push((id.clone(), machine.boot, machine.heard));
                }
            }
        }
        for (id, boot, heard) in silent {
            let what = if heard { "has stopped answering" } else { "has not answered since the machine was started" };
            let problem = Problem::new(ProblemCode::WorkerDied, format!("The machine’s worker {what}."));
            self.end(&id, boot, MachineEvent::Crashed(problem));
        }
    }

    fn with_run<T>(&self, id: &InstanceId, boot: u32, work: impl FnOnce(&mut Machine) -> T) -> Option<T> {
        let mut machines = self.machines.borrow_mut();
        machines.get_mut(id).filter(|machine| machine.boot == boot).map(work)
    }
}

/// What happened, for the log.
fn words(event: &MachineEvent) -> String {
    match event {
        MachineEvent::Running { .. } => "the processor runs".to_owned(),
        MachineEvent::Paused(None) => "paused".to_owned(),
        MachineEvent::Paused(Some(problem)) => format!("paused: {}", problem.message),
        MachineEvent::Unpacked(None) => "archives were unpacked into the workspace".to_owned(),
        MachineEvent::Unpacked(Some(problem)) => format!("archives were not unpacked: {}", problem.message),
        MachineEvent::SetUp(None) => "what its template asks for at its first start is done".to_owned(),
        MachineEvent::SetUp(Some(problem)) => format!("its first start is not complete: {}", problem.message),
        MachineEvent::Suspended => "suspended; the worker ends".to_owned(),
        MachineEvent::StaysUp { problem, .. } => format!("could not be suspended: {}", problem.message),
        MachineEvent::Checkpointed(checkpoint) => {
            format!("checkpoint saved: {} bytes, the machine stood still for {} ms", checkpoint.bytes, checkpoint.pause)
        }
        MachineEvent::NotCheckpointed(problem) => problem.message.clone(),
        MachineEvent::Idle => "idle for as long as was chosen".to_owned(),
        MachineEvent::Halted => "ended; the worker ends".to_owned(),
        MachineEvent::Reset => "the guest asked for a reset; the worker ends".to_owned(),
        MachineEvent::Forced => "did not shut down in time; the worker is ended".to_owned(),
        MachineEvent::Crashed(problem) => format!("crashed: {}", problem.message),
    }
}
