use crate::*;
use proptest::prelude::*;
use protocol::{HostNotice, MachineEvent, PageRequest, RunningMachine};

fn image(id: &str) -> BaseImage {
    BaseImage {
        id: id.to_owned().try_into().unwrap(),
        title: id.to_owned(),
        description: String::new(),
        cmdline: "root=/dev/sda".to_owned(),
        image: ImageFile { path: "images/x".to_owned(), sha256: "0".repeat(64), bytes: 1, disk_bytes: 512 },
        warm: Some(WarmState {
            memory: MemoryMib::DEFAULT,
            state: "images/s".to_owned(),
            layer: "images/l".to_owned(),
            key: "2".repeat(64),
        }),
    }
}

fn package(images: Vec<BaseImage>) -> Package {
    let workspace = ImageFile { path: "images/w".to_owned(), sha256: "1".repeat(64), bytes: 1, disk_bytes: 512 };
    Package { images, workspace }
}

pub(crate) fn registry() -> Registry {
    Registry::new(Stored::default(), package(vec![image("alpine-3.20"), image("debian-12")])).unwrap()
}

pub(crate) fn launch(registry: &mut Registry, random: u64) -> InstanceId {
    registry.request(PageRequest::Launch { template: None }, 1_000, random).unwrap().0.unwrap()
}

fn state(registry: &Registry, id: &InstanceId) -> State {
    registry.world().instance(id).unwrap().state
}

pub(crate) fn tell(registry: &mut Registry, id: &InstanceId, event: MachineEvent) -> Vec<Effect> {
    let boot = registry.world().instance(id).unwrap().boot;
    registry.notice(HostNotice { id: id.clone(), boot, event })
}

pub(crate) fn running(registry: &mut Registry) -> InstanceId {
    let random = registry.instances.len() as u64;
    let id = launch(registry, random);
    tell(registry, &id, MachineEvent::Running { started: 2_000 });
    id
}

#[test]
fn launch_makes_a_machine_starts_it_and_opens_its_console() {
    let mut registry = registry();
    let (id, effects) = registry.request(PageRequest::Launch { template: None }, 1_000, 7).unwrap();
    let id = id.unwrap();
    assert!(matches!(&effects[0], Effect::Host(HostCall::Start(spec)) if spec.id == id && spec.boot == 1));
    assert_eq!(effects[1], Effect::OpenConsole(id.clone()));
    assert_eq!(state(&registry, &id), State::Starting);
    assert_eq!(registry.world().instances[0].name, "alpine-1");
}

#[test]
fn only_a_new_machine_as_the_template_says_goes_on_from_its_warm_state() {
    let started = |effects: &[Effect]| {
        let spec = effects.iter().find_map(|effect| match effect {
            Effect::Host(HostCall::Start(spec)) => Some((spec.warm.is_some(), spec.keep_warm.is_some())),
            _ => None,
        });
        spec.unwrap()
    };
    let mut registry = registry();
    let (id, effects) = registry.request(PageRequest::Launch { template: None }, 1_000, 7).unwrap();
    let id = id.unwrap();
    assert_eq!(started(&effects), (true, false));
    tell(&mut registry, &id, MachineEvent::Halted);
    let (_, effects) = registry.request(PageRequest::Start(id), 2_000, 0).unwrap();
    assert_eq!(started(&effects), (false, false), "it has a disk of its own now");
    let settings = Settings { memory: 512.try_into().unwrap(), ..registry.world().settings };
    registry.request(PageRequest::SaveSettings(settings), 3_000, 0).unwrap();
    let (_, effects) = registry.request(PageRequest::Launch { template: None }, 4_000, 8).unwrap();
    assert_eq!(started(&effects), (false, true), "it has another memory, and so will others");
}

#[test]
fn names_are_unique_and_free_numbers_are_taken_again() {
    let mut registry = registry();
    let first = launch(&mut registry, 1);
    let second = launch(&mut registry, 2);
    assert_eq!(registry.world().instance(&second).unwrap().name, "alpine-2");
    let taken = registry.request(PageRequest::Rename(second.clone(), "alpine-1".to_owned()), 0, 0);
    assert_eq!(taken.unwrap_err().code, ProblemCode::Refused);
    tell(&mut registry, &first, MachineEvent::Halted);
    registry.request(PageRequest::Delete(first), 0, 0).unwrap();
    let third = launch(&mut registry, 3);
    assert_eq!(registry.world().instance(&third).unwrap().name, "alpine-1");
}

