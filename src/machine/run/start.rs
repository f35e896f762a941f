//! The start of a run: from nothing, or from a saved memory.

use super::Run;
use super::ears::Ears;
use crate::bridge::{log, problem};
use crate::machine::agent::GuestAgent;
use crate::machine::console::Console;
use crate::machine::drives::Drives;
use crate::machine::memory::SavedMemory;
use crate::machine::profiles::Profiles;
use crate::machine::share::Share;
use crate::machine::supplies::Order;
use crate::machine::v86::{Emulator, Parts};
use futures_util::try_join;
use protocol::{MachineEvent, MachineSpec, Problem, ProblemCode, StartFrom, Stream, TerminalSize};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

#[wasm_bindgen]
extern "C" {
    /// The browser's own random bytes, which no machine could guess from others'.
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_random(bytes: &mut [u8]);
}

/// The shell's size until somebody looks at it.
const DEFAULT_SIZE: TerminalSize = TerminalSize { cols: 80, rows: 25 };

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
        let saved = beginning(&spec, &drives).await?;
        let memory = saved.as_ref().map_or(spec.memory, |saved| saved.memory);
        let spec = MachineSpec { memory, ..spec };
        let share = match saved.as_ref().map(|saved| &saved.share[..]) {
            None => Some(Share::open(&spec.id, None)),
            // At its gate a guest has the device, and nothing open of it.
            Some([]) => drives.warm.then(|| Share::open(&spec.id, None)),
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
            clock_stale: Cell::new(false),
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
        let goes_on = saved.is_some();
        if let Some(SavedMemory { serial, shell, state, .. }) = saved {
            emulator.restore_state(&state).await?;
            run.console.put_back(Stream::Serial, &serial);
            run.console.put_back(Stream::Shell, &shell);
        }
        emulator.resize(DEFAULT_SIZE);
        run.agent.attach(emulator.clone());
        let _ = run.emulator.set(emulator);
        if goes_on {
            run.agent.greet();
            spawn_local(run.clone().settle());
        }
        run.console.serve(Rc::new(Ears(run.clone())));
        Ok(run)
    }

    /// Makes a guest that goes on from a saved state this machine's own.
    async fn settle(self: Rc<Self>) {
        let mut seed = [0; 32];
        fill_random(&mut seed);
        let Err(error) = self.agent.settle(&self.spec.name, seed).await else { return };
        log(&format!("the guest was not told whose it is: {error}"));
        if self.drives.warm {
            // Nobody will ever see a prompt of it; and it has a disk now, so it boots the next time.
            let message = format!("The new machine did not wake up; start it again, and it boots. {error}");
            (self.over)(MachineEvent::Crashed(Problem::new(ProblemCode::Internal, message)));
        }
    }
}

/// What the machine is to go on from, if it does not boot.
async fn beginning(spec: &MachineSpec, drives: &Drives) -> Result<Option<SavedMemory>, Problem> {
    if spec.forget {
        return Ok(None);
    }
    if let (true, Some(warm)) = (drives.warm, &spec.warm) {
        // What can't be used is as if it had never been there: the guest boots, and finds its disk as after a power cut.
        return Ok(SavedMemory::packaged(warm).await.inspect_err(|problem| log(&problem.message)).ok());
    }
    match drives.saved_memory().await {
        Ok(saved) => Ok(saved),
        Err(problem) => {
            // Else it could never start again: now it boots the next time.
            drives.forget_saved_memory().await?;
            Err(problem)
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
