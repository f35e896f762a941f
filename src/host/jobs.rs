//! Work on disks: the storage workers, and what is known of the work that takes long.
//!
//! One worker answers what is done soon, in the order in which it comes. Each piece of long work has a worker of its own,
//! and so has tidying up; ending it is how such work is cancelled.

use super::machines::Machines;
use super::notices;
use super::worker::{FromWorker, StorageWorker, every};
use crate::bridge::log;
use futures_channel::oneshot;
use protocol::{
    DiskOrder, DiskReply, DiskRequest, ImportWhat, Inventory, Job, JobId, JobStage, NewSnapshot, Notice, Point,
    Problem, ProblemCode, ShareRequest, ShareWhat, StorageCommand, StorageNotice, Subject,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// How often is looked whether there is time to tidy up.
const TIDY_MS: i32 = 1_000;
/// How long nothing has to happen before tidying up begins, in milliseconds.
const QUIET_MS: f64 = 3_000.0;

struct Work {
    job: Job,
    /// `None` once it is over.
    worker: Option<StorageWorker>,
}

/// Who waits for an answer of the worker.
type Waiting = BTreeMap<u32, oneshot::Sender<Result<DiskReply, Problem>>>;

/// All work on disks.
pub struct Jobs {
    machines: Rc<Machines>,
    worker: RefCell<Option<StorageWorker>>,
    waiting: RefCell<Waiting>,
    last_call: Cell<u32>,
    works: RefCell<BTreeMap<JobId, Work>>,
    tidying: RefCell<Option<StorageWorker>>,
    /// What is to be tidied up when there is time for it.
    untidy: RefCell<Option<Inventory>>,
    /// When tidying up may begin, in milliseconds since 1970.
    quiet_from: Cell<f64>,
    own: RefCell<Weak<Self>>,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jobs")
    }
}

impl Jobs {
    /// Nothing to do yet.
    pub fn new(machines: Rc<Machines>) -> Result<Rc<Self>, JsValue> {
        let jobs = Rc::new(Self {
            machines,
            worker: RefCell::default(),
            waiting: RefCell::default(),
            last_call: Cell::new(0),
            works: RefCell::default(),
            tidying: RefCell::default(),
            untidy: RefCell::default(),
            quiet_from: Cell::new(0.0),
            own: RefCell::default(),
        });
        *jobs.own.borrow_mut() = Rc::downgrade(&jobs);
        let own = jobs.clone();
        every(TIDY_MS, move || own.tidy_if_idle())?;
        Ok(jobs)
    }

    /// The long work that goes on, or is over and not dismissed.
    pub fn list(&self) -> Vec<Job> {
        self.works.borrow().values().map(|work| work.job.clone()).collect()
    }

    /// Does what a page asks.
    pub async fn answer(self: &Rc<Self>, order: DiskOrder) -> Result<DiskReply, Problem> {
        match &order.request {
            DiskRequest::CancelJob(id) => {
                let work = self.works.borrow_mut().remove(id);
                // Ended here, so that it does not go on while what it has made is removed.
                drop(work);
                return self.discard(id.clone()).await;
            }
            DiskRequest::DismissJob(id) => self.works.borrow_mut().retain(|job, _| job != id),
            _ => {}
        }
        let frozen = self.freeze(&order).await?;
        if let (DiskRequest::TakeSnapshot { .. }, Some(_)) = (&order.request, &frozen) {
            return Ok(DiskReply::Done);
        }
        if let Some(title) = title(&order) {
            return self.begin(title, order, frozen).map(DiskReply::Job);
        }
        self.ask(order, frozen).await
    }

    /// Has the instance's own worker freeze its disks, if it runs and the request is about its present state.
    async fn freeze(&self, order: &DiskOrder) -> Result<Option<Point>, Problem> {
        let Some(Subject { instance, .. }) = &order.subject else { return Ok(None) };
        if !self.machines.has_worker(&instance.id) {
            return Ok(None);
        }
        let snapshot = match &order.request {
            DiskRequest::TakeSnapshot { name, memory, .. } => Some(NewSnapshot {
                id: order.fresh.snapshot.clone(),
                name: name.clone(),
                created: order.now,
                memory: *memory,
            }),
            DiskRequest::Clone { snapshot: None, .. } | DiskRequest::Export { snapshot: None, .. } => None,
            _ => return Ok(None),
        };
        self.interrupt_tidying();
        self.machines.freeze(&instance.id, snapshot).await.map(Some)
    }

