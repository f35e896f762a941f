//! A machine worker: one virtual machine, its disk, and its end of the console.
//!
//! Commands come from the host page and events go back to it; console bytes go straight to the pages that look. The worker
//! is ready before it is told which machine it runs, and starts one machine once; when its run is over it closes the disk,
//! says so, and is ended. It knows nothing of other machines or of pages.

mod agent;
mod console;
mod disk;
mod drives;
mod health;
mod inbox;
mod memory;
mod network;
mod prepared;
mod profiles;
mod run;
mod setup;
mod share;
mod state_maker;
mod supplies;
mod task;
mod v86;
mod warm_up;

use crate::bridge::{from_js, log, text_of, to_js};
use js_sys::Array;
use prepared::Preparation;
use protocol::{MachineEvent, Problem, ProblemCode, WorkerCommand, WorkerNotice};
use run::Run;
use std::cell::RefCell;
use std::rc::Rc;
use supplies::Order;
use warm_up::WarmUp;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::DedicatedWorkerGlobalScope;

/// How often the worker shows that it is alive.
const ALIVE_MS: i32 = 1_000;

/// What has become of the worker's one machine.
enum Stage {
    Waiting,
    Starting,
    Running(Rc<Run>),
    Over,
}

/// The machine worker's end towards `extension/machine.js`.
#[wasm_bindgen]
#[derive(Clone)]
pub struct Machine {
    stage: Rc<RefCell<Stage>>,
    supplies: Rc<Order>,
    warm_up: Rc<WarmUp>,
    preparation: Rc<Preparation>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Machine")
    }
}

#[wasm_bindgen]
impl Machine {
    /// Begins to fetch what every machine needs, to show that the worker is alive, and to hear what fails in it.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Self, JsValue> {
        let supplies = Rc::new(Order::place());
        let warm_up = Rc::<WarmUp>::default();
        let machine = Self {
            stage: Rc::new(RefCell::new(Stage::Waiting)),
            preparation: Rc::new(Preparation::begin(supplies.clone(), warm_up.clone())),
            supplies,
            warm_up,
        };
        machine.hear_failures()?;
        let own = machine.clone();
        every(ALIVE_MS, move || {
            tell(&WorkerNotice::Alive);
            if let Stage::Running(run) = &*own.stage.borrow() {
                run.look();
            }
        })?;
        Ok(machine)
    }

    /// Does what the host page says, or takes what it gives.
    pub fn command(&self, message: JsValue) {
        if self.supplies.receive(&message) {
            return;
        }
        if let Some(list) = message.dyn_ref::<Array>() {
            if let Stage::Running(run) = &*self.stage.borrow() {
                run.network().hear(list);
            }
            return;
        }
        match from_js::<WorkerCommand>(message) {
            Ok(command) => spawn_local(self.clone().carry_out(command)),
            Err(problem) => log(&problem.message),
        }
    }
}

impl Machine {
    async fn carry_out(self, command: WorkerCommand) {
        let run = match &*self.stage.borrow() {
            Stage::Running(run) => Some(run.clone()),
            Stage::Waiting | Stage::Starting | Stage::Over => None,
        };
        match (command, run) {
            (WorkerCommand::Start(spec), None) => {
                let waiting = matches!(*self.stage.borrow(), Stage::Waiting);
                if waiting {
                    self.start(*spec).await;
                }
            }
            (WorkerCommand::Quick, None) => self.warm_up.end(),
            (WorkerCommand::Unpack, Some(run)) => run.unpack_soon(),
            (WorkerCommand::Pause, Some(run)) => run.pause().await,
            (WorkerCommand::Resume, Some(run)) => run.resume().await,
            (WorkerCommand::Suspend, Some(run)) => self.suspend(&run).await,
            (WorkerCommand::Checkpoint, Some(run)) => run.save_checkpoint().await,
            (WorkerCommand::Care(care), Some(run)) => run.set_care(care),
            (WorkerCommand::AskForAddress, Some(run)) => run.network().ask_for_address(),
            (WorkerCommand::Shutdown, Some(run)) => run.shutdown().await,
            // A machine that has not begun to run has nothing to shut down.
            (WorkerCommand::Shutdown, None) => self.over(MachineEvent::Halted),
            (WorkerCommand::Close, run) => {
                *self.stage.borrow_mut() = Stage::Over;
                let lost = match run {
                    Some(run) => run.close().await,
                    None => None,
                };
                tell(&WorkerNotice::Closed(lost));
            }
            (WorkerCommand::Freeze { call, snapshot }, run) => {
                let result = match run {
                    Some(run) => run.freeze(snapshot).await,
                    None => Err(Problem::new(ProblemCode::Refused, "The machine does not run.")),
                };
                tell(&WorkerNotice::Frozen { call, result });
            }
            (WorkerCommand::Start(_) | WorkerCommand::Quick, Some(_))
            | (
                WorkerCommand::Pause
                | WorkerCommand::Resume
                | WorkerCommand::Suspend
                | WorkerCommand::Checkpoint
                | WorkerCommand::Care(_)
                | WorkerCommand::AskForAddress
                | WorkerCommand::Unpack,
                None,
            ) => {}
        }
    }

