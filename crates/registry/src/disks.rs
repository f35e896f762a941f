//! Disks, snapshots, storage and long work: what may be asked when, and what becomes of the answers.

use crate::requests::{Granted, INSTANCES_MAX, refused};
use crate::{Effect, Registry};
use protocol::{
    DISK_MAX, DiskOrder, DiskReply, DiskRequest, Fresh, ImportWhat, Instance, InstanceId, Job, JobId, JobStage,
    Outcome, Plan, Problem, ProblemCode, Removable, SNAPSHOT_NAME_MAX, ShareRequest, State, Subject, TemplateDisk,
    WORKSPACE_MIN,
};

/// Disks have a size that is a multiple of this.
const SIZE_STEP: u64 = 1 << 20;

impl Registry {
    /// Decides on a page's request about disks. What the host page answers goes to [`Registry::disks_done`].
    pub(crate) fn disk_request(&mut self, request: DiskRequest, now: u64, random: u64) -> Result<Granted, Problem> {
        self.check(&request)?;
        let subject = subject_of(&request).map(|id| self.subject(id)).transpose()?;
        let order = DiskOrder {
            request,
            subject,
            fresh: Fresh::from_random(random),
            now,
            template: self.default_image(),
            memory: self.settings.memory,
            inventory: self.inventory(),
        };
        Ok((None, vec![Effect::Disks(Box::new(order))]))
    }

    fn subject(&mut self, id: &InstanceId) -> Result<Subject, Problem> {
        let instance = self.find(id)?.clone();
        let image = self.image(instance.image())?.image.clone();
        Ok(Subject { instance, image })
    }

    fn check(&mut self, request: &DiskRequest) -> Result<(), Problem> {
        match request {
            DiskRequest::TakeSnapshot { id, name, memory } => {
                check_snapshot_name(name)?;
                let instance = self.settled(id)?;
                match instance.state {
                    State::Running | State::Paused => Ok(()),
                    _ if *memory => Err(refused(format!("{} does not run: it has no memory to keep.", instance.name))),
                    _ => Ok(()),
                }
            }
            DiskRequest::RestoreSnapshot { id, keep, .. } => {
                keep.as_deref().map_or(Ok(()), check_snapshot_name)?;
                self.stopped(id, "go back to a snapshot")
            }
            DiskRequest::RenameSnapshot { name, .. } => check_snapshot_name(name),
            DiskRequest::SetWorkspace { id, bytes } => {
                check_size(*bytes, WORKSPACE_MIN)?;
                self.stopped(id, "change its workspace")
            }
            DiskRequest::GrowSystem { id, bytes } => {
                check_size(*bytes, SIZE_STEP)?;
                self.stopped(id, "make its disk bigger")
            }
            DiskRequest::Clone { id, .. } => {
                self.room_for_one_more()?;
                self.settled(id).map(drop)
            }
            DiskRequest::SaveTemplate { id, plan, .. } => {
                self.check_plan(None, plan)?;
                let instance = self.find(id)?;
                match instance.state {
                    State::Stopped | State::Crashed => Ok(()),
                    // Its disks are as in the midst of a run.
                    _ => Err(refused(format!("Shut {} down to save it as a template.", instance.name))),
                }
            }
            DiskRequest::Export { id, .. } | DiskRequest::Import { what: ImportWhat::Workspace(id), .. } => {
                self.settled(id).map(drop)
            }
            DiskRequest::Import { what: ImportWhat::Disk | ImportWhat::Machine, .. } => self.room_for_one_more(),
            DiskRequest::CancelJob(id) | DiskRequest::DismissJob(id) => match self.job_mut(id) {
                Some(job) if !job.stage.is_over() && matches!(request, DiskRequest::DismissJob(_)) => {
                    Err(refused(format!("“{}” is not over yet: cancel it instead.", job.title)))
                }
                Some(_) => Ok(()),
                None => Err(Problem::new(ProblemCode::NotFound, "This work is over and forgotten already.")),
            },
            DiskRequest::Show(_)
            | DiskRequest::DeleteSnapshot { .. }
            | DiskRequest::Storage
            | DiskRequest::Share(_)
            | DiskRequest::Free(
                Removable::Snapshot(..) | Removable::Export(_) | Removable::Warm(_) | Removable::Leftovers,
            ) => Ok(()),
        }
    }

    fn room_for_one_more(&self) -> Result<(), Problem> {
        if self.instances.len() < INSTANCES_MAX {
            return Ok(());
        }
        Err(refused(format!("There are {INSTANCES_MAX} machines already: delete some first.")))
    }

