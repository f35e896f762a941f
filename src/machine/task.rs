//! A script that a page has run in the machine: waits until the machine is ready, runs it by the guest's agent, and tells pages what it says.

use super::agent::GuestAgent;
use super::{after, setup};
use crate::bridge::{from_js, log, text_of, to_js};
use agent::AgentError;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use protocol::{
    InstanceId, Problem, ProblemCode, TASK_ARTIFACTS, TASK_INPUT, TASK_KEPT_MAX, TASK_SCRIPT_MAX, TASK_SECONDS_MAX,
    Task, TaskAsk, TaskEnd, TaskNews, TaskStage, task_channel,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{BroadcastChannel, MessageEvent};

/// What a script may put out in all, in bytes: more is a script that has run wild.
const OUTPUT_MAX: u64 = 256 << 20;
/// Its patience is its time: the agent itself waits for longer than any script can be given, in milliseconds.
const PATIENCE_MS: u64 = 2 * TASK_SECONDS_MAX as u64 * 1000;
/// What is put out is gathered for so long before pages are told, in milliseconds.
const GATHER_MS: i32 = 20;

/// The machine's script, if there is or was one.
pub struct Tasks {
    agent: Rc<GuestAgent>,
    channel: BroadcastChannel,
    stage: RefCell<TaskStage>,
    /// What waits for the machine to be ready.
    waiting: RefCell<Option<Task>>,
    /// Ends the script.
    cancel: RefCell<Option<oneshot::Sender<()>>>,
    /// The newest of what was put out, and how much came before it.
    kept: RefCell<Vec<u8>>,
    before: Cell<u64>,
    /// How much of all that pages were told.
    told: Cell<u64>,
    telling: Cell<bool>,
}

/// What goes around the script: its folders, and what came in unpacked. The standard input is the script.
fn command() -> String {
    format!(
        "umask 022
share=/mnt/host/share
mkdir -p $share/{TASK_ARTIFACTS} /work && ln -sfn $share/{TASK_ARTIFACTS} /artifacts && cd /work || exit 125
cat > /run/task && chmod 700 /run/task || exit 125
for file in $share/{TASK_INPUT}/*; do
    case $file in
        */'*') ;;
        *.tar) tar -xf \"$file\" || exit 125 ;;
        *.tar.gz | *.tgz) tar -xzf \"$file\" || exit 125 ;;
        *.zip) unzip -q -o \"$file\" || exit 125 ;;
        *) cp -a \"$file\" . || exit 125 ;;
    esac
done
export CI=true HOME=/root ARTIFACTS=/artifacts
exec 2>&1 < /dev/null
case $(head -c 2 /run/task) in
    '#!') exec /run/task ;;
    *) exec sh /run/task ;;
esac"
    )
}

