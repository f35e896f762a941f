//! What is applied in the machine: lays the profiles for the guest, runs the runner by the guest's agent, and tells pages how it goes.

use super::after;
use super::agent::{GuestAgent, QUICK_MS};
use super::share::Share;
use crate::bridge::{from_js, log, text_of, to_js};
use crate::profiles::{all, damaged, packaged};
use agent::AgentError;
use profile::{Line, Name, PackageKey, Report, keys, marks, runner_from_tar};
use protocol::{
    InstanceId, PROFILE_LOG_MAX, Problem, ProblemCode, ProfileAsk, ProfileLog, ProfileNews, ProfileRun, ProfileVerb,
    ProfilesNow, profiles_channel,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{BroadcastChannel, MessageEvent};

/// Where the guest sees what is laid.
const FOLDER: &str = "/mnt/host/profiles";
/// How long the runner may say nothing, in milliseconds in which the machine runs: a package manager unpacks for minutes.
const PATIENCE_MS: u64 = 1_800_000;
/// What the runner may say, in bytes.
const OUTPUT_MAX: u64 = 64 << 20;
/// Where the guest keeps what runs have said, and what may be read of one, in bytes.
const LOGS: &str = "/var/log/workbench";
const LOG_MAX: u64 = 1 << 20;
/// What the list of marks may have, in bytes.
const LIST_MAX: u64 = 256 << 10;
/// Pages are told of changes at most so often, in milliseconds.
const NEWS_MS: i32 = 100;
/// How often the guest is asked again what is applied, once a second, where it has not mounted the profiles yet.
const LISTINGS: u32 = 60;
/// The runner's exit status when others need the profile, and when another run is under way.
const NEEDED: i32 = 3;
const BUSY: i32 = 75;

/// The machine's profiles.
pub struct Profiles {
    agent: Rc<GuestAgent>,
    share: Rc<Share>,
    channel: BroadcastChannel,
    now: RefCell<ProfilesNow>,
    /// The profiles are laid, or are just being.
    laid: Cell<bool>,
    laying: Cell<bool>,
    /// How often the guest will still be asked what is applied: a page wants to know, and it could not say.
    listings: Cell<u32>,
    listing: Cell<bool>,
    news_due: Cell<bool>,
}

impl Profiles {
    /// Begins to hear pages.
    pub fn open(id: &InstanceId, agent: Rc<GuestAgent>, share: Rc<Share>) -> Option<Rc<Self>> {
        let channel = match BroadcastChannel::new(&profiles_channel(id)) {
            Ok(channel) => channel,
            Err(error) => {
                log(&text_of(&error));
                return None;
            }
        };
        let own = Rc::new(Self {
            agent,
            share,
            channel,
            now: RefCell::default(),
            laid: Cell::new(false),
            laying: Cell::new(false),
            listings: Cell::new(0),
            listing: Cell::new(false),
            news_due: Cell::new(false),
        });
        let weak = Rc::downgrade(&own);
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            // What this side tells comes to pages only; what earlier workers told comes here and is no question.
            if let (Some(own), Ok(ask)) = (weak.upgrade(), from_js::<ProfileAsk>(event.data())) {
                own.hear(ask);
            }
        });
        own.channel.set_onmessage(Some(heard.into_js_value().unchecked_ref()));
        Some(own)
    }

    /// Comes once a second: lays the profiles behind the first prompt, when the guest's agent has come.
    pub fn look(self: &Rc<Self>) {
        let ready = self.agent.is_up();
        if self.now.borrow().ready != ready {
            self.now.borrow_mut().ready = ready;
            self.changed();
        }
        if ready && !self.laid.get() {
            self.lay_soon();
        }
        if ready && !self.laying.get() && self.listings.get() > 0 {
            self.listings.set(self.listings.get() - 1);
            self.list_soon();
        }
    }

    /// The machine ends.
    pub fn close(&self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }

    fn hear(self: &Rc<Self>, ask: ProfileAsk) {
        match ask {
            ProfileAsk::Look => {
                self.changed();
                self.listings.set(LISTINGS);
                self.list_soon();
            }
            ProfileAsk::Lay => self.lay_soon(),
            ProfileAsk::Run { verb, name } => {
                if self.is_running() {
                    return self.changed();
                }
                let run = ProfileRun::new(verb, name);
                self.now.borrow_mut().run = Some(run.clone());
                self.changed();
                let own = self.clone();
                // How it ended is told to pages.
                spawn_local(async move { drop(own.run(run).await) });
            }
            ProfileAsk::Log(name) => {
                let own = self.clone();
                spawn_local(async move { own.read_log(name).await });
            }
            ProfileAsk::Trust(key) => {
                let own = self.clone();
                spawn_local(async move { own.trust(key).await });
            }
            ProfileAsk::Cancel => self.cancel(),
            ProfileAsk::Dismiss => {
                self.now.borrow_mut().log = None;
                if !self.is_running() {
                    self.now.borrow_mut().run = None;
                    self.changed();
                }
            }
        }
    }

    /// Applies a profile, as a page does that asks for it; pages see how it goes.
    ///
    /// # Errors
    /// With why it is not applied, or if something else is under way.
    pub async fn apply(self: &Rc<Self>, name: Name) -> Result<(), Problem> {
        if self.is_running() {
            let message = format!("{name} was not applied: something else is being done with profiles.");
            return Err(Problem::new(ProblemCode::Refused, message));
        }
        let run = ProfileRun::new(ProfileVerb::Apply, name);
        self.now.borrow_mut().run = Some(run.clone());
        self.changed();
        self.run(run).await
    }

    fn is_running(&self) -> bool {
        self.now.borrow().run.as_ref().is_some_and(|run| run.ended.is_none())
    }

    fn lay_soon(self: &Rc<Self>) {
        self.laid.set(true);
        if self.laying.replace(true) {
            // Once more, at the next look.
            self.laid.set(false);
            return;
        }
        let own = self.clone();
        spawn_local(async move {
            own.now.borrow_mut().trouble = own.lay().await.err();
            own.laying.set(false);
            own.changed();
        });
    }

    async fn lay(&self) -> Result<(), Problem> {
        let runner = packaged("profiles/runner.tar").await?;
        let bundles = all().await?;
        let mut files: Vec<_> = runner_from_tar(&runner).map_err(|error| damaged(&error))?.into_iter().collect();
        files.extend(bundles.iter().flat_map(|(bundle, _)| bundle.laid()));
        self.share.lay(&files).await
    }

    fn list_soon(self: &Rc<Self>) {
        if self.agent.is_up() && !self.listing.replace(true) {
            let own = self.clone();
            spawn_local(async move {
                own.list().await;
                own.listing.set(false);
            });
        }
    }

    /// Asks the guest what is applied.
    async fn list(self: &Rc<Self>) {
        let mut said = vec![];
        let command = format!("sh {FOLDER}/list.sh");
        let listed = self.agent.exec(&command, &[], LIST_MAX, QUICK_MS, |_, bytes| said.extend_from_slice(bytes)).await;
        match listed {
            Ok(0) => {
                self.listings.set(0);
                let said = String::from_utf8_lossy(&said);
                let mut now = self.now.borrow_mut();
                now.marks = marks(&said).ok();
                now.keys = keys(&said).unwrap_or_default();
            }
            // The shared files are mounted behind the first prompt.
            Ok(_) => {}
            Err(error) => log(&format!("the guest’s profiles were not listed: {error}")),
        }
        self.changed();
    }

    /// Has the guest trust a key. Both words are such that a shell takes them as they are.
    async fn trust(self: &Rc<Self>, key: PackageKey) {
        let title = format!("{key} is not trusted");
        let mut said = vec![];
        let command = format!("sh {FOLDER}/trust.sh {} {}", key.name(), key.sha256());
        let done = self.agent.exec(&command, &[], LIST_MAX, QUICK_MS, |_, bytes| said.extend_from_slice(bytes)).await;
        let trouble = match done {
            Ok(0) => None,
            Ok(_) => Some(Problem {
                code: ProblemCode::Refused,
                message: format!("{title}: {}", String::from_utf8_lossy(&said).trim()),
                advice: "Look whether the file is still the one that you want, then try again.".to_owned(),
            }),
            Err(error) => Some(agent_problem(&title, &error)),
        };
        self.now.borrow_mut().trouble = trouble;
        self.list().await;
    }

    async fn read_log(self: &Rc<Self>, name: Name) {
        let mut report = Report::default();
        let mut said = vec![];
        let command = format!("tail -n {PROFILE_LOG_MAX} {LOGS}/{name}.log");
        let read = self.agent.exec(&command, &[], LOG_MAX, QUICK_MS, |_, bytes| said.extend(report.push(bytes))).await;
        if let Err(error) = read {
            log(&format!("a log was not read: {error}"));
        }
        let text = |line| match line {
            Line::Text(text) | Line::Step { text, .. } => text,
        };
        let lines: Vec<String> = said.into_iter().chain(report.end()).map(text).collect();
        let over = lines.len().saturating_sub(PROFILE_LOG_MAX);
        self.now.borrow_mut().log = Some(ProfileLog { name, lines: lines[over..].to_vec() });
        self.changed();
    }

    async fn run(self: &Rc<Self>, run: ProfileRun) -> Result<(), Problem> {
        let ended = self.run_now(&run).await;
        // First, so that who hears that it has ended hears what there is now.
        self.list().await;
        if let Some(run) = &mut self.now.borrow_mut().run {
            run.ended = Some(ended.clone());
        }
        self.changed();
        ended
    }

    async fn run_now(self: &Rc<Self>, run: &ProfileRun) -> Result<(), Problem> {
        let title = title(run);
        // The user's own may have changed a moment ago.
        self.lay().await?;
        let command = format!("sh {FOLDER}/{} {}", run.verb.program(), run.name);
        let mut report = Report::default();
        let own = self.clone();
        let output = |_: agent::Stream, bytes: &[u8]| own.said(report.push(bytes));
        let status = self.agent.exec(&command, &[], OUTPUT_MAX, PATIENCE_MS, output).await;
        self.said(report.end().into_iter().collect());
        match status {
            Ok(0) => Ok(()),
            Ok(status) => Err(self.refusal(&title, status)),
            Err(error) => Err(agent_problem(&title, &error)),
        }
    }

    fn refusal(&self, title: &str, status: i32) -> Problem {
        let now = self.now.borrow();
        let last = now.run.as_ref().and_then(|run| run.log.last().cloned()).unwrap_or_default();
        let (code, advice) = match status {
            NEEDED => (ProblemCode::Refused, "Roll back what needs it, then it goes too."),
            BUSY => (ProblemCode::Refused, "Wait until that is done, then try again."),
            _ => (ProblemCode::Refused, "The log says why. Nothing of it was left in the machine."),
        };
        let why = if last.is_empty() { format!("status {status}.") } else { last };
        Problem { code, message: format!("{title}: {why}"), advice: advice.to_owned() }
    }

    fn said(self: &Rc<Self>, lines: Vec<Line>) {
        if lines.is_empty() {
            return;
        }
        if let Some(run) = &mut self.now.borrow_mut().run {
            for line in lines {
                match line {
                    Line::Step { number, of, text } => (run.step, run.steps, run.doing) = (number, of, text),
                    Line::Text(text) => run.log.push(text),
                }
            }
            let over = run.log.len().saturating_sub(PROFILE_LOG_MAX);
            run.log.drain(..over);
        }
        self.changed();
    }

    fn cancel(self: &Rc<Self>) {
        if let Some(run) = self.now.borrow_mut().run.as_mut().filter(|run| run.ended.is_none()) {
            run.canceled = true;
        } else {
            return;
        }
        self.changed();
        let agent = self.agent.clone();
        spawn_local(async move {
            let command = format!("sh {FOLDER}/cancel.sh");
            if let Err(error) = agent.exec(&command, &[], LIST_MAX, QUICK_MS, |_, _| {}).await {
                log(&format!("the run could not be canceled: {error}"));
            }
        });
    }

    fn changed(self: &Rc<Self>) {
        if !self.news_due.replace(true) {
            let own = self.clone();
            after(NEWS_MS, move || {
                own.news_due.set(false);
                own.tell();
            });
        }
    }

    fn tell(&self) {
        let news = to_js(&ProfileNews::Now(Box::new(self.now.borrow().clone())));
        match news.map(|news| self.channel.post_message(&news)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log(&text_of(&error)),
            Err(problem) => log(&problem.message),
        }
    }
}

/// What is being done, for a sentence that says why it was not.
fn title(run: &ProfileRun) -> String {
    let what = match run.verb {
        ProfileVerb::Apply => "was not applied",
        ProfileVerb::Rollback => "was not rolled back",
        ProfileVerb::Check => "is not as it should be",
    };
    format!("{} {what}", run.name)
}

fn agent_problem(title: &str, error: &AgentError) -> Problem {
    Problem {
        code: ProblemCode::Refused,
        message: format!("{title}: {error}"),
        advice: "Try again when the machine’s shell answers; what was begun is taken back first.".to_owned(),
    }
}
