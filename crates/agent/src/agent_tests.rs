use super::*;
use crate::{GET_CHUNK, PUT_CHUNK, StopAction};

/// A guest's end of the connection, that says what a test wants it to say.
struct Guest {
    agent: Agent,
}

impl Guest {
    /// One that has just booted.
    fn up() -> Self {
        let mut guest = Self { agent: Agent::new(9) };
        guest.says("hello 1 0");
        assert_eq!(guest.hears(), "\n9 hello 1 9\n");
        guest.says("hello 1 9");
        assert_eq!(guest.events(), [Event::Up]);
        guest
    }

    fn says(&mut self, text: &str) {
        self.agent.control_input(wire::line(text).as_bytes());
    }

    fn hears(&mut self) -> String {
        let text = String::from_utf8(self.agent.control_output().to_vec()).unwrap();
        self.agent.control_sent(text.len());
        text
    }

    fn hears_on_bulk(&mut self) -> Vec<u8> {
        let bytes = self.agent.bulk_output().to_vec();
        self.agent.bulk_sent(bytes.len());
        bytes
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.agent.event()).collect()
    }

    fn asks(&mut self, request: &Request) -> RequestId {
        self.agent.request(request, 0, 1000).unwrap()
    }

    fn results(&mut self) -> Vec<(RequestId, Result<Reply, AgentError>)> {
        let over = |event| match event {
            Event::Over { id, result } => Some((id, result)),
            _ => None,
        };
        self.events().into_iter().filter_map(over).collect()
    }
}

#[test]
fn an_agent_is_known_before_it_is_answered_and_up_after_that() {
    let mut guest = Guest { agent: Agent::new(9) };
    assert!(!guest.agent.is_known());
    guest.says("hello 1 0");
    assert_eq!((guest.agent.is_known(), guest.agent.is_up()), (true, false));
    guest.says("hello 1 9");
    assert_eq!((guest.agent.is_known(), guest.agent.is_up()), (true, true));
}

fn exec(command: &str) -> Request {
    Request::Exec { command: command.into(), input: vec![], output_max: 10 }
}

fn put() -> Request {
    Request::Put { directory: b"/tmp".to_vec() }
}

fn get() -> Request {
    Request::Get { directory: b"/tmp".to_vec() }
}

#[test]
fn a_command_gives_its_outputs_and_its_status() {
    let mut guest = Guest::up();
    let id = guest.asks(&exec("ls"));
    assert_eq!(guest.hears(), "11 exec 1 ls -\n");
    guest.says("out 1 aGk=");
    guest.says("err 1 bm8=");
    guest.says("done 1 3");
    let output = |stream, bytes: &[u8]| Event::Output { id, stream, bytes: bytes.to_vec() };
    let over = Event::Over { id, result: Ok(Reply::Exit(3)) };
    assert_eq!(guest.events(), [output(Stream::Out, b"hi"), output(Stream::Err, b"no"), over]);
    guest.says("out 1 aGk=");
    guest.says("done 1 0");
    assert_eq!(guest.events(), [], "it is over");
}

#[test]
fn a_request_waits_for_the_agent_and_fails_when_none_comes() {
    let mut agent = Agent::new(9);
    let id = agent.request(&Request::Sync, 100, 1000).unwrap();
    agent.tick(1100);
    assert_eq!(agent.control_output(), b"");
    assert_eq!(agent.event(), None);
    agent.tick(1101);
    assert_eq!(agent.event(), Some(Event::Over { id, result: Err(AgentError::NoAgent) }));

    let mut guest = Guest { agent: Agent::new(9) };
    guest.asks(&Request::Sync);
    guest.says("hello 1 0");
    guest.says("hello 1 9");
    assert_eq!(guest.hears(), "\n9 hello 1 9\n6 sync 1\n");
}

