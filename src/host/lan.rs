//! The LAN's worker, from the first machine that uses its network card until the host page is closed.
//!
//! A worker that died is replaced, and all machines get new lines: for them it is as if a cable had been out for a moment, since the
//! addresses that they have are kept.

use super::line::{Line, Lines};
use super::notices;
use super::worker::{FromWorker, LanWorker};
use crate::bridge::log;
use crate::rtc::RtcDataChannel;
use futures_channel::oneshot;
use peering::Numbers;
use protocol::{
    Access, Confined, InstanceId, LanCommand, LanMachine, LanNotice, LanTraffic, Notice, PeerId, PeerRule, Problem,
    ProblemCode,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// So many looks, one a second, without a sign of life, and the worker is given up. The machines have the processors when they boot.
const SILENT_LOOKS_MAX: u32 = 15;

/// What the LAN has to tell those who look after its peers.
#[derive(Debug, Clone)]
pub enum LanNews {
    /// Machines have come, gone, or got addresses.
    Machines,
    /// A peer has to be cut off, for this reason.
    Misconduct(PeerId, String),
    /// So many batches have gone to a peer, and come from it.
    Count(PeerId, Option<u32>, [u64; 2]),
    /// What went over the peers' lines.
    Traffic(Vec<(PeerId, LanTraffic)>),
    /// The worker was ended: peers have to be attached anew.
    Gone,
}

/// Who hears what is of interest for peers.
type Ear = Box<dyn Fn(LanNews)>;

/// What is known of the LAN.
#[derive(Default)]
struct Known {
    numbers: Cell<Option<Numbers>>,
    machines: RefCell<Vec<LanMachine>>,
    stranded: RefCell<Vec<InstanceId>>,
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
    ear: RefCell<Option<Ear>>,
}

/// The worker, and who is on its LAN.
#[derive(Default)]
pub struct Lan {
    worker: RefCell<Option<LanWorker>>,
    members: RefCell<BTreeSet<InstanceId>>,
    silent_looks: Rc<Cell<u32>>,
    known: Rc<Known>,
    /// The lines, and how many there have been.
    lines: Rc<Lines>,
    lines_made: Cell<u32>,
}

impl std::fmt::Debug for Lan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lan")
    }
}

impl Known {
    fn tell(&self, news: LanNews) {
        if let Some(ear) = &*self.ear.borrow() {
            ear(news);
        }
    }
}

impl Lan {
    /// Puts a machine on the LAN, which is `settled` if its kernel has an address from earlier; returns its end of the line.
    pub fn attach(
        &self,
        id: &InstanceId,
        name: &str,
        access: &Access,
        confined: Confined,
        settled: bool,
    ) -> Result<Line, Problem> {
        self.members.borrow_mut().insert(id.clone());
        let (id, name, access) = (id.clone(), name.to_owned(), access.clone());
        self.line(|line| LanCommand::Attach { id, name, access, confined, settled, line })
    }

    /// Puts a peer on the LAN; returns its end of the line.
    pub fn attach_peer(&self, id: &PeerId, numbers: Numbers, rule: &PeerRule) -> Result<Line, Problem> {
        let (id, numbers, rule) = (id.clone(), (numbers.a, numbers.b), rule.clone());
        self.line(|line| LanCommand::AttachPeer { id, numbers, rule, line })
    }

    /// Sends the command that makes a line with this number; returns this page's end.
    fn line(&self, attach: impl FnOnce(u32) -> LanCommand) -> Result<Line, Problem> {
        let number = self.lines_made.get();
        self.lines_made.set(number.wrapping_add(1));
        self.with_worker(|worker| {
            worker.send(&attach(number))?;
            Ok(Line::new(number, worker.handle(), self.lines.clone()))
        })
    }

    /// Gives the worker a peer's channel, where the browser can; says whether it has it.
    pub fn hand_over(&self, id: &PeerId, channel: &RtcDataChannel) -> bool {
        // Firefox can't, which is nothing to tell.
        self.with_worker(|worker| worker.hand_over(&LanCommand::PeerChannel(id.clone()), channel)).is_ok()
    }

