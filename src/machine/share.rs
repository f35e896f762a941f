//! The files that the machine shares with the host, while it runs: what the guest asks by 9P, and what pages ask through storage workers.

use super::after;
use crate::bridge::{from_js, log, problem, text_of, to_js};
use crate::share::perform::{changes, perform, share_problem};
use crate::share::{News, Tree, lay, limit, open, room};
use js_sys::{Function, Uint8Array};
use ninep::{FileTree, MAX_MSIZE, Server, Session, Turns};
use protocol::{InstanceId, Problem, ProblemCode, ShareAnswer, ShareAsk, ShareOp, share_channel};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Waker};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{BroadcastChannel, MessageEvent};

/// What was changed is made durable once nothing was for so many looks, one a second, or after so many in any case.
const QUIET_LOOKS: u32 = 2;
const DIRTY_LOOKS_MAX: u32 = 10;
/// So many files are made durable before the guest has its turn again.
const SYNC_FILES: usize = 16;
/// How often pages are told of changes, at most, in milliseconds.
const NEWS_MS: i32 = 250;
/// How often the room that is left is looked at, in looks.
const ROOM_LOOKS: u32 = 5;

/// The fields of every 9P message: length[4] type[1] tag[2].
const TYPE: usize = 4;
const TAG: std::ops::Range<usize> = 5..7;
/// The types of messages that change what a page shows: `Tlcreate`, `Tsymlink`, `Tmknod`, `Trename`, `Tsetattr`, `Tlink`, `Tmkdir`,
/// `Trenameat`, `Tunlinkat`, `Twrite`, `Tremove`.
const CHANGING: [u8; 11] = [14, 16, 18, 20, 26, 70, 72, 74, 76, 118, 122];
/// `Tlopen` does so if its flags (length[4] type[1] tag[2] fid[4] flags[4]) have `O_TRUNC`, which is in their second byte.
const TLOPEN: u8 = 12;
const TLOPEN_FLAGS: usize = 12;
const O_TRUNC: u8 = 0o1000_u32.to_le_bytes()[1];
/// `Rlerror` with `EIO`, without its tag.
const FAILED: [u8; 11] = [11, 0, 0, 0, 7, 0, 0, 5, 0, 0, 0];

/// What the guest has open, as it is kept with a saved memory.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    /// Whose files they are: a machine that was imported has others.
    of: InstanceId,
    session: Session,
}

/// The server with its files; `None` while there are none: they could not be opened, or are closed.
type Files = Option<Server<Tree>>;

/// A machine's shared files.
pub struct Share {
    id: InstanceId,
    /// There is one for each worker, and it lives as long: what waits for its turn may outlive all else.
    turns: &'static Turns<Files>,
    /// Why there are no files.
    trouble: RefCell<Option<Problem>>,
    news: RefCell<Option<News>>,
    news_due: Cell<bool>,
    channel: RefCell<Option<BroadcastChannel>>,
    /// Looks since the last change, and since the first one that is not durable; the latter is 0 if all are.
    quiet: Cell<u32>,
    dirty: Cell<u32>,
    looks: Cell<u32>,
    syncing: Cell<bool>,
}

impl Share {
    /// Begins to open the files; what is asked meanwhile waits. `session` is what [`Share::session`] gave, if the guest goes on from
    /// a saved memory.
    pub fn open(id: &InstanceId, session: Option<&[u8]>) -> Rc<Self> {
        // One that can't be understood is of a guest that has nothing open: it is told so, and goes on.
        let kept = session.and_then(|bytes| serde_json::from_slice::<Kept>(bytes).ok());
        let share = Rc::new(Self {
            id: id.clone(),
            turns: Box::leak(Box::new(Turns::new(None))),
            trouble: RefCell::default(),
            news: RefCell::default(),
            news_due: Cell::new(false),
            channel: RefCell::default(),
            quiet: Cell::new(0),
            dirty: Cell::new(0),
            looks: Cell::new(0),
            syncing: Cell::new(false),
        });
        // The first place in the queue: whoever asks comes behind.
        let first = share.turns.turn();
        let own = share.clone();
        spawn_local(async move {
            let mut files = first.await;
            match serve(&own.id, kept).await {
                Ok(server) => *files = Some(server),
                Err(problem) => {
                    // The machine does without them, and pages that ask for them are told.
                    log(&problem.message);
                    *own.trouble.borrow_mut() = Some(problem);
                }
            }
        });
        if let Err(problem) = share.listen() {
            log(&problem.message);
        }
        share
    }

