//! A storage worker: work on disks that no running machine has open.
//!
//! The host page keeps one for what is done soon, and starts one of its own for each piece of long work, so that ending the
//! worker is all that it takes to cancel it: layers count only once a record names them.

pub mod report;
mod requests;
mod share;
mod tidy;
mod work;

pub use report::{estimate, readable_records};
pub use tidy::merge_below;

use crate::bridge::{from_js, log, text_of, to_js};
use protocol::{DiskReply, Problem, ProblemCode, StorageCommand, StorageNotice};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::DedicatedWorkerGlobalScope;

/// The storage worker's end towards `extension/storage.js`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Storage;

#[wasm_bindgen]
impl Storage {
    /// Waits for commands.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "as the other contexts' objects")]
    pub fn new() -> Self {
        Self
    }

    /// Does what the host page says.
    pub fn command(&self, message: JsValue) {
        match from_js::<StorageCommand>(message) {
            Ok(command) => spawn_local(carry_out(command)),
            Err(problem) => log(&problem.message),
        }
    }
}

async fn carry_out(command: StorageCommand) {
    match command {
        StorageCommand::Do { call, order, frozen } => {
            let result = requests::answer(&order, frozen).await;
            tell(&StorageNotice::Done { call, result });
        }
        StorageCommand::Work { job, order, frozen } => work::work(job, *order, frozen).await,
        StorageCommand::Tidy { inventory, running } => {
            let freed = tidy::when_ended(&inventory, &running).await.unwrap_or_else(|problem| {
                log(&problem.message);
                0
            });
            tell(&StorageNotice::Tidied(freed));
        }
        StorageCommand::Discard { call, job } => {
            let result = tidy::discard(&job).await.map(|()| DiskReply::Done);
            tell(&StorageNotice::Done { call, result });
        }
    }
}

/// How often a file that its ended worker has not yet let go of is tried again, and after how many milliseconds.
const BUSY_TRIES: u32 = 50;
const BUSY_PAUSE_MS: i32 = 100;

/// Tries again while a file is held by a worker that the browser is just ending.
pub async fn patiently<T>(work: impl AsyncFn() -> Result<T, Problem>) -> Result<T, Problem> {
    for _ in 0..BUSY_TRIES {
        match work().await {
            Err(problem) if problem.code == ProblemCode::DiskBusy => pause(BUSY_PAUSE_MS).await,
            done => return done,
        }
    }
    work().await
}

/// Waits so many milliseconds.
pub async fn pause(milliseconds: i32) {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let passed = js_sys::Promise::new(&mut |resolve, _| {
        // Without a timer there is no pause.
        drop(scope.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds));
    });
    drop(wasm_bindgen_futures::JsFuture::from(passed).await);
}

/// Tells the host page.
fn tell(notice: &StorageNotice) {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let sent = to_js(notice).map(|message| scope.post_message(&message));
    match sent {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log(&text_of(&error)),
        Err(problem) => log(&problem.message),
    }
}