    /// The instance, if it is not on its way from one state to another.
    fn settled(&mut self, id: &InstanceId) -> Result<&Instance, Problem> {
        let instance = self.find(id)?;
        match instance.state {
            State::Starting => Err(refused(format!("{} is starting.", instance.name))),
            State::Stopping => Err(refused(format!("{} is stopping.", instance.name))),
            State::Suspending => Err(refused(format!("{} is being suspended.", instance.name))),
            State::Stopped | State::Running | State::Paused | State::Suspended | State::Crashed => Ok(instance),
        }
    }

    fn stopped(&mut self, id: &InstanceId, to: &str) -> Result<(), Problem> {
        let instance = self.find(id)?;
        if instance.state.is_live() {
            return Err(refused(format!("Stop {} to {to}.", instance.name)));
        }
        Ok(())
    }

    /// Takes in that the host page has done what it was asked to do.
    pub fn disks_done(&mut self, order: &DiskOrder, reply: &DiskReply) -> Vec<Effect> {
        match (&order.request, reply) {
            (DiskRequest::Clone { .. }, DiskReply::Instance(id)) => {
                if let Some(subject) = &order.subject {
                    let made = Instance { id: id.clone(), created: order.now, ..subject.instance.clone() };
                    self.take_in(made);
                    if let Ok(made) = self.find(id) {
                        // What its original still has to be given, it has to be given as well.
                        made.setup = subject.instance.setup.clone();
                    }
                    self.disks_changed(&subject.instance.id);
                }
                vec![]
            }
            (DiskRequest::SaveTemplate { id, plan, workspace }, DiskReply::Instance(holder)) => {
                if let Some(Subject { instance, .. }) = &order.subject {
                    let disk = TemplateDisk {
                        holder: holder.clone(),
                        machine: instance.name.clone(),
                        saved: order.now,
                        start_from: instance.start_from,
                        workspace: *workspace,
                    };
                    let plan = Plan { image: instance.image().clone(), ..(**plan).clone() };
                    self.add_template(plan, Some(disk), holder);
                }
                self.disks_changed(id);
                vec![]
            }
            (DiskRequest::CancelJob(id), _) => {
                self.job_gone(id);
                vec![Effect::Tidy(self.inventory())]
            }
            (DiskRequest::DismissJob(id) | DiskRequest::Free(Removable::Export(id)), _) => {
                self.job_gone(id);
                vec![]
            }
            (DiskRequest::DeleteSnapshot { id, .. }, _) | (DiskRequest::Free(Removable::Snapshot(id, _)), _) => {
                self.disks_changed(id);
                vec![Effect::Tidy(self.inventory())]
            }
            (DiskRequest::RestoreSnapshot { id, .. }, reply) => {
                if let (Ok(instance), DiskReply::Restored { memory }) = (self.find(id), reply) {
                    instance.state = if *memory { State::Suspended } else { State::Stopped };
                    instance.problem = None;
                    instance.checkpoint = None;
                }
                self.disks_changed(id);
                vec![Effect::Tidy(self.inventory())]
            }
            (
                DiskRequest::TakeSnapshot { id, .. }
                | DiskRequest::RenameSnapshot { id, .. }
                | DiskRequest::SetWorkspace { id, .. }
                | DiskRequest::GrowSystem { id, .. },
                _,
            ) => {
                self.disks_changed(id);
                vec![]
            }
            (
                DiskRequest::Show(_)
                | DiskRequest::Clone { .. }
                | DiskRequest::SaveTemplate { .. }
                | DiskRequest::Export { .. }
                | DiskRequest::Import { .. }
                | DiskRequest::Storage
                | DiskRequest::Share(_)
                | DiskRequest::Free(Removable::Warm(_) | Removable::Leftovers),
                _,
            ) => vec![],
        }
    }

    fn disks_changed(&mut self, id: &InstanceId) {
        if let Ok(instance) = self.find(id) {
            instance.disks = instance.disks.wrapping_add(1);
        }
    }

    /// Takes up an instance whose disks were made elsewhere. It does not run, whatever it is like.
    pub(crate) fn take_in(&mut self, made: Instance) {
        let removed = self.removed.iter().map(|one| &one.instance);
        if self.instances.iter().chain(removed).any(|instance| instance.id == made.id) {
            return;
        }
        let taken = self.instances.iter().any(|instance| instance.name == made.name);
        let cmdline = if protocol::check_cmdline(&made.cmdline).is_ok() { made.cmdline.clone() } else { String::new() };
        let image = if self.image(made.image()).is_ok() { made.image().clone() } else { self.default_image() };
        let name =
            if taken || protocol::check_name(&made.name).is_err() { self.free_name(&made.name) } else { made.name };
        let template = if self.template(&made.template).is_ok() { made.template } else { image.clone() };
        self.instances.push(Instance {
            start_from: made.start_from,
            image: Some(image),
            cmdline,
            confined: made.confined,
            // Others may lie on the same layers, which can be merged one day.
            disks: 1,
            ..Instance::new(made.id, name, template, made.memory, made.created)
        });
    }

