//! Archives on their way into a running machine's workspace.

use super::agent::GuestAgent;
use super::drives::Drives;
use crate::disks::disk_problem;
use crate::disks::opfs::{Directory, SharedFile};
use agent::AgentError;
use block::BlockFile;
use protocol::{Problem, ProblemCode};
use std::rc::Rc;

/// Where the workspace is in the guest.
const WORKSPACE: &str = "/workspace";
/// How much is read at a time.
const CHUNK: u64 = 256 * 1024;
/// How long the guest may take to say what is mounted, in milliseconds.
const PATIENCE_MS: u64 = 20_000;

/// What went wrong on the way of an archive.
enum Failure {
    Guest(AgentError),
    Host(Problem),
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        Self::Guest(error)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Host(problem) => problem,
            Failure::Guest(error) => {
                let message = format!("Files could not be unpacked into the workspace. {error}");
                Self::new(ProblemCode::Refused, message)
            }
        }
    }
}

/// Unpacks all archives that wait, the oldest first, and returns how many there were. One that the guest can't unpack is put
/// away: it would fail again at every start.
pub async fn unpack(drives: &Drives, agent: &Rc<GuestAgent>) -> Result<usize, Problem> {
    let inbox = drives.inbox().await?;
    let mut count = 0;
    loop {
        let mut names: Vec<_> = inbox.entries().await?.into_iter().map(|entry| entry.name).collect();
        names.sort();
        let Some(name) = names.first() else { return Ok(count) };
        if count == 0 {
            check_mounted(agent).await.map_err(Problem::from)?;
        }
        let put = put(&inbox, name, agent).await;
        match put {
            // Another time it may go well: the archive stays.
            Err(Failure::Guest(
                error @ (AgentError::NoAgent | AgentError::Silent | AgentError::Restarted | AgentError::Busy),
            )) => return Err(Failure::Guest(error).into()),
            Err(failure) => {
                inbox.remove(name).await?;
                return Err(failure.into());
            }
            Ok(()) => inbox.remove(name).await?,
        }
        count += 1;
    }
}

/// Without its disk the directory is one of the first disk, which is not where the files are wanted.
async fn check_mounted(agent: &Rc<GuestAgent>) -> Result<(), Failure> {
    let command = format!("grep -q ' {WORKSPACE} ' /proc/mounts");
    let status = agent.exec(&command, &[], 0, PATIENCE_MS, |_, _| ()).await?;
    if status == 0 {
        return Ok(());
    }
    let message = "Files wait to be unpacked, but the guest has not mounted its workspace.";
    Err(Failure::Host(Problem::new(ProblemCode::Refused, message)))
}

async fn put(inbox: &Directory, name: &str, agent: &Rc<GuestAgent>) -> Result<(), Failure> {
    let gone = || Problem::new(ProblemCode::Internal, "The archive vanished before it was unpacked.");
    let file = inbox.shared(name).await.map_err(Failure::Host)?.ok_or_else(|| Failure::Host(gone()))?;
    let mut file = SharedFile::new(file).map_err(Failure::Host)?;
    let failed = |error| Failure::Host(disk_problem("The archive can’t be read", &error));
    let len = file.len().map_err(failed)?;
    let mut at = 0;
    let read = async || {
        let mut bytes = vec![0; (len - at).min(CHUNK) as usize];
        file.read_at(at, &mut bytes).map_err(failed)?;
        at += bytes.len() as u64;
        Ok::<_, Failure>((!bytes.is_empty()).then_some(bytes))
    };
    agent.put_tar(WORKSPACE, read, |_| ()).await?;
    // Only then is the archive given up.
    agent.sync().await?;
    Ok(())
}
