//! What happened, seen by what is different.
//!
//! The registry decides, and this looks at its instances before and after. So no decision has to think of the history, and
//! whatever way leads to a state is in it.

use crate::waiting::event;
use protocol::{
    DiskOrder, DiskReply, DiskRequest, Event, EventKind, Instance, InstanceId, Job, JobId, JobStage, Problem,
    ProblemCode, State,
};
use std::collections::BTreeMap;

/// How the instances and jobs were when they were looked at last.
#[derive(Debug, Default)]
pub struct Watch {
    instances: BTreeMap<InstanceId, Instance>,
    /// When the present run was asked for, in milliseconds since 1970, and whether it goes on from a saved memory.
    asked: BTreeMap<InstanceId, (u64, bool)>,
    jobs: BTreeMap<JobId, bool>,
}

/// Collects events of one look.
struct Seen<'a> {
    now: u64,
    random: &'a mut dyn FnMut() -> u64,
    events: Vec<Event>,
}

impl Seen<'_> {
    fn add(&mut self, kind: EventKind, instance: &Instance) -> &mut Event {
        let (machine, name) = (Some(instance.id.clone()), Some(instance.name.clone()));
        // An instance that has never been started has no run.
        let boot = (instance.boot > 0).then_some(instance.boot);
        let last = self.events.len();
        // A millisecond apart, so that what was seen at once stays in its order.
        let time = self.now + last as u64;
        self.events.push(Event { machine, name, boot, ..event(kind, time, (self.random)()) });
        &mut self.events[last]
    }
}

impl Watch {
    /// Begins with these, of which nothing is told.
    pub fn new(instances: &[Instance]) -> Self {
        let mut watch = Self::default();
        instances.iter().for_each(|instance| watch.know(instance));
        watch
    }

    /// Nothing is to be told of this one as it is.
    pub fn know(&mut self, instance: &Instance) {
        self.instances.insert(instance.id.clone(), instance.clone());
    }

    /// What happened since the last look.
    pub fn look(
        &mut self,
        instances: &[Instance],
        jobs: &[Job],
        now: u64,
        mut random: impl FnMut() -> u64,
    ) -> Vec<Event> {
        let mut seen = Seen { now, random: &mut random, events: vec![] };
        for instance in instances {
            match self.instances.get(&instance.id).cloned() {
                Some(before) => self.compare(&before, instance, &mut seen),
                // A new one is being started, or has never been.
                None if instance.boot > 0 && !instance.state.is_live() => {
                    seen.add(EventKind::BroughtBack, instance);
                }
                None => {
                    seen.add(EventKind::Created, instance).details = format!("from {}", instance.template);
                    self.started(false, instance, &mut seen);
                }
            }
        }
        for gone in self.instances.values().filter(|known| instances.iter().all(|one| one.id != known.id)) {
            seen.add(EventKind::Deleted, gone);
        }
        self.asked.retain(|id, _| instances.iter().any(|one| one.id == *id && one.started.is_none()));
        self.instances = instances.iter().map(|one| (one.id.clone(), one.clone())).collect();
        for job in jobs {
            let over = job.stage.is_over();
            if self.jobs.insert(job.id.clone(), over) != Some(over) && over {
                seen.events.extend(job_event(job, now));
            }
        }
        self.jobs.retain(|id, _| jobs.iter().any(|job| job.id == *id));
        seen.events
    }

    fn compare(&mut self, before: &Instance, after: &Instance, seen: &mut Seen) {
        if before.name != after.name {
            seen.add(EventKind::Renamed, after).details = format!("before: {}", before.name);
        }
        let other_run = before.boot != after.boot;
        if before.state.is_live() && (other_run || !after.state.is_live()) {
            let over = if other_run {
                Instance { problem: None, state: State::Stopped, ..before.clone() }
            } else {
                after.clone()
            };
            ended(before, &over, seen);
        }
        if other_run || (!before.state.is_live() && after.state.is_live()) {
            self.started(before.state == State::Suspended, after, seen);
        } else {
            self.went_on(before, after, seen);
        }
    }

    fn started(&mut self, resumes: bool, after: &Instance, seen: &mut Seen) {
        if after.state.is_live() {
            if !resumes {
                seen.add(EventKind::Started, after);
            }
            self.asked.insert(after.id.clone(), (seen.now, resumes));
            self.booted(after, seen);
        }
    }

    fn booted(&mut self, after: &Instance, seen: &mut Seen) {
        if let Some(started) = after.started {
            let asked = self.asked.remove(&after.id);
            let resumed = asked.is_some_and(|(_, resumes)| resumes);
            let kind = if resumed { EventKind::Resumed } else { EventKind::Booted };
            seen.add(kind, after).duration = asked.map(|(asked, _)| started.saturating_sub(asked));
        }
    }

