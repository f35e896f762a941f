//! One pairing, from the first code to the last word: what each side has shown and agreed to.
//!
//! ```text
//!  invite ─► code ─► … answer ─► take_answer ─┐
//!  join ◄─ code; its answer ◄─ to_code        ├─► opened: hello ─► words ─► accept, both ─► joined ─► over
//! ```
//!
//! Nothing of a LAN is told before the own user has accepted, and [`Session::is_joined`] is true only when both have: frames may flow then and not
//! before.

#[cfg(test)]
mod tests;

use crate::code::{Code, CodeError, Kind, LIFETIME};
use crate::control::{self, ControlError, Machine, Message, Screen};
use crate::words::{self, Nonce, Part};
use crate::{Essentials, Numbers};
use std::time::Duration;

/// So many messages may come in a second: some pings and changes, with much room.
const MESSAGES_PER_SECOND: u32 = 50;

/// What this side is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// What its LAN is called.
    pub name: String,
    /// The numbers of its LAN.
    pub numbers: Numbers,
    /// A random number for this pairing.
    pub nonce: Nonce,
}

/// What is known of the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    /// What its LAN is called.
    pub name: String,
    /// The numbers of its LAN.
    pub numbers: Numbers,
    /// SHA-256 of its certificate.
    pub fingerprint: [u8; 32],
    pledge: [u8; 16],
}

/// Why two LANs can't be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairingError {
    /// The code.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// Both LANs have the same addresses.
    #[error("both LANs have the addresses {0}, so their machines could not be told apart")]
    SameNumbers(Numbers),
    /// Another peer that is joined has the same addresses.
    #[error("another peer has the addresses {0} already")]
    TakenNumbers(Numbers),
    /// The session is not waiting for an answer.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// What has come of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The words are known: the user is to compare them.
    Words,
    /// Both have accepted: frames may flow.
    Joined,
    /// Other machines can be reached.
    Machines,
    /// Answer this ping.
    Ping(u32),
    /// A ping was answered.
    Pong {
        /// Its number.
        number: u32,
        /// How many batches the other has received.
        received: u64,
    },
    /// The connection is to be made anew.
    Restart {
        /// How to connect.
        essentials: Essentials,
        /// Whether it answers a restart of this side's.
        answer: bool,
    },
    /// A second connection is to be made: the inviter begins one, the other side answers.
    Second(Essentials),
    /// The other side wants to see a machine's console, or not any more.
    Watch {
        /// The machine's name.
        machine: String,
        /// Whether it wants to.
        on: bool,
    },
    /// What the other side shows of a console.
    Screen(Screen),
    /// The other side hears frames by the channel that is relayed only.
    Relayed,
    /// The other side has ended it.
    Bye(String),
}

/// A pairing.
#[derive(Clone, Debug)]
pub struct Session {
    inviter: bool,
    id: [u8; 8],
    expires: u32,
    own: Own,
    fingerprint: Option<[u8; 32]>,
    theirs: Option<Theirs>,
    words: Option<[&'static str; words::COUNT]>,
    accepted: Option<Vec<Machine>>,
    machines: Option<Vec<Machine>>,
    second: Duration,
    messages: u32,
}

impl Session {
    /// Invites; `now` is in seconds since 1970.
    pub fn invite(own: Own, id: [u8; 8], now: u32) -> Session {
        Session {
            inviter: true,
            id,
            expires: now.saturating_add(LIFETIME),
            own,
            fingerprint: None,
            theirs: None,
            words: None,
            accepted: None,
            machines: None,
            second: Duration::ZERO,
            messages: 0,
        }
    }

    /// Joins whoever made this invitation. Whether it was used before is for the caller to know, by [`Session::id`].
    pub fn join(own: Own, code: &Code, now: u32) -> Result<Session, PairingError> {
        if code.kind != Kind::Invitation {
            return Err(CodeError::NotInvitation.into());
        }
        code.check_time(now)?;
        let mut session = Session { inviter: false, expires: code.expires, ..Session::invite(own, code.session, now) };
        session.meet(code)?;
        Ok(session)
    }

    /// Takes the answer to this invitation.
    pub fn take_answer(&mut self, code: &Code, now: u32) -> Result<(), PairingError> {
        match code.kind {
            // An answer of this browser's has the identifier of what it answers.
            Kind::Answer if !self.inviter && code.session == self.id => return Err(CodeError::Own.into()),
            Kind::Answer => {}
            Kind::Invitation if self.inviter && code.session == self.id => return Err(CodeError::Own.into()),
            Kind::Invitation => return Err(CodeError::NotAnswer.into()),
        }
        if !self.inviter || code.session != self.id {
            return Err(CodeError::OtherInvitation.into());
        }
        if self.theirs.is_some() {
            return Err(CodeError::Used.into());
        }
        code.check_time(now)?;
        if self.expires <= now {
            return Err(CodeError::Expired.into());
        }
        self.meet(code)
    }

    fn meet(&mut self, code: &Code) -> Result<(), PairingError> {
        if code.numbers == self.own.numbers {
            return Err(PairingError::SameNumbers(code.numbers));
        }
        let Code { name, numbers, pledge, essentials, .. } = code;
        let fingerprint = essentials.fingerprint;
        self.theirs = Some(Theirs { name: name.clone(), numbers: *numbers, fingerprint, pledge: *pledge });
        Ok(())
    }

    /// This side's code, with how its browser is to be connected to.
    pub fn to_code(&mut self, essentials: Essentials) -> Code {
        self.fingerprint = Some(essentials.fingerprint);
        let (kind, pledge) = if self.inviter {
            (Kind::Invitation, words::commitment(&self.own.nonce))
        } else {
            (Kind::Answer, self.own.nonce)
        };
        let Own { name, numbers, .. } = &self.own;
        let (name, numbers) = (name.clone(), *numbers);
        Code { kind, expires: self.expires, session: self.id, pledge, essentials, numbers, name }
    }

