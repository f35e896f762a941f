//! A machine that is frozen: snapshots, and the memory beside the disks.

use super::Run;
use crate::bridge::log;
use crate::disks::disk_problem;
use crate::machine::memory::NewMemory;
use crate::machine::v86::Emulator;
use protocol::{MachineEvent, NewSnapshot, Point, Problem, ProblemCode};
use std::rc::Rc;

/// How long a guest may take to write back its files before they are frozen, in milliseconds.
const SYNC_MS: u64 = 15_000;

/// How often suspending looks whether the disks are still being frozen for something else, and after how many milliseconds.
const FROZEN_TRIES: u32 = 200;
const FROZEN_PAUSE_MS: i32 = 50;

impl Run {
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
        self.while_still(self.freeze_now(snapshot)).await
    }

    /// Does this while the processor stands still, and lets it go on. `freezing` is set already. The problem says whether the disks are lost by
    /// it, with which the machine has crashed.
    pub(super) async fn while_still<T>(
        self: &Rc<Self>,
        work: impl Future<Output = Result<T, (Problem, bool)>>,
    ) -> Result<T, Problem> {
        self.hold(|holds| holds.freeze = true);
        self.switch().await;
        let done = work.await;
        self.hold(|holds| holds.freeze = false);
        self.freezing.set(false);
        self.switch().await;
        done.map_err(|(problem, lost)| {
            if lost {
                (self.over)(MachineEvent::Crashed(problem.clone()));
            }
            problem
        })
    }

    /// Saves the memory beside the disks, for the next start to go on from. The processor stands still afterwards, for good unless
    /// it failed.
    pub async fn suspend(self: &Rc<Self>) -> Result<(), Problem> {
        // A checkpoint that is just being saved is soon done.
        for _ in 0..FROZEN_TRIES {
            if !self.freezing.get() {
                break;
            }
            crate::storage::pause(FROZEN_PAUSE_MS).await;
        }
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
        let memory = self.remember(self.still().await?).await?;
        self.drives.suspend(self.spec.boot, &memory).await
    }

    /// What is in the machine, of a processor that stands still.
    pub(super) async fn remember(&self, emulator: &Emulator) -> Result<NewMemory, Problem> {
        // First: what the guest has asked is answered into its memory.
        let share = match &self.share {
            Some(share) => share.session().await?,
            None => vec![],
        };
        let state = emulator.save_state().await?;
        let [serial, shell] = self.console.scrollback();
        let network = emulator.mac().is_some();
        Ok(NewMemory { memory: self.spec.memory, beside: [serial, shell, share], network, state })
    }

    /// Waits until the processor stands still; the disks have all that was written then.
    pub(super) async fn still(&self) -> Result<&Emulator, Problem> {
        let gone = || Problem::new(ProblemCode::Refused, "The machine is just being stopped.");
        let emulator = self.emulator.get().ok_or_else(gone)?;
        while emulator.is_running() {
            emulator.stop().await;
        }
        self.drives.retry().map_err(|error| disk_problem("The disk could not be written back", &error))?;
        Ok(emulator)
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
        let emulator = self.still().await.map_err(keep)?;
        let memory = match &snapshot {
            Some(snapshot) if snapshot.memory => {
                let memory = self.remember(emulator).await.map_err(keep)?;
                Some(self.drives.save_with(snapshot, &memory).await.map_err(keep)?)
            }
            _ => None,
        };
        self.drives.freeze(snapshot, memory).await
    }
}
