//! The host page: starts a worker for each machine, watches it, and tells the background what becomes of it.
//!
//! Runs as Chrome's offscreen document and in a frame of Firefox's event page. It decides nothing: the background does,
//! and finds here what runs when it has been started anew. What it has told and the background has not yet answered is
//! kept, so that nothing that happened to a machine is lost.

mod catalog;
mod engine;
mod jobs;
mod journal;
mod keep_alive;
mod lan;
mod line;
mod machines;
mod notices;
mod peers;
mod room;
mod worker;

use crate::bridge::{from_js, to_js};
use crate::webext::{MessageSender, is_ours};
use catalog::Catalog;
use jobs::Jobs;
use js_sys::Promise;
use machines::Machines;
use peers::Peers;
use protocol::{Envelope, HostCall, HostReply, Problem};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

/// The host page's end towards `extension/host.js`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Host {
    machines: Rc<Machines>,
    jobs: Rc<Jobs>,
    catalog: Rc<Catalog>,
    peers: Rc<Peers>,
}

#[wasm_bindgen]
impl Host {
    /// Starts watching; no machine runs yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Self, JsValue> {
        keep_alive::start_if_asked()?;
        journal::keep()?;
        let machines = Machines::watched()?;
        let jobs = Jobs::new(machines.clone())?;
        let catalog = Catalog::new()?;
        let peers = Peers::new(machines.lan())?;
        Ok(Self { machines, jobs, catalog, peers })
    }

    /// Does what the background asks; the promise is of its answer.
    pub fn call(&self, message: JsValue, sender: MessageSender) -> Promise {
        let (machines, jobs, catalog) = (self.machines.clone(), self.jobs.clone(), self.catalog.clone());
        let peers = self.peers.clone();
        future_to_promise(async move {
            if !is_ours(Some(&sender)) {
                return Err(JsValue::from_str("not from this extension"));
            }
            let reply = match from_js::<Envelope>(message) {
                Ok(Envelope::Host(call)) => {
                    answer(&machines, &jobs, (&catalog, &peers), call).await.unwrap_or_else(HostReply::Failed)
                }
                Ok(Envelope::Background(_)) => return Err(JsValue::from_str("not for the host page")),
                Err(problem) => HostReply::Failed(problem),
            };
            to_js(&reply).map_err(|problem| JsValue::from_str(&problem.message))
        })
    }
}

async fn answer(
    machines: &Machines,
    jobs: &Rc<Jobs>,
    (catalog, peers): (&Catalog, &Rc<Peers>),
    call: HostCall,
) -> Result<HostReply, Problem> {
    match call {
        HostCall::List => return Ok(HostReply::Machines(machines.list(), jobs.list(), peers.live())),
        HostCall::Peers(request) => return peers.answer(request).await.map(HostReply::Peer),
        HostCall::Start(spec) => {
            jobs.interrupt_tidying();
            catalog.give_way();
            machines.start(*spec)?;
        }
        HostCall::Disks(order) => return jobs.answer(*order).await.map(HostReply::Disks),
        HostCall::Catalog(order) => {
            return catalog.answer(*order).await.map(|answer| HostReply::Catalog(Box::new(answer)));
        }
        HostCall::Prepare => machines.prepare(),
        HostCall::Tidy(inventory) => jobs.tidy(inventory),
        HostCall::Pause(id) => machines.pause(&id)?,
        HostCall::Resume(id) => machines.resume(&id)?,
        HostCall::Suspend(id) => machines.suspend(&id)?,
        HostCall::Shutdown(id, force_after_ms) => machines.shutdown(&id, force_after_ms)?,
        HostCall::Kill(id) => machines.kill(&id)?,
        HostCall::Checkpoint(id) => machines.checkpoint(&id)?,
        HostCall::Care(id, care) => machines.set_care(&id, care)?,
        HostCall::Access(id, access) => machines.set_access(&id, access)?,
    }
    Ok(HostReply::Done)
}
