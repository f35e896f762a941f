//! A machine's worker as the host page holds it.

use super::engine::Engine;
use crate::bridge::{from_js, problem, text_of, to_js};
use crate::webext::get_url;
use protocol::{Problem, ProblemCode, WorkerCommand, WorkerNotice};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, MessageEvent, WorkerOptions, WorkerType};

/// What comes from a worker: a notice of its own, or the browser's word that it failed.
#[derive(Debug)]
pub enum FromWorker {
    /// The worker says something.
    Notice(WorkerNotice),
    /// The worker could not be loaded, or something in it failed that it did not handle.
    Failed(Problem),
}

/// What a worker's messages are given to.
type Receive = Box<dyn Fn(FromWorker)>;

/// A dedicated worker; dropping it ends it.
///
/// It can be started before there is a machine for it: it then loads what every machine needs.
pub struct MachineWorker {
    worker: web_sys::Worker,
    receive: Rc<RefCell<Option<Receive>>>,
    failed: Rc<Cell<bool>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(JsValue)>,
}

impl MachineWorker {
    /// Starts a worker that has no machine yet, and gives it the engine.
    pub fn start(engine: &Engine) -> Result<Self, Problem> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let receive = Rc::new(RefCell::new(None::<Receive>));
        let failed = Rc::new(Cell::new(false));
        let give = {
            let (receive, failed) = (receive.clone(), failed.clone());
            move |message: FromWorker| match &*receive.borrow() {
                Some(receive) => receive(message),
                None if is_end(&message) => failed.set(true),
                None => {}
            }
        };
        let worker = web_sys::Worker::new_with_options(&get_url("machine.js"), &options)
            .map_err(|error| problem(ProblemCode::WorkerDied, "The machine’s worker could not be started", &error))?;
        let on_notice = give.clone();
        let on_message = Closure::new(move |event: MessageEvent| match from_js(event.data()) {
            Ok(notice) => on_notice(FromWorker::Notice(notice)),
            Err(problem) => on_notice(FromWorker::Failed(problem)),
        });
        let on_error = Closure::new(move |event: JsValue| {
            let said = match event.dyn_ref::<ErrorEvent>() {
                Some(event) if !event.message().is_empty() => event.message(),
                _ => text_of(&event),
            };
            let message = format!("The machine’s worker failed: {said}");
            give(FromWorker::Failed(Problem::new(ProblemCode::WorkerDied, message)));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        engine.give(&worker);
        Ok(Self { worker, receive, failed, _on_message: on_message, _on_error: on_error })
    }

    /// Whether it failed while it had no machine.
    pub fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// From now on what comes from the worker goes to `receive`.
    pub fn listen(&self, receive: impl Fn(FromWorker) + 'static) {
        *self.receive.borrow_mut() = Some(Box::new(receive));
    }

    /// Tells the worker what to do.
    pub fn send(&self, command: &WorkerCommand) -> Result<(), Problem> {
        let message = to_js(command)?;
        self.worker
            .post_message(&message)
            .map_err(|error| problem(ProblemCode::WorkerDied, "The machine’s worker can’t be reached", &error))
    }
}

/// Whether the worker can run no machine any more.
fn is_end(message: &FromWorker) -> bool {
    matches!(message, FromWorker::Failed(_) | FromWorker::Notice(WorkerNotice::Event(_)))
}

impl std::fmt::Debug for MachineWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MachineWorker")
    }
}

impl Drop for MachineWorker {
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