#[test]
fn a_stop_asks_the_guest_first_and_names_the_time_of_force() {
    let mut registry = registry();
    let id = running(&mut registry);
    let (_, effects) = registry.request(PageRequest::Stop(id.clone()), 5_000, 0).unwrap();
    assert_eq!(effects, [Effect::Host(HostCall::Shutdown(id.clone(), SHUTDOWN_TIMEOUT_MS))]);
    assert_eq!(registry.world().instances[0].forced_at, Some(5_000 + u64::from(SHUTDOWN_TIMEOUT_MS)));
    tell(&mut registry, &id, MachineEvent::Halted);
    assert_eq!(state(&registry, &id), State::Stopped);
    assert_eq!(registry.world().instances[0].problem, None);
}

#[test]
fn a_forced_stop_is_told() {
    let mut registry = registry();
    let id = running(&mut registry);
    registry.request(PageRequest::Stop(id.clone()), 5_000, 0).unwrap();
    tell(&mut registry, &id, MachineEvent::Forced);
    assert_eq!(state(&registry, &id), State::Stopped);
    assert_eq!(registry.world().instances[0].problem.as_ref().unwrap().code, ProblemCode::Forced);
}

#[test]
fn a_restart_starts_the_machine_again_once_it_has_halted() {
    let mut registry = registry();
    let id = running(&mut registry);
    registry.request(PageRequest::Restart(id.clone()), 0, 0).unwrap();
    let effects = tell(&mut registry, &id, MachineEvent::Halted);
    assert!(matches!(&effects[..], [Effect::Host(HostCall::Start(spec))] if spec.boot == 2));
    assert_eq!(state(&registry, &id), State::Starting);
}

#[test]
fn a_reset_by_the_guest_starts_it_again_unless_it_was_being_stopped() {
    let mut registry = registry();
    let id = running(&mut registry);
    assert_eq!(tell(&mut registry, &id, MachineEvent::Reset).len(), 1);
    tell(&mut registry, &id, MachineEvent::Running { started: 1 });
    registry.request(PageRequest::Stop(id.clone()), 0, 0).unwrap();
    let effects = tell(&mut registry, &id, MachineEvent::Reset);
    assert_eq!(effects, [Effect::Tidy(registry.inventory())]);
    assert_eq!(state(&registry, &id), State::Stopped);
}

#[test]
fn a_notice_of_an_earlier_run_changes_nothing() {
    let mut registry = registry();
    let id = running(&mut registry);
    tell(&mut registry, &id, MachineEvent::Reset);
    registry.notice(HostNotice { id: id.clone(), boot: 1, event: MachineEvent::Halted });
    assert_eq!(state(&registry, &id), State::Starting);
}

#[test]
fn a_pause_with_a_reason_shows_it_and_resume_clears_it() {
    let mut registry = registry();
    let id = running(&mut registry);
    let full = Problem::new(ProblemCode::NoSpace, "No room is left.");
    tell(&mut registry, &id, MachineEvent::Paused(Some(full.clone())));
    assert_eq!(registry.world().instances[0].problem, Some(full));
    let (_, effects) = registry.request(PageRequest::Resume(id.clone()), 0, 0).unwrap();
    assert_eq!(effects, [Effect::Host(HostCall::Resume(id.clone()))]);
    tell(&mut registry, &id, MachineEvent::Running { started: 2_000 });
    assert_eq!(registry.world().instances[0].problem, None);
    assert_eq!(state(&registry, &id), State::Running);
}

#[test]
fn a_running_machine_can_not_be_deleted() {
    let mut registry = registry();
    let id = running(&mut registry);
    assert!(registry.request(PageRequest::Delete(id.clone()), 0, 0).is_err());
    tell(&mut registry, &id, MachineEvent::Crashed(Problem::new(ProblemCode::EngineTrap, "x")));
    let (_, effects) = registry.request(PageRequest::Delete(id.clone()), 0, 0).unwrap();
    assert_eq!(effects, [Effect::RemoveFiles(id), Effect::Tidy(registry.inventory())]);
}

