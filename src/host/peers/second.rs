//! A second connection to a browser that is joined, with a channel for frames and nothing else.
//!
//! Each connection finds out for itself how much it may send at a time, and takes every loss as a sign that it is too much (RFC 9260, section 7).
//! Two of them lose half as much of their rate by one, and begin with twice as much. What is said to make it goes by the first one, which is known
//! to lead to the right browser.

use super::agent::{Agent, Reach};
use super::connection::for_frames;
use crate::rtc::RtcDataChannel;
use protocol::Problem;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// So many seconds without being connected, and it is given up.
const CONNECT_SECONDS: u32 = 30;
/// How often an impatient browser that waits is given another address to try, in seconds: it gives up after five.
const TRY_SECONDS: u32 = 3;
/// So many seconds after one was given up the next one is begun, at first and at most: twice as many each time that nothing came of it.
const PATIENCE: [u32; 2] = [5, 600];
/// So many seconds after one was made no further one is.
const REST_SECONDS: u32 = 2;

/// A second connection; dropping it closes it, and with it the channel that the lan worker has.
pub struct Second {
    /// Its end here.
    pub agent: Agent,
    /// Its channel, unless the lan worker has that.
    pub frames: Option<RtcDataChannel>,
    /// For how many seconds it has been looked at.
    age: Cell<u32>,
}

impl Second {
    /// One that is connected to nobody yet. `hand_over` gives its channel to the lan worker, and says whether that worked.
    pub fn new(hand_over: impl FnOnce(&RtcDataChannel) -> bool) -> Result<Self, Problem> {
        let agent = Agent::new()?;
        // In the task that makes it.
        let direct = agent.channel("direct", &for_frames(0))?;
        let frames = (!hand_over(&direct)).then_some(direct);
        Ok(Self { agent, frames, age: Cell::new(0) })
    }

    /// Whether it carries frames.
    pub fn is_up(&self) -> bool {
        self.agent.reach() == Reach::There
    }

    /// Comes once a second; says whether anything may come of it still. `waits` says that it is this side that waits to be found.
    fn look(&self, waits: bool) -> bool {
        let age = self.age.get().saturating_add(1);
        self.age.set(age);
        match self.agent.reach() {
            Reach::There => true,
            Reach::Lost => false,
            Reach::Not => {
                if waits && age % TRY_SECONDS == 1 && self.agent.is_impatient() {
                    self.agent.have_patience(u16::try_from(age).unwrap_or(u16::MAX));
                }
                age <= CONNECT_SECONDS
            }
        }
    }
}

/// The one that there is, if any, and when the next one may be made.
pub struct Beside {
    current: RefCell<Option<Rc<Second>>>,
    /// In so many seconds, and so many the next time.
    waits: Cell<u32>,
    patience: Cell<u32>,
}

impl Default for Beside {
    fn default() -> Self {
        Self { current: RefCell::default(), waits: Cell::new(0), patience: Cell::new(PATIENCE[0]) }
    }
}

impl Beside {
    /// The one that there is.
    pub fn current(&self) -> Option<Rc<Second>> {
        self.current.borrow().clone()
    }

    /// Whether it is this one.
    pub fn is(&self, second: &Rc<Second>) -> bool {
        self.current.borrow().as_ref().is_some_and(|current| Rc::ptr_eq(current, second))
    }

    /// Whether one may be made that takes the place of any other.
    pub fn may_replace(&self) -> bool {
        self.waits.get() == 0
    }

    /// Whether there is none, and one may be made.
    pub fn may_begin(&self) -> bool {
        self.may_replace() && self.current.borrow().is_none()
    }

    /// This is the one from now on.
    pub fn set(&self, second: Rc<Second>) {
        self.waits.set(REST_SECONDS);
        self.current.replace(Some(second));
    }

    /// Closes the one that there is, if there is one.
    pub fn close(&self) -> bool {
        self.current.borrow_mut().take().is_some()
    }

    /// Comes once a second; says whether the one that there is has to be given up. Whoever begins them waits before the next one.
    pub fn look(&self, begins: bool) -> bool {
        self.waits.set(self.waits.get().saturating_sub(1));
        let Some(current) = self.current() else { return false };
        if current.look(!begins) {
            if current.is_up() {
                self.patience.set(PATIENCE[0]);
            }
            return false;
        }
        if begins {
            self.waits.set(self.patience.get());
            self.patience.set(PATIENCE[1].min(self.patience.get() * 2));
        }
        true
    }
}