    async fn ask(self: &Rc<Self>, order: DiskOrder, frozen: Option<Point>) -> Result<DiskReply, Problem> {
        self.interrupt_tidying();
        self.command(|call| StorageCommand::Do { call, order: Box::new(order), frozen }).await
    }

    /// Has the worker for what is done soon do it.
    async fn command(self: &Rc<Self>, command: impl FnOnce(u32) -> StorageCommand) -> Result<DiskReply, Problem> {
        let call = self.last_call.get().wrapping_add(1);
        self.last_call.set(call);
        let (send, answered) = oneshot::channel();
        self.waiting.borrow_mut().insert(call, send);
        let sent = self.tell_worker(&command(call));
        if let Err(problem) = sent {
            self.waiting.borrow_mut().remove(&call);
            return Err(problem);
        }
        let ended = |_| Problem::new(ProblemCode::WorkerDied, "The worker for disks ended before it was done.");
        let answer = answered.await.map_err(ended)?;
        self.tidy_if_idle();
        answer
    }

    fn tell_worker(self: &Rc<Self>, command: &StorageCommand) -> Result<(), Problem> {
        let mut worker = self.worker.borrow_mut();
        let worker = match &mut *worker {
            Some(worker) => worker,
            none => {
                let worker = StorageWorker::start()?;
                let own = self.own.borrow().clone();
                worker.listen(move |message| {
                    if let Some(own) = own.upgrade() {
                        own.answered(message);
                    }
                });
                none.insert(worker)
            }
        };
        worker.send(command)
    }

    fn answered(&self, message: FromWorker<StorageNotice>) {
        match message {
            FromWorker::Notice(StorageNotice::Done { call, result }) => {
                let waiting = self.waiting.borrow_mut().remove(&call);
                if let Some(waiting) = waiting {
                    // Whoever asked may have gone meanwhile.
                    drop(waiting.send(result));
                }
            }
            FromWorker::Notice(StorageNotice::Stage(_) | StorageNotice::Tidied(_)) => {}
            FromWorker::Failed(problem) => {
                // The next request starts another one. It can't be dropped while its own message is handled.
                let failed = self.worker.borrow_mut().take();
                spawn_local(async move { drop(failed) });
                for (_, waiting) in std::mem::take(&mut *self.waiting.borrow_mut()) {
                    drop(waiting.send(Err(problem.clone())));
                }
            }
        }
    }

    /// Starts a worker for long work.
    fn begin(&self, title: String, order: DiskOrder, frozen: Option<Point>) -> Result<JobId, Problem> {
        self.interrupt_tidying();
        let id = order.fresh.job.clone();
        let stage = match order.request {
            DiskRequest::Import { .. } | DiskRequest::Share(ShareRequest { what: ShareWhat::Upload { .. }, .. }) => {
                JobStage::WaitingForFile
            }
            _ => JobStage::Working { step: "Beginning".to_owned(), done: 0, total: None },
        };
        let instance = order.subject.as_ref().map(|subject| subject.instance.id.clone());
        let job = Job { id: id.clone(), title, instance, stage };
        let worker = StorageWorker::start()?;
        let (own, of) = (self.own.borrow().clone(), id.clone());
        worker.listen(move |message| {
            if let Some(own) = own.upgrade() {
                own.heard(&of, message);
            }
        });
        worker.send(&StorageCommand::Work { job: id.clone(), order: Box::new(order), frozen })?;
        tell_background(Notice::Job(job.clone()));
        self.works.borrow_mut().insert(id.clone(), Work { job, worker: Some(worker) });
        Ok(id)
    }

