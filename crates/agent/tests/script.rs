//! The guest's agent script and our end of the connection understand each other.
#![expect(clippy::unwrap_used, reason = "clippy excuses tests, but not the functions that they share")]

mod common;

use agent::{AgentError, Event, GET_CHUNK, Reply, Request};
use common::{Outcome, World};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every byte there is, many times.
fn all_bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at ^ (at >> 8)) as u8).collect()
}

fn tar_of(directory: &Path) -> Vec<u8> {
    let output = Command::new("busybox").args(["tar", "-c", "-f", "-", "-C"]).arg(directory).arg(".").output().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// The files of a directory, by name.
fn content(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// A directory with a file of so many bytes, and some of other kinds.
fn fill(directory: &Path, count: usize) {
    fs::create_dir(directory).unwrap();
    fs::write(directory.join("bytes"), all_bytes(count)).unwrap();
    fs::write(directory.join("empty"), "").unwrap();
    fs::write(directory.join("a name with spaces and \u{e4}\n"), "text").unwrap();
}

#[test]
fn a_command_gets_its_input_and_gives_both_outputs_and_its_status() {
    let Some(mut world) = World::new() else { return };
    let outcome = world.exec("cat; echo 'to \"err\"' >&2; exit 7", &all_bytes(5000));
    assert_eq!(outcome, Outcome { status: 7, out: all_bytes(5000), err: b"to \"err\"\n".to_vec() });
    assert_eq!(world.exec("cat", b""), Outcome { status: 0, out: vec![], err: vec![] }, "no input is an empty one");
    assert_eq!(world.exec("kill -9 $$", b"").status, 137);
    assert_eq!(world.exec("printf '%s|' \"$0\" \\* 'two\nlines \\' ä", b"").out, "sh|*|two\nlines \\|ä|".as_bytes());
}

#[test]
fn output_comes_while_the_command_runs() {
    let Some(mut world) = World::new() else { return };
    let wait = world.path("wait");
    let command = format!("echo begun; until [ -e {} ]; do sleep 0.05; done; echo ended", wait.display());
    let id = world.ask(&Request::Exec { command: command.into(), input: vec![], output_max: 100 });
    let first = world.until(|event| match event {
        Event::Output { bytes, .. } => Some(bytes.clone()),
        _ => None,
    });
    assert_eq!(first, b"begun\n");
    fs::write(wait, "").unwrap();
    assert_eq!(world.result(id), Ok(Reply::Exit(0)));
}

#[test]
fn large_outputs_come_whole_and_in_order() {
    let Some(mut world) = World::new() else { return };
    let file = world.path("bytes");
    fs::write(&file, all_bytes(300_000)).unwrap();
    let outcome = world.exec(&format!("cat {}", file.display()), b"");
    assert!(outcome.out == all_bytes(300_000));
}

#[test]
fn a_canceled_command_ends_with_all_that_it_has_started() {
    let Some(mut world) = World::new() else { return };
    let pids = world.path("pids");
    let command = format!("sleep 1000 & echo $! $$ > {0}.new; mv {0}.new {0}; echo begun; wait", pids.display());
    let id = world.ask(&Request::Exec { command: command.into(), input: vec![], output_max: 100 });
    world.until(|event| matches!(event, Event::Output { .. }).then_some(()));
    world.agent.cancel(id);
    assert_eq!(world.result(id), Err(AgentError::Canceled));
    let pids = fs::read_to_string(pids).unwrap();
    for pid in pids.split_whitespace() {
        // Zombies, which nobody may come to collect here, have no command line.
        let gone =
            format!("while [ -s /proc/{pid}/cmdline ] && [ -n \"$(cat /proc/{pid}/cmdline)\" ]; do sleep 0.05; done");
        assert_eq!(world.exec(&gone, b"").status, 0);
    }
}

#[test]
fn a_tar_stream_arrives_as_it_was_and_comes_back() {
    let Some(mut world) = World::new() else { return };
    let (from, to) = (world.path("from"), world.path("a new/directory"));
    fill(&from, 1_500_000);
    assert_eq!(world.put(&to, &tar_of(&from)), Ok(Reply::Done));
    assert!(content(&to) == content(&from));
    let back = world.path("back");
    fs::create_dir(&back).unwrap();
    let tar = world.get(&to).unwrap();
    assert_eq!(world.put(&back, &tar), Ok(Reply::Done), "the zeros behind its end do no harm");
    assert!(content(&back) == content(&from));
}

#[test]
fn a_failed_transfer_says_why_and_the_next_one_works() {
    let Some(mut world) = World::new() else { return };
    let (from, to) = (world.path("from"), world.path("to"));
    fill(&from, 400_000);
    let failed = |result: Result<Reply, AgentError>, word: &str| match result {
        Err(AgentError::Failed { said, .. }) => assert!(said.contains(word), "{said}"),
        other => panic!("{other:?}"),
    };
    failed(world.put(&from.join("empty"), b""), "exist");
    failed(world.put(&to, &[b'x'; 400_000]), "tar");
    let none = world.get(&world.path("none")).map(|_| Reply::Done);
    failed(none, "not a directory");
    assert_eq!(world.put(&to, &tar_of(&from)), Ok(Reply::Done));
    assert!(content(&to) == content(&from));
}

#[test]
fn transfers_that_were_canceled_leave_nothing_to_those_that_come_after() {
    let Some(mut world) = World::new() else { return };
    let (from, to) = (world.path("from"), world.path("to"));
    fill(&from, 3_000_000);
    for _ in 0..2 {
        let get = world.ask(&Request::Get { directory: from.to_str().unwrap().into() });
        world.until(|event| matches!(event, Event::Data { .. }).then_some(()));
        world.agent.cancel(get);
        let put = world.ask(&Request::Put { directory: to.to_str().unwrap().into() });
        world.agent.put(put, &[0xff; 200_000]);
        world.agent.end(put);
        world.until(|event| matches!(event, Event::Over { id, .. } if *id == put).then_some(()));
        let put = world.ask(&Request::Put { directory: to.to_str().unwrap().into() });
        world.agent.put(put, &tar_of(&from)[..262_144]);
        world.until(|event| matches!(event, Event::Room { .. }).then_some(()));
        world.agent.cancel(put);
    }
    assert_eq!(world.put(&to, &tar_of(&from)), Ok(Reply::Done));
    assert!(content(&to) == content(&from));
    assert!(world.get(&to).unwrap().starts_with(&tar_of(&to)));
}

#[test]
fn a_get_sends_no_more_than_there_is_room_for() {
    let Some(mut world) = World::new() else { return };
    let from = world.path("from");
    fill(&from, 4_000_000);
    let get = world.ask(&Request::Get { directory: from.to_str().unwrap().into() });
    let mut received = 0;
    while received < 2 * GET_CHUNK {
        received += world.until(|event| match event {
            Event::Data { bytes, .. } => Some(bytes.len() as u64),
            _ => None,
        });
    }
    // It answers, and has nothing more to give.
    let health = world.ask(&Request::Health);
    let more = world.until(|event| match event {
        Event::Data { .. } => Some(true),
        Event::Over { id, .. } if *id == health => Some(false),
        _ => None,
    });
    assert!(!more && received == 2 * GET_CHUNK);
    world.agent.taken(get, GET_CHUNK);
    world.until(|event| matches!(event, Event::Data { .. }).then_some(()));
}

#[test]
fn health_and_sync_are_answered() {
    let Some(mut world) = World::new() else { return };
    let id = world.ask(&Request::Health);
    let Ok(Reply::Health(health)) = world.result(id) else { panic!() };
    assert!(health.memory_total > health.memory_available && health.root.total > health.root.free);
    let id = world.ask(&Request::Sync);
    assert_eq!(world.result(id), Ok(Reply::Done));
}

#[test]
fn a_restarted_agent_ends_what_it_has_left_behind_and_goes_on() {
    let Some(mut world) = World::new() else { return };
    let pid = world.path("pid");
    let command = format!("echo $$ > {0}.new; mv {0}.new {0}; echo begun; sleep 1000", pid.display());
    let id = world.ask(&Request::Exec { command: command.into(), input: vec![], output_max: 100 });
    world.until(|event| matches!(event, Event::Output { .. }).then_some(()));
    world.restart();
    assert_eq!(world.result(id), Err(AgentError::Restarted));
    let pid = fs::read_to_string(pid).unwrap();
    let gone = format!("while [ -n \"$(cat /proc/{}/cmdline)\" ]; do sleep 0.05; done", pid.trim());
    assert_eq!(world.exec(&gone, b"").status, 0);
}

#[test]
fn what_is_cut_off_or_damaged_is_not_done() {
    let Some(mut world) = World::new() else { return };
    let trace = world.path("trace");
    let whole = format!("exec 77 touch\\0040{} -", trace.display());
    world.write_control(b"\n\xff\xfe$(touch x) `touch x`\n* ? [\n");
    // A host that went away in the middle, and one that speaks first.
    world.write_control(format!("{} {whole}", whole.len() + 1).as_bytes());
    world.agent.greet();
    assert_eq!(world.exec("echo well", b"").out, b"well\n");
    assert!(!trace.exists());
    world.write_control(format!("{} {whole}\n", whole.len()).as_bytes());
    let wait = format!("until [ -e {} ]; do sleep 0.05; done", trace.display());
    assert_eq!(world.exec(&wait, b"").status, 0, "the same line is done when it is whole");
}