    /// Asks how many batches have gone to a peer and come from it, which is told with the same number.
    pub fn count_peer(&self, id: &PeerId, ping: Option<u32>) {
        let asked = self.with_worker(|worker| worker.send(&LanCommand::CountPeer(id.clone(), ping)));
        if let Err(problem) = asked {
            log(&problem.message);
        }
    }

    /// Does something with the worker, which is started if there is none.
    fn with_worker<T>(&self, work: impl FnOnce(&LanWorker) -> Result<T, Problem>) -> Result<T, Problem> {
        let mut worker = self.worker.borrow_mut();
        match &mut *worker {
            Some(worker) => work(worker),
            none => work(none.insert(self.start()?)),
        }
    }

    /// The numbers of the LAN; the worker is started for it if there is none.
    pub async fn numbers(&self) -> Result<Numbers, Problem> {
        self.with_worker(|_| Ok(()))?;
        if self.known.numbers.get().is_none() {
            let (send, told) = oneshot::channel();
            self.known.waiting.borrow_mut().push(send);
            // One that is dropped has been told nothing, which is seen below.
            let _ = told.await;
        }
        let unknown = || Problem::new(ProblemCode::Internal, "The LAN’s worker did not start.");
        self.known.numbers.get().ok_or_else(unknown)
    }

    /// Has the LAN take other numbers than these; returns the new ones. The machines are told, and what they are connected with breaks off.
    pub async fn renumber(&self, from: Numbers) -> Result<Numbers, Problem> {
        self.tell(&LanCommand::Renumber(from.a, from.b));
        loop {
            // What was told before the worker heard of this has the old ones still.
            self.known.numbers.set(None);
            let numbers = self.numbers().await?;
            if numbers != from {
                return Ok(numbers);
            }
        }
    }

    /// The machines whose address is none of the LAN's, since this was asked last.
    pub fn stranded(&self) -> Vec<InstanceId> {
        self.known.stranded.take()
    }

    /// The machines that are on the LAN and have an address.
    pub fn machines(&self) -> Vec<LanMachine> {
        self.known.machines.borrow().clone()
    }

    /// From now on `ear` hears what is of interest for peers.
    pub fn listen(&self, ear: impl Fn(LanNews) + 'static) {
        *self.known.ear.borrow_mut() = Some(Box::new(ear));
    }

    fn start(&self) -> Result<LanWorker, Problem> {
        let worker = LanWorker::start()?;
        self.silent_looks.set(0);
        let lines = self.lines.clone();
        worker.listen_to_lists(move |message| lines.hear(message));
        let (silent_looks, known) = (self.silent_looks.clone(), self.known.clone());
        worker.listen(move |message| match message {
            FromWorker::Notice(LanNotice::Alive) => silent_looks.set(0),
            FromWorker::Notice(LanNotice::Machines(a, b, machines)) => {
                known.numbers.set(Some(Numbers { a, b }));
                *known.machines.borrow_mut() = machines;
                for waiting in known.waiting.take() {
                    // Who waited may have given up.
                    let _ = waiting.send(());
                }
                known.tell(LanNews::Machines);
            }
            FromWorker::Notice(LanNotice::Stranded(ids)) => known.stranded.borrow_mut().extend(ids),
            FromWorker::Notice(LanNotice::Misconduct(id, why)) => known.tell(LanNews::Misconduct(id, why)),
            FromWorker::Notice(LanNotice::PeerCount(id, ping, counts)) => {
                known.tell(LanNews::Count(id, ping, counts));
            }
            FromWorker::Notice(LanNotice::Traffic(traffic)) => known.tell(LanNews::Traffic(traffic)),
            FromWorker::Notice(LanNotice::Uplink(log)) => spawn_local(async move {
                notices::tell(Notice::Uplink(log)).await;
            }),
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

    /// Tells the worker, if there is one.
    pub fn tell(&self, command: &LanCommand) {
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
        self.known.tell(LanNews::Gone);
        self.members.borrow().iter().cloned().collect()
    }
}
