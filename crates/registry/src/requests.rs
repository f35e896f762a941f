//! What pages may ask, and when.

use crate::{Beginning, Effect, Registry, SHUTDOWN_TIMEOUT_MS};
use protocol::{
    Access, HostCall, Instance, InstanceId, PageRequest, Problem, ProblemCode, Settings, State, Template, TemplateId,
    check_name,
};

/// The most machines that there can be: the list is sent whole on every change, and must stay small.
pub(crate) const INSTANCES_MAX: usize = 500;

/// What a granted request leads to.
pub type Granted = (Option<InstanceId>, Vec<Effect>);

pub(crate) fn refused(message: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::Refused, message)
}

impl Registry {
    /// Decides on a page's request. `now` is in milliseconds since 1970; `random` becomes a new instance's identifier.
    pub fn request(&mut self, request: PageRequest, now: u64, random: u64) -> Result<Granted, Problem> {
        match request {
            PageRequest::Launch { template } => {
                let template = template.unwrap_or_else(|| self.settings.template.clone());
                let (id, start) = self.launch(&template, false, now, random)?;
                Ok((Some(id.clone()), vec![start, Effect::OpenConsole(id)]))
            }
            PageRequest::LaunchForTask { template } => {
                let (id, start) = self.launch(&template, true, now, random)?;
                Ok((Some(id), vec![start]))
            }
            PageRequest::SaveTemplate { id, plan, like } => self.save_template(id, *plan, like.as_ref(), random),
            PageRequest::RemoveTemplate(id) => self.remove_template(&id, now),
            PageRequest::BringBackTemplate(id) => self.bring_back_template(&id),
            PageRequest::Start(id) => self.start(id, Beginning::Usual),
            PageRequest::Boot(id) => self.start(id, Beginning::Forget),
            PageRequest::GoBack(id) => self.go_back(id),
            PageRequest::Suspend(id) => self.suspend(id),
            PageRequest::Stop(id) => self.stop(id, now, false),
            PageRequest::Restart(id) => self.stop(id, now, true),
            PageRequest::Reset(id) => self.reset(id),
            PageRequest::ForceStop(id) => self.force_stop(id, false),
            PageRequest::SaveCheckpoint(id) => self.save_checkpoint(id),
            PageRequest::SetCare(id, care) => self.set_care(id, care),
            PageRequest::Pause(id) => self.pause(id),
            PageRequest::Resume(id) => self.resume(id),
            PageRequest::OpenConsole(id) => {
                self.find(&id)?;
                Ok((Some(id.clone()), vec![Effect::OpenConsole(id)]))
            }
            PageRequest::ShowsConsole(id) => Ok((Some(id), vec![])),
            PageRequest::Rename(id, name) => self.rename(id, name),
            PageRequest::SetAccess(id, access) => self.set_access(id, access),
            PageRequest::Remove(id) => self.remove(id, now),
            PageRequest::BringBack(id) => self.bring_back(&id),
            PageRequest::Delete(id) => self.delete(id),
            PageRequest::SaveSettings(settings) => self.save_settings(settings),
            PageRequest::Disks(request) => self.disk_request(request, now, random),
            // The catalog shows what is decided here and decides nothing: the background sees to it.
            PageRequest::Catalog(_) | PageRequest::Peers(_) => Ok((None, vec![])),
        }
    }

    /// Makes a machine from a template and starts it.
    fn launch(
        &mut self,
        template: &TemplateId,
        ephemeral: bool,
        now: u64,
        random: u64,
    ) -> Result<(InstanceId, Effect), Problem> {
        if self.instances.len() >= INSTANCES_MAX {
            return Err(refused(format!("There are {INSTANCES_MAX} machines already: delete some first.")));
        }
        let Template { plan, disk, .. } = self.template(template)?.clone();
        self.image(&plan.image)?;
        let id = InstanceId::from_random(random);
        if self.instances.iter().any(|instance| instance.id == id) {
            return Err(Problem::new(ProblemCode::Internal, "The machine could not be given an identifier."));
        }
        let name = self.free_name(&self.name_like(template));
        let memory = plan.memory.unwrap_or(self.settings.memory);
        self.instances.push(Instance {
            setup: plan.setup(),
            image: Some(plan.image),
            start_from: disk.as_ref().map(|disk| disk.start_from).unwrap_or_default(),
            base: disk.map(|disk| disk.holder),
            cmdline: plan.cmdline,
            // Who reads a machine's HTTPS is the user's choice for that machine, never a template's: that may come from anybody.
            access: Access { https: false, ..plan.access },
            confined: plan.confined,
            workspace: plan.workspace,
            ephemeral: ephemeral || plan.ephemeral,
            ..Instance::new(id.clone(), name, template.clone(), memory, now)
        });
        let start = self.boot(&id, Beginning::Usual)?;
        Ok((id, start))
    }

