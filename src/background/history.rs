//! What the background tells the catalog, and asks it.
//!
//! What happened is stored with the list of machines, in one write, and waits there until the catalog has confirmed it. The
//! catalog is opened when a page asks, or when it is quiet while a host page is there anyway; nothing else ever waits for it.

use super::effects::Carrier;
use super::{Shared, changed, host_page, lost_list};
use crate::bridge::log;
use crate::disks::random_bits;
use catalog::waiting::{Waiting, event};
use catalog::watch::{Watch, disk_event};
use futures_util::lock::Mutex;
use protocol::{
    CatalogAnswer, CatalogOrder, CatalogReply, CatalogRequest, DiskOrder, DiskReply, Event, EventKind, HostCall,
    HostReply, Instance, PageEvent, Problem, ProblemCode, Reachable, Reply, Session, SessionLog, State, Table, World,
};
use registry::Registry;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// How long it must have been quiet before what waits is saved, in milliseconds: a boot is over by then.
const QUIET_MS: f64 = 15_000.0;
/// How long the host page is kept after a question, in milliseconds: the next one need not wait for DuckDB to start.
const KEPT_MS: f64 = 30_000.0;
/// The storage is measured once a day, in milliseconds,
const MEASURE_MS: u64 = 24 * 60 * 60 * 1000;
/// and when something was tidied up, but not twice in this time.
const TIDIED_MS: u64 = 60 * 1000;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(work: &js_sys::Function, milliseconds: f64);
}

/// What happened and is not in the catalog yet, and when.
pub struct History {
    pub(super) waiting: RefCell<Waiting>,
    watch: RefCell<Watch>,
    /// What is stored of `waiting`.
    stored: RefCell<String>,
    /// When something happened last.
    last: Cell<f64>,
    /// When the catalog was asked last.
    asked: Cell<f64>,
    /// Held while the catalog is asked, so that each question finds what the one before has brought.
    turn: Mutex<()>,
    /// Whether it is waited for quiet.
    armed: Cell<bool>,
    /// Whether descriptions are being written.
    pub(super) describing: Cell<bool>,
}

fn now() -> u64 {
    js_sys::Date::now() as u64
}

async fn pause(milliseconds: f64) {
    let passed = js_sys::Promise::new(&mut |resolve, _| set_timeout(&resolve, milliseconds));
    drop(JsFuture::from(passed).await);
}

impl History {
    /// Begins with what waited and with these instances.
    pub fn new(waiting: Waiting, instances: &[Instance]) -> Self {
        let stored = serde_json::to_string(&waiting).unwrap_or_default();
        Self {
            waiting: RefCell::new(waiting),
            watch: RefCell::new(Watch::new(instances)),
            stored: RefCell::new(stored),
            last: Cell::new(js_sys::Date::now()),
            asked: Cell::new(0.0),
            turn: Mutex::new(()),
            armed: Cell::new(false),
            describing: Cell::new(false),
        }
    }

    /// Takes in what is different now. Returns what is to be stored, if that has changed.
    pub fn look(&self, world: &World) -> Option<String> {
        let events = self.watch.borrow_mut().look(&world.instances, &world.jobs, now(), random_bits);
        let mut waiting = self.waiting.borrow_mut();
        waiting.add(events);
        waiting.keep_described(|id| world.instance(id).is_some());
        let text = serde_json::to_string(&*waiting).unwrap_or_default();
        let changed = *self.stored.borrow() != text;
        if changed {
            self.last.set(js_sys::Date::now());
            self.stored.replace(text.clone());
        }
        changed.then_some(text)
    }

    /// What was to be stored could not be: it is tried again with the next change.
    pub fn not_stored(&self) {
        self.stored.borrow_mut().clear();
    }

    /// The world with what the user has to know.
    pub fn shown(&self, world: World) -> World {
        World { tellings: self.waiting.borrow().tellings().to_vec(), ..world }
    }

    /// Takes in that something was done to disks.
    pub fn disks_done(&self, order: &DiskOrder, reply: &DiskReply) {
        self.waiting.borrow_mut().add(disk_event(order, reply, random_bits()));
    }

    /// Takes in what has become of a pairing or an uplink.
    pub fn session(&self, log: SessionLog, registry: &Registry) {
        let details = match log.reason.as_str() {
            "" => format!("{} {}", log.id, log.network),
            reason => format!("{} {}: {reason}", log.id, log.network),
        };
        let machines = match log.machines {
            Reachable::All => "*".to_owned(),
            Reachable::Only(ids) => {
                let known = registry.instances().iter().filter(|instance| ids.contains(&instance.id));
                known.map(|instance| instance.name.as_str()).collect::<Vec<_>>().join(" ")
            }
        };
        let SessionLog { id, kind, network, reason, .. } = log;
        let what = Event {
            name: Some(log.name),
            duration: log.duration,
            bytes: (!log.joined).then_some(log.bytes),
            details,
            session: Some(Session { id, kind, network, machines, reason }),
            ..event(kind.event(log.joined), now(), random_bits())
        };
        self.waiting.borrow_mut().add([what]);
    }

    /// A machine was found by its disks.
    pub fn recovered(&self, instance: &Instance) {
        self.watch.borrow_mut().know(instance);
        let found = Event {
            machine: Some(instance.id.clone()),
            name: Some(instance.name.clone()),
            ..event(EventKind::Recovered, now(), random_bits())
        };
        self.waiting.borrow_mut().add([found]);
    }

    /// So many bytes were given back that nothing uses any more.
    pub fn freed(&self, bytes: u64) {
        if bytes > 0 {
            let freed = Event { bytes: Some(bytes), ..event(EventKind::Freed, now(), random_bits()) };
            self.waiting.borrow_mut().add([freed]);
        }
    }

