//! The second connection to a peer: the side that has invited begins one when there is none and there could be.

use super::Peer;
use crate::host::lan::Lan;
use crate::host::peers::second::Second;
use peering::Essentials;
use peering::control::Message;
use protocol::Problem;
use std::rc::Rc;

/// So many seconds without a word of the peer, and nothing new is begun.
const SILENT_SECONDS: u32 = 4;

impl Peer {
    /// Comes once a second while it is joined.
    pub(super) fn look_at_second(&self) {
        if self.beside.look(self.is_inviter()) {
            self.drop_second();
        }
    }

    /// Whether a second connection is to be begun.
    pub fn wants_second(&self) -> bool {
        let in_touch = self.is_joined() && self.silent.get() < SILENT_SECONDS;
        in_touch && self.is_inviter() && self.beside.may_begin() && self.can_have_second()
    }

    /// How many connections there are.
    pub fn connections(&self) -> u32 {
        let second = self.beside.current().is_some_and(|second| second.is_up());
        u32::from(self.connection().is_ok()) + u32::from(second)
    }

    /// Not where a lan worker has died that had channels: what is made now might be given to one that dies as well.
    fn can_have_second(&self) -> bool {
        !self.has_lost.get() && !self.is_relayed.get()
    }

    /// Begins one.
    pub async fn begin_second(&self, lan: &Lan) -> Result<(), Problem> {
        let second = self.make_second(lan)?;
        let essentials = second.agent.offer().await?;
        self.say_of(&second, essentials, false)
    }

    /// The other side has begun one, or answers.
    pub async fn go_on_with_second(&self, essentials: &Essentials, lan: &Lan) -> Result<(), Problem> {
        if self.is_inviter() {
            return match self.beside.current() {
                Some(second) => second.agent.take_answer(essentials).await,
                None => Ok(()),
            };
        }
        if !self.beside.may_replace() || !self.is_joined() || !self.can_have_second() {
            return Ok(());
        }
        self.drop_second();
        let second = self.make_second(lan)?;
        let essentials = second.agent.answer(essentials).await?;
        self.say_of(&second, essentials, true)
    }

    fn make_second(&self, lan: &Lan) -> Result<Rc<Second>, Problem> {
        let second = Rc::new(Second::new(|channel| lan.hand_over(&self.id, channel))?);
        self.beside.set(second.clone());
        self.relay_second();
        Ok(second)
    }

    /// Has its channel relayed beside the first connection's, if this page has it.
    pub(super) fn relay_second(&self) {
        let frames = self.beside.current().and_then(|second| second.frames.clone());
        if let Some(relay) = &*self.relay.borrow() {
            relay.set_beside(frames);
        }
    }

    /// Tells the other side how to connect to this one, unless that is over meanwhile.
    fn say_of(&self, second: &Rc<Second>, essentials: Essentials, answer: bool) -> Result<(), Problem> {
        if self.beside.is(second) {
            self.connection()?.say(&Message::Second { essentials, answer });
        }
        Ok(())
    }

    /// Closes it.
    pub(super) fn drop_second(&self) {
        if self.beside.close() {
            self.relay_second();
        }
    }
}
