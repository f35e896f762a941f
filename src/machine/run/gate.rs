//! The gate at which a guest waits at its first boot, so that its state can be kept for other machines that are made like it (docs/agent.md).
//!
//! Until it is opened the host asks nothing of the guest, and nothing that is typed reaches it: what is kept must be nobody's.

use super::Run;
use crate::bridge::log;
use crate::storage::pause;
use protocol::{MachineEvent, Problem, ProblemCode};
use std::rc::Rc;

/// How often is looked whether the guest is there, in milliseconds.
const LOOK_MS: i32 = 10;
/// A guest that has not come to its gate by then, in milliseconds in which the machine ran, is booted in the usual way.
const PATIENCE_MS: i32 = 120_000;

impl Run {
    /// Waits until the guest is at its gate, keeps its state, and lets it through.
    pub(super) async fn through_the_gate(self: Rc<Self>) {
        let Some(emulator) = self.emulator.get() else { return };
        let mut waited = 0;
        while !self.agent.has_spoken() {
            pause(LOOK_MS).await;
            if emulator.is_running() {
                waited += LOOK_MS;
            }
            if waited >= PATIENCE_MS {
                return self.boot_instead().await;
            }
        }
        // Where it can't be kept another machine will do it, and this one goes on.
        if let Err(problem) = self.keep_state().await {
            log(&problem.message);
        }
        self.gate.set(false);
        self.agent.attach(emulator.clone());
        self.type_in();
        self.settle().await;
    }

    /// The machine has disks by now, and is started again without a gate; so are others like it.
    async fn boot_instead(&self) {
        log("the guest did not come to its gate, and is booted without one");
        if let Some(place) = &self.drives.place
            && let Err(problem) = place.give_up().await
        {
            log(&problem.message);
        }
        (self.over)(MachineEvent::Reset);
    }

    /// The processor stands still while its state is written.
    async fn keep_state(self: &Rc<Self>) -> Result<(), Problem> {
        if self.freezing.replace(true) {
            return Err(Problem::new(ProblemCode::Refused, "The machine’s disks are just being frozen."));
        }
        self.while_still(self.keep_state_now()).await
    }

    async fn keep_state_now(&self) -> Result<(), (Problem, bool)> {
        let keep = |problem| (problem, false);
        let emulator = self.still().await.map_err(keep)?;
        let mut memory = self.remember(emulator).await.map_err(keep)?;
        // The shared files are this machine's own, and the guest has opened none.
        memory.beside[2].clear();
        self.drives.keep_warm(&memory).await
    }
}