#[test]
fn after_the_browser_was_closed_running_machines_are_interrupted() {
    let mut registry = registry();
    let id = running(&mut registry);
    let json = serde_json::to_string(&registry.stored()).unwrap();
    let stored = serde_json::from_str(&json).unwrap();
    let mut again = Registry::new(stored, package(vec![image("alpine-3.20")])).unwrap();
    assert_eq!(again.reconcile(&[]), [Effect::Tidy(again.inventory())], "a kill may have lost clusters");
    assert_eq!(state(&again, &id), State::Stopped);
    assert_eq!(again.reconcile(&[]), []);
    assert_eq!(again.world().instances[0].problem.as_ref().unwrap().code, ProblemCode::Interrupted);
}

#[test]
fn a_new_background_finds_the_running_machines_again_and_ends_strangers() {
    let mut registry = registry();
    let id = running(&mut registry);
    let stranger = InstanceId::from_random(99);
    let mut again = Registry::new(registry.stored(), package(vec![image("alpine-3.20")])).unwrap();
    let last = Some(MachineEvent::Running { started: 2_000 });
    let effects = again.reconcile(&[
        RunningMachine { id: id.clone(), boot: 1, last: last.clone() },
        RunningMachine { id: stranger.clone(), boot: 1, last },
    ]);
    assert_eq!(effects, [Effect::Host(HostCall::Kill(stranger))]);
    assert_eq!(state(&again, &id), State::Running);
}

#[test]
fn what_happened_while_no_background_was_there_is_taken_in() {
    let mut registry = registry();
    let id = running(&mut registry);
    let panic = Problem::new(ProblemCode::KernelPanic, "The kernel gave up.");
    let last = Some(MachineEvent::Crashed(panic.clone()));
    let effects = registry.reconcile(&[RunningMachine { id: id.clone(), boot: 1, last }]);
    assert_eq!(effects, [Effect::Tidy(registry.inventory())]);
    assert_eq!(registry.world().instances[0].problem, Some(panic));
}

#[test]
fn a_start_that_the_host_page_could_not_do_is_a_crash_with_its_reason() {
    let mut registry = registry();
    let (id, effects) = registry.request(PageRequest::Launch { template: None }, 0, 1).unwrap();
    let Effect::Host(call) = &effects[0] else { panic!("{effects:?}") };
    registry.host_failed(call, Problem::new(ProblemCode::NoStorage, "No storage."));
    assert_eq!(state(&registry, &id.unwrap()), State::Crashed);
}

#[test]
fn settings_name_a_template_that_exists() {
    let mut registry = registry();
    let mut settings = registry.world().settings;
    settings.template = "gone".to_owned().try_into().unwrap();
    assert!(registry.request(PageRequest::SaveSettings(settings.clone()), 0, 0).is_err());
    let stored = Stored { settings: Some(settings), ..Stored::default() };
    let loaded = Registry::new(stored, package(vec![image("alpine-3.20")])).unwrap();
    assert_eq!(loaded.world().settings.template.as_str(), "alpine-3.20");
}

fn any_step() -> impl Strategy<Value = (u8, u8)> {
    (0..14_u8, 0..3_u8)
}