#[test]
fn an_agent_that_falls_silent_fails_the_request_and_is_told_so() {
    let mut guest = Guest::up();
    let id = guest.asks(&exec("sleep 9"));
    guest.hears();
    guest.agent.tick(900);
    guest.says("out 1 aGk=");
    guest.agent.tick(1900);
    assert_eq!(guest.results(), [], "it was heard of");
    guest.agent.tick(1901);
    assert_eq!(guest.results(), [(id, Err(AgentError::Silent))]);
    assert_eq!(guest.hears(), "8 cancel 1\n");
}

#[test]
fn a_restarted_agent_fails_what_it_was_asked_and_does_what_comes_then() {
    let mut guest = Guest::up();
    let id = guest.asks(&exec("ls"));
    guest.says("hello 1 0");
    assert_eq!(guest.results(), [(id, Err(AgentError::Restarted))]);
    guest.asks(&Request::Sync);
    assert_eq!(guest.hears(), "\n9 hello 1 9\n", "and not what the agent before was to be told");
    guest.says("done 2 0");
    guest.says("hello 1 8");
    assert_eq!(guest.events(), [], "it has not said hello to us");
    guest.says("hello 1 9");
    assert_eq!(guest.hears(), "6 sync 2\n");
    guest.says("done 2 0");
    assert_eq!(guest.results(), [(RequestId(2), Ok(Reply::Done))]);
}

#[test]
fn an_agent_of_a_newer_version_is_named() {
    let mut guest = Guest { agent: Agent::new(9) };
    let id = guest.asks(&Request::Sync);
    guest.says("hello 2 0");
    assert_eq!(guest.results(), [(id, Err(AgentError::Version(2)))]);
    assert_eq!(guest.agent.request(&Request::Sync, 0, 1), Err(AgentError::Version(2)));
}

#[test]
fn a_restored_guest_is_spoken_to_first() {
    let mut agent = Agent::new(9);
    agent.greet();
    assert_eq!(agent.control_output(), b"\n9 hello 1 9\n");
}

#[test]
fn output_is_bounded() {
    let mut guest = Guest::up();
    let id = guest.asks(&exec("yes"));
    guest.hears();
    guest.says(&format!("out 1 {}", base64::encode(b"0123456789")));
    guest.says(&format!("err 1 {}", base64::encode(b"0")));
    assert_eq!(guest.results(), [(id, Err(AgentError::TooMuchOutput(10)))]);
    assert_eq!(guest.hears(), "8 cancel 1\n");
}

#[test]
fn failures_have_the_guests_words() {
    let mut guest = Guest::up();
    let ids =
        [Request::Grow, Request::Sync, Request::Stop(StopAction::Halt), Request::Health].map(|it| guest.asks(&it));
    guest.says(&format!("done 1 1 {}", base64::encode(b"growfs: no\n")));
    guest.says("done 2 unknown");
    guest.says("done 3 what");
    guest.says("health 4 1 2 3");
    let failed = AgentError::Failed { status: 1, said: "growfs: no".into() };
    let results = [failed, AgentError::Unknown, AgentError::Garbled, AgentError::Garbled].map(Err);
    assert_eq!(guest.results(), ids.into_iter().zip(results).collect::<Vec<_>>());
}

#[test]
fn requests_are_bounded() {
    let mut guest = Guest::up();
    for _ in 0..REQUESTS_MAX {
        guest.asks(&Request::Sync);
    }
    assert_eq!(guest.agent.request(&Request::Sync, 0, 1), Err(AgentError::Busy));
    guest.says("done 1 0");
    assert!(guest.agent.request(&Request::Sync, 0, 1).is_ok());
}

