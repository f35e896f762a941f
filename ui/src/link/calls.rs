//! The calls that wait for an answer, and what becomes of them when the connection is lost.

use protocol::{
    DiskRequest, InstanceId, PageCall, PageRequest, PeerRequest, Problem, ProblemCode, Reply, ShareWhat, State, World,
};
use std::collections::BTreeMap;

/// What a call ends with.
pub(super) type Answer = Result<Reply, Problem>;
/// Takes a call's answer.
pub(super) type Receiver = Box<dyn FnOnce(Answer)>;

#[derive(Clone, Copy, PartialEq)]
enum Sent {
    /// There was no connection yet.
    Not,
    /// On the present connection.
    Now,
    /// On a connection that was lost before the answer came.
    Before,
}

struct Waiting {
    request: PageRequest,
    receiver: Receiver,
    sent: Sent,
}

/// The calls of one page that are not answered yet.
#[derive(Default)]
pub(super) struct Calls {
    last: u32,
    waiting: BTreeMap<u32, Waiting>,
}

impl Calls {
    /// Notes a new call; it is to be sent, and [`Calls::sent`] called when it was.
    pub(super) fn add(&mut self, request: PageRequest, receiver: Receiver) -> PageCall {
        self.last = self.last.wrapping_add(1);
        self.waiting.insert(self.last, Waiting { request: request.clone(), receiver, sent: Sent::Not });
        PageCall { call: self.last, request }
    }

    /// The call is on its way.
    pub(super) fn sent(&mut self, call: u32) {
        if let Some(waiting) = self.waiting.get_mut(&call) {
            waiting.sent = Sent::Now;
        }
    }

    /// The one who waits for this call, if anybody does.
    pub(super) fn answered(&mut self, call: u32) -> Option<Receiver> {
        self.waiting.remove(&call).map(|waiting| waiting.receiver)
    }

    /// The connection is lost: whether what was sent has taken effect is unknown.
    pub(super) fn lost(&mut self) {
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.sent == Sent::Now) {
            waiting.sent = Sent::Before;
        }
    }

    /// The first world on a new connection: decides about every call that was cut off or not sent yet. Returns those
    /// to send, and those that end here with their answers.
    pub(super) fn settle(&mut self, world: &World) -> (Vec<PageCall>, Vec<(Receiver, Answer)>) {
        let mut again = Vec::new();
        let mut ended = Vec::new();
        for (call, waiting) in std::mem::take(&mut self.waiting) {
            let fate = match waiting.sent {
                Sent::Now => None,
                Sent::Not => Some(Fate::Again),
                Sent::Before => Some(fate(&waiting.request, world)),
            };
            match fate {
                Some(Fate::Ends(answer)) => {
                    ended.push((waiting.receiver, answer));
                    continue;
                }
                Some(Fate::Again) => again.push(PageCall { call, request: waiting.request.clone() }),
                None => {}
            }
            self.waiting.insert(call, waiting);
        }
        (again, ended)
    }
}

enum Fate {
    Again,
    Ends(Answer),
}

