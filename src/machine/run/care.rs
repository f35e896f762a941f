//! What is done for the machine without being asked each time: checkpoints, and noticing that nobody needs it.

use super::Run;
use crate::bridge::log;
use crate::machine::health::{busy, since_start};
use crate::machine::tell;
use protocol::{Care, Checkpoint, MachineEvent, Problem, ProblemCode, WorkerNotice};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// The share of the processor's time up to which a guest has next to nothing to do: an idle one wakes up for its timers.
const IDLE_SHARE: f64 = 0.1;

/// When something was done last, by `since_start`.
#[derive(Debug, Default, Clone, Copy)]
pub struct Attention {
    /// Something was typed, or the guest had something to do.
    used: f64,
    /// A checkpoint was saved, or tried to.
    saved: f64,
    /// When was looked last, and for how long the processor had been at work then.
    looked: (f64, f64),
}

impl Run {
    /// What is done from now on.
    pub fn set_care(&self, care: Care) {
        self.care.set(care);
        self.begin_attention();
    }

    /// Everything counts from now.
    pub fn begin_attention(&self) {
        let now = since_start();
        self.attention.set(Attention { used: now, saved: now, looked: (now, busy()) });
    }

    /// Somebody types.
    pub fn is_used(&self) {
        self.attention.set(Attention { used: since_start(), ..self.attention.get() });
    }

    /// Comes once a second.
    pub fn attend(self: &Rc<Self>) {
        let (care, now, worked) = (self.care.get(), since_start(), busy());
        let mut attention = self.attention.get();
        let (before, worked_before) = std::mem::replace(&mut attention.looked, (now, worked));
        if worked - worked_before > IDLE_SHARE * (now - before) {
            attention.used = now;
        }
        let over = |since: f64, period: protocol::Minutes| now - since >= period.milliseconds() as f64;
        let up = !self.is_paused() && !self.freezing.get();
        if up && care.suspend.is_some_and(|period| over(attention.used, period)) {
            // Whatever comes of it, it is asked for again only after as long a time.
            attention.used = now;
            tell(&WorkerNotice::Event(MachineEvent::Idle));
        }
        if up && care.checkpoint.is_some_and(|period| over(attention.saved, period)) {
            attention.saved = now;
            spawn_local(self.clone().save_checkpoint());
        }
        self.attention.set(attention);
    }

    /// Saves a checkpoint, and tells what came of it.
    pub async fn save_checkpoint(self: Rc<Self>) {
        let event = match self.checkpoint().await {
            Ok(checkpoint) => MachineEvent::Checkpointed(checkpoint),
            Err(problem) => {
                let message = format!("No checkpoint could be saved; the one before is kept. {}", problem.message);
                MachineEvent::NotCheckpointed(Problem { message, ..problem })
            }
        };
        self.attention.set(Attention { saved: since_start(), ..self.attention.get() });
        tell(&WorkerNotice::Event(event));
    }

    /// The processor stands still while memory and layers are saved; then it goes on upon new layers.
    async fn checkpoint(self: &Rc<Self>) -> Result<Checkpoint, Problem> {
        if self.freezing.replace(true) {
            return Err(Problem::new(ProblemCode::Refused, "The machine’s disks are just being frozen."));
        }
        let began = since_start();
        let at = js_sys::Date::now() as u64;
        let saved = self.while_still(self.checkpoint_now(at)).await.inspect_err(|problem| log(&problem.message));
        saved.map(|bytes| Checkpoint { at, bytes, pause: (since_start() - began) as u64 })
    }

    async fn checkpoint_now(&self, at: u64) -> Result<u64, (Problem, bool)> {
        let keep = |problem| (problem, false);
        let emulator = self.still().await.map_err(keep)?;
        let memory = self.remember(emulator).await.map_err(keep)?;
        self.drives.checkpoint(&self.spec.id, at, &memory).await
    }
}