    /// Whether the catalog was asked a moment ago, so that it may be asked again.
    pub fn is_in_use(&self) -> bool {
        js_sys::Date::now() - self.asked.get() < KEPT_MS
    }
}

/// Sees to what need not be done at once: descriptions beside the disks, and what waits for the catalog.
pub fn tend(shared: &Rc<Shared>, carrier: &Carrier) {
    if !shared.history.describing.replace(true) {
        spawn_local(lost_list::describe(shared.clone()));
    }
    if !shared.history.waiting.borrow().is_empty() && !shared.history.armed.replace(true) {
        let (shared, carrier) = (shared.clone(), carrier.clone());
        spawn_local(async move {
            save_when_quiet(&shared).await;
            shared.history.armed.set(false);
            carrier.tidy();
        });
    }
}

/// Waits until it has been quiet for a while. If there is no host page then, what waits is saved another time.
async fn save_when_quiet(shared: &Shared) {
    loop {
        let quiet = js_sys::Date::now() - shared.history.last.get();
        if quiet >= QUIET_MS && !is_busy(shared) {
            break;
        }
        pause((QUIET_MS - quiet).max(1_000.0)).await;
        if shared.history.waiting.borrow().is_empty() || !host_page::exists().await {
            return;
        }
    }
    if let Err(problem) = save(shared, None).await {
        log(&problem.message);
    }
}

/// Whether something goes on that a user waits for.
fn is_busy(shared: &Shared) -> bool {
    let registry = shared.registry.borrow();
    let changes = |state| matches!(state, State::Starting | State::Stopping | State::Suspending);
    shared.pages.borrow().may_launch()
        || shared.tidying.get()
        || shared.asking.get() > 0
        || registry.instances().iter().any(|instance| changes(instance.state))
}

/// Measures the storage, unless that was done a moment ago.
pub async fn measure(shared: Rc<Shared>) {
    measure_after(&shared, TIDIED_MS).await;
    if let Err(problem) = changed(&shared).await {
        log(&problem.message);
    }
}

async fn measure_after(shared: &Shared, after: u64) {
    if !shared.history.waiting.borrow_mut().measure_again(now(), after) {
        return;
    }
    match crate::storage::estimate().await {
        Ok((usage, quota)) => {
            let machines = match shared.registry.borrow().instances().len() {
                1 => "1 machine".to_owned(),
                count => format!("{count} machines"),
            };
            let details = format!("of {quota} bytes, {machines}");
            let measured = Event { bytes: Some(usage), details, ..event(EventKind::Storage, now(), random_bits()) };
            shared.history.waiting.borrow_mut().add([measured]);
        }
        Err(problem) => log(&problem.message),
    }
}

/// Saves what waits, and then asks.
async fn save(shared: &Shared, ask: Option<CatalogRequest>) -> Result<Option<Table>, Problem> {
    let _turn = shared.history.turn.lock().await;
    measure_after(shared, MEASURE_MS).await;
    let order = {
        let mut waiting = shared.history.waiting.borrow_mut();
        CatalogOrder {
            identity: waiting.identity().map(str::to_owned),
            fresh: format!("{:015x}", random_bits()),
            now: now(),
            events: waiting.events(now(), random_bits()),
            mirror: shared.registry.borrow().mirror(),
            ask,
        }
    };
    shared.asking.set(shared.asking.get() + 1);
    let answered = ask_host(order.clone()).await;
    shared.asking.set(shared.asking.get() - 1);
    let CatalogAnswer { identity, loss, answer } = answered?;
    {
        let mut waiting = shared.history.waiting.borrow_mut();
        waiting.saved(&order.events, &identity);
        if let Some(loss) = loss {
            waiting.lost(&loss, now(), random_bits());
        }
    }
    changed(shared).await?;
    answer
}

async fn ask_host(order: CatalogOrder) -> Result<CatalogAnswer, Problem> {
    host_page::open().await?;
    match host_page::call(&HostCall::Catalog(Box::new(order))).await? {
        HostReply::Catalog(answer) => Ok(*answer),
        HostReply::Failed(problem) => Err(problem),
        HostReply::Done | HostReply::Machines(..) | HostReply::Disks(_) | HostReply::Peer(_) => {
            Err(Problem::new(ProblemCode::Internal, "The page that holds the catalog answered something else."))
        }
    }
}

/// Sees to a page's request, which other calls need not wait for.
pub async fn call(shared: Rc<Shared>, carrier: Carrier, page: u32, call: u32, request: CatalogRequest) {
    let result = answer(&shared, request).await.map(Reply::Catalog);
    shared.pages.borrow_mut().tell(page, &PageEvent::Answer { call, result });
    tend(&shared, &carrier);
    if shared.history.is_in_use() {
        pause(KEPT_MS).await;
    }
    carrier.tidy();
}

async fn answer(shared: &Shared, request: CatalogRequest) -> Result<CatalogReply, Problem> {
    match request {
        CatalogRequest::Dismiss(id) => {
            shared.history.waiting.borrow_mut().dismiss(id);
            changed(shared).await?;
            Ok(CatalogReply::Done)
        }
        CatalogRequest::Recover => {
            let found = lost_list::find_missing(shared).await?;
            changed(shared).await?;
            Ok(CatalogReply::Recovered(found))
        }
        CatalogRequest::Save | CatalogRequest::Events(_) | CatalogRequest::Query { .. } => {
            shared.history.asked.set(js_sys::Date::now());
            let table = save(shared, Some(request)).await;
            shared.history.asked.set(js_sys::Date::now());
            Ok(table?.map_or(CatalogReply::Done, CatalogReply::Table))
        }
    }
}