#[test]
fn a_put_is_sent_when_the_guest_is_ready_and_its_progress_told() {
    let mut guest = Guest::up();
    let id = guest.asks(&put());
    assert_eq!(guest.hears(), "10 put 1 /tmp\n");
    assert_eq!(guest.agent.put(id, &vec![7; PUT_CHUNK + 1]), PUT_CHUNK);
    assert_eq!(guest.hears_on_bulk(), b"");
    guest.says("ready 1");
    assert_eq!(guest.events(), [Event::Room { id, taken: 0 }]);
    assert_eq!(guest.agent.put(id, &vec![8; PUT_CHUNK]), PUT_CHUNK);
    assert_eq!(guest.hears_on_bulk().len(), format!("\nbegin 1\n{PUT_CHUNK}\n").len() + PUT_CHUNK);
    let header = format!("{PUT_CHUNK}\n").len() as u64;
    assert_eq!(guest.events(), [Event::Room { id, taken: PUT_CHUNK as u64 - header }]);
    guest.agent.end(id);
    let rest = guest.hears_on_bulk();
    assert!(rest.starts_with(format!("{PUT_CHUNK}\n").as_bytes()) && rest.len() > PUT_CHUNK);
    assert_eq!(guest.hears_on_bulk(), b"0\n");
    guest.says("done 1 0");
    assert_eq!(guest.results(), [(id, Ok(Reply::Done))]);
}

#[test]
fn a_put_that_the_guest_gives_up_is_over_and_the_rest_is_not_sent() {
    let mut guest = Guest::up();
    let id = guest.asks(&put());
    guest.says("ready 1");
    guest.agent.put(id, &vec![7; PUT_CHUNK]);
    guest.agent.bulk_sent(1000);
    guest.says(&format!("done 1 1 {}", base64::encode(b"tar: no space")));
    assert_eq!(guest.hears_on_bulk(), b"");
    let failed = AgentError::Failed { status: 1, said: "tar: no space".into() };
    assert_eq!(guest.results(), [(id, Err(failed))]);
    assert_eq!(guest.agent.put(id, b"more"), 0);
}

#[test]
fn a_get_is_over_when_all_bytes_are_there_whichever_port_is_first() {
    for bytes_first in [true, false] {
        let mut guest = Guest::up();
        let id = guest.asks(&get());
        guest.says("ready 1");
        assert_eq!(guest.hears_on_bulk(), b"\nbegin 1\ngo\ngo\n");
        if bytes_first {
            guest.agent.bulk_input(b"\nbegin 1\ntar");
        }
        guest.says("sent 1 3");
        guest.says("done 1 0");
        if !bytes_first {
            guest.agent.bulk_input(b"\nbegin 1\nta");
            guest.agent.bulk_input(b"r");
        }
        let mut data = vec![];
        let events = guest.events();
        let (last, events) = events.split_last().unwrap();
        for event in events {
            let Event::Data { bytes, .. } = event else { panic!("{event:?}") };
            data.extend_from_slice(bytes);
        }
        assert_eq!((data, last), (b"tar".to_vec(), &Event::Over { id, result: Ok(Reply::Done) }));
    }
}

#[test]
fn transfers_come_one_after_the_other_and_other_requests_in_between() {
    let mut guest = Guest::up();
    let (one, two) = (guest.asks(&put()), guest.asks(&get()));
    guest.asks(&Request::Sync);
    assert_eq!(guest.hears(), "10 put 1 /tmp\n6 sync 3\n");
    guest.agent.cancel(one);
    assert_eq!(guest.hears(), "8 cancel 1\n10 get 2 /tmp\n");
    guest.says("ready 2");
    guest.agent.bulk_input(b"what is left of another one\nbegin 2\nx");
    assert_eq!(guest.events().last(), Some(&Event::Data { id: two, bytes: b"x".to_vec() }));
}

#[test]
fn a_flood_on_the_bulk_port_ends_the_transfer_and_is_not_kept() {
    let mut guest = Guest::up();
    guest.agent.bulk_input(&[0; 100]);
    assert_eq!(guest.events(), []);
    let id = guest.asks(&get());
    guest.says("ready 1");
    guest.agent.bulk_input(b"\nbegin 1\n");
    let mut kept = 0;
    for _ in 0..10 {
        guest.agent.bulk_input(&vec![0; GET_CHUNK as usize]);
        kept += guest.events().iter().filter(|event| matches!(event, Event::Data { .. })).count();
    }
    assert_eq!(kept, 2);
    assert_eq!(guest.agent.request(&get(), 0, 1000).unwrap(), RequestId(id.0 + 1));
}