    fn heard(self: &Rc<Self>, id: &JobId, message: FromWorker<StorageNotice>) {
        let stage = match message {
            FromWorker::Notice(StorageNotice::Stage(stage)) => stage,
            FromWorker::Notice(StorageNotice::Done { .. } | StorageNotice::Tidied(_)) => return,
            FromWorker::Failed(problem) => JobStage::Failed(problem),
        };
        let over = stage.is_over();
        let mut works = self.works.borrow_mut();
        let Some(work) = works.get_mut(id).filter(|work| work.worker.is_some()) else { return };
        work.job.stage = stage;
        tell_background(Notice::Job(work.job.clone()));
        if over {
            let ended = work.worker.take();
            spawn_local(async move { drop(ended) });
            let about = work.job.instance.clone();
            drop(works);
            let (own, job) = (self.clone(), id.clone());
            spawn_local(async move {
                if let Err(problem) = own.discard(job).await {
                    log(&problem.message);
                }
            });
            if let Some(id) = about {
                self.machines.unpack(&id);
            }
        }
    }

    /// Removes what the work has made and nothing refers to.
    async fn discard(self: &Rc<Self>, job: JobId) -> Result<DiskReply, Problem> {
        self.command(|call| StorageCommand::Discard { call, job }).await
    }

    /// Merges and removes what need not be there, when there is time for it.
    pub fn tidy(self: &Rc<Self>, inventory: Inventory) {
        // What is tidied up just now goes by an older inventory, which may name what has been deleted since.
        self.interrupt_tidying();
        *self.untidy.borrow_mut() = Some(inventory);
    }

    fn tidy_if_idle(self: &Rc<Self>) {
        let works = self.works.borrow().values().any(|work| work.worker.is_some());
        let busy = works || !self.waiting.borrow().is_empty() || !self.machines.is_settled();
        if busy || self.tidying.borrow().is_some() || js_sys::Date::now() < self.quiet_from.get() {
            return;
        }
        let Some(inventory) = self.untidy.borrow().clone() else { return };
        let started = StorageWorker::start().and_then(|worker| {
            let own = self.own.borrow().clone();
            worker.listen(move |message| {
                if let Some(own) = own.upgrade() {
                    own.tidied(message);
                }
            });
            worker.send(&StorageCommand::Tidy { inventory, running: self.machines.running() })?;
            Ok(worker)
        });
        match started {
            Ok(worker) => *self.tidying.borrow_mut() = Some(worker),
            Err(problem) => log(&problem.message),
        }
    }

    fn tidied(&self, message: FromWorker<StorageNotice>) {
        let freed = match message {
            FromWorker::Notice(StorageNotice::Tidied(freed)) => freed,
            FromWorker::Notice(_) => 0,
            FromWorker::Failed(problem) => {
                log(&problem.message);
                0
            }
        };
        self.untidy.borrow_mut().take();
        let ended = self.tidying.borrow_mut().take();
        spawn_local(async move { drop(ended) });
        tell_background(Notice::Tidied { freed });
    }

    /// Something is to be done for which tidying up holds the locks. It is begun anew later.
    pub fn interrupt_tidying(&self) {
        self.leave_quiet();
        self.tidying.borrow_mut().take();
    }

    /// Whoever has just stopped a machine or begun something often does the next thing at once; tidying up would only be begun to
    /// be cut short.
    fn leave_quiet(&self) {
        self.quiet_from.set(js_sys::Date::now() + QUIET_MS);
    }
}

/// What long work is called; `None` for what is done soon.
fn title(order: &DiskOrder) -> Option<String> {
    let name = order.subject.as_ref().map_or("", |subject| subject.instance.name.as_str());
    match &order.request {
        DiskRequest::Export { .. } => Some(format!("Export from {name}")),
        DiskRequest::Import { what: ImportWhat::Workspace(_), name: file } => {
            Some(format!("Import {file} into {name}"))
        }
        DiskRequest::Import { name: file, .. } => Some(format!("Import {file}")),
        DiskRequest::Share(ShareRequest { what: ShareWhat::Upload { name: files, .. }, .. }) => {
            Some(format!("Upload {files} to {name}"))
        }
        DiskRequest::Share(ShareRequest { what: ShareWhat::Download(path), .. }) => {
            let file = path.name().map_or_else(|| "all files".to_owned(), |file| file.shown());
            Some(format!("Download {file} from {name}"))
        }
        _ => None,
    }
}

fn tell_background(notice: Notice) {
    spawn_local(async move {
        notices::tell(notice).await;
    });
}
