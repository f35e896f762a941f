//! Carries out what the registry decides.

use super::{Shared, changed, host_page, options};
use crate::bridge::{log, text_of};
use crate::webext::{get_url, set_badge_color, set_badge_text, tabs_create, tabs_update, windows_update};
use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_util::StreamExt;
use protocol::{DiskOrder, HostCall, HostReply, InstanceId, PeerRequest, Problem, ProblemCode, Reply};
use registry::Effect;
use serde_json::json;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// Something for the host page, in the order in which it was decided.
enum Errand {
    Call(Box<HostCall>),
    Open,
    RemoveFiles(InstanceId),
    CloseIfIdle,
}

/// Takes effects and sees to them, those for the host page strictly one after the other.
#[derive(Clone)]
pub struct Carrier {
    errands: UnboundedSender<Errand>,
    shared: Rc<Shared>,
}

impl Carrier {
    /// Starts the task that speaks with the host page.
    pub fn start(shared: Rc<Shared>) -> Self {
        let (errands, mut received) = unbounded();
        let own = shared.clone();
        spawn_local(async move {
            while let Some(errand) = received.next().await {
                match errand {
                    Errand::Call(call) => tell_host(&own, *call).await,
                    Errand::Open => open_host(&own).await,
                    Errand::RemoveFiles(id) => remove_files(&id).await,
                    Errand::CloseIfIdle if is_idle(&own) => host_page::close().await,
                    Errand::CloseIfIdle => {}
                }
            }
        });
        Self { errands, shared }
    }

    /// Carries the effects out.
    pub fn carry(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Host(call) => self.errand(Errand::Call(Box::new(call))),
                Effect::OpenConsole(id) => spawn_local(open_console(self.shared.clone(), id)),
                Effect::RemoveFiles(id) => self.errand(Errand::RemoveFiles(id)),
                Effect::Tidy(inventory) => {
                    self.shared.tidying.set(true);
                    self.errand(Errand::Call(Box::new(HostCall::Tidy(inventory))));
                }
                // Only a page's call has this effect, and `page_call` sees to it.
                Effect::Disks(_) => {}
            }
        }
    }

    /// Opens the host page before a machine is launched, so that the launch need not wait for it.
    pub fn prepare(&self) {
        self.errand(Errand::Open);
    }

    /// Closes the host page once nothing runs and nobody is about to launch.
    pub fn tidy(&self) {
        self.errand(Errand::CloseIfIdle);
    }

    fn errand(&self, errand: Errand) {
        if self.errands.unbounded_send(errand).is_err() {
            log("the task that speaks with the host page has ended");
        }
    }
}

fn is_idle(shared: &Shared) -> bool {
    let registry = shared.registry.borrow();
    let works = registry.live() + registry.working() + shared.asking.get() > 0;
    let works = works || shared.tidying.get() || shared.peers.get() > 0;
    !works && !shared.pages.borrow().may_launch() && !shared.history.is_in_use()
}

async fn open_host(shared: &Shared) {
    // The popup may be closed again by now.
    if is_idle(shared) {
        return;
    }
    // One that is just opened prepares by itself. A launch tries again, and tells its page what is wrong.
    let there = host_page::exists().await;
    let prepared = match host_page::open().await {
        Ok(()) if there => host_page::call(&HostCall::Prepare).await.map(drop),
        opened => opened,
    };
    if let Err(problem) = prepared {
        log(&problem.message);
    }
}

async fn tell_host(shared: &Shared, call: HostCall) {
    let answered = match host_page::open().await {
        Ok(()) => host_page::call(&call).await,
        Err(problem) => Err(problem),
    };
    let problem = match answered {
        Ok(HostReply::Failed(problem)) | Err(problem) => problem,
        Ok(
            HostReply::Done
            | HostReply::Machines(..)
            | HostReply::Disks(_)
            | HostReply::Catalog(_)
            | HostReply::Peer(_),
        ) => {
            return;
        }
    };
    shared.registry.borrow_mut().host_failed(&call, problem);
    if let Err(problem) = changed(shared).await {
        log(&problem.message);
    }
}

async fn open_console(shared: Rc<Shared>, id: InstanceId) {
    let place = shared.pages.borrow().console_tab(&id);
    if let Some(place) = place {
        let shown = tabs_update(place.tab, &options(&json!({ "active": true }))).await;
        if shown.is_ok() {
            if let Some(window) = place.window {
                drop(windows_update(window, &options(&json!({ "focused": true }))).await);
            }
            return;
        }
    }
    let url = get_url(&format!("console/index.html?id={id}"));
    if let Err(error) = tabs_create(&options(&json!({ "url": url }))).await {
        log(&format!("the console could not be opened: {}", text_of(&error)));
    }
}

/// Has the host page do something with disks. Does not wait for its turn: it may take seconds.
pub async fn ask_disks(shared: &Shared, order: &DiskOrder) -> Result<Reply, Problem> {
    shared.asking.set(shared.asking.get() + 1);
    let call = HostCall::Disks(Box::new(order.clone()));
    let answered = match host_page::open().await {
        Ok(()) => host_page::call(&call).await,
        Err(problem) => Err(problem),
    };
    shared.asking.set(shared.asking.get() - 1);
    match answered? {
        HostReply::Disks(reply) => Ok(Reply::Disks(reply)),
        HostReply::Failed(problem) => Err(problem),
        HostReply::Done | HostReply::Machines(..) | HostReply::Catalog(_) | HostReply::Peer(_) => {
            Err(Problem::new(ProblemCode::Internal, "The page that works on disks answered something else."))
        }
    }
}

/// Has the host page do something about peers.
pub async fn ask_peers(shared: &Shared, request: PeerRequest) -> Result<Reply, Problem> {
    shared.asking.set(shared.asking.get() + 1);
    let answered = match host_page::open().await {
        Ok(()) => host_page::call(&HostCall::Peers(request)).await,
        Err(problem) => Err(problem),
    };
    shared.asking.set(shared.asking.get() - 1);
    match answered? {
        HostReply::Peer(id) => Ok(Reply::Peer(id)),
        HostReply::Failed(problem) => Err(problem),
        HostReply::Done | HostReply::Machines(..) | HostReply::Catalog(_) | HostReply::Disks(_) => {
            Err(Problem::new(ProblemCode::Internal, "The page that holds the peers answered something else."))
        }
    }
}

async fn remove_files(id: &InstanceId) {
    if let Err(problem) = crate::disks::opfs::remove_instance(id).await {
        log(&problem.message);
    }
}

/// The number of machines that run, on the toolbar's button.
pub fn show_badge(live: usize) {
    let text = if live == 0 { String::new() } else { live.to_string() };
    spawn_local(async move {
        drop(set_badge_color(&options(&json!({ "color": "#2563eb" }))).await);
        drop(set_badge_text(&options(&json!({ "text": text }))).await);
    });
}