    /// The connection is there: what to say first.
    pub fn hello(&self) -> Message {
        let Own { name, numbers, nonce } = &self.own;
        Message::Hello { version: control::VERSION, nonce: *nonce, name: name.clone(), numbers: *numbers }
    }

    /// The own user lets the peer in. Returns what to say, and whether frames may flow now.
    pub fn accept(&mut self, machines: Vec<Machine>) -> Result<Message, ControlError> {
        if self.words.is_none() {
            return Err(ControlError::Order);
        }
        self.accepted = Some(machines.clone());
        Ok(Message::Accept { machines })
    }

    /// The machines that the peer may reach have changed; `None` if it is not to know.
    pub fn share(&mut self, machines: Vec<Machine>) -> Option<Message> {
        let shared = self.accepted.as_mut()?;
        if *shared == machines {
            return None;
        }
        shared.clone_from(&machines);
        Some(Message::Machines { machines })
    }

    /// A message has come. After an error the peer is not to be believed anything further.
    pub fn receive(&mut self, bytes: &[u8], now: Duration) -> Result<Option<Event>, ControlError> {
        if now.saturating_sub(self.second) >= Duration::from_secs(1) {
            (self.second, self.messages) = (now, 0);
        }
        self.messages += 1;
        if self.messages > MESSAGES_PER_SECOND {
            return Err(ControlError::TooMany);
        }
        let message = Message::from_bytes(bytes)?;
        if self.words.is_none() && !matches!(message, Message::Hello { .. } | Message::Bye { .. }) {
            return Err(ControlError::Order);
        }
        Ok(Some(match message {
            Message::Hello { version, nonce, name, numbers } => {
                self.greet(version, &nonce, &name, numbers)?;
                Event::Words
            }
            Message::Accept { machines } => {
                if self.machines.is_some() {
                    return Err(ControlError::Order);
                }
                self.know(machines)?;
                return Ok(self.is_joined().then_some(Event::Joined));
            }
            Message::Machines { machines } => {
                if self.machines.is_none() {
                    return Err(ControlError::Order);
                }
                self.know(machines)?;
                Event::Machines
            }
            Message::Ping { number, .. } => Event::Ping(number),
            Message::Pong { number, received } => Event::Pong { number, received },
            Message::Restart { essentials, answer } => {
                // A way may change, and never who is at its end.
                if self.theirs.as_ref().is_none_or(|theirs| theirs.fingerprint != essentials.fingerprint) {
                    return Err(ControlError::Mismatch);
                }
                Event::Restart { essentials, answer }
            }
            // Who is at its end is as sure as whose word this is.
            Message::Second { answer, .. } if !self.is_joined() || answer != self.inviter => {
                return Err(ControlError::Order);
            }
            Message::Second { essentials, .. } => Event::Second(essentials),
            Message::Relayed => Event::Relayed,
            Message::Watch { .. } | Message::Screen(_) if !self.is_joined() => return Err(ControlError::Order),
            Message::Watch { machine, on } => Event::Watch { machine, on },
            Message::Screen(screen) => Event::Screen(screen),
            Message::Bye { reason } => Event::Bye(reason),
            Message::Unknown => return Ok(None),
        }))
    }

    fn greet(&mut self, version: u32, nonce: &Nonce, name: &str, numbers: Numbers) -> Result<(), ControlError> {
        let (Some(theirs), Some(fingerprint)) = (&self.theirs, self.fingerprint) else {
            return Err(ControlError::Order);
        };
        if self.words.is_some() {
            return Err(ControlError::Order);
        }
        if version != control::VERSION {
            return Err(ControlError::Version(version));
        }
        let pledge = if self.inviter { *nonce } else { words::commitment(nonce) };
        if pledge != theirs.pledge || name != theirs.name || numbers != theirs.numbers {
            return Err(ControlError::Mismatch);
        }
        let own = Part { fingerprint, nonce: self.own.nonce };
        let other = Part { fingerprint: theirs.fingerprint, nonce: *nonce };
        let (inviter, joiner) = if self.inviter { (own, other) } else { (other, own) };
        self.words = Some(words::words(&self.id, &inviter, &joiner));
        Ok(())
    }

    fn know(&mut self, machines: Vec<Machine>) -> Result<(), ControlError> {
        let numbers = self.theirs.as_ref().ok_or(ControlError::Order)?.numbers;
        self.machines = Some(control::within(machines, numbers));
        Ok(())
    }

    /// Whether both have accepted.
    pub fn is_joined(&self) -> bool {
        self.accepted.is_some() && self.machines.is_some()
    }

    /// Whether this side has accepted.
    pub fn has_accepted(&self) -> bool {
        self.accepted.is_some()
    }

    /// Whether the other side has accepted.
    pub fn was_accepted(&self) -> bool {
        self.machines.is_some()
    }

    /// Whether this side has invited.
    pub fn is_inviter(&self) -> bool {
        self.inviter
    }

    /// What both codes have in common.
    pub fn id(&self) -> &[u8; 8] {
        &self.id
    }

    /// Until when the codes are good, in seconds since 1970.
    pub fn expires(&self) -> u32 {
        self.expires
    }

    /// The other side, once its code was read.
    pub fn theirs(&self) -> Option<&Theirs> {
        self.theirs.as_ref()
    }

    /// The words, once both have said hello.
    pub fn words(&self) -> Option<&[&'static str; words::COUNT]> {
        self.words.as_ref()
    }

    /// The machines of the other side that can be reached.
    pub fn machines(&self) -> &[Machine] {
        self.machines.as_deref().unwrap_or_default()
    }
}