    async fn suspend(&self, run: &Rc<Run>) {
        match run.suspend().await {
            Ok(()) => self.over(MachineEvent::Suspended),
            Err(problem) => {
                tell(&WorkerNotice::Event(MachineEvent::StaysUp { paused: run.is_paused(), problem }));
            }
        }
    }

    async fn start(&self, spec: protocol::MachineSpec) {
        *self.stage.borrow_mut() = Stage::Starting;
        crate::journal::is_about(&spec.id);
        self.warm_up.end();
        let own = self.clone();
        let prepared = self.preparation.take(spec.warm.as_ref()).await;
        let started = Run::start(spec, &self.supplies, prepared, move |event| own.over(event)).await;
        // It may have been told to stop meanwhile, or have failed inside.
        let over = !matches!(*self.stage.borrow(), Stage::Starting);
        match started {
            // It has not run, so there is nothing that could be lost.
            Ok(run) if over => drop(run.close().await),
            Ok(run) => {
                *self.stage.borrow_mut() = Stage::Running(run.clone());
                run.begin().await;
            }
            Err(problem) => self.over(MachineEvent::Crashed(problem)),
        }
    }

    /// Ends the run, whatever state it is in, and tells why, once.
    fn over(&self, event: MachineEvent) {
        let stage = std::mem::replace(&mut *self.stage.borrow_mut(), Stage::Over);
        match stage {
            Stage::Over => {}
            Stage::Running(run) => spawn_local(async move {
                tell(&WorkerNotice::Event(run.close().await.map_or(event, MachineEvent::Crashed)));
            }),
            Stage::Waiting | Stage::Starting => tell(&WorkerNotice::Event(event)),
        }
    }

    /// An error that nobody caught is v86's: its own WASM has panicked, or there was no memory for it.
    fn hear_failures(&self) -> Result<(), JsValue> {
        let own = self.clone();
        let hear = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
            event.prevent_default();
            let thrown = ["error", "reason"].iter().find_map(|key| {
                let value = js_sys::Reflect::get(&event, &JsValue::from_str(key)).ok()?;
                (!value.is_null_or_undefined()).then_some(value)
            });
            let starting = matches!(*own.stage.borrow(), Stage::Starting);
            own.over(MachineEvent::Crashed(engine_problem(thrown.as_ref(), starting)));
        });
        let scope = scope();
        let hear = hear.into_js_value();
        for kind in ["error", "unhandledrejection"] {
            scope.add_event_listener_with_callback(kind, hear.unchecked_ref())?;
        }
        Ok(())
    }
}

/// What an error inside the engine means.
fn engine_problem(thrown: Option<&JsValue>, starting: bool) -> Problem {
    let said = thrown.map_or_else(|| "no reason was given".to_owned(), text_of);
    let no_memory = thrown.is_some_and(|thrown| crate::bridge::name_of(thrown) == "RangeError");
    if starting && (no_memory || said.to_lowercase().contains("memory")) {
        return Problem::new(ProblemCode::NoMemory, format!("The browser gave no memory for this machine: {said}."));
    }
    Problem::new(ProblemCode::EngineTrap, format!("The emulator failed inside: {said}."))
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Tells the host page.
fn tell(notice: &WorkerNotice) {
    let sent = to_js(notice).and_then(|message| {
        scope().post_message(&message).map_err(|error| Problem::new(ProblemCode::Internal, text_of(&error)))
    });
    if let Err(problem) = sent {
        log(&problem.message);
    }
}

/// Calls `work` once after so many milliseconds.
fn after(milliseconds: i32, work: impl FnOnce() + 'static) {
    let work = Closure::once_into_js(work);
    let set = scope().set_timeout_with_callback_and_timeout_and_arguments_0(work.unchecked_ref(), milliseconds);
    if let Err(error) = set {
        log(&format!("no timer could be set: {}", text_of(&error)));
    }
}

/// Calls `work` every so many milliseconds as long as the worker lives.
fn every(milliseconds: i32, work: impl Fn() + 'static) -> Result<(), JsValue> {
    let work = Closure::<dyn Fn()>::new(work).into_js_value();
    scope().set_interval_with_callback_and_timeout_and_arguments_0(work.unchecked_ref(), milliseconds)?;
    Ok(())
}
