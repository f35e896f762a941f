//! The second connection to a peer: the side that has invited begins one when there is none and there could be.

use super::Peer;
use crate::host::lan::Lan;
use crate::host::peers::second::Second;
use peering::Essentials;
use peering::control::Message;
use protocol::Problem;
use std::rc::Rc;

/// So many seconds without being connected, and it is given up.
const CONNECT_SECONDS: u32 = 30;
/// So many seconds after one was given up the next one is begun, at first and at most: twice as many each time that nothing came of it.
pub const PATIENCE: [u32; 2] = [5, 600];
/// So many seconds after it has made one the other side makes no further one.
const REST_SECONDS: u32 = 2;
/// So many seconds without a word of the peer, and nothing new is begun.
const SILENT_SECONDS: u32 = 4;

impl Peer {
    /// Comes once a second while it is joined.
    pub(super) fn look_at_second(&self) {
        self.second_waits.set(self.second_waits.get().saturating_sub(1));
        let Some(second) = self.second.borrow().clone() else { return };
        second.age.set(second.age.get().saturating_add(1));
        if second.is_up() {
            self.second_patience.set(PATIENCE[0]);
        } else if second.is_lost() || second.age.get() > CONNECT_SECONDS {
            self.give_up_second();
        }
    }

    fn give_up_second(&self) {
        self.drop_second();
        if self.is_inviter() {
            let patience = self.second_patience.get();
            self.second_waits.set(patience);
            self.second_patience.set(PATIENCE[1].min(patience * 2));
        }
    }

    /// Whether a second connection is to be begun.
    pub fn wants_second(&self) -> bool {
        let in_touch = self.is_joined() && self.silent.get() < SILENT_SECONDS;
        let none = self.second.borrow().is_none() && self.second_waits.get() == 0;
        in_touch && none && self.is_inviter() && self.can_have_second()
    }

    /// How many connections there are.
    pub fn connections(&self) -> u32 {
        let second = self.second.borrow();
        u32::from(self.connection().is_ok()) + u32::from(second.as_ref().is_some_and(|second| second.is_up()))
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
            let second = self.second.borrow().clone();
            return match second {
                Some(second) => second.agent.take_answer(essentials).await,
                None => Ok(()),
            };
        }
        if self.second_waits.get() > 0 || !self.is_joined() || !self.can_have_second() {
            return Ok(());
        }
        self.drop_second();
        let second = self.make_second(lan)?;
        let essentials = second.agent.answer(essentials).await?;
        self.say_of(&second, essentials, true)
    }

    fn make_second(&self, lan: &Lan) -> Result<Rc<Second>, Problem> {
        self.second_waits.set(REST_SECONDS);
        let second = Rc::new(Second::new(|channel| lan.hand_over(&self.id, channel))?);
        *self.second.borrow_mut() = Some(second.clone());
        self.relay_second();
        Ok(second)
    }

    /// Has its channel relayed beside the first connection's, if this page has it.
    pub(super) fn relay_second(&self) {
        let frames = self.second.borrow().as_ref().and_then(|second| second.frames.clone());
        if let Some(relay) = &*self.relay.borrow() {
            relay.set_beside(frames);
        }
    }

    /// Tells the other side how to connect to this one, unless that is over meanwhile.
    fn say_of(&self, second: &Rc<Second>, essentials: Essentials, answer: bool) -> Result<(), Problem> {
        if self.second.borrow().as_ref().is_some_and(|current| Rc::ptr_eq(current, second)) {
            self.connection()?.say(&Message::Second { essentials, answer });
        }
        Ok(())
    }

    /// Closes it.
    pub(super) fn drop_second(&self) {
        if self.second.borrow_mut().take().is_some() {
            self.relay_second();
        }
    }
}
