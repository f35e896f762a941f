//! The background: owns the instances, answers the pages, and tells the host page what to do.
//!
//! Runs as Chrome's service worker and in Firefox's event page, and may be ended at any moment: all it knows is in
//! [`registry`] (stored on every change) and in the host page (asked for on every start). `extension/background.js` hands
//! over what the browser's listeners receive, in order. It never touches a disk's bytes or a console's.

mod effects;
mod history;
mod host_page;
mod lost_list;
mod pages;
mod store;

use crate::bridge::{from_js, log, to_js};
use crate::webext::{MessageSender, Port, is_ours};
use effects::Carrier;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use history::History;
use pages::Pages;
use protocol::{DiskOrder, Envelope, HostReply, Notice, PageCall, PageEvent, PageRequest, PeerRequest, Problem, Reply};
use registry::{Effect, Registry};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Something that the browser handed over.
enum Input {
    Connect(u32, Port),
    Message(u32, JsValue),
    Disconnect(u32),
    Host(JsValue, js_sys::Function),
}

/// What the parts of the background share.
struct Shared {
    registry: RefCell<Registry>,
    pages: RefCell<Pages>,
    /// Whether layers are being merged and removed.
    tidying: Cell<bool>,
    /// How many requests about disks wait for the host page's answer.
    asking: Cell<usize>,
    /// How many peers are joined or being paired.
    peers: Cell<u32>,
    /// What happened and is not in the catalog yet.
    history: History,
}

/// The background's end towards `extension/background.js`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Background {
    inputs: UnboundedSender<Input>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input")
    }
}

#[wasm_bindgen]
impl Background {
    /// Starts: loads what is stored and finds the running machines again. What is handed over meanwhile waits.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "it starts a task, which no default value should do")]
    pub fn new() -> Self {
        let (inputs, received) = unbounded();
        spawn_local(run(received));
        Self { inputs }
    }

    /// A page has connected.
    pub fn connect(&self, id: u32, port: Port) {
        if is_ours(port.sender().as_ref()) {
            self.hand(Input::Connect(id, port));
        } else {
            port.disconnect();
        }
    }

    /// A page has sent a message.
    pub fn page_message(&self, id: u32, message: JsValue) {
        self.hand(Input::Message(id, message));
    }

    /// A page has gone.
    pub fn disconnect(&self, id: u32) {
        self.hand(Input::Disconnect(id));
    }

    /// The host page has sent a message; `resolve` answers it.
    pub fn host_message(&self, message: JsValue, sender: MessageSender, resolve: js_sys::Function) {
        if is_ours(Some(&sender)) {
            self.hand(Input::Host(message, resolve));
        }
    }

    /// The browser or the extension has started: being here is all that was needed, so that states are put right.
    pub fn woken(&self) {}

    fn hand(&self, input: Input) {
        // The receiver lives as long as the task, which never ends.
        if self.inputs.unbounded_send(input).is_err() {
            log("the background has stopped taking messages");
        }
    }
}

async fn run(inputs: UnboundedReceiver<Input>) {
    match start().await {
        Ok((shared, carrier)) => serve(inputs, shared, carrier).await,
        Err(problem) => refuse(inputs, problem).await,
    }
}

async fn start() -> Result<(Rc<Shared>, Carrier), Problem> {
    let package = store::package().await?;
    let loaded = store::load().await?;
    let mut registry = Registry::new(loaded.stored, package)?;
    let history = History::new(loaded.waiting, registry.instances());
    if loaded.lost {
        lost_list::recover(&mut registry, &history).await;
    }
    let host_page_exists = host_page::exists().await;
    let (machines, jobs, peers) = match host_page_exists {
        true => match host_page::call(&protocol::HostCall::List).await {
            Ok(HostReply::Machines(machines, jobs, peers)) => (machines, jobs, peers),
            Ok(_) => (vec![], vec![], 0),
            Err(problem) => {
                log(&problem.message);
                (vec![], vec![], 0)
            }
        },
        false => (vec![], vec![], 0),
    };
    let mut effects = registry.reconcile(&machines);
    effects.extend(registry.expire(js_sys::Date::now() as u64));
    for job in jobs {
        effects.extend(registry.job(job));
    }
    let shared = Rc::new(Shared {
        registry: RefCell::new(registry),
        pages: RefCell::new(Pages::default()),
        tidying: Cell::new(false),
        asking: Cell::new(0),
        peers: Cell::new(peers),
        history,
    });
    let carrier = Carrier::start(shared.clone());
    changed(&shared).await?;
    history::tend(&shared, &carrier);
    carrier.carry(effects);
    if host_page_exists {
        // It may have been opened for a launch that never came.
        carrier.tidy();
    }
    Ok((shared, carrier))
}

/// Stores what has changed and shows it: on the badge, and to every page.
async fn changed(shared: &Shared) -> Result<(), Problem> {
    let (stored, world, live) = {
        let registry = shared.registry.borrow();
        (registry.stored(), registry.world(), registry.live())
    };
    let waiting = shared.history.look(&world);
    let world = shared.history.shown(world);
    store::show(&world);
    shared.pages.borrow_mut().tell_all(&PageEvent::World(world));
    effects::show_badge(live);
    store::save(&stored, waiting.as_deref()).await.inspect_err(|_| shared.history.not_stored())
}

