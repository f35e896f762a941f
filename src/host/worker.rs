//! A dedicated worker as the host page holds it.

use super::engine::Engine;
use super::line::{Line, pass_on};
use crate::bridge::{from_js, problem, text_of, to_js};
use crate::rtc::RtcDataChannel;
use crate::webext::get_url;
use js_sys::Array;
use protocol::{
    CatalogCommand, CatalogNotice, LanCommand, LanNotice, Problem, ProblemCode, StorageCommand, StorageNotice,
    WorkerCommand, WorkerNotice,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, MessageEvent, WorkerOptions, WorkerType};

/// What comes from a worker: a notice of its own, or the browser's word that it failed.
#[derive(Debug)]
pub enum FromWorker<Notice> {
    /// The worker says something.
    Notice(Notice),
    /// The worker could not be loaded, or something in it failed that it did not handle.
    Failed(Problem),
}

/// What a worker's messages are given to.
type Receive<Notice> = Box<dyn Fn(FromWorker<Notice>)>;
/// What those are given to that are lists, and no notices.
type ReceiveList = Rc<dyn Fn(&Array)>;

/// A dedicated worker that takes commands and gives notices; dropping it ends it.
pub struct Worker<Command, Notice> {
    worker: web_sys::Worker,
    receive: Rc<RefCell<Option<Receive<Notice>>>>,
    receive_list: Rc<RefCell<Option<ReceiveList>>>,
    failed: Rc<Cell<bool>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(JsValue)>,
    commands: PhantomData<Command>,
}

/// A worker that runs a machine. It can be started before there is a machine for it: it then loads what every machine
/// needs.
pub type MachineWorker = Worker<WorkerCommand, WorkerNotice>;
/// A worker that works on disks.
pub type StorageWorker = Worker<StorageCommand, StorageNotice>;
/// The worker that holds the catalog.
pub type CatalogWorker = Worker<CatalogCommand, CatalogNotice>;
/// The worker that holds the LAN.
pub type LanWorker = Worker<LanCommand, LanNotice>;

impl MachineWorker {
    /// Starts a worker that has no machine yet, and gives it the engine.
    pub fn start(engine: &Engine) -> Result<Self, Problem> {
        let worker = Self::load("machine.js", "The machine’s worker", is_end)?;
        engine.give(&worker.worker);
        Ok(worker)
    }

    /// Gives the worker its line to the LAN, which goes by this page: both ways in lists of one message. An empty list tells the worker.
    pub fn give_line(&self, line: Line) -> Result<(), Problem> {
        let worker = self.worker.clone();
        line.listen(move |message| pass_on(&worker, &Array::of1(message)));
        self.listen_to_lists(move |list| line.send(&list.get(0)));
        self.post(&Array::new(), None)
    }
}

impl LanWorker {
    /// Starts a worker that holds a LAN without machines.
    pub fn start() -> Result<Self, Problem> {
        Self::load("lan.js", "The LAN’s worker", |message| matches!(message, FromWorker::Failed(_)))
    }

    /// What messages are sent by.
    pub fn handle(&self) -> web_sys::Worker {
        self.worker.clone()
    }

    /// Hands a channel over, with the command that says what it is. Fails where the browser can't do that.
    pub fn hand_over(&self, command: &LanCommand, channel: &RtcDataChannel) -> Result<(), Problem> {
        let message = Array::of2(&to_js(command)?, channel);
        self.post(&message, Some(channel))
    }
}

impl StorageWorker {
    /// Starts a worker that has nothing to do yet.
    pub fn start() -> Result<Self, Problem> {
        Self::load("storage.js", "The worker for disks", |message| matches!(message, FromWorker::Failed(_)))
    }
}

impl CatalogWorker {
    /// Starts a worker that has nothing to do yet.
    pub fn start() -> Result<Self, Problem> {
        Self::load("catalog.js", "The catalog’s worker", |message| matches!(message, FromWorker::Failed(_)))
    }
}

