//! One page's attachment to a machine's console: what it says to the worker, and what it makes of what it hears.
//!
//! Pure: it is told what happened ([`Session::hear`], [`Session::parsed`], …) and says what to do ([`Effect`]).
//!
//! ```text
//!           run known, or Ready                 Welcome
//!  Away ───────────────────────► Asked ─────────────────────► Attached
//!                                 ▲ ▲ no Welcome for 1 s │        │ a gap, a new run, Ready
//!                                 │ └────────────────────┘        │
//!                                 └───────────────────────────────┘
//! ```

use crate::{
    flow::{Feed, Flow},
    input::pieces,
};
use protocol::{ConsoleEvent, ConsoleRequest, Stream, TerminalSize, ViewerId};

/// How long the worker may take to answer before it is asked again, in milliseconds.
pub(crate) const PATIENCE_MS: u64 = 1000;

/// What the page is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Say this on the channel.
    Send(ConsoleRequest),
    /// Do this with a terminal; after a write, call [`Session::parsed`].
    Feed(Stream, Feed),
    /// The first bytes of this run are on their way to a terminal.
    Printed(Stream),
    /// The terminals show another run of the machine than before.
    NewRun,
    /// The guest's shell has this size.
    GuestSize(TerminalSize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is nobody to talk to.
    Away,
    /// Attach was sent at this time.
    Asked(u64),
    /// The worker has welcomed this page to this run of the machine.
    Attached(u32),
}

/// The attachment of one page.
#[derive(Debug)]
pub(crate) struct Session {
    viewer: ViewerId,
    phase: Phase,
    /// The run that the background says is live.
    run: Option<u32>,
    /// The run that the terminals show.
    shown: Option<u32>,
    printed: [bool; 2],
    flows: [Flow; 2],
    size: Option<TerminalSize>,
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Serial => 0,
        Stream::Shell => 1,
    }
}

impl Session {
    /// A page that is not attached yet.
    pub(crate) fn new(viewer: ViewerId) -> Self {
        Self {
            viewer,
            phase: Phase::Away,
            run: None,
            shown: None,
            printed: [false; 2],
            flows: Default::default(),
            size: None,
        }
    }

    /// Whether the worker has welcomed this page.
    pub(crate) fn is_attached(&self) -> bool {
        matches!(self.phase, Phase::Attached(_))
    }

    /// The background says which run of the machine is live.
    pub(crate) fn set_run(&mut self, run: Option<u32>, now: u64) -> Vec<Effect> {
        self.run = run;
        match (run, self.phase) {
            (Some(_), Phase::Away) => self.attach(now),
            (Some(live), Phase::Attached(boot)) if live != boot => self.attach(now),
            // What a machine said last may still be under way: stay until another run comes.
            _ => Vec::new(),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<Effect> {
        match self.phase {
            Phase::Asked(then) if self.run.is_some() && now >= then + PATIENCE_MS => self.attach(now),
            _ => Vec::new(),
        }
    }

    /// Something came on the channel.
    pub(crate) fn hear(&mut self, event: ConsoleEvent, now: u64) -> Vec<Effect> {
        let attached = self.is_attached();
        match event {
            ConsoleEvent::Ready { .. } => self.attach(now),
            ConsoleEvent::Welcome { viewer, boot } if viewer == self.viewer => self.welcomed(boot),
            ConsoleEvent::Replay { viewer, stream, offset, bytes } if viewer == self.viewer && attached => {
                self.take(stream, offset, bytes, true, now)
            }
            ConsoleEvent::Output { stream, offset, bytes } if attached => self.take(stream, offset, bytes, false, now),
            ConsoleEvent::Resized(size) => vec![Effect::GuestSize(size)],
            // For another page, or from before the welcome.
            ConsoleEvent::Welcome { .. } | ConsoleEvent::Replay { .. } | ConsoleEvent::Output { .. } => Vec::new(),
        }
    }

    /// The terminal has parsed the write that it was given.
    pub(crate) fn parsed(&mut self, stream: Stream) -> Vec<Effect> {
        self.flows[index(stream)].parsed();
        self.pump(stream)
    }

    /// The page is shown, or hidden.
    pub(crate) fn set_hidden(&mut self, hidden: bool) -> Vec<Effect> {
        self.flows.iter_mut().for_each(|flow| flow.set_hidden(hidden));
        Stream::ALL.into_iter().flat_map(|stream| self.pump(stream)).collect()
    }

    /// The size at which the shell is shown, if it is.
    pub(crate) fn set_size(&mut self, size: Option<TerminalSize>) -> Vec<Effect> {
        let changed = self.size != size;
        self.size = size;
        if changed && self.is_attached() { vec![self.resize()] } else { Vec::new() }
    }

    /// Somebody typed or pasted.
    pub(crate) fn input(&self, stream: Stream, bytes: &[u8]) -> Vec<Effect> {
        if self.run.is_none() {
            return Vec::new();
        }
        pieces(bytes).map(|piece| Effect::Send(ConsoleRequest::Input { stream, bytes: piece.to_vec() })).collect()
    }

    /// The page goes away.
    pub(crate) fn leave(&mut self) -> Vec<Effect> {
        self.phase = Phase::Away;
        vec![Effect::Send(ConsoleRequest::Detach { viewer: self.viewer })]
    }

    fn attach(&mut self, now: u64) -> Vec<Effect> {
        self.phase = Phase::Asked(now);
        vec![Effect::Send(ConsoleRequest::Attach { viewer: self.viewer })]
    }

    fn welcomed(&mut self, boot: u32) -> Vec<Effect> {
        self.phase = Phase::Attached(boot);
        let mut effects = Vec::new();
        if self.shown.replace(boot) != Some(boot) {
            self.printed = [false; 2];
            effects.push(Effect::NewRun);
        }
        self.flows.iter_mut().for_each(Flow::restart);
        effects.extend(Stream::ALL.into_iter().flat_map(|stream| self.pump(stream)));
        effects.push(self.resize());
        effects
    }

    fn resize(&self) -> Effect {
        Effect::Send(ConsoleRequest::Resize { viewer: self.viewer, size: self.size })
    }

    fn take(&mut self, stream: Stream, offset: u64, bytes: Vec<u8>, replay: bool, now: u64) -> Vec<Effect> {
        match self.flows[index(stream)].take(offset, bytes, replay) {
            Err(_) => self.attach(now),
            Ok(new) => {
                let first = new && !std::mem::replace(&mut self.printed[index(stream)], new);
                let printed = first.then_some(Effect::Printed(stream));
                printed.into_iter().chain(self.pump(stream)).collect()
            }
        }
    }

    /// Gives the terminal its next bytes, and the worker what is due.
    fn pump(&mut self, stream: Stream) -> Vec<Effect> {
        let flow = &mut self.flows[index(stream)];
        let mut effects: Vec<Effect> = flow.feed().into_iter().map(|feed| Effect::Feed(stream, feed)).collect();
        if matches!(self.phase, Phase::Attached(_)) {
            let viewer = self.viewer;
            effects.extend(flow.ack().map(|offset| Effect::Send(ConsoleRequest::Ack { viewer, stream, offset })));
        }
        effects
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
