//! What pages ask about shared files and is done soon, and what is left of uploads that were cut short.

use crate::disks::opfs::{Directory, SharedFile};
use crate::share::access::Access;
use block::BlockFile;
use protocol::{DiskReply, FilePath, InstanceId, Problem, ProblemCode, ShareDone, ShareOp, ShareRequest, ShareWhat};
use serde::{Deserialize, Serialize};

/// The note's name in the job's directory.
pub const NOTE: &str = "upload";
/// Longer than any note.
const NOTE_MAX: u64 = 64 << 10;

/// Does what is asked.
pub async fn answer(request: &ShareRequest) -> Result<DiskReply, Problem> {
    let op = match &request.what {
        ShareWhat::List { path, after } => ShareOp::List(path.clone(), *after),
        ShareWhat::MakeFolder(path) => ShareOp::MakeFolder(path.clone()),
        ShareWhat::Rename { from, to } => ShareOp::Rename(from.clone(), to.clone()),
        ShareWhat::Delete(path) => ShareOp::Remove(path.clone()),
        ShareWhat::Upload { .. } | ShareWhat::Download(_) => {
            return Err(Problem::new(ProblemCode::Internal, "This is long work, and was not asked for as such."));
        }
    };
    let mut access = Access::open(&request.id).await?;
    let done = access.ask(op).await;
    let ended = access.end().await;
    match done? {
        ShareDone::Listing(listing) => Ok(DiskReply::Share(listing)),
        _ => ended.map(|()| DiskReply::Done),
    }
}

/// What an upload has put into the shared files so far, under a name that it has to lose again.
#[derive(Debug, Serialize, Deserialize)]
pub struct Note {
    /// Whose files.
    pub id: InstanceId,
    /// The unfinished file.
    pub path: FilePath,
}

/// Removes what an upload that was cut short left among the shared files; `job` is the job's directory.
pub async fn clean_up(job: &Directory) -> Result<(), Problem> {
    let Some(note) = read(job).await? else { return Ok(()) };
    if !super::report::instances().await?.contains(&note.id) {
        // It was deleted, and must not be made again.
        return Ok(());
    }
    let mut access = Access::open(&note.id).await?;
    let removed = match access.ask(ShareOp::Remove(note.path)).await {
        // It was finished, or had not begun.
        Err(problem) if problem.code == ProblemCode::NotFound => Ok(()),
        removed => removed.map(drop),
    };
    access.end().await.and(removed)
}

async fn read(job: &Directory) -> Result<Option<Note>, Problem> {
    let Some(file) = job.shared(NOTE).await? else { return Ok(None) };
    let mut file = SharedFile::new(file)?;
    let failed = |error| crate::disks::disk_problem("A note about unfinished work can’t be read", &error);
    let mut bytes = vec![0; file.len().map_err(failed)?.min(NOTE_MAX) as usize];
    file.read_at(0, &mut bytes).map_err(failed)?;
    // One that is cut short was written before anything else was.
    Ok(serde_json::from_slice(&bytes).ok())
}
