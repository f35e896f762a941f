//! Long work, each piece in a worker of its own: exports and imports.
//!
//! What is being made lies under `jobs/JOB` until it is whole. So a worker that is ended in the middle leaves nothing that
//! counts, and the host page then has what lies there removed.

mod export;
mod files;
mod import;
mod machine_in;
mod machine_out;
mod received;
mod share_in;
mod share_out;

use super::tell;
use crate::disks::locks::Lock;
use crate::disks::opfs::Directory;
use protocol::{
    DiskOrder, DiskRequest, JobId, JobStage, Outcome, Point, Problem, ProblemCode, ShareRequest, ShareWhat,
    StorageNotice,
};
use std::ops::ControlFlow;

/// Progress is told no more often than this, in milliseconds.
const TELL_MS: f64 = 200.0;

/// Does the work and tells how far it is, to its end.
pub async fn work(job: JobId, order: DiskOrder, frozen: Option<Point>) {
    let stage = match run(&job, &order, frozen).await {
        Ok(outcome) => JobStage::Done(outcome),
        Err(problem) => JobStage::Failed(problem),
    };
    tell(&StorageNotice::Stage(stage));
}

async fn run(job: &JobId, order: &DiskOrder, frozen: Option<Point>) -> Result<Outcome, Problem> {
    let _own = Lock::job(job).await?;
    let _all = Lock::share("jobs").await?;
    let place = Directory::open(&["jobs", job.as_str()]).await?;
    match &order.request {
        DiskRequest::Export { snapshot, what, .. } => {
            export::export(job, &place, order, (snapshot.as_ref(), *what), frozen).await
        }
        DiskRequest::Import { what, name } => import::import(job, &place, order, what, name).await,
        DiskRequest::Share(ShareRequest { id, what: ShareWhat::Upload { into, .. } }) => {
            share_in::upload(job, &place, id, into).await
        }
        DiskRequest::Share(ShareRequest { what: ShareWhat::Download(path), .. }) => {
            let none = || Problem::new(ProblemCode::NotFound, "This machine does not exist any more.");
            let subject = order.subject.as_ref().ok_or_else(none)?;
            share_out::download(job, &place, &subject.instance, path).await
        }
        _ => Err(Problem::new(ProblemCode::Internal, "This is no long work.")),
    }
}

/// Tells a job's progress, now and then.
struct Reporter {
    step: &'static str,
    told: f64,
}

impl Reporter {
    /// Another step of the work begins.
    fn new(step: &'static str) -> Self {
        tell(&StorageNotice::Stage(JobStage::Working { step: step.to_owned(), done: 0, total: None }));
        Self { step, told: js_sys::Date::now() }
    }

    fn tell(&mut self, progress: transfer::Progress) -> ControlFlow<()> {
        let now = js_sys::Date::now();
        if now - self.told >= TELL_MS {
            self.told = now;
            let transfer::Progress { done, total } = progress;
            tell(&StorageNotice::Stage(JobStage::Working { step: self.step.to_owned(), done, total }));
        }
        // Who cancels the work ends the worker.
        ControlFlow::Continue(())
    }
}

/// What a failed import means to the user: what is damaged is the file, and no disk of ours.
fn import_problem(what: &str, error: &transfer::Error) -> Problem {
    let problem = transfer_problem(what, error);
    match problem.code {
        ProblemCode::DiskDamaged => Problem::new(ProblemCode::BadFile, problem.message),
        _ => problem,
    }
}

/// What a failed export means to the user.
fn transfer_problem(what: &str, error: &transfer::Error) -> Problem {
    let code = match error {
        transfer::Error::NoRoom { .. } | transfer::Error::Storage(block::BlockError::NoSpace) => ProblemCode::NoSpace,
        transfer::Error::Storage(_) => ProblemCode::DiskDamaged,
        transfer::Error::Cancelled | transfer::Error::Output(_) => ProblemCode::Internal,
        _ => ProblemCode::BadFile,
    };
    Problem::new(code, format!("{what}: {error}."))
}
