//! The LAN's worker, from the first machine that uses its network card until the host page is closed.
//!
//! A worker that died is replaced, and all machines get new ports: for them it is as if a cable had been out for a moment, since the
//! addresses that they have are kept.

use super::worker::{FromWorker, LanWorker};
use crate::bridge::{log, problem};
use protocol::{Access, Confined, InstanceId, LanCommand, LanNotice, Problem, ProblemCode};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use web_sys::{MessageChannel, MessagePort};

/// So many looks, one a second, without a sign of life, and the worker is given up. The machines have the processors when they boot.
const SILENT_LOOKS_MAX: u32 = 15;

/// The worker, and who is on its LAN.
#[derive(Debug, Default)]
pub struct Lan {
    worker: RefCell<Option<LanWorker>>,
    members: RefCell<BTreeSet<InstanceId>>,
    silent_looks: Rc<Cell<u32>>,
}

impl Lan {
    /// Puts a machine on the LAN; returns its end of the line.
    pub fn attach(
        &self,
        id: &InstanceId,
        name: &str,
        access: &Access,
        confined: Confined,
    ) -> Result<MessagePort, Problem> {
        self.members.borrow_mut().insert(id.clone());
        let failed = |error| problem(ProblemCode::Internal, "A machine could not be put on the LAN", &error);
        let line = MessageChannel::new().map_err(failed)?;
        let mut worker = self.worker.borrow_mut();
        let worker = match &mut *worker {
            Some(worker) => worker,
            none => none.insert(self.start()?),
        };
        let attach = LanCommand::Attach { id: id.clone(), name: name.to_owned(), access: access.clone(), confined };
        worker.send_with(&attach, &line.port1())?;
        Ok(line.port2())
    }

    fn start(&self) -> Result<LanWorker, Problem> {
        let worker = LanWorker::start()?;
        self.silent_looks.set(0);
        let silent_looks = self.silent_looks.clone();
        worker.listen(move |message| match message {
            FromWorker::Notice(LanNotice::Alive) => silent_looks.set(0),
            FromWorker::Failed(problem) => {
                log(&problem.message);
                // It can't be dropped while its own message is handled.
                silent_looks.set(SILENT_LOOKS_MAX);
            }
        });
        Ok(worker)
    }

    /// Takes a machine off the LAN.
    pub fn detach(&self, id: &InstanceId) {
        if self.members.borrow_mut().remove(id) {
            self.tell(&LanCommand::Detach(id.clone()));
        }
    }

    /// Changes what a machine may reach; one that is not on the LAN brings it along when it comes.
    pub fn set_access(&self, id: &InstanceId, access: &Access) {
        if self.members.borrow().contains(id) {
            self.tell(&LanCommand::Access(id.clone(), access.clone()));
        }
    }

    fn tell(&self, command: &LanCommand) {
        let worker = self.worker.borrow();
        if let Some(Err(problem)) = worker.as_ref().map(|worker| worker.send(command)) {
            log(&problem.message);
        }
    }

    /// Comes once a second: ends a worker that is of no use any more, and returns the machines that are to be attached anew.
    pub fn look(&self) -> Vec<InstanceId> {
        self.silent_looks.set(self.silent_looks.get() + 1);
        if self.silent_looks.get() <= SILENT_LOOKS_MAX || self.worker.borrow_mut().take().is_none() {
            return vec![];
        }
        log("the LAN’s worker has stopped answering and is started anew");
        self.members.borrow().iter().cloned().collect()
    }
}
