//! The machine's connection to the agent in its guest, for the rest of the worker: each request is a future.
//!
//! Dropping a future cancels its request. Patience is counted in seconds in which the machine runs, so a paused machine fails nothing; and no
//! guest, silent or hostile, holds anything up but the one future that waits for it.
#![allow(dead_code, reason = "what applies profiles and shows health comes after this")]

use super::after;
use super::v86::{Emulator, Port};
use agent::{Agent, AgentError, Event, Health, Reply, Request, RequestId, StopAction, Stream};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// How long a quick request may take, in milliseconds. A guest whose processor is busy answers within one.
pub const QUICK_MS: u64 = 20_000;
/// How long a transfer may stand still, and `sync` take, in milliseconds: a large write may fill the guest's memory first.
pub const SLOW_MS: u64 = 120_000;

/// What is not taken at once is offered again after so many milliseconds: a guest's buffers hold 64 KiB.
const RETRY_MS: i32 = 2;
/// The same while no agent is there to take it.
const RETRY_ABSENT_MS: i32 = 100;
/// How often [`GuestAgent::look`] comes, in milliseconds.
const LOOK_MS: u64 = 1_000;

/// The connection to the agent of one machine's guest.
pub struct GuestAgent {
    agent: RefCell<Agent>,
    emulator: OnceCell<Emulator>,
    waiting: RefCell<HashMap<RequestId, UnboundedSender<Event>>>,
    /// Milliseconds in which the machine has run.
    clock: Cell<u64>,
    scheduled: Cell<bool>,
}

/// A request under way. Transfers and commands are bounded by what the connection lets through, and so is what waits in `events`.
struct Ticket {
    own: Rc<GuestAgent>,
    id: RequestId,
    events: UnboundedReceiver<Event>,
}

impl Ticket {
    async fn next(&mut self) -> Result<Event, AgentError> {
        self.events.next().await.ok_or(AgentError::NoAgent)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // One that is over is not known any more, and nothing happens.
        self.own.waiting.borrow_mut().remove(&self.id);
        self.own.agent.borrow_mut().cancel(self.id);
        self.own.pump();
    }
}

