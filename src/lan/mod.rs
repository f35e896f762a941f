//! The lan worker: the switch and the gateway of this browser's LAN.
//!
//! The host page says which machines are on the LAN and gives a port for each; frames come and go through these ports, in batches. What the LAN
//! does with them is decided in `crates/vlan`. The worker may die at any time: the next one has the same addresses, and the machines get new ports.

mod direct;
mod kept;
mod line;
mod peers;
mod uplink;
mod view;
mod visit;
mod web;

use crate::bridge::{PORT_MESSAGE, from_js, log, text_of, to_js};
use crate::rtc::RtcDataChannel;
use js_sys::{Array, Function};
use kept::Kept;
use line::{FROM_MACHINE, Line, Port};
use peers::Peers;
use protocol::{Access, Confined, InstanceId, LanCommand, LanNotice};
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
use web_sys::{DedicatedWorkerGlobalScope, MessagePort};

/// How often the worker shows that it is alive, in milliseconds.
const ALIVE_MS: i32 = 1_000;

/// What a command may bring along.
enum Brought {
    Port(MessagePort),
    Channel(RtcDataChannel),
}

/// A command, and what came with it.
type Told = (LanCommand, Option<Brought>);

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
            for (command, brought) in own.early.take() {
                hub.carry_out(command, brought);
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

    /// Does what the host page says, with the port that came with it. A channel comes in the message, behind the command; what comes by a peer's line,
    /// behind the line's number.
    pub fn command(&self, message: JsValue, port: Option<MessagePort>) {
        let (command, brought) = match message.dyn_ref::<Array>() {
            Some(both) => match both.get(0).as_f64() {
                // Of a worker that does not know its peers yet they are lost.
                Some(line) => return self.hub.borrow().iter().for_each(|hub| hub.hear_line(line as u32, &both.get(1))),
                None => (both.get(0), both.get(1).dyn_into().ok().map(Brought::Channel)),
            },
            None => (message, port.map(Brought::Port)),
        };
        match from_js::<LanCommand>(command) {
            Ok(command) => match &*self.hub.borrow() {
                Some(hub) => hub.carry_out(command, brought),
                None => self.early.borrow_mut().push((command, brought)),
            },
            Err(problem) => log(&problem.message),
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

    fn carry_out(self: &Rc<Self>, command: LanCommand, brought: Option<Brought>) {
        match (command, brought) {
            (LanCommand::Attach { id, name, access, confined, settled }, Some(Brought::Port(port))) => {
                self.attach(id.clone(), &name, &access, port);
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
            (LanCommand::PeerChannel(id), Some(Brought::Channel(channel))) => self.take_channel(id, channel),
            (LanCommand::DropChannels(id), _) => self.drop_channels(&id),
            (LanCommand::CountPeer(id, ping), _) => self.count_peer(id, ping),
            (LanCommand::PeerRule(id, rule), _) => self.rule_peer(&id, rule),
            (LanCommand::PeerMachines(id, name, machines), _) => self.name_peer(&id, &name, &machines),
            (LanCommand::DetachPeer(id), _) => self.detach_peer(&id),
            (LanCommand::Renumber(a, b), _) => self.renumber(Plan { a, b }),
            (LanCommand::Attach { .. } | LanCommand::PeerChannel(_), _) => {
                log("a line was to be made, and what it is made of did not come");
            }
        }
    }

    fn attach(self: &Rc<Self>, id: InstanceId, name: &str, access: &Access, port: MessagePort) {
        self.detach(&id);
        let mac = Mac::of_name(id.as_str());
        let attached = self.lan.borrow_mut().attach_machine(Some(mac), name, Addresses::Leased, now());
        match attached {
            Err(error) => log(&format!("{name} can’t be on the LAN: {error}")),
            Ok(at) => {
                self.web.admit(self, at, &id, access);
                let own = self.clone();
                let port = Port::hear(port, move |event| own.hear(at, event));
                let mut line = Line::new(id, PORT_MESSAGE, port);
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

    /// Something has come from a machine.
    fn hear(self: &Rc<Self>, at: PortId, event: line::Heard) {
        match event {
            line::Heard::Frames(batch) => {
                let taken = self.lan.borrow_mut().input_batch(at, &batch, now());
                if let Err(error) = taken {
                    log(&format!("a machine’s worker sent nonsense: {error}"));
                }
            }
            line::Heard::Nonsense => log("a machine’s worker sent nonsense"),
            line::Heard::DealtWith(bytes) => {
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
            held = None;
            self.lan.borrow_mut().poll(now());
            let mut idle = !self.events();
            idle &= !self.serve_peers();
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