    /// Answers one of the guest's messages, now or later.
    pub fn take(self: &Rc<Self>, message: Vec<u8>, reply: Function) {
        let turn = self.turns.turn();
        let own = self.clone();
        let mut answer = Box::pin(async move {
            let bytes = match &mut *turn.await {
                Some(server) => server.handle(&message).await,
                None => refusal(&message),
            };
            if is_change(&message) {
                own.changed();
            }
            if let Err(error) = reply.call1(&JsValue::NULL, &Uint8Array::from(&bytes[..])) {
                log(&format!("a reply did not reach the guest: {}", text_of(&error)));
            }
        });
        // Most need not wait for the browser: the guest then has its reply before it has begun to wait.
        let now = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if now.is_pending() {
            spawn_local(answer);
        }
    }

    /// Answers storage workers.
    fn listen(self: &Rc<Self>) -> Result<(), Problem> {
        let failed = |error| problem(ProblemCode::Internal, "The shared files can’t be reached from pages", &error);
        let channel = BroadcastChannel::new(&share_channel(&self.id)).map_err(failed)?;
        let own = Rc::downgrade(self);
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            // The answers of an earlier worker come here too.
            if let (Some(own), Ok(ask)) = (own.upgrade(), from_js::<ShareAsk>(event.data())) {
                spawn_local(async move { own.answer(ask).await });
            }
        });
        channel.set_onmessage(Some(heard.into_js_value().unchecked_ref()));
        *self.channel.borrow_mut() = Some(channel);
        *self.news.borrow_mut() = Some(News::open(&self.id)?);
        Ok(())
    }

    async fn answer(self: &Rc<Self>, ShareAsk { client, call, op }: ShareAsk) {
        let result = match &mut *self.turns.turn().await {
            Some(server) => perform(server.tree(), &op).await,
            None if op == ShareOp::Hello => Ok(protocol::ShareDone::Done),
            None => Err(self.trouble.borrow().clone().unwrap_or_else(closed)),
        };
        if changes(&op) {
            self.changed();
        }
        let answer = to_js(&ShareAnswer { client, call, result });
        let channel = self.channel.borrow();
        let posted = answer.map(|answer| channel.as_ref().map(|channel| channel.post_message(&answer)));
        match posted {
            // With the channel closed, the one who asked finds the files free.
            Ok(None | Some(Ok(()))) => {}
            Ok(Some(Err(error))) => log(&text_of(&error)),
            Err(problem) => log(&problem.message),
        }
    }

    /// Lays these files for the guest to read, and nothing else beside them. The guest has its turn between two of them.
    pub async fn lay(self: &Rc<Self>, files: &[(String, Vec<u8>)]) -> Result<(), Problem> {
        let failed = |errno| share_problem("The profiles could not be laid for the machine", errno);
        for (path, bytes) in files {
            match &mut *self.turns.turn().await {
                Some(server) => drop(lay::file(server.tree(), path, bytes).await.map_err(failed)?),
                None => return Err(self.trouble.borrow().clone().unwrap_or_else(closed)),
            }
        }
        let keep: Vec<&str> = files.iter().map(|(path, _)| &path[..]).collect();
        if let Some(server) = &mut *self.turns.turn().await {
            lay::remove_others(server.tree(), &keep).await.map_err(failed)?;
        }
        self.changed();
        Ok(())
    }

    /// Something was changed: it is to be made durable some time, and the pages hear of it soon.
    fn changed(self: &Rc<Self>) {
        self.quiet.set(0);
        self.dirty.set(self.dirty.get().max(1));
        if !self.news_due.replace(true) {
            let own = self.clone();
            after(NEWS_MS, move || {
                own.news_due.set(false);
                if let Some(news) = &*own.news.borrow() {
                    news.tell();
                }
            });
        }
    }

    /// Comes once a second: makes durable what the guest wrote without asking for it.
    pub fn look(self: &Rc<Self>) {
        let looks = self.looks.get().wrapping_add(1);
        self.looks.set(looks);
        if self.dirty.get() == 0 {
            return;
        }
        self.quiet.set(self.quiet.get() + 1);
        self.dirty.set(self.dirty.get() + 1);
        let due = self.quiet.get() > QUIET_LOOKS || self.dirty.get() > DIRTY_LOOKS_MAX;
        if (due || looks.is_multiple_of(ROOM_LOOKS)) && !self.syncing.replace(true) {
            let own = self.clone();
            spawn_local(async move {
                own.keep_up(due).await;
                own.syncing.set(false);
            });
        }
    }

    async fn keep_up(&self, sync: bool) {
        if let Err(problem) = self.limit().await {
            log(&problem.message);
        }
        if sync {
            self.dirty.set(0);
            if let Err(problem) = self.sync().await {
                log(&problem.message);
                self.dirty.set(1);
            }
        }
    }

    async fn limit(&self) -> Result<(), Problem> {
        let room = room().await?;
        match &mut *self.turns.turn().await {
            Some(server) => limit(server.tree(), room).await,
            None => Ok(()),
        }
    }

    /// Makes everything durable, and lets the guest go on meanwhile.
    async fn sync(&self) -> Result<(), Problem> {
        loop {
            let Some(server) = &mut *self.turns.turn().await else { return Ok(()) };
            let done = server.tree().sync_part(SYNC_FILES).await;
            if done.map_err(|errno| share_problem("The shared files could not be made durable", errno))? {
                return Ok(());
            }
        }
    }

    /// What the guest has open, to go on with later; everything is durable then. The machine must stand still: what it has asked is
    /// answered before.
    pub async fn session(&self) -> Result<Vec<u8>, Problem> {
        let session = match &mut *self.turns.turn().await {
            Some(server) => server.suspend().await,
            None => Ok(Session::default()),
        };
        let session = session.map_err(|errno| share_problem("The shared files could not be made durable", errno))?;
        let kept = Kept { of: self.id.clone(), session };
        serde_json::to_vec(&kept).map_err(|error| Problem::new(ProblemCode::Internal, format!("{error}.")))
    }

    /// Makes everything durable and gives the files free. What the guest still asks fails.
    pub async fn close(&self) {
        if let Some(channel) = self.channel.borrow_mut().take() {
            channel.set_onmessage(None);
            channel.close();
        }
        let mut files = self.turns.turn().await;
        if let Some(mut server) = files.take()
            && let Err(errno) = server.tree().sync_all().await
        {
            log(&share_problem("The shared files could not be made durable", errno).message);
        }
        if let Some(news) = self.news.borrow_mut().take() {
            news.tell();
        }
    }
}

