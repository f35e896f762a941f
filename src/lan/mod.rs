//! The lan worker: the switch and the gateway of this browser's LAN.
//!
//! The host page says which machines are on the LAN and has a line to each; frames come and go by these lines, in batches. What the LAN
//! does with them is decided in `crates/vlan`. The worker may die at any time: the next one has the same addresses, and the machines get new lines.

mod direct;
mod kept;
mod line;
mod peers;
mod uplink;
mod view;
mod visit;
mod web;

use crate::bridge::{from_js, log, text_of, to_js};
use crate::rtc::RtcDataChannel;
use js_sys::{Array, Function};
use kept::Kept;
use line::{FROM_MACHINE, Heard, Line, MACHINE_BATCH};
use peers::Peers;
use protocol::{Access, Confined, InstanceId, LanCommand, LanNotice, Problem};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use uplink::Uplinks;
use visit::Visits;
use vlan::gateway::{Event, GatewayConfig, LanNames};
use vlan::plan::Plan;
use vlan::switch::{Addresses, Confinement, PortId, SwitchConfig};
use vlan::{Lan, Mac};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web::Web;
use web_sys::DedicatedWorkerGlobalScope;

/// How often the worker shows that it is alive, in milliseconds.
const ALIVE_MS: i32 = 1_000;

/// What the host page says.
enum Told {
    /// A command, and the channel that came with it.
    Command(LanCommand, Option<RtcDataChannel>),
    /// What came by the line with this number.
    ByLine(u32, JsValue),
}

/// The lan worker's end towards `extension/lan.js`.
#[wasm_bindgen]
#[derive(Clone)]
pub struct LanWorker {
    /// `None` until it is known which addresses the LAN has.
    hub: Rc<RefCell<Option<Rc<Hub>>>>,
    /// What was told meanwhile.
    early: Rc<RefCell<Vec<Told>>>,
}

impl std::fmt::Debug for LanWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LanWorker")
    }
}

#[wasm_bindgen]
impl LanWorker {
    /// Begins to look which addresses the LAN has. `load_tls` gives a promise of the module with TLS (`tls/`), when it is needed.
    #[wasm_bindgen(constructor)]
    pub fn new(load_tls: Function) -> Result<Self, JsValue> {
        let worker = Self { hub: Rc::default(), early: Rc::default() };
        let own = worker.clone();
        spawn_local(async move {
            let hub = Hub::new(Kept::load().await, load_tls);
            for told in own.early.take() {
                hub.take(told);
            }
            view::serve(&hub);
            *own.hub.borrow_mut() = Some(hub);
        });
        let own = worker.clone();
        let alive = Closure::<dyn Fn()>::new(move || {
            tell(&LanNotice::Alive);
            if let Some(hub) = &*own.hub.borrow() {
                hub.look();
            }
        });
        let alive = alive.into_js_value();
        scope().set_interval_with_callback_and_timeout_and_arguments_0(alive.unchecked_ref(), ALIVE_MS)?;
        Ok(worker)
    }

    /// Does what the host page says. A channel comes behind the command; what comes by a line, behind the line's number.
    pub fn command(&self, message: JsValue) {
        let told = match Told::of(message) {
            Ok(told) => told,
            Err(problem) => return log(&problem.message),
        };
        match &*self.hub.borrow() {
            Some(hub) => hub.take(told),
            None => self.early.borrow_mut().push(told),
        }
    }
}

impl Told {
    fn of(message: JsValue) -> Result<Self, Problem> {
        let Some(both) = message.dyn_ref::<Array>() else {
            return Ok(Self::Command(from_js(message)?, None));
        };
        let [first, second] = [both.get(0), both.get(1)];
        match first.as_f64() {
            Some(line) => Ok(Self::ByLine(line as u32, second)),
            None => Ok(Self::Command(from_js(first)?, second.dyn_into().ok())),
        }
    }
}

/// The LAN, and a line to each machine on it.
struct Hub {
    lan: RefCell<Lan>,
    lines: RefCell<BTreeMap<PortId, Line<InstanceId>>>,
    peers: Peers,
    kept: Kept,
    web: Web,
    uplinks: Uplinks,
    visits: Visits,
    /// When a timer will wake it, at the latest.
    wakes: Cell<Option<Duration>>,
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// The time since the worker was started.
fn now() -> Duration {
    let now = scope().performance().map_or(0.0, |clock| clock.now());
    Duration::from_secs_f64(now.max(0.0) / 1000.0)
}

impl Hub {
    fn new(kept: Kept, load_tls: Function) -> Rc<Self> {
        let config = GatewayConfig::new(kept.plan(), kept::random());
        #[expect(clippy::expect_used, reason = "the one error is a full LAN, and this one is empty")]
        let lan = Lan::new(SwitchConfig::default(), config, kept.leases()).expect("a LAN with room for its gateway");
        let hub = Rc::new(Self {
            lan: RefCell::new(lan),
            lines: RefCell::default(),
            peers: Peers::default(),
            uplinks: Uplinks::default(),
            kept,
            web: Web::new(load_tls),
            visits: Visits::default(),
            wakes: Cell::new(None),
        });
        hub.look();
        hub.machines_changed();
        hub.uplinks.begin(&hub);
        hub
    }

