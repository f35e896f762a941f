//! The start of a run: from nothing, or from a saved memory.

use super::Run;
use super::ears::Ears;
use crate::bridge::{log, problem};
use crate::machine::agent::GuestAgent;
use crate::machine::console::Console;
use crate::machine::disk::GuestDisk;
use crate::machine::drives::{Drives, Warmth};
use crate::machine::health::Health;
use crate::machine::memory::SavedMemory;
use crate::machine::network::{From, Network};
use crate::machine::prepared::Prepared;
use crate::machine::profiles::Profiles;
use crate::machine::setup::Stage;
use crate::machine::share::Share;
use crate::machine::supplies::{Order, Supplies};
use crate::machine::task::Tasks;
use crate::machine::v86::{Emulator, Parts};
use futures_util::try_join;
use protocol::{MachineEvent, MachineSpec, MemoryMib, Problem, ProblemCode, StartFrom, Stream, TerminalSize};
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

/// Makes the guest stop at its gate (docs/agent.md).
const AT_THE_GATE: &str = "workbench.warm";
/// The shell's size until somebody looks at it.
const DEFAULT_SIZE: TerminalSize = TerminalSize { cols: 80, rows: 25 };

impl Run {
    /// Opens the disks and makes the machine, if it is not prepared; it does not run yet. `over` is called when the run is over.
    pub async fn start(
        spec: MachineSpec,
        supplies: &Order,
        prepared: Option<Prepared>,
        over: impl Fn(MachineEvent) + 'static,
    ) -> Result<Rc<Self>, Problem> {
        let ears = prepared.as_ref().map(|prepared| prepared.ears.clone()).unwrap_or_default();
        let disk = prepared.as_ref().map(|prepared| prepared.system.clone());
        let drives = Drives::open(&spec, disk, ears.disk_trouble());
        let (drives, supplies) = try_join!(drives, supplies.delivery())?;
        let failed = |error| problem(ProblemCode::Internal, "The console could not be opened", &error);
        let console = Console::open(&spec.id, spec.boot).map_err(failed)?;
        let beginning = Beginning::find(&spec, &drives, prepared).await?;
        let spec = MachineSpec { memory: beginning.memory(&spec), ..spec };
        let share = match &beginning {
            Beginning::Boot | Beginning::Prepared(_) => Some(Share::open(&spec.id, None)),
            // At its gate a guest has the device, and nothing open of it.
            Beginning::Saved(saved) if saved.share.is_empty() => drives.is_warm().then(|| Share::open(&spec.id, None)),
            Beginning::Saved(saved) => Some(Share::open(&spec.id, Some(&saved.share))),
        };
        let agent = GuestAgent::new();
        let profiles = share.as_ref().and_then(|share| Profiles::open(&spec.id, agent.clone(), share.clone()));
        let tasks = share.as_ref().and_then(|_| Tasks::open(&spec.id, agent.clone()));
        let gate = matches!(beginning, Beginning::Boot) && drives.place.is_some();
        let run = Rc::new(Self {
            emulator: OnceCell::new(),
            console,
            drives,
            agent,
            network: Network::new(&spec.id),
            share,
            profiles,
            health: OnceCell::new(),
            care: Cell::new(spec.care),
            attention: Cell::default(),
            tasks,
            setup: Cell::new(if spec.setup.is_some() { Stage::Wanted } else { Stage::Done }),
            panic: RefCell::default(),
            gate: Cell::new(gate),
            input: RefCell::default(),
            input_scheduled: Cell::new(false),
            unpacking: Cell::default(),
            freezing: Cell::new(false),
            clock_stale: Cell::new(false),
            serial_size: Cell::new(None),
            holds: Cell::default(),
            switching: Cell::new(false),
            started: Cell::new(0),
            over: Box::new(over),
            spec,
        });
        ears.bind(run.clone());
        let counted = Rc::downgrade(&run);
        let count = move || counted.upgrade().map(|run| run.count());
        if let Some(health) = Health::open(&run.spec.id, run.agent.clone(), count) {
            let _ = run.health.set(health);
        }
        let from = match beginning {
            Beginning::Boot => From::Nothing,
            _ if run.drives.is_warm() => From::Warm,
            _ => From::Memory,
        };
        let (emulator, [serial, shell]) = match beginning {
            Beginning::Boot => (run.make(&ears, supplies, None).await?, Default::default()),
            Beginning::Saved(saved) => (run.make(&ears, supplies, Some(&saved)).await?, [saved.serial, saved.shell]),
            Beginning::Prepared(prepared) => (prepared.emulator, prepared.terminals),
        };
        run.console.put_back(Stream::Serial, &serial);
        run.console.put_back(Stream::Shell, &shell);
        emulator.resize(DEFAULT_SIZE);
        if !gate {
            run.agent.attach(emulator.clone());
        }
        run.network.attach(emulator.clone(), from)?;
        let _ = run.emulator.set(emulator);
        if gate {
            spawn_local(run.clone().through_the_gate());
        }
        if from != From::Nothing {
            run.agent.greet();
            spawn_local(run.clone().settle());
        }
        run.console.serve(Rc::new(ears));
        Ok(run)
    }