/// What to do with a call that was cut off, by what the world shows now.
///
/// Most requests name a state that the machine should be in: either it is in it, or asking again does no harm. Only
/// a second “Launch” would make a second machine, and a second “Restart” would restart twice.
fn fate(request: &PageRequest, world: &World) -> Fate {
    let state = |id: &InstanceId| world.instance(id).map(|instance| instance.state);
    let reached = |id: &InstanceId, goal: fn(State) -> bool| match state(id) {
        Some(state) if goal(state) => Fate::Ends(Ok(Reply::Machine(Some(id.clone())))),
        _ => Fate::Again,
    };
    match request {
        PageRequest::Launch { .. } | PageRequest::LaunchForTask { .. } => unknown("launch a machine"),
        PageRequest::SaveTemplate { id: None, .. } => unknown("make a template"),
        PageRequest::RemoveTemplate(id) if world.template(id).is_none() => Fate::Ends(Ok(Reply::Machine(None))),
        PageRequest::BringBackTemplate(id) if world.template(id).is_some() => Fate::Ends(Ok(Reply::Machine(None))),
        PageRequest::Restart(_) => unknown("restart the machine"),
        PageRequest::Reset(_) => unknown("reset the machine"),
        PageRequest::Start(id) | PageRequest::Boot(id) | PageRequest::GoBack(id) => {
            reached(id, |state| matches!(state, State::Starting | State::Running))
        }
        PageRequest::Stop(id) => reached(id, |state| !matches!(state, State::Starting | State::Running)),
        PageRequest::ForceStop(id) => reached(id, |state| !state.is_live()),
        PageRequest::Pause(id) => reached(id, |state| state != State::Running),
        PageRequest::Suspend(id) => reached(id, |state| !matches!(state, State::Running | State::Paused)),
        PageRequest::Resume(id) => reached(id, |state| !matches!(state, State::Paused | State::Suspended)),
        PageRequest::Delete(id) if state(id).is_none() => Fate::Ends(Ok(Reply::Machine(Some(id.clone())))),
        PageRequest::Remove(id) if state(id).is_none() => Fate::Ends(Ok(Reply::Machine(None))),
        PageRequest::BringBack(id) if state(id).is_some() => Fate::Ends(Ok(Reply::Machine(Some(id.clone())))),
        PageRequest::Delete(_)
        | PageRequest::Remove(_)
        | PageRequest::BringBack(_)
        | PageRequest::OpenConsole(_)
        | PageRequest::ShowsConsole(_)
        | PageRequest::Rename(..)
        | PageRequest::SetAccess(..)
        | PageRequest::SetCare(..)
        // One more does no harm.
        | PageRequest::SaveCheckpoint(_)
        | PageRequest::SaveSettings(_)
        | PageRequest::SaveTemplate { .. }
        | PageRequest::RemoveTemplate(_)
        | PageRequest::BringBackTemplate(_)
        // Asked twice it says the same twice.
        | PageRequest::Catalog(_) => Fate::Again,
        PageRequest::Disks(request) => disk_fate(request),
        PageRequest::Peers(PeerRequest::Invite(_) | PeerRequest::Join { .. } | PeerRequest::Answer(..)) => {
            unknown("pair the browsers")
        }
        // What names a state that a pairing should be in does no harm twice.
        PageRequest::Peers(_) => Fate::Again,
    }
}

/// As [`fate`], for what is asked about disks: what makes something new must not be done twice.
fn disk_fate(request: &DiskRequest) -> Fate {
    match request {
        DiskRequest::TakeSnapshot { .. } => unknown("take a snapshot"),
        DiskRequest::RestoreSnapshot { .. } => unknown("go back to a snapshot"),
        DiskRequest::Clone { .. } => unknown("clone the machine"),
        DiskRequest::SaveTemplate { .. } => unknown("save the machine as a template"),
        DiskRequest::Export { .. } => unknown("begin an export"),
        DiskRequest::Import { .. } => unknown("begin an import"),
        DiskRequest::Share(request) => match request.what {
            ShareWhat::List { .. } => Fate::Again,
            ShareWhat::MakeFolder(_) | ShareWhat::Rename { .. } => unknown("change a file’s name"),
            ShareWhat::Delete(_) => unknown("delete files"),
            ShareWhat::Upload { .. } | ShareWhat::Download(_) => unknown("move files"),
        },
        DiskRequest::Show(_)
        | DiskRequest::RenameSnapshot { .. }
        | DiskRequest::DeleteSnapshot { .. }
        | DiskRequest::SetWorkspace { .. }
        | DiskRequest::GrowSystem { .. }
        | DiskRequest::CancelJob(_)
        | DiskRequest::DismissJob(_)
        | DiskRequest::Storage
        | DiskRequest::Free(_) => Fate::Again,
    }
}

