//! The start of a run: from nothing, or from a saved memory.

use super::Run;
use super::ears::Ears;
use crate::bridge::problem;
use crate::machine::agent::GuestAgent;
use crate::machine::console::Console;
use crate::machine::drives::Drives;
use crate::machine::memory::SavedMemory;
use crate::machine::share::Share;
use crate::machine::supplies::Order;
use crate::machine::v86::{Emulator, Parts};
use futures_util::try_join;
use protocol::{MachineEvent, MachineSpec, Problem, ProblemCode, StartFrom, Stream, TerminalSize};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

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
        let run = Rc::new(Self {
            emulator: OnceCell::new(),
            console,
            drives,
            agent: GuestAgent::new(),
            share,
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
}

/// The kernel's command line: the template's, with what is this machine's own.
fn command_line(spec: &MachineSpec) -> String {
    let cmdline = match spec.start_from {
        StartFrom::Partition(number) => spec.cmdline.replace("root=/dev/sda", &format!("root=/dev/sda{number}")),
        StartFrom::Disk | StartFrom::Firmware => spec.cmdline.clone(),
    };
    format!("{cmdline} workbench.hostname={}", spec.name)
}