    fn take(self: &Rc<Self>, told: Told) {
        match told {
            Told::Command(command, channel) => self.carry_out(command, channel),
            Told::ByLine(number, message) => self.hear_line(number, &message),
        }
    }

    fn carry_out(self: &Rc<Self>, command: LanCommand, channel: Option<RtcDataChannel>) {
        match (command, channel) {
            (LanCommand::Attach { id, name, access, confined, settled, line }, _) => {
                self.attach(id.clone(), &name, &access, line);
                self.confine(&id, confined);
                if settled {
                    self.look_whether_stranded(&id);
                }
            }
            (LanCommand::Access(id, access), _) => {
                if let Some(at) = self.place(&id) {
                    self.web.admit(self, at, &id, &access);
                }
            }
            (LanCommand::Detach(id), _) => self.detach(&id),
            (LanCommand::AttachPeer { id, numbers, rule, line }, _) => self.attach_peer(id, numbers, rule, line),
            (LanCommand::PeerChannel(id), Some(channel)) => self.take_channel(id, channel),
            (LanCommand::DropChannels(id), _) => self.drop_channels(&id),
            (LanCommand::CountPeer(id, ping), _) => self.count_peer(id, ping),
            (LanCommand::PeerRule(id, rule), _) => self.rule_peer(&id, rule),
            (LanCommand::PeerMachines(id, name, machines), _) => self.name_peer(&id, &name, &machines),
            (LanCommand::DetachPeer(id), _) => self.detach_peer(&id),
            (LanCommand::Renumber(a, b), _) => self.renumber(Plan { a, b }),
            (LanCommand::PeerChannel(_), _) => log("there was to be a channel, and none came"),
        }
    }

    fn attach(self: &Rc<Self>, id: InstanceId, name: &str, access: &Access, line: u32) {
        self.detach(&id);
        let mac = Mac::of_name(id.as_str());
        let attached = self.lan.borrow_mut().attach_machine(Some(mac), name, Addresses::Leased, now());
        match attached {
            Err(error) => log(&format!("{name} can’t be on the LAN: {error}")),
            Ok(at) => {
                self.web.admit(self, at, &id, access);
                let mut line = Line::new(id, line, MACHINE_BATCH);
                let own = self.clone();
                line.share_memory(move || own.turn());
                self.lines.borrow_mut().insert(at, line);
                self.machines_changed();
                self.turn();
            }
        }
    }

    /// A machine that goes on may have the address of a LAN that is no more.
    fn look_whether_stranded(&self, id: &InstanceId) {
        let stranded = |at| self.lan.borrow_mut().switch().addresses(at).is_empty();
        if self.place(id).is_some_and(stranded) {
            tell(&LanNotice::Stranded(vec![id.clone()]));
        }
    }

    /// Takes other addresses, unless it has others than these already.
    fn renumber(self: &Rc<Self>, from: Plan) {
        let mut taken: BTreeSet<Plan> = self.peers.plans().chain(self.uplinks.plans()).collect();
        taken.insert(from);
        while self.kept.plan() == from {
            let Some(plan) = Plan::apart_from((kept::random() >> 16) as u32, &taken) else { break };
            let moved = self.lan.borrow_mut().renumber(plan, now());
            if moved.is_err() {
                // A machine has the hardware address that the gateway would have.
                taken.insert(plan);
                continue;
            }
            self.kept.renumber(plan);
            let machines = self.lines.borrow().values().map(|line| line.id.clone()).collect();
            tell(&LanNotice::Stranded(machines));
            self.uplinks.introduce(self);
        }
        self.machines_changed();
        self.turn();
    }

    /// Says what a machine may do on the LAN.
    fn confine(&self, id: &InstanceId, confined: Confined) {
        if let Some(at) = self.place(id) {
            let confinement =
                Confinement { blocked: confined == Confined::Blocked, isolated: confined == Confined::Isolated };
            self.lan.borrow_mut().switch().confine(at, confinement);
        }
    }

    /// The port at which a machine is.
    fn place(&self, id: &InstanceId) -> Option<PortId> {
        self.lines.borrow().iter().find(|(_, line)| line.id == *id).map(|(at, _)| *at)
    }

    fn detach(self: &Rc<Self>, id: &InstanceId) {
        if let Some(at) = self.place(id) {
            self.lines.borrow_mut().remove(&at);
            self.web.leave(at);
            self.lan.borrow_mut().detach(at);
            self.machines_changed();
            self.turn();
        }
    }

    /// What other LANs are called, whichever way they are joined.
    fn lan_names(&self) -> LanNames {
        let mut names = LanNames::default();
        self.peers.want(&mut names);
        self.uplinks.want(&mut names);
        names
    }

    /// Tells the name server what machines of other LANs are called. A peer, whose words the user has compared, goes before whoever is at an endpoint.
    fn name_others(&self) {
        let mut names = self.peers.names();
        names.extend(self.uplinks.names(self));
        self.lan.borrow_mut().gateway().set_others(names);
    }