fn unknown(what: &str) -> Fate {
    Fate::Ends(Err(Problem {
        code: ProblemCode::Interrupted,
        message: format!("The browser restarted the extension while it was about to {what}."),
        advice: "Look at the list of machines, and ask again if it has not happened.".to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::samples::{id, world};
    use std::{cell::RefCell, rc::Rc};

    fn keep(kept: &Rc<RefCell<Vec<Answer>>>) -> Receiver {
        let kept = kept.clone();
        Box::new(move |answer| kept.borrow_mut().push(answer))
    }

    fn after_a_loss(request: PageRequest, world: &World) -> (Vec<PageCall>, Vec<Answer>) {
        let kept = Rc::default();
        let mut calls = Calls::default();
        let call = calls.add(request, keep(&kept));
        calls.sent(call.call);
        calls.lost();
        let (again, ended) = calls.settle(world);
        ended.into_iter().for_each(|(receiver, answer)| receiver(answer));
        (again, kept.take())
    }

    #[test]
    fn an_answer_reaches_the_one_who_asked_and_only_once() {
        let kept = Rc::default();
        let mut calls = Calls::default();
        let first = calls.add(PageRequest::Start(id(1)), keep(&kept));
        let second = calls.add(PageRequest::Stop(id(2)), keep(&kept));
        assert_ne!(first.call, second.call);
        calls.answered(second.call).unwrap()(Ok(Reply::Machine(Some(id(2)))));
        assert!(calls.answered(second.call).is_none());
        assert_eq!(*kept.borrow(), [Ok(Reply::Machine(Some(id(2))))]);
    }

    #[test]
    fn what_took_effect_before_the_loss_is_answered_and_not_asked_again() {
        let (again, answers) = after_a_loss(PageRequest::Start(id(1)), &world(&[(1, State::Running)]));
        assert_eq!((again.len(), answers), (0, vec![Ok(Reply::Machine(Some(id(1))))]));
        let (again, answers) = after_a_loss(PageRequest::Delete(id(1)), &world(&[]));
        assert_eq!((again.len(), answers), (0, vec![Ok(Reply::Machine(Some(id(1))))]));
    }

    #[test]
    fn what_did_not_take_effect_is_asked_again_under_the_same_number() {
        let request = PageRequest::Start(id(1));
        let (again, answers) = after_a_loss(request.clone(), &world(&[(1, State::Stopped)]));
        assert_eq!((again, answers), (vec![PageCall { call: 1, request }], vec![]));
    }

    #[test]
    fn what_can_not_be_repeated_ends_with_a_problem_that_the_user_sees() {
        let now = world(&[(1, State::Running)]);
        let export = DiskRequest::Clone { id: id(1), snapshot: None };
        for request in [PageRequest::Launch { template: None }, PageRequest::Restart(id(1)), PageRequest::Disks(export)]
        {
            let (again, answers) = after_a_loss(request, &now);
            assert!(again.is_empty());
            assert!(matches!(&answers[..], [Err(problem)] if problem.message.contains("restarted the extension")));
        }
    }

    #[test]
    fn what_was_asked_while_there_was_no_connection_is_sent_on_the_next_one() {
        let kept = Rc::default();
        let mut calls = Calls::default();
        calls.lost();
        let call = calls.add(PageRequest::Launch { template: None }, keep(&kept));
        let (again, ended) = calls.settle(&world(&[]));
        assert_eq!((again, ended.len()), (vec![call], 0));
    }

    #[test]
    fn a_call_made_on_the_new_connection_is_left_alone() {
        let kept = Rc::default();
        let mut calls = Calls::default();
        calls.lost();
        let call = calls.add(PageRequest::Launch { template: None }, keep(&kept));
        calls.sent(call.call);
        let (again, ended) = calls.settle(&world(&[]));
        assert!(again.is_empty() && ended.is_empty());
    }
}
