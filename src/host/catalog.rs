//! The catalog's worker, as long as it is needed.
//!
//! DuckDB takes more than a second to start and some hundred megabytes, so the worker is started with the first order and ended
//! once it has been idle. One order at a time; what is only saved gives way to a machine that is being started.

use super::worker::{CatalogWorker, FromWorker, after, every};
use crate::bridge::{log, text_of};
use futures_channel::oneshot;
use futures_util::lock::Mutex;
use protocol::{CatalogAnswer, CatalogCommand, CatalogFailure, CatalogNotice, CatalogOrder, Problem, ProblemCode};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// So many looks, one a second, without an order and the worker is ended.
const IDLE_LOOKS: u32 = 30;
const LOOK_MS: i32 = 1_000;
/// How long starting and saving may take.
const SAVE_TIME: Duration = Duration::from_secs(60);
/// How long a question may take.
const ASK_TIME: Duration = Duration::from_secs(10);

type Outcome = Result<CatalogAnswer, CatalogFailure>;

struct Pending {
    call: u32,
    /// Whether a page waits for it.
    asked: bool,
    begun: bool,
    done: oneshot::Sender<Outcome>,
}

/// The worker, and the order that it has.
pub struct Catalog {
    worker: RefCell<Option<CatalogWorker>>,
    pending: RefCell<Option<Pending>>,
    turn: Mutex<()>,
    last_call: Cell<u32>,
    idle_looks: Cell<u32>,
    own: Weak<Self>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Catalog")
    }
}

fn ended(message: &str) -> CatalogFailure {
    CatalogFailure::Problem(Problem::new(ProblemCode::Internal, message))
}

impl Catalog {
    /// No worker yet.
    pub fn new() -> Result<Rc<Self>, JsValue> {
        let catalog = Rc::new_cyclic(|own| Self {
            worker: RefCell::default(),
            pending: RefCell::default(),
            turn: Mutex::new(()),
            last_call: Cell::new(0),
            idle_looks: Cell::new(0),
            own: own.clone(),
        });
        let own = catalog.clone();
        every(LOOK_MS, move || own.look())?;
        Ok(catalog)
    }

    /// Saves and asks. A damaged file is moved aside, and a new one takes its place.
    pub async fn answer(&self, order: CatalogOrder) -> Result<CatalogAnswer, Problem> {
        let _turn = self.turn.lock().await;
        let order = Box::new(order);
        let first = self.command(order.clone(), false).await;
        let outcome = match first {
            Err(CatalogFailure::Damaged(why)) => {
                log(&format!("the catalog is damaged and is made anew: {why}"));
                self.end();
                self.command(order, true).await
            }
            outcome => outcome,
        };
        outcome.map_err(|failure| {
            self.end();
            match failure {
                CatalogFailure::Problem(problem) => problem,
                CatalogFailure::Damaged(why) => {
                    Problem::new(ProblemCode::Internal, format!("The catalog can’t be made anew: {why}."))
                }
            }
        })
    }

    async fn command(&self, order: Box<CatalogOrder>, aside: bool) -> Outcome {
        let call = self.last_call.get().wrapping_add(1);
        self.last_call.set(call);
        let (done, outcome) = oneshot::channel();
        let asked = order.ask.is_some();
        *self.pending.borrow_mut() = Some(Pending { call, asked, begun: false, done });
        let sent = self.send(&CatalogCommand { call, order, aside });
        if let Err(problem) = sent {
            self.pending.borrow_mut().take();
            return Err(CatalogFailure::Problem(problem));
        }
        self.limit(call, SAVE_TIME, false);
        outcome.await.unwrap_or_else(|_| Err(ended("The catalog’s worker was ended.")))
    }

    fn send(&self, command: &CatalogCommand) -> Result<(), Problem> {
        let mut worker = self.worker.borrow_mut();
        let worker = match &mut *worker {
            Some(worker) => worker,
            none => {
                let worker = CatalogWorker::start()?;
                let own = self.own.clone();
                worker.listen(move |message| {
                    if let Some(own) = own.upgrade() {
                        own.hear(message);
                    }
                });
                none.insert(worker)
            }
        };
        worker.send(command)
    }

    fn hear(&self, message: FromWorker<CatalogNotice>) {
        self.idle_looks.set(0);
        match message {
            FromWorker::Notice(CatalogNotice::Begun(call)) => {
                if let Some(pending) = self.pending.borrow_mut().as_mut().filter(|pending| pending.call == call) {
                    pending.begun = true;
                }
                self.limit(call, ASK_TIME, true);
            }
            FromWorker::Notice(CatalogNotice::Done { call, result }) => self.finish(call, result),
            FromWorker::Failed(problem) => {
                let call = self.pending.borrow().as_ref().map(|pending| pending.call);
                match call {
                    Some(call) => self.finish(call, Err(CatalogFailure::Problem(problem))),
                    // The next order starts another one.
                    None => self.end(),
                }
            }
        }
    }

    fn finish(&self, call: u32, outcome: Outcome) {
        let pending = self.pending.borrow_mut().take_if(|pending| pending.call == call);
        if let Some(pending) = pending {
            // Whoever asked may have gone meanwhile.
            drop(pending.done.send(outcome));
        }
    }

    /// Ends what is not done after this time. `begun` says which part of the work it is a limit for.
    fn limit(&self, call: u32, time: Duration, begun: bool) {
        let own = self.own.clone();
        let late = move || {
            let Some(own) = own.upgrade() else { return };
            let is_late =
                own.pending.borrow().as_ref().is_some_and(|pending| pending.call == call && pending.begun == begun);
            if is_late {
                own.end();
                let message = match begun {
                    true => format!("The question took longer than {} s and was ended.", time.as_secs()),
                    false => "The catalog did not answer.".to_owned(),
                };
                own.finish(call, Err(ended(&message)));
            }
        };
        if let Err(error) = after(time, late) {
            log(&format!("no time-out could be set: {}", text_of(&error)));
        }
    }

    /// A machine is being started: what nobody waits for is done another time.
    pub fn give_way(&self) {
        let pending = self.pending.borrow_mut().take_if(|pending| !pending.asked);
        if let Some(pending) = pending {
            self.end();
            drop(pending.done.send(Err(ended("The catalog gave way to a machine."))));
        }
    }

    fn look(&self) {
        let idle = self.pending.borrow().is_none() && self.worker.borrow().is_some();
        self.idle_looks.set(if idle { self.idle_looks.get() + 1 } else { 0 });
        if self.idle_looks.get() > IDLE_LOOKS {
            self.end();
        }
    }

    /// Ends the worker. It can't be dropped while its own message is handled.
    fn end(&self) {
        let worker = self.worker.borrow_mut().take();
        spawn_local(async move { drop(worker) });
    }
}