    fn went_on(&mut self, before: &Instance, after: &Instance, seen: &mut Seen) {
        if before.started.is_none() {
            self.booted(after, seen);
        }
        if let Some(checkpoint) = after.checkpoint.filter(|_| before.checkpoint != after.checkpoint) {
            let event = seen.add(EventKind::Checkpointed, after);
            (event.duration, event.bytes) = (Some(checkpoint.pause), Some(checkpoint.bytes));
        }
        match (before.state, after.state) {
            (was, State::Paused) if was != State::Paused => {
                seen.add(EventKind::Paused, after).details = words(after.problem.as_ref());
            }
            (State::Paused, State::Running) => {
                seen.add(EventKind::Resumed, after);
            }
            _ => {}
        }
    }
}

fn words(problem: Option<&Problem>) -> String {
    problem.map(|problem| problem.message.clone()).unwrap_or_default()
}

fn ended(before: &Instance, after: &Instance, seen: &mut Seen) {
    let kind = match after.problem.as_ref().map(|problem| problem.code) {
        _ if after.state == State::Crashed => EventKind::Crashed,
        _ if after.state == State::Suspended => EventKind::Suspended,
        Some(ProblemCode::Interrupted) => EventKind::Interrupted,
        Some(ProblemCode::Forced) => EventKind::Forced,
        _ => EventKind::Stopped,
    };
    let now = seen.now;
    let event = seen.add(kind, after);
    event.duration = before.started.map(|started| now.saturating_sub(started));
    event.details = words(after.problem.as_ref());
}

/// What became of a job. Its identifier is the job's, so that it is told once, whoever looks.
fn job_event(job: &Job, now: u64) -> Option<Event> {
    let id = job.id.as_str();
    let random = u64::from(crc32fast::hash(id.as_bytes())) << 20 | u64::from(crc32fast::hash(&id.as_bytes()[1..]));
    let (kind, bytes, more) = match &job.stage {
        JobStage::Done(outcome) => match &outcome.file {
            Some(file) => (EventKind::Exported, Some(file.bytes), file.name.clone()),
            None => (EventKind::Imported, None, outcome.message.clone()),
        },
        JobStage::Failed(problem) => (EventKind::WorkFailed, None, problem.message.clone()),
        JobStage::WaitingForFile | JobStage::Working { .. } => return None,
    };
    let details = if more.is_empty() { job.title.clone() } else { format!("{}: {more}", job.title) };
    Some(Event { machine: job.instance.clone(), bytes, details, ..event(kind, now, random) })
}

/// What a request about disks that was carried out has done, if it is worth telling.
pub fn disk_event(order: &DiskOrder, reply: &DiskReply, random: u64) -> Option<Event> {
    let (kind, details) = match &order.request {
        DiskRequest::TakeSnapshot { name, .. } => (EventKind::SnapshotTaken, name.clone()),
        DiskRequest::RestoreSnapshot { keep, .. } => {
            let kept = keep.as_ref().map(|name| format!("the state before was kept as {name}"));
            (EventKind::SnapshotRestored, kept.unwrap_or_default())
        }
        DiskRequest::DeleteSnapshot { .. } => (EventKind::SnapshotDeleted, String::new()),
        DiskRequest::SaveTemplate { plan, .. } => (EventKind::TemplateSaved, plan.title.clone()),
        DiskRequest::Clone { .. } => match reply {
            DiskReply::Instance(made) => (EventKind::Cloned, format!("as {made}")),
            _ => return None,
        },
        DiskRequest::SetWorkspace { bytes, .. } => {
            return about(order, EventKind::DiskChanged, "workspace".to_owned(), Some(*bytes), random);
        }
        DiskRequest::GrowSystem { bytes, .. } => {
            return about(order, EventKind::DiskChanged, "system disk".to_owned(), Some(*bytes), random);
        }
        DiskRequest::Free(protocol::Removable::Snapshot(..)) => (EventKind::SnapshotDeleted, String::new()),
        _ => return None,
    };
    about(order, kind, details, None, random)
}

