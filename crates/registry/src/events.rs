//! What the host page tells, and what becomes of it.

use crate::{Beginning, Effect, Registry};
use protocol::{HostCall, HostNotice, Instance, InstanceId, MachineEvent, Problem, ProblemCode, RunningMachine, State};

impl Registry {
    /// Takes in what happened to a machine. A notice of an earlier run, or of a machine that is gone, changes nothing.
    pub fn notice(&mut self, notice: HostNotice) -> Vec<Effect> {
        let HostNotice { id, boot, event } = notice;
        let Ok(instance) = self.find(&id) else { return vec![] };
        if instance.boot != boot || !instance.state.is_live() {
            return vec![];
        }
        let again = match event {
            MachineEvent::Running { started } => {
                instance.started = Some(started);
                // It has disks of its own now.
                instance.base = None;
                if !instance.is_leaving() {
                    instance.state = State::Running;
                    instance.problem = None;
                }
                false
            }
            MachineEvent::Paused(problem) => {
                // A machine that is being stopped goes on to stop, but why it stands still must be seen.
                if !instance.is_leaving() {
                    instance.state = State::Paused;
                }
                instance.problem = problem;
                false
            }
            MachineEvent::StaysUp { paused, problem } => {
                if instance.state == State::Suspending {
                    instance.state = if paused { State::Paused } else { State::Running };
                }
                instance.problem = Some(problem);
                false
            }
            MachineEvent::Suspended => {
                instance.checkpoint = None;
                instance.ended(State::Suspended, None);
                false
            }
            MachineEvent::Checkpointed(checkpoint) => {
                instance.checkpoint = Some(checkpoint);
                instance.disks = instance.disks.wrapping_add(1);
                if instance.state == State::Running {
                    instance.problem = None;
                }
                false
            }
            MachineEvent::NotCheckpointed(problem) => {
                instance.problem = Some(problem);
                false
            }
            MachineEvent::Idle => {
                // The user may have chosen otherwise while this was on its way.
                if instance.state == State::Running && instance.care.suspend.is_some() {
                    instance.state = State::Suspending;
                    return vec![Effect::Host(HostCall::Suspend(id))];
                }
                false
            }
            MachineEvent::SetUp(problem) => {
                match problem {
                    // It is tried again at the next start.
                    Some(problem) => instance.problem = Some(problem),
                    None => instance.setup = None,
                }
                false
            }
            MachineEvent::Unpacked(problem) => {
                instance.disks = instance.disks.wrapping_add(1);
                if problem.is_some() {
                    instance.problem = problem;
                }
                false
            }
            MachineEvent::Halted => {
                instance.checkpoint = None;
                instance.ended(State::Stopped, None)
            }
            MachineEvent::Reset => {
                instance.checkpoint = None;
                let stopping = instance.state == State::Stopping;
                let restarting = instance.ended(State::Stopped, None);
                restarting || !stopping
            }
            MachineEvent::Forced => {
                let message = format!("{} did not shut down in time and was stopped by force.", instance.name);
                instance.ended(State::Stopped, Some(Problem::new(ProblemCode::Forced, message)))
            }
            MachineEvent::Crashed(problem) => {
                instance.ended(State::Crashed, Some(problem));
                false
            }
        };
        if again {
            return self.boot_again(&id);
        }
        if self.find(&id).is_ok_and(|instance| instance.vanishes()) {
            return self.vanish(&id);
        }
        // What could not be merged while the machine ran can be now, and what a kill has lost in its layers can be given back.
        let ended = self.find(&id).is_ok_and(|instance| !instance.state.is_live());
        if ended { vec![Effect::Tidy(self.inventory())] } else { vec![] }
    }