async fn serve(id: &InstanceId, kept: Option<Kept>) -> Result<Server<Tree>, Problem> {
    let tree = open(id).await?;
    let session =
        kept.map(|Kept { of, session }| if of == *id { session } else { session.in_another_tree(tree.root()) });
    let server = match session {
        Some(session) => Server::resume(tree, MAX_MSIZE, &session).await,
        None => Server::start(tree, MAX_MSIZE).await,
    };
    server.map_err(|errno| share_problem("The shared files could not be opened", errno))
}

/// Whether a message of the guest's may change what a page shows.
fn is_change(message: &[u8]) -> bool {
    match message.get(TYPE) {
        Some(&TLOPEN) => message.get(TLOPEN_FLAGS).is_some_and(|flags| flags & O_TRUNC != 0),
        Some(kind) => CHANGING.contains(kind),
        None => false,
    }
}

fn closed() -> Problem {
    Problem::new(ProblemCode::DiskBusy, "The machine is just being stopped.")
}

/// The answer to every message while there are no files.
fn refusal(message: &[u8]) -> Vec<u8> {
    let mut reply = FAILED.to_vec();
    if let Some(tag) = message.get(TAG) {
        reply[TAG].copy_from_slice(tag);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_files_that_are_not_there_is_told_so_by_the_tag() {
        assert_eq!(refusal(&[8, 0, 0, 0, 100, 0x34, 0x12, 0]), [11, 0, 0, 0, 7, 0x34, 0x12, 5, 0, 0, 0]);
        assert_eq!(refusal(&[]), FAILED);
    }

    #[test]
    fn an_opening_is_a_change_if_it_empties_the_file() {
        let open = |flags: u32| [&[15, 0, 0, 0, TLOPEN, 0, 0, 1, 0, 0, 0][..], &flags.to_le_bytes()].concat();
        assert!(is_change(&open(0o1001)) && !is_change(&open(0o2001)) && !is_change(&open(0)));
        assert!(!is_change(&[TLOPEN]));
    }
}
