//! What is done for running machines without being asked each time, and the way back to what it has saved.

use crate::requests::{Granted, refused};
use crate::{Beginning, Effect, Registry};
use protocol::{Care, HostCall, InstanceId, Problem, State};

impl Registry {
    /// Only a run that was cut short is gone back to: one that was suspended, or shut down, is where its user left it.
    pub(crate) fn go_back(&mut self, id: InstanceId) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        if instance.way_back().is_none() {
            return Err(refused(format!("{} has no checkpoint to go back to.", instance.name)));
        }
        self.start(id, Beginning::Checkpoint)
    }

    pub(crate) fn save_checkpoint(&mut self, id: InstanceId) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        match instance.state {
            State::Running | State::Paused => Ok((Some(id.clone()), vec![Effect::Host(HostCall::Checkpoint(id))])),
            _ => Err(refused(format!("A checkpoint of {} can be saved only while it runs.", instance.name))),
        }
    }

    pub(crate) fn set_care(&mut self, id: InstanceId, care: Care) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        instance.care = care;
        let tell = instance.state.is_live().then_some(Effect::Host(HostCall::Care(id.clone(), care)));
        Ok((Some(id), tell.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{registry, running, tell};
    use protocol::{Checkpoint, CheckpointUse, MachineEvent, MachineSpec, Minutes, PageRequest, ProblemCode};

    const SAVED: Checkpoint = Checkpoint { at: 9_000, bytes: 5, pause: 40 };

    fn ask(registry: &mut Registry, request: PageRequest) -> Result<Vec<Effect>, Problem> {
        registry.request(request, 10_000, 99).map(|(_, effects)| effects)
    }

    /// How the machine is told to start.
    fn spec(effects: &[Effect]) -> MachineSpec {
        match effects {
            [Effect::Host(HostCall::Start(spec)), ..] => (**spec).clone(),
            other => panic!("no start: {other:?}"),
        }
    }

    fn instance(registry: &Registry, id: &InstanceId) -> protocol::Instance {
        registry.world().instance(id).unwrap().clone()
    }

    /// A machine with a checkpoint, whose browser was killed.
    fn interrupted(registry: &mut Registry) -> InstanceId {
        let id = running(registry);
        assert_eq!(tell(registry, &id, MachineEvent::Checkpointed(SAVED)), []);
        registry.reconcile(&[]);
        id
    }

    #[test]
    fn after_a_crash_of_the_browser_there_is_a_choice() {
        let mut registry = registry();
        let id = interrupted(&mut registry);
        assert!(instance(&registry, &id).is_interrupted());
        assert_eq!(instance(&registry, &id).way_back(), Some(SAVED));
        let back = spec(&ask(&mut registry, PageRequest::GoBack(id.clone())).unwrap());
        assert_eq!(back.checkpoint, CheckpointUse::GoBack);
        assert_eq!(instance(&registry, &id).way_back(), None, "it runs");
        registry.reconcile(&[]);
        let boot = spec(&ask(&mut registry, PageRequest::Start(id.clone())).unwrap());
        assert_eq!(boot.checkpoint, CheckpointUse::Keep, "it is there until there is another one");
    }

    #[test]
    fn a_crashed_machine_can_go_back_too() {
        let mut registry = registry();
        let id = running(&mut registry);
        tell(&mut registry, &id, MachineEvent::Checkpointed(SAVED));
        tell(&mut registry, &id, MachineEvent::Crashed(Problem::new(ProblemCode::KernelPanic, "It gave up.")));
        assert_eq!(instance(&registry, &id).way_back(), Some(SAVED));
        assert!(!instance(&registry, &id).is_interrupted());
        assert!(ask(&mut registry, PageRequest::GoBack(id)).is_ok());
    }

    #[test]
    fn a_run_that_ends_in_good_order_leaves_no_way_back() {
        for end in [MachineEvent::Halted, MachineEvent::Suspended, MachineEvent::Reset] {
            let mut registry = registry();
            let id = running(&mut registry);
            tell(&mut registry, &id, MachineEvent::Checkpointed(SAVED));
            tell(&mut registry, &id, end.clone());
            assert_eq!(instance(&registry, &id).checkpoint, None, "{end:?}");
            let refused = ask(&mut registry, PageRequest::GoBack(id.clone())).unwrap_err();
            assert_eq!(refused.code, ProblemCode::Refused);
            if !instance(&registry, &id).state.is_live() {
                let start = spec(&ask(&mut registry, PageRequest::Start(id)).unwrap());
                assert_eq!(start.checkpoint, CheckpointUse::Drop, "{end:?}");
            }
        }
    }

    #[test]
    fn only_a_machine_that_is_up_saves_a_checkpoint() {
        let mut registry = registry();
        let id = running(&mut registry);
        let save = PageRequest::SaveCheckpoint(id.clone());
        assert_eq!(ask(&mut registry, save.clone()).unwrap(), [Effect::Host(HostCall::Checkpoint(id.clone()))]);
        let full = Problem::new(ProblemCode::NoSpace, "No room.");
        tell(&mut registry, &id, MachineEvent::NotCheckpointed(full.clone()));
        assert_eq!(instance(&registry, &id).problem, Some(full));
        assert_eq!(instance(&registry, &id).state, State::Running);
        tell(&mut registry, &id, MachineEvent::Checkpointed(SAVED));
        assert_eq!(instance(&registry, &id).problem, None);
        tell(&mut registry, &id, MachineEvent::Halted);
        assert_eq!(ask(&mut registry, save).unwrap_err().code, ProblemCode::Refused);
    }

    #[test]
    fn a_machine_is_told_what_is_done_for_it() {
        let mut registry = registry();
        let id = running(&mut registry);
        let care = Care { checkpoint: Minutes::try_from(5).ok(), suspend: Minutes::try_from(30).ok() };
        let effects = ask(&mut registry, PageRequest::SetCare(id.clone(), care)).unwrap();
        assert_eq!(effects, [Effect::Host(HostCall::Care(id.clone(), care))]);
        tell(&mut registry, &id, MachineEvent::Halted);
        assert_eq!(spec(&ask(&mut registry, PageRequest::Start(id)).unwrap()).care, care);
    }

    #[test]
    fn an_idle_machine_is_suspended_if_its_user_wants_that() {
        let mut registry = registry();
        let id = running(&mut registry);
        assert_eq!(tell(&mut registry, &id, MachineEvent::Idle), [], "nobody asked for it");
        let care = Care { suspend: Minutes::try_from(5).ok(), ..Care::default() };
        ask(&mut registry, PageRequest::SetCare(id.clone(), care)).unwrap();
        let effects = tell(&mut registry, &id, MachineEvent::Idle);
        assert_eq!(effects, [Effect::Host(HostCall::Suspend(id.clone()))]);
        assert_eq!(instance(&registry, &id).state, State::Suspending);
        assert_eq!(tell(&mut registry, &id, MachineEvent::Idle), [], "it is under way");
    }

    #[test]
    fn a_reset_starts_the_machine_anew_at_once() {
        let mut registry = registry();
        let id = running(&mut registry);
        let before = instance(&registry, &id).boot;
        let effects = ask(&mut registry, PageRequest::Reset(id.clone())).unwrap();
        assert_eq!(effects, [Effect::Host(HostCall::Kill(id.clone()))], "nobody asks the guest");
        let start = spec(&tell(&mut registry, &id, MachineEvent::Halted));
        assert_eq!((start.boot, start.id), (before + 1, id.clone()));
        // A reset that is followed by a forced stop is a stop.
        tell(&mut registry, &id, MachineEvent::Running { started: 1 });
        ask(&mut registry, PageRequest::Reset(id.clone())).unwrap();
        ask(&mut registry, PageRequest::ForceStop(id.clone())).unwrap();
        assert_eq!(tell(&mut registry, &id, MachineEvent::Halted), [Effect::Tidy(registry.inventory())]);
        assert!(ask(&mut registry, PageRequest::Reset(id)).is_err(), "it does not run");
    }
}
