//! Gives files that the user chose to the job that reads them.
//!
//! A page can't send a file through the background: runtime messages carry text only. It goes over a
//! `BroadcastChannel` of the job's own instead, as `protocol::FileTalk` says: offered once by itself, and again
//! whenever the job asks, so it does not matter who is there first.

use crate::Workbench;
use protocol::{
    DiskReply, DiskRequest, FileName, FilePath, FileTalk, ImportWhat, InstanceId, Job, JobId, JobStage, Problem,
    ProblemCode, ShareRequest, ShareWhat, file_channel,
};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, File, MessageEvent};
use webbridge::from_js;

thread_local! {
    /// The files on offer. Here and not in a component, because a panel may be closed before its file was taken.
    static OFFERS: RefCell<Vec<Offer>> = const { RefCell::new(Vec::new()) };
}

struct Offer {
    job: JobId,
    /// The world has shown the job; if it does not any more, it is over.
    seen: bool,
    channel: BroadcastChannel,
    _heard: Closure<dyn Fn(MessageEvent)>,
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

/// Offers a file or several, as they are in a message under this key, to the job until they were taken or the job is over.
fn offer(job: &JobId, key: &str, given: &JsValue) -> Result<(), JsValue> {
    let channel = BroadcastChannel::new(&file_channel(job))?;
    let message: JsValue =
        js_sys::Object::from_entries(&js_sys::Array::of1(&js_sys::Array::of2(&key.into(), given)))?.into();
    let heard = {
        let (channel, message, job) = (channel.clone(), message.clone(), job.clone());
        Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| match from_js(event.data()) {
            // Posting fails only on a closed channel.
            Ok(FileTalk::Wanted) => drop(channel.post_message(&message)),
            Ok(FileTalk::Taken) => withdraw(job.clone()),
            // Another page's offer.
            Err(_) => {}
        })
    };
    channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
    channel.post_message(&message)?;
    OFFERS.with_borrow_mut(|offers| offers.push(Offer { job: job.clone(), seen: false, channel, _heard: heard }));
    Ok(())
}

/// Ends an offer; later, because its own listener can't be dropped while it runs.
fn withdraw(job: JobId) {
    wasm_bindgen_futures::spawn_local(async move { keep(|offer| offer.job != job) });
}

fn keep(wanted: impl FnMut(&mut Offer) -> bool) {
    OFFERS.with_borrow_mut(|offers| offers.retain_mut(wanted));
}

/// Withdraws the offers whose jobs are over.
pub(crate) fn settle(jobs: &[Job]) {
    keep(|offer| match jobs.iter().find(|job| job.id == offer.job) {
        Some(job) => {
            offer.seen = true;
            job.stage == JobStage::WaitingForFile
        }
        // The answer to a request can be here before the world that shows it.
        None => !offer.seen,
    });
}

impl Workbench {
    /// Begins to import a file; `done` hears the job that does it.
    pub fn import(&self, what: ImportWhat, file: File, done: impl FnOnce(Result<JobId, Problem>) + 'static) {
        let request = DiskRequest::Import { what, name: file.name() };
        self.ask_disks(request, move |answer| {
            done(answer.and_then(|reply| match reply {
                DiskReply::Job(job) => offer(&job, "file", &file).map(|()| job).map_err(|_| no_channel()),
                _ => Err(no_channel()),
            }));
        });
    }

    /// Begins to take files into a folder that a machine shares; `done` hears the job that does it.
    pub fn upload(
        &self,
        id: &InstanceId,
        into: &FilePath,
        files: Vec<File>,
        done: impl FnOnce(Result<JobId, Problem>) + 'static,
    ) {
        let name = match &files[..] {
            [one] => shown(one),
            several => format!("{} files", several.len()),
        };
        let what = ShareWhat::Upload { into: into.clone(), name };
        let files: js_sys::Array = files.into_iter().collect();
        self.ask_disks(DiskRequest::Share(ShareRequest { id: id.clone(), what }), move |answer| {
            done(answer.and_then(|reply| match reply {
                DiskReply::Job(job) => offer(&job, "files", &files).map(|()| job).map_err(|_| no_channel()),
                _ => Err(no_channel()),
            }));
        });
    }
}

/// A file's name as it may be shown.
fn shown(file: &File) -> String {
    FileName::from_bytes(file.name().as_bytes()).map_or_else(|_| "a file".to_owned(), |name| name.shown())
}

fn no_channel() -> Problem {
    Problem::new(ProblemCode::Internal, "The file could not be handed to the extension.")
}