impl Tasks {
    /// Begins to hear pages.
    pub fn open(id: &InstanceId, agent: Rc<GuestAgent>) -> Option<Rc<Self>> {
        let channel = match BroadcastChannel::new(&task_channel(id)) {
            Ok(channel) => channel,
            Err(error) => {
                log(&text_of(&error));
                return None;
            }
        };
        let own = Rc::new(Self {
            agent,
            channel,
            stage: RefCell::default(),
            waiting: RefCell::default(),
            cancel: RefCell::default(),
            kept: RefCell::default(),
            before: Cell::new(0),
            told: Cell::new(0),
            telling: Cell::new(false),
        });
        let weak = Rc::downgrade(&own);
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            // What this side tells comes to pages only.
            if let (Some(own), Ok(ask)) = (weak.upgrade(), from_js::<TaskAsk>(event.data())) {
                own.hear(ask);
            }
        });
        own.channel.set_onmessage(Some(heard.into_js_value().unchecked_ref()));
        Some(own)
    }

    /// Comes once a second: begins what waits once the machine is as its template says.
    pub fn look(self: &Rc<Self>, set_up: bool) {
        if !set_up || !self.agent.is_up() {
            return;
        }
        if let Some(task) = self.waiting.borrow_mut().take() {
            let own = self.clone();
            spawn_local(async move { own.run(task).await });
        }
    }

    /// The machine ends.
    pub fn close(&self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }

    fn hear(self: &Rc<Self>, ask: TaskAsk) {
        match ask {
            TaskAsk::Look => {
                self.say();
                self.tell(&TaskNews::Now(self.stage.borrow().clone()));
                let (offset, bytes) = (self.before.get(), self.kept.borrow().clone());
                self.tell(&TaskNews::Output { offset, bytes });
            }
            TaskAsk::Run(task) => {
                if *self.stage.borrow() != TaskStage::None {
                    return self.tell(&TaskNews::Now(self.stage.borrow().clone()));
                }
                if task.script.len() > TASK_SCRIPT_MAX || task.seconds > TASK_SECONDS_MAX {
                    let message = format!("A script has at most {} KiB and a day’s time.", TASK_SCRIPT_MAX >> 10);
                    let problem = Problem::new(ProblemCode::Refused, message);
                    return self.become_now(TaskStage::Over(TaskEnd::Failed(problem)));
                }
                *self.waiting.borrow_mut() = Some(task);
                self.become_now(TaskStage::Waiting);
            }
            TaskAsk::Cancel => {
                if self.waiting.borrow_mut().take().is_some() {
                    return self.become_now(TaskStage::Over(TaskEnd::Canceled));
                }
                if let Some(cancel) = self.cancel.borrow_mut().take() {
                    // A script that is just over does not hear it.
                    let _ = cancel.send(());
                }
            }
        }
    }

    async fn run(self: &Rc<Self>, task: Task) {
        let (cancel, canceled) = oneshot::channel();
        *self.cancel.borrow_mut() = Some(cancel);
        // What the host shares is there a moment after the agent; that is none of the script's time.
        if let Err(error) = setup::mounted(&self.agent).await {
            return self.become_now(TaskStage::Over(TaskEnd::Failed(failed(&error))));
        }
        self.become_now(TaskStage::Running(js_sys::Date::now() as u64));
        let (late, out_of_time) = oneshot::channel::<()>();
        let milliseconds = i32::try_from(u64::from(task.seconds) * 1000).unwrap_or(i32::MAX);
        // A script that is over already does not hear it.
        after(milliseconds, move || _ = late.send(()));
        let command = command();
        let script = Box::pin(async {
            let heard = |_: agent::Stream, bytes: &[u8]| self.heard(bytes);
            self.agent.exec(&command, task.script.as_bytes(), OUTPUT_MAX, PATIENCE_MS, heard).await
        });
        // Whichever comes first; the script's future is dropped then, which ends what it has started.
        let end = match select(script, select(canceled, out_of_time)).await {
            Either::Left((Ok(status), _)) => TaskEnd::Exit(status),
            Either::Left((Err(error), _)) => TaskEnd::Failed(failed(&error)),
            Either::Right((Either::Left(_), _)) => TaskEnd::Canceled,
            Either::Right((Either::Right(_), _)) => TaskEnd::TimedOut,
        };
        self.cancel.borrow_mut().take();
        self.say();
        self.become_now(TaskStage::Over(end));
    }

    fn heard(self: &Rc<Self>, bytes: &[u8]) {
        self.kept.borrow_mut().extend_from_slice(bytes);
        if !self.telling.replace(true) {
            let own = self.clone();
            after(GATHER_MS, move || {
                own.telling.set(false);
                own.say();
            });
        }
    }

    /// Tells what was put out since it was told last, and lets go of what is too old to be kept.
    fn say(&self) {
        let mut kept = self.kept.borrow_mut();
        let (before, told) = (self.before.get(), self.told.get());
        let all = before + kept.len() as u64;
        if told < all {
            let bytes = kept[(told - before) as usize..].to_vec();
            self.tell(&TaskNews::Output { offset: told, bytes });
            self.told.set(all);
        }
        let over = kept.len().saturating_sub(TASK_KEPT_MAX);
        kept.drain(..over);
        self.before.set(before + over as u64);
    }

    fn become_now(&self, stage: TaskStage) {
        *self.stage.borrow_mut() = stage.clone();
        self.tell(&TaskNews::Now(stage));
    }

    fn tell(&self, news: &TaskNews) {
        match to_js(news).map(|news| self.channel.post_message(&news)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log(&text_of(&error)),
            Err(problem) => log(&problem.message),
        }
    }
}

fn failed(error: &AgentError) -> Problem {
    Problem {
        code: ProblemCode::Refused,
        message: format!("The script could not be run to its end: {error}"),
        advice: "Look at what it has said so far, then run it again.".to_owned(),
    }
}