impl<Command: Serialize, Notice: DeserializeOwned + 'static> Worker<Command, Notice> {
    /// `is_end` says of a message for which nobody has asked yet whether the worker is of no use any more.
    fn load(script: &str, name: &'static str, is_end: fn(&FromWorker<Notice>) -> bool) -> Result<Self, Problem> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let receive = Rc::new(RefCell::new(None::<Receive<Notice>>));
        let failed = Rc::new(Cell::new(false));
        let give = {
            let (receive, failed) = (receive.clone(), failed.clone());
            move |message: FromWorker<Notice>| match &*receive.borrow() {
                Some(receive) => receive(message),
                None if is_end(&message) => failed.set(true),
                None => {}
            }
        };
        let worker = web_sys::Worker::new_with_options(&get_url(script), &options)
            .map_err(|error| problem(ProblemCode::WorkerDied, &format!("{name} could not be started"), &error))?;
        let on_notice = give.clone();
        let receive_list = Rc::new(RefCell::new(None::<ReceiveList>));
        let on_list = receive_list.clone();
        let on_message = Closure::new(move |event: MessageEvent| {
            let message = event.data();
            // Whoever hears it may say who hears the next ones.
            let on_list = on_list.borrow().clone();
            match (message.dyn_ref::<Array>(), on_list) {
                (Some(list), Some(receive)) => receive(list),
                _ => on_notice(from_js(message).map_or_else(FromWorker::Failed, FromWorker::Notice)),
            }
        });
        let on_error = Closure::new(move |event: JsValue| {
            let said = match event.dyn_ref::<ErrorEvent>() {
                Some(event) if !event.message().is_empty() => event.message(),
                _ => text_of(&event),
            };
            let message = format!("{name} failed: {said}");
            give(FromWorker::Failed(Problem::new(ProblemCode::WorkerDied, message)));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let commands = PhantomData;
        Ok(Self { worker, receive, receive_list, failed, _on_message: on_message, _on_error: on_error, commands })
    }

    /// Whether it failed while nobody listened.
    pub fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// From now on what comes from the worker goes to `receive`.
    pub fn listen(&self, receive: impl Fn(FromWorker<Notice>) + 'static) {
        *self.receive.borrow_mut() = Some(Box::new(receive));
    }

    /// From now on what comes by lines goes to `receive`: lists.
    pub fn listen_to_lists(&self, receive: impl Fn(&Array) + 'static) {
        *self.receive_list.borrow_mut() = Some(Rc::new(receive));
    }

    /// Tells the worker what to do.
    pub fn send(&self, command: &Command) -> Result<(), Problem> {
        self.post(&to_js(command)?, None)
    }

    fn post(&self, message: &JsValue, handed_over: Option<&JsValue>) -> Result<(), Problem> {
        let transfer: Array = handed_over.into_iter().collect();
        self.worker
            .post_message_with_transfer(message, &transfer)
            .map_err(|error| problem(ProblemCode::WorkerDied, "A worker can’t be reached", &error))
    }
}

/// Whether the worker can run no machine any more.
fn is_end(message: &FromWorker<WorkerNotice>) -> bool {
    matches!(message, FromWorker::Failed(_) | FromWorker::Notice(WorkerNotice::Event(_)))
}

impl<Command, Notice> std::fmt::Debug for Worker<Command, Notice> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Worker")
    }
}

impl<Command, Notice> Drop for Worker<Command, Notice> {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

fn window() -> Result<web_sys::Window, JsValue> {
    web_sys::window().ok_or_else(|| JsValue::from_str("the host page has no window"))
}

/// Calls `work` every so many milliseconds as long as the page lives.
pub fn every(milliseconds: i32, work: impl FnMut() + 'static) -> Result<(), JsValue> {
    let work = Closure::<dyn FnMut()>::new(work).into_js_value();
    window()?.set_interval_with_callback_and_timeout_and_arguments_0(work.unchecked_ref(), milliseconds)?;
    Ok(())
}

/// Calls `work` once after a time.
pub fn after(time: Duration, work: impl FnOnce() + 'static) -> Result<(), JsValue> {
    let milliseconds = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let work = Closure::once_into_js(work);
    window()?.set_timeout_with_callback_and_timeout_and_arguments_0(work.unchecked_ref(), milliseconds)?;
    Ok(())
}