    /// Something has come by the line with this number. What comes by one that is no more is lost.
    fn hear_line(self: &Rc<Self>, number: u32, message: &JsValue) {
        let machine = self.lines.borrow().iter().find(|(_, line)| line.number == number).map(|(at, _)| *at);
        match (machine, self.peer_at_line(number)) {
            (Some(at), _) => self.hear(at, Heard::of(message)),
            (None, Some(at)) => self.hear_peer(at, Heard::of(message)),
            (None, None) => {}
        }
    }

    /// Something has come from a machine.
    fn hear(self: &Rc<Self>, at: PortId, event: Heard) {
        match event {
            Heard::Frames(batch) => {
                let taken = self.lan.borrow_mut().input_batch(at, &batch, now());
                if let Err(error) = taken {
                    log(&format!("a machine’s worker sent nonsense: {error}"));
                }
            }
            Heard::Nonsense => log("a machine’s worker sent nonsense"),
            Heard::DealtWith(bytes) => {
                if let Some(line) = self.lines.borrow_mut().get_mut(&at) {
                    line.dealt_with(bytes);
                }
            }
        }
        self.turn();
    }

    /// Takes what machines have put into shared memory; not more than was there before, so that no machine keeps the LAN busy for ever.
    fn hear_shared(&self) {
        let mut lines = self.lines.borrow_mut();
        let mut lan = self.lan.borrow_mut();
        for (at, line) in &mut *lines {
            let mut taken = 0;
            while taken < FROM_MACHINE
                && let Some(batch) = line.take()
            {
                taken += batch.len();
                if let Err(error) = lan.input_batch(*at, &batch, now()) {
                    log(&format!("a machine’s worker sent nonsense: {error}"));
                }
            }
        }
    }

    /// Lets the LAN do what is due, and everything that waits for a machine go.
    fn turn(self: &Rc<Self>) {
        self.hear_shared();
        let overdue = self.hear_overdue();
        let mut held;
        loop {
            self.lan.borrow_mut().poll(now());
            let mut idle = !self.events();
            let (some, left) = self.serve_peers();
            (idle, held) = (idle && !some, left);
            for (at, line) in &mut *self.lines.borrow_mut() {
                if let Some(left) = self.lan.borrow().hold(*at, now()) {
                    held = [held, Some(left)].into_iter().flatten().min();
                    continue;
                }
                if line.room() == 0 {
                    let own = self.clone();
                    line.await_room(move || own.turn());
                    continue;
                }
                // All that there is room for: what stays behind would be held again.
                while line.room() > 0 {
                    let batch = self.lan.borrow_mut().take(*at, line.room(), now());
                    if batch.is_empty() {
                        break;
                    }
                    idle = false;
                    line.send(&batch);
                }
            }
            if idle {
                break;
            }
        }
        self.uplinks.pump(self);
        let wake_at = self.lan.borrow_mut().wake_at(now());
        let held = held.map(|left| now() + left);
        if let Some(wake_at) = [wake_at, held, overdue].into_iter().flatten().min() {
            self.wake(wake_at);
        }
    }

    /// Sees to what the LAN has to tell; says whether it was anything.
    fn events(self: &Rc<Self>) -> bool {
        let mut some = false;
        loop {
            let Some(event) = self.lan.borrow_mut().event() else { return some };
            some = true;
            match event {
                Event::Leased(_) => self.kept.keep(self.lan.borrow_mut().gateway().leases().collect()),
                Event::Tcp(event) if self.visits.hear(self, &event) => {}
                Event::Tcp(event) => self.web.hear(self, event),
                Event::NameRefused { port, name } => self.web.name_refused(port, &name),
                Event::Addresses { .. } => self.machines_changed(),
            }
        }
    }

    /// Sets a timer, if none is set that comes before.
    fn wake(self: &Rc<Self>, at: Duration) {
        if self.wakes.get().is_some_and(|set| set <= at) {
            return;
        }
        self.wakes.set(Some(at));
        let own = self.clone();
        let work = Closure::once_into_js(move || {
            // A later one that was set before finds nothing to do.
            if own.wakes.get() == Some(at) {
                own.wakes.set(None);
            }
            own.turn();
        });
        let wait = at.saturating_sub(now()).as_millis() + 1;
        let wait = i32::try_from(wait).unwrap_or(i32::MAX);
        let set = scope().set_timeout_with_callback_and_timeout_and_arguments_0(work.unchecked_ref(), wait);
        if let Err(error) = set {
            log(&format!("no timer could be set: {}", text_of(&error)));
        }
    }

    /// Comes once a second.
    fn look(self: &Rc<Self>) {
        let unix = Duration::from_secs_f64(js_sys::Date::now().max(0.0) / 1000.0);
        self.lan.borrow_mut().set_clock(unix, now());
        self.web.look(self);
        self.tell_traffic();
        self.uplinks.look(self);
        self.visits.look(self);
        self.turn();
    }
}

/// Tells the host page.
fn tell(notice: &LanNotice) {
    match to_js(notice).map(|message| scope().post_message(&message)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log(&text_of(&error)),
        Err(problem) => log(&problem.message),
    }
}
