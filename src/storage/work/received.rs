//! The files that a page hands to a job.

use crate::bridge::{problem, to_js};
use crate::disks::opfs::SharedFile;
use futures_channel::oneshot;
use protocol::{FileTalk, JobId, JobStage, Problem, ProblemCode, StorageNotice, file_channel};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, File, MessageEvent};

/// Waits for the page's file. It is read where it is, and not copied.
pub async fn file(job: &JobId) -> Result<SharedFile, Problem> {
    let lost = || Problem::new(ProblemCode::Internal, "The file was not handed over.");
    SharedFile::new(files(job).await?.pop().ok_or_else(lost)?)
}

/// The one file in a page's message, or the several.
fn given(message: &JsValue) -> Option<Vec<File>> {
    let get = |key: &str| js_sys::Reflect::get(message, &JsValue::from_str(key)).ok();
    if let Some(Ok(file)) = get("file").map(JsCast::dyn_into::<File>) {
        return Some(vec![file]);
    }
    let files: js_sys::Array = get("files")?.dyn_into().ok()?;
    files.iter().map(|file| file.dyn_into::<File>().ok()).collect()
}

/// As [`file`], for several.
pub async fn files(job: &JobId) -> Result<Vec<File>, Problem> {
    let failed = |error| problem(ProblemCode::Internal, "The file can’t be handed over", &error);
    super::tell(&StorageNotice::Stage(JobStage::WaitingForFile));
    let channel = BroadcastChannel::new(&file_channel(job)).map_err(failed)?;
    let (send, received) = oneshot::channel();
    let send = RefCell::new(Some(send));
    let receive = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(files) = given(&event.data())
            && let Some(send) = send.borrow_mut().take()
        {
            // The one who waits is below.
            drop(send.send(files));
        }
    });
    channel.set_onmessage(Some(receive.as_ref().unchecked_ref()));
    channel.post_message(&to_js(&FileTalk::Wanted)?).map_err(failed)?;
    let lost = |_| Problem::new(ProblemCode::Internal, "The file was not handed over.");
    let files = received.await.map_err(lost)?;
    channel.post_message(&to_js(&FileTalk::Taken)?).map_err(failed)?;
    channel.close();
    Ok(files)
}