fn about(order: &DiskOrder, kind: EventKind, details: String, bytes: Option<u64>, random: u64) -> Option<Event> {
    let instance = &order.subject.as_ref()?.instance;
    let (machine, name) = (Some(instance.id.clone()), Some(instance.name.clone()));
    Some(Event { machine, name, bytes, details, ..event(kind, order.now, random) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{ExportedFile, MemoryMib, Outcome};

    fn instance(bits: u64, state: State, boot: u32) -> Instance {
        let template = "alpine".to_owned().try_into().unwrap();
        let id = InstanceId::from_random(bits);
        Instance { state, boot, ..Instance::new(id, format!("m-{bits}"), template, MemoryMib::DEFAULT, 0) }
    }

    fn look(watch: &mut Watch, instances: &[Instance], now: u64) -> Vec<(EventKind, Option<u64>, String)> {
        let mut random = now << 8;
        let events = watch.look(instances, &[], now, || {
            random += 1;
            random
        });
        events.into_iter().map(|event| (event.kind, event.duration, event.details)).collect()
    }

    fn kinds(watch: &mut Watch, instances: &[Instance], now: u64) -> Vec<EventKind> {
        look(watch, instances, now).into_iter().map(|(kind, ..)| kind).collect()
    }

    #[test]
    fn a_life_is_told_with_how_long_its_parts_took() {
        use EventKind::*;
        let mut watch = Watch::default();
        let mut machine = instance(1, State::Starting, 1);
        assert_eq!(kinds(&mut watch, std::slice::from_ref(&machine), 1000), [Created, Started]);
        (machine.state, machine.started) = (State::Running, Some(1600));
        assert_eq!(look(&mut watch, std::slice::from_ref(&machine), 1700), [(Booted, Some(600), String::new())]);
        assert_eq!(look(&mut watch, std::slice::from_ref(&machine), 1800), []);
        machine.state = State::Paused;
        assert_eq!(kinds(&mut watch, std::slice::from_ref(&machine), 1900), [Paused]);
        machine.state = State::Running;
        assert_eq!(kinds(&mut watch, std::slice::from_ref(&machine), 2000), [Resumed]);
        machine.state = State::Stopping;
        assert_eq!(kinds(&mut watch, std::slice::from_ref(&machine), 2100), []);
        (machine.state, machine.started) = (State::Stopped, None);
        assert_eq!(look(&mut watch, std::slice::from_ref(&machine), 2600), [(Stopped, Some(1000), String::new())]);
        machine.name = "other".to_owned();
        assert_eq!(look(&mut watch, &[machine], 2700), [(Renamed, None, "before: m-1".to_owned())]);
        assert_eq!(kinds(&mut watch, &[], 2800), [Deleted]);
    }

    #[test]
    fn a_machine_whose_deletion_was_undone_is_not_a_new_one() {
        use EventKind::*;
        let machine = instance(1, State::Stopped, 3);
        let mut watch = Watch::new(std::slice::from_ref(&machine));
        assert_eq!(kinds(&mut watch, &[], 100), [Deleted]);
        assert_eq!(kinds(&mut watch, &[machine], 200), [BroughtBack]);
    }

    #[test]
    fn a_resumed_machine_has_not_booted() {
        use EventKind::*;
        let mut machine = instance(1, State::Running, 1);
        machine.started = Some(100);
        let mut watch = Watch::new(std::slice::from_ref(&machine));
        machine.state = State::Suspending;
        assert_eq!(kinds(&mut watch, std::slice::from_ref(&machine), 200), []);
        (machine.state, machine.started) = (State::Suspended, None);
        assert_eq!(look(&mut watch, std::slice::from_ref(&machine), 300), [(Suspended, Some(200), String::new())]);
        (machine.state, machine.boot) = (State::Starting, 2);
        assert_eq!(kinds(&mut watch, std::slice::from_ref(&machine), 400), []);
        (machine.state, machine.started) = (State::Running, Some(450));
        assert_eq!(look(&mut watch, &[machine], 500), [(Resumed, Some(50), String::new())]);
    }

    #[test]
    fn a_restart_in_one_step_is_an_end_and_a_start() {
        use EventKind::*;
        let mut runs = instance(1, State::Running, 1);
        runs.started = Some(100);
        let mut watch = Watch::new(&[runs]);
        assert_eq!(kinds(&mut watch, &[instance(1, State::Starting, 2)], 200), [Stopped, Started]);
    }

    #[test]
    fn why_a_run_ended_is_told() {
        use EventKind::*;
        for (state, code, kind) in [
            (State::Crashed, ProblemCode::KernelPanic, Crashed),
            (State::Stopped, ProblemCode::Interrupted, Interrupted),
            (State::Stopped, ProblemCode::Forced, Forced),
        ] {
            let mut watch = Watch::new(&[instance(1, State::Running, 1)]);
            let mut over = instance(1, state, 1);
            over.problem = Some(Problem::new(code, "Why."));
            assert_eq!(look(&mut watch, &[over], 5), [(kind, None, "Why.".to_owned())]);
        }
    }

    #[test]
    fn a_boot_whose_begin_was_not_seen_has_no_duration() {
        let mut watch = Watch::new(&[instance(1, State::Starting, 1)]);
        let mut runs = instance(1, State::Running, 1);
        runs.started = Some(100);
        assert_eq!(look(&mut watch, &[runs], 5), [(EventKind::Booted, None, String::new())]);
    }

    #[test]
    fn the_end_of_a_job_is_told_once_whoever_looks() {
        let file = ExportedFile { name: "a.qcow2".to_owned(), bytes: 7 };
        let outcome = Outcome { message: String::new(), file: Some(file), made: None };
        let (id, title) = (JobId::from_random(1), "Export from a".to_owned());
        let job = Job { id, title, instance: None, stage: JobStage::Done(outcome) };
        let mut watch = Watch::default();
        let first = watch.look(&[], std::slice::from_ref(&job), 5, || 0);
        assert_eq!((first[0].kind, first[0].bytes), (EventKind::Exported, Some(7)));
        assert_eq!(first[0].details, "Export from a: a.qcow2");
        assert_eq!(watch.look(&[], std::slice::from_ref(&job), 6, || 0), []);
        assert_eq!(Watch::default().look(&[], &[job], 7, || 0)[0].id, first[0].id);
    }
}