impl GuestAgent {
    /// A connection to a machine that is still being made.
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            agent: RefCell::new(Agent::new(js_sys::Date::now() as u64 as u32)),
            emulator: OnceCell::new(),
            waiting: RefCell::default(),
            clock: Cell::new(0),
            scheduled: Cell::new(false),
        })
    }

    /// The machine is there.
    pub fn attach(self: &Rc<Self>, emulator: Emulator) {
        let _ = self.emulator.set(emulator);
        self.pump();
    }

    /// The machine goes on from a saved state, so its agent will not speak first.
    pub fn greet(self: &Rc<Self>) {
        self.agent.borrow_mut().greet();
        self.pump();
    }

    /// Whether there is an agent that would answer.
    pub fn is_up(&self) -> bool {
        self.agent.borrow().is_up()
    }

    /// Whether an agent has spoken, also where it can't be answered yet.
    pub fn has_spoken(&self) -> bool {
        self.agent.borrow().is_known()
    }

    /// Takes in what the guest has put out on one of the agent's ports.
    pub fn output(self: &Rc<Self>, port: Port, bytes: &[u8]) {
        match port {
            Port::Shell => return,
            Port::Control => self.agent.borrow_mut().control_input(bytes),
            Port::Bulk => self.agent.borrow_mut().bulk_input(bytes),
        }
        self.deliver();
        // The emulator is in the middle of a step: what is to be sent waits until it is done.
        self.schedule(0);
    }

    /// Comes once a second.
    pub fn look(self: &Rc<Self>) {
        if self.emulator.get().is_some_and(Emulator::is_running) {
            self.clock.set(self.clock.get() + LOOK_MS);
            self.agent.borrow_mut().tick(self.clock.get());
            self.pump();
        }
    }

    /// Sends what can be sent, and comes again for the rest.
    fn pump(self: &Rc<Self>) {
        self.deliver();
        let Some(emulator) = self.emulator.get() else { return };
        let retry = {
            let mut agent = self.agent.borrow_mut();
            let given = emulator.input(Port::Control, agent.control_output());
            agent.control_sent(given);
            let given = emulator.input(Port::Bulk, agent.bulk_output());
            if given > 0 {
                agent.bulk_sent(given);
            }
            let left = !(agent.control_output().is_empty() && agent.bulk_output().is_empty());
            left.then_some(if agent.is_up() { RETRY_MS } else { RETRY_ABSENT_MS })
        };
        self.deliver();
        if let Some(retry) = retry {
            self.schedule(retry);
        }
    }

    fn schedule(self: &Rc<Self>, milliseconds: i32) {
        if !self.scheduled.replace(true) {
            let own = self.clone();
            after(milliseconds, move || {
                own.scheduled.set(false);
                own.pump();
            });
        }
    }

    /// Gives each event to the one who waits for it.
    fn deliver(&self) {
        loop {
            let Some(event) = self.agent.borrow_mut().event() else { return };
            let (id, last) = match &event {
                Event::Up => continue,
                Event::Output { id, .. } | Event::Room { id, .. } | Event::Data { id, .. } => (*id, false),
                Event::Over { id, .. } => (*id, true),
            };
            let mut waiting = self.waiting.borrow_mut();
            if let Some(send) = waiting.get(&id) {
                // Whoever has gone has canceled it.
                let _ = send.unbounded_send(event);
            }
            if last {
                waiting.remove(&id);
            }
        }
    }

    fn ask(self: &Rc<Self>, request: &Request, patience: u64) -> Result<Ticket, AgentError> {
        let id = self.agent.borrow_mut().request(request, self.clock.get(), patience)?;
        let (send, events) = unbounded();
        self.waiting.borrow_mut().insert(id, send);
        self.pump();
        Ok(Ticket { own: self.clone(), id, events })
    }

    /// Asks for something that has neither input nor output.
    pub async fn call(self: &Rc<Self>, request: &Request, patience: u64) -> Result<Reply, AgentError> {
        let mut ticket = self.ask(request, patience)?;
        loop {
            if let Event::Over { result, .. } = ticket.next().await? {
                return result;
            }
        }
    }

    /// Makes all that was written in the guest durable on its disk.
    pub async fn sync(self: &Rc<Self>) -> Result<(), AgentError> {
        self.call(&Request::Sync, SLOW_MS).await.map(drop)
    }

    /// How the guest is doing.
    pub async fn health(self: &Rc<Self>) -> Result<Health, AgentError> {
        match self.call(&Request::Health, QUICK_MS).await? {
            Reply::Health(health) => Ok(health),
            Reply::Done | Reply::Exit(_) => Err(AgentError::Garbled),
        }
    }

    /// Gives the guest the host's time, which it loses while it is paused or saved.
    pub async fn set_time(self: &Rc<Self>) -> Result<(), AgentError> {
        let seconds = (js_sys::Date::now() / 1000.0) as u64;
        self.call(&Request::SetTime { seconds }, QUICK_MS).await.map(drop)
    }

    /// Makes a guest that goes on from a saved state this machine's own. An older agent is given the time alone.
    pub async fn settle(self: &Rc<Self>, name: &str, seed: [u8; 32]) -> Result<(), AgentError> {
        let request = Request::Settle { milliseconds: js_sys::Date::now() as u64, seed, name: name.to_owned() };
        match self.call(&request, QUICK_MS).await {
            Err(AgentError::Unknown) => self.set_time().await,
            settled => settled.map(drop),
        }
    }

    /// Gives the guest a host name until its next boot.
    pub async fn set_name(self: &Rc<Self>, name: &str) -> Result<(), AgentError> {
        self.call(&Request::SetName { name: name.to_owned() }, QUICK_MS).await.map(drop)
    }

    /// Grows the guest's file systems to the sizes of their disks.
    pub async fn grow(self: &Rc<Self>) -> Result<(), AgentError> {
        self.call(&Request::Grow, SLOW_MS).await.map(drop)
    }

    /// Asks the guest to stop or to restart by itself.
    pub async fn stop(self: &Rc<Self>, action: StopAction) -> Result<(), AgentError> {
        self.call(&Request::Stop(action), QUICK_MS).await.map(drop)
    }

    /// Runs a command by `sh -c` and gives its exit status. `output` hears what it puts out, at most `output_max` bytes; with none of it for
    /// `patience` milliseconds it is ended.
    pub async fn exec(
        self: &Rc<Self>,
        command: &str,
        input: &[u8],
        output_max: u64,
        patience: u64,
        mut output: impl FnMut(Stream, &[u8]),
    ) -> Result<i32, AgentError> {
        let request = Request::Exec { command: command.into(), input: input.to_vec(), output_max };
        let mut ticket = self.ask(&request, patience)?;
        loop {
            match ticket.next().await? {
                Event::Output { stream, bytes, .. } => output(stream, &bytes),
                Event::Over { result: Ok(Reply::Exit(status)), .. } => return Ok(status),
                Event::Over { result, .. } => return Err(result.err().unwrap_or(AgentError::Garbled)),
                Event::Up | Event::Room { .. } | Event::Data { .. } => {}
            }
        }
    }

    /// Unpacks a tar stream into a directory of the guest. `read` gives the next bytes, and nothing at the end; it is asked when there is room
    /// for them. `progress` hears how many bytes the guest has taken.
    pub async fn put_tar<E: From<AgentError>>(
        self: &Rc<Self>,
        directory: &str,
        mut read: impl AsyncFnMut() -> Result<Option<Vec<u8>>, E>,
        mut progress: impl FnMut(u64),
    ) -> Result<(), E> {
        let mut ticket = self.ask(&Request::Put { directory: directory.into() }, SLOW_MS)?;
        let (mut bytes, mut at, mut ended) = (Vec::new(), 0, false);
        loop {
            while !ended {
                if at == bytes.len() {
                    match read().await? {
                        Some(more) => (bytes, at) = (more, 0),
                        None => ended = true,
                    }
                }
                let taken = self.agent.borrow_mut().put(ticket.id, &bytes[at..]);
                at += taken;
                if ended {
                    self.agent.borrow_mut().end(ticket.id);
                } else if at < bytes.len() {
                    break;
                }
            }
            self.pump();
            match ticket.next().await? {
                Event::Room { taken, .. } => progress(taken),
                Event::Over { result, .. } => return result.map(drop).map_err(E::from),
                Event::Up | Event::Output { .. } | Event::Data { .. } => {}
            }
        }
    }

    /// Packs a directory of the guest and gives `write` the tar stream, piece by piece; the guest waits for it. Zeros may follow the stream's end.
    pub async fn get_tar<E: From<AgentError>>(
        self: &Rc<Self>,
        directory: &str,
        mut write: impl AsyncFnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ticket = self.ask(&Request::Get { directory: directory.into() }, SLOW_MS)?;
        loop {
            match ticket.next().await? {
                Event::Data { bytes, .. } => {
                    let count = bytes.len() as u64;
                    write(bytes).await?;
                    self.agent.borrow_mut().taken(ticket.id, count);
                    self.pump();
                }
                Event::Over { result, .. } => return result.map(drop).map_err(E::from),
                Event::Up | Event::Output { .. } | Event::Room { .. } => {}
            }
        }
    }
}
