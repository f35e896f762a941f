//! A storage worker's way to a machine's shared files: through the machine's worker while it has one, else by itself.
//!
//! Which of the two it is can change at any moment. So what is asked may be asked twice: everything but a removal, a new folder and a
//! renaming can be done again without harm, and those then say that it is done already.

use super::perform::{changes, perform};
use super::{News, Tree};
use crate::bridge::{from_js, problem, to_js};
use crate::disks::locks::{Lock, is_wanted};
use crate::storage::pause;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use ninep::FileTree;
use protocol::{
    InstanceId, Problem, ProblemCode, SHARE_PIECE, ShareAnswer, ShareAsk, ShareDone, ShareOp, ShareStat, share_channel,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// How long a machine's worker may take to say that it is there, and how often is looked whether one that is silent has gone.
const HELLO_MS: i32 = 500;
/// How often is tried in vain before it is given up: a worker that starts or ends needs some seconds.
const TRIES: u32 = 120;
/// How often whoever has the files looks whether somebody waits for them, in milliseconds.
const GIVE_WAY_MS: f64 = 200.0;

/// A machine's shared files.
pub struct Access {
    id: InstanceId,
    side: Side,
}

enum Side {
    /// Nobody else has them.
    Here(Box<Here>),
    /// The machine's worker has them.
    There(Remote),
}

struct Here {
    tree: Tree,
    changed: bool,
    looked: f64,
    /// Dropped last: the files must be closed before.
    _lock: Lock,
}

fn busy() -> Problem {
    let message = "The machine’s files are in use.";
    let advice = "Wait a moment, then try again; if it stays, restart the browser.";
    Problem { code: ProblemCode::DiskBusy, message: message.to_owned(), advice: advice.to_owned() }
}

impl Access {
    /// Finds the files.
    pub async fn open(id: &InstanceId) -> Result<Self, Problem> {
        Ok(Self { id: id.clone(), side: find(id).await? })
    }

    /// Does something with the files.
    pub async fn ask(&mut self, op: ShareOp) -> Result<ShareDone, Problem> {
        for _ in 0..TRIES {
            match &mut self.side {
                Side::Here(here) => {
                    if !here.gives_way(&self.id).await {
                        here.changed |= changes(&op);
                        return perform(&mut here.tree, &op).await;
                    }
                }
                Side::There(there) => {
                    if let Some(result) = there.ask(&op, &self.id).await? {
                        return result;
                    }
                }
            }
            self.change_sides().await?;
        }
        Err(busy())
    }

    async fn change_sides(&mut self) -> Result<(), Problem> {
        if let Side::Here(here) = &mut self.side {
            here.settle(&self.id).await?;
        }
        // What is open has to be closed before whoever waits gets it.
        self.side = Side::There(Remote::open(&self.id)?);
        self.side = find(&self.id).await?;
        Ok(())
    }

    /// Makes what was changed durable, tells the pages, and gives the files free.
    pub async fn end(mut self) -> Result<(), Problem> {
        match &mut self.side {
            Side::Here(here) => here.settle(&self.id).await,
            Side::There(_) => Ok(()),
        }
    }

    /// What is at a path; `None` if there is nothing.
    pub async fn stat(&mut self, path: &protocol::FilePath) -> Result<Option<ShareStat>, Problem> {
        match self.ask(ShareOp::Stat(path.clone())).await {
            Ok(ShareDone::Stat(stat)) => Ok(Some(stat)),
            Ok(_) => Err(garbled()),
            Err(problem) if problem.code == ProblemCode::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Bytes of a file from an offset on; none at its end.
    pub async fn read(&mut self, path: &protocol::FilePath, offset: u64) -> Result<Vec<u8>, Problem> {
        match self.ask(ShareOp::Read(path.clone(), offset, SHARE_PIECE)).await? {
            ShareDone::Bytes(bytes) => Ok(bytes),
            _ => Err(garbled()),
        }
    }
}

fn garbled() -> Problem {
    Problem::new(ProblemCode::Internal, "The machine’s worker answered something else than was asked.")
}

/// Takes the files, or finds who has them.
async fn find(id: &InstanceId) -> Result<Side, Problem> {
    for _ in 0..TRIES {
        if let Some(lock) = Lock::try_instance(id).await? {
            let tree = super::open(id).await?;
            return Ok(Side::Here(Box::new(Here { tree, changed: false, looked: js_sys::Date::now(), _lock: lock })));
        }
        let remote = Remote::open(id)?;
        if remote.ask(&ShareOp::Hello, id).await?.is_some() {
            return Ok(Side::There(remote));
        }
    }
    Err(busy())
}

/// How many bytes a machine's shared files take up, if anybody can tell soon.
pub async fn used(id: &InstanceId) -> Result<u64, Problem> {
    let done = match Lock::try_instance(id).await? {
        Some(_lock) => {
            let mut tree = super::open(id).await?;
            perform(&mut tree, &ShareOp::Used).await?
        }
        None => Remote::open(id)?.ask(&ShareOp::Used, id).await?.ok_or_else(busy)??,
    };
    match done {
        ShareDone::Used(bytes) => Ok(bytes),
        _ => Err(garbled()),
    }
}

impl Here {
    /// Whether somebody waits for the files, such as the machine's worker that is just starting.
    async fn gives_way(&mut self, id: &InstanceId) -> bool {
        let now = js_sys::Date::now();
        if now - self.looked < GIVE_WAY_MS {
            return false;
        }
        self.looked = now;
        is_wanted(id).await.unwrap_or(false)
    }

    async fn settle(&mut self, id: &InstanceId) -> Result<(), Problem> {
        let synced = self.tree.sync_all().await;
        if std::mem::take(&mut self.changed) {
            News::open(id)?.tell();
        }
        synced.map_err(|errno| super::perform::share_problem("The files could not be made durable", errno))
    }
}

/// Who waits for which answer.
type Waiting = Rc<RefCell<HashMap<u32, oneshot::Sender<Result<ShareDone, Problem>>>>>;

/// The machine's worker, as it is reached from here.
struct Remote {
    channel: BroadcastChannel,
    client: u32,
    calls: Cell<u32>,
    waiting: Waiting,
    _heard: Closure<dyn Fn(MessageEvent)>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

impl Remote {
    fn open(id: &InstanceId) -> Result<Self, Problem> {
        let failed = |error| problem(ProblemCode::Internal, "The machine’s worker can’t be reached", &error);
        let channel = BroadcastChannel::new(&share_channel(id)).map_err(failed)?;
        let client = crate::disks::random_bits() as u32;
        let waiting = Waiting::default();
        let heard = {
            let waiting = waiting.clone();
            Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
                // What others ask comes here too.
                let Ok(ShareAnswer { client: of, call, result }) = from_js(event.data()) else { return };
                let waits = if of == client { waiting.borrow_mut().remove(&call) } else { None };
                if let Some(waits) = waits {
                    // Whoever asked may have gone meanwhile.
                    drop(waits.send(result));
                }
            })
        };
        channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        Ok(Self { channel, client, calls: Cell::new(0), waiting, _heard: heard })
    }

    /// Asks; `None` if nobody answers because the worker has gone, or never was.
    async fn ask(&self, op: &ShareOp, id: &InstanceId) -> Result<Option<Result<ShareDone, Problem>>, Problem> {
        let call = self.calls.get();
        self.calls.set(call.wrapping_add(1));
        let (send, mut answered) = oneshot::channel();
        self.waiting.borrow_mut().insert(call, send);
        let failed = |error| problem(ProblemCode::Internal, "The machine’s worker can’t be reached", &error);
        let ask = to_js(&ShareAsk { client: self.client, call, op: op.clone() })?;
        self.channel.post_message(&ask).map_err(failed)?;
        loop {
            let silence = pin!(pause(HELLO_MS));
            if let Either::Left((answer, _)) = select(&mut answered, silence).await {
                return Ok(answer.ok());
            }
            // A machine that keeps its worker busy answers late; one that has gone has given its lock free.
            if matches!(op, ShareOp::Hello | ShareOp::Used) || Lock::try_instance(id).await?.is_some() {
                self.waiting.borrow_mut().remove(&call);
                return Ok(None);
            }
        }
    }
}
