//! A second connection to a browser that is joined, with a channel for frames and nothing else.
//!
//! Each connection finds out for itself how much it may send at a time, and takes every loss as a sign that it is too much (RFC 9260, section 7).
//! Two of them lose half as much of their rate by one, and begin with twice as much. What is said to make it goes by the first one, which is known
//! to lead to the right browser.

use super::agent::{Agent, Reach};
use super::connection::for_frames;
use crate::rtc::RtcDataChannel;
use protocol::Problem;
use std::cell::Cell;

/// A second connection; dropping it closes it, and with it the channel that the lan worker has.
pub struct Second {
    /// Its end here.
    pub agent: Agent,
    /// Its channel, unless the lan worker has that.
    pub frames: Option<RtcDataChannel>,
    /// For how many seconds it has been looked at.
    pub age: Cell<u32>,
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

    /// Whether nothing will come of it any more, as far as the browser has noticed.
    pub fn is_lost(&self) -> bool {
        self.agent.reach() == Reach::Lost
    }
}