    /// Makes the machine, and puts it where it was saved.
    async fn make(&self, ears: &Ears, supplies: Supplies, saved: Option<&SavedMemory>) -> Result<Emulator, Problem> {
        let failed = |error| problem(ProblemCode::Internal, "The disk could not be attached", &error);
        let Drives { system, workspace, .. } = &self.drives;
        let parts = Parts {
            supplies,
            cmdline: if self.gate.get() {
                format!("{} {AT_THE_GATE}", self.spec.cmdline)
            } else {
                command_line(&self.spec)
            },
            memory: self.spec.memory.bytes(),
            disk: system.to_js().map_err(failed)?,
            second_disk: workspace.as_ref().map(GuestDisk::to_js).transpose().map_err(failed)?,
            firmware: self.spec.start_from == StartFrom::Firmware,
            network: saved.is_none_or(|saved| saved.network),
            share: self.share.is_some().then(|| ears.share_handler()),
        };
        let emulator = Emulator::new(&parts, Rc::new(ears.clone())).await?;
        // Whether or not it can go on from there: it must never do so again, for the disks change now.
        self.drives.forget_saved_memory().await?;
        if let Some(saved) = saved {
            emulator.restore_state(&saved.state).await?;
        }
        Ok(emulator)
    }

    /// Makes a guest that goes on from a saved state this machine's own.
    pub(super) async fn settle(self: Rc<Self>) {
        let mut seed = [0; 32];
        fill_random(&mut seed);
        let Err(error) = self.agent.settle(&self.spec.name, seed).await else { return };
        log(&format!("the guest was not told whose it is: {error}"));
        if self.drives.is_warm() || self.drives.place.is_some() {
            // Nobody will ever see a prompt of it; and it has a disk now, so it boots the next time.
            let message = format!("The new machine did not wake up; start it again, and it boots. {error}");
            (self.over)(MachineEvent::Crashed(Problem::new(ProblemCode::Internal, message)));
        }
    }
}

/// What a run begins with.
enum Beginning {
    /// The machine boots.
    Boot,
    /// It goes on from a memory that was saved with its disks.
    Saved(SavedMemory),
    /// It was made before, and has been put where it goes on from.
    Prepared(Prepared),
}

impl Beginning {
    async fn find(spec: &MachineSpec, drives: &Drives, prepared: Option<Prepared>) -> Result<Self, Problem> {
        match prepared {
            Some(prepared) if drives.is_warm() => return Ok(Self::Prepared(prepared)),
            Some(prepared) => prepared.emulator.destroy().await,
            None => {}
        }
        if spec.forget {
            return Ok(Self::Boot);
        }
        // A warm state that can't be used is as if it had never been there: the guest boots, and finds its disk as after a power cut.
        let warm = match &drives.warmth {
            Warmth::Cold => None,
            Warmth::Packaged(warm) => Some(SavedMemory::packaged(warm).await),
            Warmth::Kept(kept) => {
                let saved = SavedMemory::load(kept.directory(), &kept.memory).await;
                if saved.is_err() {
                    kept.discard().await;
                }
                Some(saved)
            }
        };
        if let Some(saved) = warm {
            return Ok(saved.inspect_err(|problem| log(&problem.message)).map_or(Self::Boot, Self::Saved));
        }
        match drives.saved_memory().await {
            Ok(saved) => Ok(saved.map_or(Self::Boot, Self::Saved)),
            Err(problem) => {
                // Else it could never start again: now it boots the next time.
                drives.forget_saved_memory().await?;
                Err(problem)
            }
        }
    }

    fn memory(&self, spec: &MachineSpec) -> MemoryMib {
        match self {
            Self::Boot => spec.memory,
            Self::Saved(saved) => saved.memory,
            Self::Prepared(prepared) => prepared.warm.memory,
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