    /// The first word of something, and the lowest number that is free: `alpine-1`.
    pub(crate) fn free_name(&self, like: &str) -> String {
        let word: String = like.chars().take_while(char::is_ascii_alphanumeric).take(20).collect();
        let word = if word.is_empty() { "machine" } else { &word };
        // One number more than there are names: one of them is free.
        (1..=self.instances.len() + 1)
            .map(|number| format!("{word}-{number}"))
            .find(|name| self.instances.iter().all(|instance| instance.name != *name))
            .unwrap_or_else(|| word.to_owned())
    }

    pub(crate) fn start(&mut self, id: InstanceId, from: Beginning) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        if instance.state.is_live() {
            return Err(refused(format!("{} is running already.", instance.name)));
        }
        let start = self.boot(&id, from)?;
        Ok((Some(id), vec![start]))
    }

    fn suspend(&mut self, id: InstanceId) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        if instance.ephemeral {
            return Err(refused(format!("{} vanishes when it ends, so it can’t be suspended.", instance.name)));
        }
        match instance.state {
            State::Running | State::Paused => {
                instance.state = State::Suspending;
                Ok((Some(id.clone()), vec![Effect::Host(HostCall::Suspend(id))]))
            }
            State::Suspending | State::Suspended => Ok((Some(id), vec![])),
            _ => Err(refused(format!("{} can be suspended only while it runs.", instance.name))),
        }
    }

    fn stop(&mut self, id: InstanceId, now: u64, restarting: bool) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        match instance.state {
            State::Stopped | State::Crashed if restarting => self.start(id, Beginning::Usual),
            State::Stopped | State::Suspended | State::Crashed => {
                Err(refused(format!("{} is not running.", instance.name)))
            }
            State::Suspending => Err(refused(format!("{} is being suspended.", instance.name))),
            State::Stopping => {
                instance.restarting = restarting;
                Ok((Some(id), vec![]))
            }
            State::Starting | State::Running | State::Paused => {
                instance.state = State::Stopping;
                instance.forced_at = Some(now + u64::from(SHUTDOWN_TIMEOUT_MS));
                instance.restarting = restarting;
                let shutdown = Effect::Host(HostCall::Shutdown(id.clone(), SHUTDOWN_TIMEOUT_MS));
                Ok((Some(id), vec![shutdown]))
            }
        }
    }

    /// As the plug pulled and put back: the guest notices when it boots again.
    fn reset(&mut self, id: InstanceId) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        if instance.state == State::Suspending {
            return Err(refused(format!("{} is being suspended.", instance.name)));
        }
        self.force_stop(id, true)
    }

    fn force_stop(&mut self, id: InstanceId, restarting: bool) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        if !instance.state.is_live() {
            return Err(refused(format!("{} is not running.", instance.name)));
        }
        instance.state = State::Stopping;
        instance.forced_at = None;
        instance.restarting = restarting;
        Ok((Some(id.clone()), vec![Effect::Host(HostCall::Kill(id))]))
    }

    fn pause(&mut self, id: InstanceId) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        match instance.state {
            State::Running => Ok((Some(id.clone()), vec![Effect::Host(HostCall::Pause(id))])),
            State::Paused => Ok((Some(id), vec![])),
            _ => Err(refused(format!("{} can be paused only while it runs.", instance.name))),
        }
    }

    fn resume(&mut self, id: InstanceId) -> Result<Granted, Problem> {
        let instance = self.find(&id)?;
        match instance.state {
            State::Paused => Ok((Some(id.clone()), vec![Effect::Host(HostCall::Resume(id))])),
            State::Suspended => self.start(id, Beginning::Usual),
            State::Running => Ok((Some(id), vec![])),
            _ => Err(refused(format!("{} is neither paused nor suspended.", instance.name))),
        }
    }

    fn rename(&mut self, id: InstanceId, name: String) -> Result<Granted, Problem> {
        check_name(&name).map_err(|error| refused(format!("“{name}” can’t be a name: {error}.")))?;
        if self.instances.iter().any(|instance| instance.name == name && instance.id != id) {
            return Err(refused(format!("There is another machine named {name}.")));
        }
        self.find(&id)?.name = name;
        Ok((Some(id), vec![]))
    }

    fn set_access(&mut self, id: InstanceId, access: Access) -> Result<Granted, Problem> {
        access.check().map_err(|error| refused(format!("This can’t be allowed: {error}.")))?;
        let instance = self.find(&id)?;
        instance.access = access.clone();
        let tell = instance.state.is_live().then_some(Effect::Host(HostCall::Access(id.clone(), access)));
        Ok((Some(id), tell.into_iter().collect()))
    }

    fn save_settings(&mut self, settings: Settings) -> Result<Granted, Problem> {
        self.template(&settings.template)?;
        self.settings = settings;
        Ok((None, vec![]))
    }
}