proptest! {
    #[test]
    fn whatever_happens_live_machines_and_started_workers_agree(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut registry = registry();
        let ids: Vec<_> = (0..3).map(|random| launch(&mut registry, random)).collect();
        for (step, which) in steps {
            let id = ids[usize::from(which)].clone();
            let _ = match step {
                0 => registry.request(PageRequest::Start(id.clone()), 0, 0).map(drop),
                1 => registry.request(PageRequest::Stop(id.clone()), 0, 0).map(drop),
                2 => registry.request(PageRequest::Restart(id.clone()), 0, 0).map(drop),
                3 => registry.request(PageRequest::ForceStop(id.clone()), 0, 0).map(drop),
                4 => registry.request(PageRequest::Pause(id.clone()), 0, 0).map(drop),
                5 => registry.request(PageRequest::Resume(id.clone()), 0, 0).map(drop),
                6 => { tell(&mut registry, &id, MachineEvent::Running { started: 1 }); Ok(()) }
                7 => { tell(&mut registry, &id, MachineEvent::Paused(None)); Ok(()) }
                8 => { tell(&mut registry, &id, MachineEvent::Halted); Ok(()) }
                9 => { tell(&mut registry, &id, MachineEvent::Reset); Ok(()) }
                10 => { tell(&mut registry, &id, MachineEvent::Forced); Ok(()) }
                11 => { tell(&mut registry, &id, MachineEvent::Crashed(Problem::new(ProblemCode::EngineTrap, "x"))); Ok(()) }
                12 => { registry.reconcile(&[]); Ok(()) }
                _ => registry.request(PageRequest::Rename(id.clone(), format!("m-{which}")), 0, 0).map(drop),
            };
            for instance in registry.world().instances {
                prop_assert_eq!(instance.state == State::Crashed && instance.problem.is_none(), false);
                prop_assert_eq!(!instance.state.is_live() && instance.started.is_some(), false);
                prop_assert_eq!(instance.restarting && instance.state != State::Stopping, false);
            }
        }
    }
}

#[test]
fn a_suspended_machine_has_no_worker_and_starting_it_goes_on() {
    let mut registry = registry();
    let id = running(&mut registry);
    let (_, effects) = registry.request(PageRequest::Suspend(id.clone()), 0, 0).unwrap();
    assert_eq!(effects, [Effect::Host(HostCall::Suspend(id.clone()))]);
    assert_eq!(state(&registry, &id), State::Suspending);
    // What its processor does on the way is no state of its own.
    tell(&mut registry, &id, MachineEvent::Paused(None));
    assert_eq!(state(&registry, &id), State::Suspending);
    assert!(registry.request(PageRequest::Stop(id.clone()), 0, 0).is_err());
    tell(&mut registry, &id, MachineEvent::Suspended);
    assert_eq!((state(&registry, &id), registry.live()), (State::Suspended, 0));
    // The background's next start finds no worker, and that is right.
    assert_eq!(registry.reconcile(&[]), []);
    assert_eq!(state(&registry, &id), State::Suspended);
    let start = |effects: &[Effect]| match effects {
        [Effect::Host(HostCall::Start(spec))] => spec.forget,
        other => panic!("{other:?}"),
    };
    let (_, effects) = registry.request(PageRequest::Resume(id.clone()), 0, 0).unwrap();
    assert!(!start(&effects), "it goes on with its memory");
    tell(&mut registry, &id, MachineEvent::Running { started: 3_000 });
    registry.request(PageRequest::Suspend(id.clone()), 0, 0).unwrap();
    tell(&mut registry, &id, MachineEvent::Suspended);
    let (_, effects) = registry.request(PageRequest::Boot(id.clone()), 0, 0).unwrap();
    assert!(start(&effects), "its memory is given up");
}

#[test]
fn a_machine_that_could_not_be_suspended_is_as_it_was_and_says_why() {
    for paused in [false, true] {
        let mut registry = registry();
        let id = running(&mut registry);
        registry.request(PageRequest::Suspend(id.clone()), 0, 0).unwrap();
        let problem = Problem::new(ProblemCode::NoSpace, "There is no room.");
        tell(&mut registry, &id, MachineEvent::StaysUp { paused, problem: problem.clone() });
        assert_eq!(state(&registry, &id), if paused { State::Paused } else { State::Running });
        assert_eq!(registry.world().instance(&id).unwrap().problem, Some(problem));
    }
}

#[test]
fn a_machine_interrupted_while_it_was_suspended_says_so() {
    let mut registry = registry();
    let id = running(&mut registry);
    registry.request(PageRequest::Suspend(id.clone()), 0, 0).unwrap();
    registry.reconcile(&[]);
    let instance = registry.world().instance(&id).unwrap().clone();
    assert_eq!((instance.state, instance.problem.unwrap().code), (State::Stopped, ProblemCode::Interrupted));
}