    /// Takes in how far a job is. What comes late, of a job that is over or gone, changes nothing.
    pub fn job(&mut self, job: Job) -> Vec<Effect> {
        if self.gone.contains(&job.id) || self.job_mut(&job.id).is_some_and(|known| known.stage.is_over()) {
            return vec![];
        }
        let over = job.stage.is_over();
        if let JobStage::Done(Outcome { made: Some(made), .. }) = &job.stage {
            self.take_in((**made).clone());
        }
        let about = job.instance.clone();
        match self.job_mut(&job.id) {
            Some(known) => *known = job,
            None => self.jobs.push(job),
        }
        if !over {
            return vec![];
        }
        if let Some(id) = about {
            self.disks_changed(&id);
        }
        vec![Effect::Tidy(self.inventory())]
    }

    /// Takes in that a job was cancelled or dismissed.
    pub fn job_gone(&mut self, id: &JobId) {
        self.jobs.retain(|job| job.id != *id);
        self.gone.insert(id.clone());
    }

    fn job_mut(&mut self, id: &JobId) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == *id)
    }
}

fn subject_of(request: &DiskRequest) -> Option<&InstanceId> {
    match request {
        DiskRequest::Show(id)
        | DiskRequest::TakeSnapshot { id, .. }
        | DiskRequest::RestoreSnapshot { id, .. }
        | DiskRequest::RenameSnapshot { id, .. }
        | DiskRequest::DeleteSnapshot { id, .. }
        | DiskRequest::Clone { id, .. }
        | DiskRequest::SaveTemplate { id, .. }
        | DiskRequest::SetWorkspace { id, .. }
        | DiskRequest::GrowSystem { id, .. }
        | DiskRequest::Export { id, .. }
        | DiskRequest::Import { what: ImportWhat::Workspace(id), .. }
        | DiskRequest::Share(ShareRequest { id, .. })
        | DiskRequest::Free(Removable::Snapshot(id, _)) => Some(id),
        DiskRequest::Import { what: ImportWhat::Disk | ImportWhat::Machine, .. }
        | DiskRequest::CancelJob(_)
        | DiskRequest::DismissJob(_)
        | DiskRequest::Storage
        | DiskRequest::Free(Removable::Export(_) | Removable::Warm(_) | Removable::Leftovers) => None,
    }
}

fn check_snapshot_name(name: &str) -> Result<(), Problem> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > SNAPSHOT_NAME_MAX || name.chars().any(char::is_control) {
        return Err(refused(format!("A snapshot’s name has 1 to {SNAPSHOT_NAME_MAX} characters.")));
    }
    Ok(())
}

