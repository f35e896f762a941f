use crate::use_world;
use protocol::{DiskReply, DiskRequest, Problem};
use yew::prelude::*;

/// A question about disks that a component asks, and what is to be shown of it.
#[derive(Clone, PartialEq)]
pub struct Asking {
    /// The answer is waited for.
    pub busy: bool,
    /// What went wrong.
    pub problem: Option<Problem>,
    /// Asks.
    pub ask: Callback<DiskRequest>,
    /// Puts what went wrong away.
    pub dismiss: Callback<()>,
}

/// Lets a component ask one thing at a time about disks; `done` hears the answers that are no problems.
#[hook]
pub fn use_asking(done: Callback<DiskReply>) -> Asking {
    let workbench = use_world();
    let busy = use_state(|| false);
    let problem = use_state(|| None);
    let ask = {
        let (busy, problem) = (busy.setter(), problem.setter());
        Callback::from(move |request: DiskRequest| {
            busy.set(true);
            problem.set(None);
            let (busy, problem, done) = (busy.clone(), problem.clone(), done.clone());
            workbench.ask_disks(request, move |answer| {
                busy.set(false);
                match answer {
                    Ok(reply) => done.emit(reply),
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    let dismiss = {
        let problem = problem.setter();
        Callback::from(move |()| problem.set(None))
    };
    Asking { busy: *busy, problem: (*problem).clone(), ask, dismiss }
}
