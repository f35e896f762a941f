//! One session with an endpoint, from its welcome on: frames and questions both ways.

use super::transport::Transport;
use super::words::Why;
use crate::lan::{Hub, now};
use crate::storage::pause;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use uplink::{Decoder, FRAMES_MAX, Hello, Member, Message, Name, Pace, SILENCE_MS, Welcome, suits_datagram};
use vlan::switch::PortId;
use vlan::{batch, frame};
use wasm_bindgen_futures::spawn_local;

/// About how many bytes of frames are sent at a time: the next ones wait in the switch, where they are shared fairly.
const PIECE: usize = 64 * 1024;
/// How many messages beside frames wait at most.
const CONTROL_MAX: usize = 32;

/// What came that others have to know.
pub enum Heard {
    /// Who is in the room.
    Members(Vec<Member>),
    /// How long a question and its answer took.
    Answered(Duration),
}

/// A session in which the endpoint has let us in.
pub struct Session {
    transport: Transport,
    /// Where it is attached.
    pub port: PortId,
    datagrams: bool,
    control: RefCell<VecDeque<Message>>,
    writing: Cell<bool>,
    /// So many looks, one a second, without a sign of life.
    silent_looks: Cell<u64>,
    silent: Cell<bool>,
    sent: RefCell<Option<Pace>>,
    received: RefCell<Option<Pace>>,
    told: RefCell<Vec<Name>>,
}

/// Says hello and waits for the answer.
pub async fn greet(transport: &Transport, decoder: &mut Decoder, hello: Hello) -> Result<Welcome, Why> {
    transport.write(&Message::Hello(hello).to_bytes()).await.map_err(Why::Lost)?;
    loop {
        match decoder.message()? {
            Some(Message::Welcome(welcome)) => return Ok(welcome),
            Some(Message::End(end)) => return Err(Why::Ended(end)),
            // Nothing else has a meaning before the welcome.
            Some(_) | None => {}
        }
        match transport.read().await.map_err(Why::Lost)? {
            Some(bytes) => decoder.push(&bytes),
            None => return Err(Why::Lost("it was closed".to_owned())),
        }
    }
}

impl Session {
    /// A session that is attached to a port.
    pub fn new(transport: Transport, port: PortId, welcome: &Welcome, rate: Option<u64>) -> Rc<Self> {
        let pace = || RefCell::new(rate.map(|rate| Pace::new(rate, now())));
        Rc::new(Self {
            datagrams: welcome.datagrams && transport.datagram_max() > 0,
            transport,
            port,
            control: RefCell::default(),
            writing: Cell::new(false),
            silent_looks: Cell::new(0),
            silent: Cell::new(false),
            sent: pace(),
            received: pace(),
            told: RefCell::default(),
        })
    }

    /// Another limit, in bytes a second.
    pub fn set_rate(&self, rate: Option<u64>) {
        for pace in [&self.sent, &self.received] {
            *pace.borrow_mut() = rate.map(|rate| Pace::new(rate, now()));
        }
    }

    /// Ends it: whoever reads comes to an end.
    pub fn close(&self) {
        self.transport.close();
    }

    /// Takes in what comes until there is nothing more; says why.
    pub async fn read(self: &Rc<Self>, hub: &Rc<Hub>, mut decoder: Decoder, hear: impl Fn(Heard)) -> Why {
        loop {
            loop {
                match decoder.message() {
                    Ok(None) => break,
                    Ok(Some(message)) => {
                        if let Err(why) = self.take_in(hub, message, &hear) {
                            return why;
                        }
                    }
                    Err(error) => return error.into(),
                }
            }
            hub.turn();
            let piece = self.transport.read().await;
            self.silent_looks.set(0);
            match piece {
                Ok(Some(bytes)) => {
                    let wait = spend(&self.received, bytes.len());
                    decoder.push(&bytes);
                    if !wait.is_zero() {
                        // What is not read makes the endpoint wait.
                        pause(i32::try_from(wait.as_millis() + 1).unwrap_or(i32::MAX)).await;
                        self.silent_looks.set(0);
                    }
                }
                _ if self.silent.get() => return Why::Silent,
                Ok(None) => return Why::Lost("it was closed".to_owned()),
                Err(error) => return Why::Lost(error),
            }
        }
    }