fn check_size(bytes: u64, least: u64) -> Result<(), Problem> {
    if (least..=DISK_MAX).contains(&bytes) && bytes.is_multiple_of(SIZE_STEP) {
        return Ok(());
    }
    let (least, most) = (least >> 20, DISK_MAX >> 40);
    Err(refused(format!("A disk has {least} MiB to {most} TiB, in whole MiB.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{launch, registry, running};
    use protocol::{PageRequest, SnapshotId};

    fn ask(registry: &mut Registry, request: DiskRequest) -> Result<Box<DiskOrder>, Problem> {
        let (_, mut effects) = registry.request(PageRequest::Disks(request), 5_000, 99)?;
        match effects.remove(0) {
            Effect::Disks(order) => Ok(order),
            other => panic!("{other:?}"),
        }
    }

    fn halted(registry: &mut Registry) -> InstanceId {
        let id = launch(registry, 40);
        crate::tests::tell(registry, &id, protocol::MachineEvent::Halted);
        id
    }

    fn snapshot() -> SnapshotId {
        SnapshotId::from_random(3)
    }

    #[test]
    fn what_changes_a_disk_from_outside_waits_for_the_machine_to_stop() {
        let mut registry = registry();
        let id = running(&mut registry);
        for request in [
            DiskRequest::RestoreSnapshot { id: id.clone(), snapshot: snapshot(), keep: None },
            DiskRequest::SetWorkspace { id: id.clone(), bytes: 1 << 30 },
            DiskRequest::GrowSystem { id: id.clone(), bytes: 1 << 30 },
        ] {
            let problem = ask(&mut registry, request).unwrap_err();
            assert!(problem.message.starts_with("Stop alpine-1 to "), "{}", problem.message);
        }
    }

    #[test]
    fn a_memory_can_be_kept_only_while_there_is_one() {
        let mut registry = registry();
        let stopped = halted(&mut registry);
        let take = |id: &InstanceId, memory| DiskRequest::TakeSnapshot { id: id.clone(), name: "a".to_owned(), memory };
        assert!(ask(&mut registry, take(&stopped, true)).is_err());
        assert!(ask(&mut registry, take(&stopped, false)).is_ok());
        let runs = running(&mut registry);
        assert!(ask(&mut registry, take(&runs, true)).is_ok());
    }

    #[test]
    fn sizes_and_names_that_make_no_sense_are_refused() {
        let mut registry = registry();
        let id = halted(&mut registry);
        for bytes in [0, 1 << 20, (1 << 30) + 1, DISK_MAX + (1 << 20), u64::MAX] {
            assert!(ask(&mut registry, DiskRequest::SetWorkspace { id: id.clone(), bytes }).is_err(), "{bytes}");
        }
        for name in ["", "  ", "a\nb", &"x".repeat(81)] {
            let request = DiskRequest::TakeSnapshot { id: id.clone(), name: name.to_owned(), memory: false };
            assert!(ask(&mut registry, request).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_clone_is_a_stopped_machine_of_its_own_name_whatever_the_original_does() {
        let mut registry = registry();
        let id = running(&mut registry);
        let order = ask(&mut registry, DiskRequest::Clone { id: id.clone(), snapshot: None }).unwrap();
        let made = order.fresh.instance.clone();
        registry.disks_done(&order, &DiskReply::Instance(made.clone()));
        registry.disks_done(&order, &DiskReply::Instance(made.clone()));
        let world = registry.world();
        assert_eq!(world.instances.len(), 2);
        let clone = world.instance(&made).unwrap();
        assert_eq!((clone.name.as_str(), clone.state, clone.boot), ("alpine-2", State::Stopped, 0));
        assert!(world.instance(&id).unwrap().disks > 0);
    }

    #[test]
    fn a_job_that_brings_a_machine_brings_it_once() {
        let mut registry = registry();
        let made = Instance { name: "not a name".to_owned(), ..registry.sample() };
        let outcome = Outcome { message: String::new(), file: None, made: Some(Box::new(made)) };
        let id = JobId::from_random(1);
        let job = Job { id: id.clone(), title: "Import".to_owned(), instance: None, stage: JobStage::Done(outcome) };
        registry.job(Job { stage: JobStage::WaitingForFile, ..job.clone() });
        assert_eq!((registry.working(), registry.world().jobs.len()), (1, 1));
        registry.job(job.clone());
        registry.job(job);
        assert_eq!((registry.working(), registry.world().jobs.len()), (0, 1));
        assert_eq!(registry.world().instances.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["not-1"]);
        let order = ask(&mut registry, DiskRequest::DismissJob(id)).unwrap();
        registry.disks_done(&order, &DiskReply::Done);
        assert!(registry.world().jobs.is_empty());
    }

    #[test]
    fn what_is_told_of_a_job_too_late_changes_nothing() {
        let mut registry = registry();
        let working = JobStage::Working { step: "Reading".to_owned(), done: 1, total: None };
        let job = |bits: u64, stage: JobStage| Job {
            id: JobId::from_random(bits),
            title: "Import".to_owned(),
            instance: None,
            stage,
        };
        registry.job(job(1, working.clone()));
        assert!(ask(&mut registry, DiskRequest::DismissJob(JobId::from_random(1))).is_err(), "it goes on");
        let order = ask(&mut registry, DiskRequest::CancelJob(JobId::from_random(1))).unwrap();
        registry.disks_done(&order, &DiskReply::Done);
        registry.job(job(1, working.clone()));
        assert!(registry.world().jobs.is_empty());

        registry.job(job(2, JobStage::Failed(refused("x"))));
        registry.job(job(2, working));
        assert_eq!(registry.working(), 0);
    }

    impl Registry {
        fn sample(&mut self) -> Instance {
            let id = launch(self, 77);
            let instance = self.find(&id).unwrap().clone();
            self.instances.clear();
            Instance { id: InstanceId::from_random(78), ..instance }
        }
    }
}