    /// Takes in that the host page could not do what it was asked to do for this machine.
    pub fn host_failed(&mut self, call: &HostCall, problem: Problem) {
        let (id, boot) = match call {
            HostCall::List
            | HostCall::Prepare
            | HostCall::Disks(_)
            | HostCall::Tidy(_)
            | HostCall::Catalog(_)
            | HostCall::Peers(_) => {
                return;
            }
            HostCall::Start(spec) => (&spec.id, Some(spec.boot)),
            HostCall::Pause(id)
            | HostCall::Resume(id)
            | HostCall::Suspend(id)
            | HostCall::Access(id, _)
            | HostCall::Care(id, _)
            | HostCall::Checkpoint(id)
            | HostCall::Shutdown(id, _)
            | HostCall::Kill(id) => (id, None),
        };
        let Ok(instance) = self.find(id) else { return };
        if !instance.state.is_live() || boot.is_some_and(|boot| boot != instance.boot) {
            return;
        }
        if boot.is_some() || problem.code == ProblemCode::NotFound {
            instance.ended(State::Crashed, Some(problem));
        } else {
            instance.problem = Some(problem);
        }
    }

    /// Makes the stored states true again after the background was started anew: `machines` are those that have a
    /// worker. The effects end workers that belong to no instance.
    pub fn reconcile(&mut self, machines: &[RunningMachine]) -> Vec<Effect> {
        let mut killed = false;
        for instance in &mut self.instances {
            let runs = machines.iter().any(|machine| machine.id == instance.id && machine.boot == instance.boot);
            if instance.state.is_live() && !runs {
                instance.interrupted();
                killed = true;
            }
        }
        let gone = |one: &&Instance| one.ephemeral && !one.state.is_live();
        let gone: Vec<_> = self.instances.iter().filter(gone).map(|one| one.id.clone()).collect();
        let mut effects: Vec<_> = gone.iter().flat_map(|id| self.vanish(id)).collect();
        if killed {
            // A kill may have lost clusters of their disks.
            effects.push(Effect::Tidy(self.inventory()));
        }
        for machine in machines {
            match self.find(&machine.id) {
                Ok(instance) if instance.boot == machine.boot && instance.state.is_live() => {
                    if let Some(event) = machine.last.clone() {
                        let notice = HostNotice { id: machine.id.clone(), boot: machine.boot, event };
                        effects.extend(self.notice(notice));
                    }
                }
                _ => effects.push(Effect::Host(HostCall::Kill(machine.id.clone()))),
            }
        }
        effects
    }

    /// Takes an ephemeral machine that has ended out of the list, with its disks.
    fn vanish(&mut self, id: &InstanceId) -> Vec<Effect> {
        self.instances.retain(|instance| instance.id != *id);
        vec![Effect::RemoveFiles(id.clone()), Effect::Tidy(self.inventory())]
    }

    fn boot_again(&mut self, id: &InstanceId) -> Vec<Effect> {
        match self.boot(id, Beginning::Usual) {
            Ok(start) => vec![start],
            Err(problem) => {
                if let Ok(instance) = self.find(id) {
                    instance.problem = Some(problem);
                }
                vec![]
            }
        }
    }
}

/// The ways out of the live states.
trait Ending {
    /// Whether it is to go now with its disks. One that has crashed stays until its reason was read and it is deleted.
    fn vanishes(&self) -> bool;
    /// Whether it is on its way out of them: what its processor does meanwhile is no state of its own.
    fn is_leaving(&self) -> bool;
    /// The run is over; returns whether the instance was to be started again.
    fn ended(&mut self, state: State, problem: Option<Problem>) -> bool;
    /// The run is over because the browser or the host page ended.
    fn interrupted(&mut self);
}

impl Ending for Instance {
    fn vanishes(&self) -> bool {
        self.ephemeral && matches!(self.state, State::Stopped | State::Suspended)
    }

    fn is_leaving(&self) -> bool {
        matches!(self.state, State::Stopping | State::Suspending)
    }

    fn ended(&mut self, state: State, problem: Option<Problem>) -> bool {
        self.state = state;
        self.problem = problem;
        self.started = None;
        self.forced_at = None;
        std::mem::take(&mut self.restarting)
    }

    fn interrupted(&mut self) {
        let message = format!("{} was interrupted: the browser was closed while it ran.", self.name);
        self.ended(State::Stopped, Some(Problem::new(ProblemCode::Interrupted, message)));
    }
}