async fn serve(mut inputs: UnboundedReceiver<Input>, shared: Rc<Shared>, carrier: Carrier) {
    while let Some(input) = inputs.next().await {
        match input {
            Input::Connect(id, port) => {
                let world = PageEvent::World(shared.history.shown(shared.registry.borrow().world()));
                shared.pages.borrow_mut().add(id, port, &world);
                if shared.pages.borrow().may_launch() {
                    carrier.prepare();
                }
            }
            Input::Disconnect(id) => {
                shared.pages.borrow_mut().remove(id);
                carrier.tidy();
            }
            // What keeps Firefox's event page alive says nothing.
            Input::Message(id, _) if !shared.pages.borrow().has(id) => {}
            Input::Message(id, message) => page_call(&shared, &carrier, id, &message).await,
            Input::Host(message, resolve) => {
                host_notice(&shared, &carrier, message).await;
                // The host page keeps what it told until it is answered, so answer only now that it is stored.
                let _ = resolve.call1(&JsValue::NULL, &JsValue::TRUE);
            }
        }
        history::tend(&shared, &carrier);
    }
}

async fn page_call(shared: &Rc<Shared>, carrier: &Carrier, page: u32, message: &JsValue) {
    let text = message.as_string().unwrap_or_default();
    let call = match serde_json::from_str::<PageCall>(&text) {
        Ok(call) => call,
        Err(error) => return log(&format!("a page sent something else than a call: {error}")),
    };
    if let PageRequest::ShowsConsole(id) = &call.request {
        shared.pages.borrow_mut().shows_console(page, id.clone());
    }
    if let PageRequest::Catalog(request) = call.request {
        spawn_local(history::call(shared.clone(), carrier.clone(), page, call.call, request));
        return;
    }
    if let PageRequest::Peers(request) = call.request {
        spawn_local(peer_call(shared.clone(), carrier.clone(), page, call.call, request));
        return;
    }
    let (now, random) = (js_sys::Date::now() as u64, crate::disks::random_bits());
    let expired = shared.registry.borrow_mut().expire(now);
    carrier.carry(expired);
    let decision = shared.registry.borrow_mut().request(call.request, now, random);
    let result = match decision {
        Ok((id, mut effects)) => {
            if let Some(Effect::Disks(order)) = effects.pop_if(|effect| matches!(effect, Effect::Disks(_))) {
                spawn_local(disk_call(shared.clone(), carrier.clone(), page, call.call, *order));
                return;
            }
            carrier.carry(effects);
            changed(shared).await.map(|()| Reply::Machine(id))
        }
        Err(problem) => Err(problem),
    };
    shared.pages.borrow_mut().tell(page, &PageEvent::Answer { call: call.call, result });
}

/// Sees to a request about disks, which other calls need not wait for.
async fn disk_call(shared: Rc<Shared>, carrier: Carrier, page: u32, call: u32, order: DiskOrder) {
    let mut result = effects::ask_disks(&shared, &order).await;
    if let Ok(Reply::Disks(reply)) = &result {
        let effects = shared.registry.borrow_mut().disks_done(&order, reply);
        shared.history.disks_done(&order, reply);
        carrier.carry(effects);
        if let Err(problem) = changed(&shared).await {
            result = Err(problem);
        }
    }
    shared.pages.borrow_mut().tell(page, &PageEvent::Answer { call, result });
    history::tend(&shared, &carrier);
    carrier.tidy();
}

/// Sees to a request about peers, which other calls need not wait for: the browser takes a moment to look where it can be reached.
async fn peer_call(shared: Rc<Shared>, carrier: Carrier, page: u32, call: u32, request: PeerRequest) {
    let result = effects::ask_peers(&shared, request).await;
    shared.pages.borrow_mut().tell(page, &PageEvent::Answer { call, result });
    carrier.tidy();
}

async fn host_notice(shared: &Rc<Shared>, carrier: &Carrier, message: JsValue) {
    let notice = match from_js::<Envelope>(message) {
        Ok(Envelope::Background(notice)) => notice,
        Ok(Envelope::Host(_)) => return,
        Err(problem) => return log(&problem.message),
    };
    let effects = match notice {
        Notice::Machine(notice) => shared.registry.borrow_mut().notice(notice),
        Notice::Job(job) => shared.registry.borrow_mut().job(job),
        Notice::JobGone(id) => {
            shared.registry.borrow_mut().job_gone(&id);
            vec![]
        }
        Notice::Peers(count, log) => {
            shared.peers.set(count);
            log.into_iter().for_each(|log| shared.history.session(log, &shared.registry.borrow()));
            vec![]
        }
        Notice::Uplink(log) => {
            shared.history.session(log, &shared.registry.borrow());
            vec![]
        }
        Notice::Tidied { freed } => {
            shared.tidying.set(false);
            shared.history.freed(freed);
            spawn_local(history::measure(shared.clone()));
            vec![]
        }
    };
    carrier.carry(effects);
    if let Err(problem) = changed(shared).await {
        log(&problem.message);
    }
    carrier.tidy();
}

/// Answers every call with the reason why the background could not start.
async fn refuse(mut inputs: UnboundedReceiver<Input>, problem: Problem) {
    log(&problem.message);
    let mut pages = Pages::default();
    while let Some(input) = inputs.next().await {
        match input {
            Input::Connect(id, port) => pages.add(id, port, &PageEvent::Unavailable(problem.clone())),
            Input::Disconnect(id) => pages.remove(id),
            Input::Message(id, message) => {
                let text = message.as_string().unwrap_or_default();
                if let Ok(PageCall { call, .. }) = serde_json::from_str(&text) {
                    pages.tell(id, &PageEvent::Answer { call, result: Err(problem.clone()) });
                }
            }
            Input::Host(_, resolve) => {
                let _ = resolve.call1(&JsValue::NULL, &JsValue::FALSE);
            }
        }
    }
}

/// A JSON-like value for a browser API's options.
fn options(value: &serde_json::Value) -> JsValue {
    to_js(value).unwrap_or(JsValue::UNDEFINED)
}