    fn take_in(&self, hub: &Rc<Hub>, message: Message, hear: &impl Fn(Heard)) -> Result<(), Why> {
        match message {
            Message::Frames(frames) => {
                if hub.lan.borrow_mut().input_batch(self.port, &frames, now()).is_err() {
                    return Err(Why::Lost("its frames were not frames".to_owned()));
                }
            }
            Message::Ping(number) => self.say(Message::Pong(number)),
            Message::Pong(sent) => {
                let passed = now().checked_sub(Duration::from_millis(sent));
                passed.into_iter().for_each(|passed| hear(Heard::Answered(passed)));
            }
            Message::Members(members) => hear(Heard::Members(members)),
            Message::End(end) => return Err(Why::Ended(end)),
            // Has no meaning here; an endpoint of another making may say more than it should.
            Message::Hello(_) | Message::Welcome(_) | Message::Names(_) => {}
        }
        Ok(())
    }

    /// Takes in frames that come as datagrams, as long as there are any.
    pub fn hear_datagrams(self: &Rc<Self>, hub: &Rc<Hub>) {
        if !self.datagrams {
            return;
        }
        let (own, hub) = (self.clone(), hub.clone());
        spawn_local(async move {
            while let Some(frame) = own.transport.datagram().await {
                own.silent_looks.set(0);
                if spend(&own.received, frame.len()).is_zero() {
                    hub.lan.borrow_mut().input(own.port, &frame, now());
                    hub.turn();
                }
            }
        });
    }

    /// Sends a message soon; those that wait too long are forgotten.
    fn say(&self, message: Message) {
        let mut control = self.control.borrow_mut();
        if control.len() < CONTROL_MAX {
            control.push_back(message);
        }
    }

    /// Tells the others what machines are called, if that is not what they were told last.
    pub fn tell_names(&self, names: Vec<Name>) {
        if *self.told.borrow() != names {
            self.told.replace(names.clone());
            self.say(Message::Names(names));
        }
    }

    /// Sends what waits, as fast as it is taken.
    pub fn pump(self: &Rc<Self>, hub: &Rc<Hub>) {
        if self.writing.get() {
            return;
        }
        let Some(bytes) = self.next(hub) else { return };
        self.writing.set(true);
        let (own, hub) = (self.clone(), hub.clone());
        spawn_local(async move {
            let written = own.transport.write(&bytes).await;
            own.writing.set(false);
            match written {
                Ok(()) => own.pump(&hub),
                // Who reads says why.
                Err(_) => own.close(),
            }
        });
    }

    fn next(&self, hub: &Rc<Hub>) -> Option<Vec<u8>> {
        if let Some(message) = self.control.borrow_mut().pop_front() {
            return Some(message.to_bytes());
        }
        loop {
            let wait = spend(&self.sent, 0);
            if !wait.is_zero() {
                hub.wake(now() + wait);
                return None;
            }
            let taken = hub.lan.borrow_mut().take(self.port, PIECE, now());
            if taken.is_empty() {
                return None;
            }
            spend(&self.sent, taken.len());
            let frames = if self.datagrams { self.send_datagrams(taken) } else { taken };
            // A batch is longer than a piece only by one frame, and so never too long.
            if !frames.is_empty() && frames.len() <= FRAMES_MAX {
                return Some([&Message::frames_header(frames.len())[..], &frames].concat());
            }
        }
    }

    /// Sends what suits as datagrams; returns the rest.
    fn send_datagrams(&self, taken: Vec<u8>) -> Vec<u8> {
        let max = self.transport.datagram_max();
        let Ok(frames) = batch::frames(&taken, frame::LONGEST) else { return taken };
        let mut rest = Vec::new();
        for frame in frames {
            if !(suits_datagram(frame, max) && self.transport.send_datagram(frame)) {
                batch::push(&mut rest, frame);
            }
        }
        rest
    }

    /// Comes once a second: asks whether the endpoint is there, and gives it up if it has not been for long. Looks are counted rather than time: a worker
    /// that had no processor for a while has not heard what has come meanwhile.
    pub fn look(&self) {
        let looks = self.silent_looks.get() + 1;
        self.silent_looks.set(looks);
        if looks * 1000 > SILENCE_MS {
            self.silent.set(true);
            self.close();
        } else if looks % 2 == 1 {
            self.say(Message::Ping(now().as_millis() as u64));
        }
    }
}

/// So many bytes went through; how long nothing more may.
fn spend(pace: &RefCell<Option<Pace>>, bytes: usize) -> Duration {
    match &mut *pace.borrow_mut() {
        None => Duration::ZERO,
        Some(pace) => {
            pace.spend(bytes, now());
            pace.wait(now())
        }
    }
}
