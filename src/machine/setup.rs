//! What is done in a new machine at its first start, as its template says: profiles, then a script. What failed is tried again at the next start.

use super::agent::{GuestAgent, QUICK_MS};
use super::profiles::Profiles;
use super::run::Run;
use super::tell;
use crate::bridge::log;
use agent::AgentError;
use protocol::{MachineEvent, Problem, ProblemCode, Setup, WorkerNotice};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// Ends once the guest sees what the host shares, which it mounts behind its first prompt.
pub const MOUNTED: &str = "until grep -q ' /mnt/host ' /proc/mounts; do sleep 0.1; done";
/// How long that may take, in milliseconds in which the machine runs.
const MOUNT_MS: u64 = 3 * QUICK_MS;
/// How long the script may say nothing, in milliseconds in which the machine runs.
const SCRIPT_MS: u64 = 1_800_000;
/// What it may say, in bytes, and how much of its end is told if it fails.
const OUTPUT_MAX: u64 = 16 << 20;
const TOLD: usize = 300;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The guest's agent is waited for.
    Wanted,
    /// It is being done.
    Going,
    /// It is done, or there was nothing to do.
    Done,
}

impl Run {
    /// Comes once a second: begins when the guest can be asked.
    pub(super) fn set_up_if_wanted(self: &Rc<Self>) {
        if self.setup_stage() != Stage::Wanted || !self.agent().is_up() {
            return;
        }
        let Some(setup) = self.spec().setup.clone() else { return };
        self.set_setup_stage(Stage::Going);
        let own = self.clone();
        spawn_local(async move {
            let done = set_up(own.agent(), own.profiles(), &setup).await;
            if let Err(problem) = &done {
                log(&problem.message);
            }
            // A task is not to wait for ever: it finds what is missing itself.
            own.set_setup_stage(Stage::Done);
            tell(&WorkerNotice::Event(MachineEvent::SetUp(done.err())));
        });
    }
}

async fn set_up(agent: &Rc<GuestAgent>, profiles: Option<&Rc<Profiles>>, setup: &Setup) -> Result<(), Problem> {
    mounted(agent).await.map_err(|error| failed(setup, &error.to_string()))?;
    for name in &setup.profiles {
        let none = || failed(setup, "the machine shares no files with the host, by which profiles come.");
        profiles.ok_or_else(none)?.apply(name.clone()).await.map_err(|problem| failed(setup, &problem.message))?;
    }
    if setup.script.is_empty() {
        return Ok(());
    }
    let mut said: Vec<u8> = vec![];
    let keep = |_: agent::Stream, bytes: &[u8]| {
        said.extend_from_slice(bytes);
        said.drain(..said.len().saturating_sub(TOLD));
    };
    let status = agent.exec("exec sh -s", setup.script.as_bytes(), OUTPUT_MAX, SCRIPT_MS, keep).await;
    match status {
        Ok(0) => Ok(()),
        Ok(status) => {
            let said = String::from_utf8_lossy(&said);
            Err(failed(setup, &format!("its script ended with status {status}. {}", said.trim())))
        }
        Err(error) => Err(failed(setup, &error.to_string())),
    }
}

/// Waits until the guest sees what the host shares.
pub async fn mounted(agent: &Rc<GuestAgent>) -> Result<(), AgentError> {
    agent.exec(MOUNTED, &[], 0, MOUNT_MS, |_, _| {}).await.map(drop)
}

fn failed(setup: &Setup, why: &str) -> Problem {
    Problem {
        code: ProblemCode::Refused,
        message: format!("The machine runs, but is not yet as “{}” says: {why}", setup.template),
        advice: "It is tried again at the machine’s next start.".to_owned(),
    }
}
