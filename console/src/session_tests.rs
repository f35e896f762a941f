use super::*;
use proptest::prelude::*;

const ME: ViewerId = 7;

fn welcome(boot: u32) -> ConsoleEvent {
    ConsoleEvent::Welcome { viewer: ME, boot }
}

fn output(offset: u64, text: &str) -> ConsoleEvent {
    ConsoleEvent::Output { stream: Stream::Shell, offset, bytes: text.into() }
}

fn sent(effects: &[Effect]) -> Vec<&ConsoleRequest> {
    effects.iter().filter_map(|effect| if let Effect::Send(request) = effect { Some(request) } else { None }).collect()
}

fn attaches(effects: &[Effect]) -> bool {
    sent(effects).contains(&&ConsoleRequest::Attach { viewer: ME })
}

fn attached() -> Session {
    let mut session = Session::new(ME);
    session.set_run(Some(1), 0);
    session.hear(welcome(1), 0);
    session
}

#[test]
fn it_attaches_when_the_machine_is_live_and_only_then() {
    let mut session = Session::new(ME);
    assert!(!attaches(&session.set_run(None, 0)));
    assert!(attaches(&session.set_run(Some(1), 0)));
    assert!(!attaches(&session.set_run(Some(1), 10)), "it has asked already");
}

#[test]
fn it_asks_again_after_a_second_without_a_welcome_while_the_machine_is_live() {
    let mut session = Session::new(ME);
    session.set_run(Some(1), 0);
    assert!(!attaches(&session.tick(999)));
    assert!(attaches(&session.tick(1000)));
    assert!(!attaches(&session.tick(1999)));
    session.set_run(None, 2000);
    assert!(!attaches(&session.tick(9000)), "nobody is there to answer");
    session.set_run(Some(1), 9000);
    session.hear(welcome(1), 9001);
    assert!(!attaches(&session.tick(99_000)));
}

#[test]
fn a_new_worker_is_attached_to_even_before_the_background_has_told_of_it() {
    let mut session = Session::new(ME);
    assert!(attaches(&session.hear(ConsoleEvent::Ready { boot: 2 }, 0)));
    session.hear(welcome(2), 1);
    assert!(!attaches(&session.set_run(Some(2), 5)), "it is attached to this run already");
    assert!(attaches(&session.set_run(Some(3), 9)), "but not to that one");
}

#[test]
fn what_is_meant_for_another_page_or_came_before_the_welcome_is_left_alone() {
    let mut session = Session::new(ME);
    session.set_run(Some(1), 0);
    assert_eq!(session.hear(output(0, "early"), 1), []);
    assert_eq!(session.hear(ConsoleEvent::Welcome { viewer: 8, boot: 1 }, 2), []);
    session.hear(welcome(1), 3);
    let replay = ConsoleEvent::Replay { viewer: 8, stream: Stream::Shell, offset: 0, bytes: vec![1] };
    assert_eq!(session.hear(replay, 4), []);
}

#[test]
fn a_gap_makes_it_attach_anew() {
    let mut session = attached();
    session.hear(output(0, "abc"), 0);
    assert!(attaches(&session.hear(output(10, "x"), 1)));
    assert_eq!(session.hear(output(11, "y"), 2), [], "it waits for the replay");
}

#[test]
fn the_last_words_of_a_machine_that_has_ended_are_still_shown() {
    let mut session = attached();
    session.set_run(None, 0);
    let effects = session.hear(output(0, "panic"), 1);
    assert!(effects.contains(&Effect::Feed(Stream::Shell, Feed::Write { bytes: b"panic".into(), replay: false })));
}

#[test]
fn the_first_output_of_each_run_is_told_once() {
    let mut session = attached();
    let printed = |effects: Vec<Effect>| effects.contains(&Effect::Printed(Stream::Shell));
    assert!(printed(session.hear(output(0, "a"), 0)));
    assert!(!printed(session.hear(output(1, "b"), 0)));
    assert!(!session.hear(welcome(1), 1).contains(&Effect::NewRun), "attached again to the same run");
    assert!(!printed(session.hear(output(0, "a"), 1)));
    assert!(session.hear(welcome(2), 2).contains(&Effect::NewRun));
    assert!(printed(session.hear(output(0, "a"), 2)));
}

#[test]
fn the_size_is_told_on_every_welcome_and_on_every_change() {
    let size = |cols| Some(TerminalSize { cols, rows: 24 });
    let told = |size| ConsoleRequest::Resize { viewer: ME, size };
    let mut session = Session::new(ME);
    assert_eq!(session.set_size(size(80)), [], "nobody is there to hear it");
    session.set_run(Some(1), 0);
    assert_eq!(sent(&session.hear(welcome(1), 1)), [&told(size(80))]);
    assert_eq!(session.set_size(size(80)), []);
    assert_eq!(sent(&session.set_size(size(90))), [&told(size(90))]);
    assert_eq!(sent(&session.set_size(None)), [&told(None)]);
}

#[test]
fn typing_goes_to_a_live_machine_only() {
    let mut session = attached();
    let bytes = vec![b'x'; 10_000];
    let effects = session.input(Stream::Shell, &bytes);
    let pieces: Vec<u8> = sent(&effects)
        .into_iter()
        .flat_map(|request| match request {
            ConsoleRequest::Input { stream: Stream::Shell, bytes } => bytes.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(pieces, bytes);
    session.set_run(None, 0);
    assert_eq!(session.input(Stream::Shell, b"x"), []);
}

#[derive(Debug, Clone)]
enum Step {
    Print(u16),
    Parse,
    Hide(bool),
    Attach,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..3000_u16).prop_map(Step::Print),
        4 => Just(Step::Parse),
        1 => any::<bool>().prop_map(Step::Hide),
        1 => Just(Step::Attach),
    ]
}

/// A worker with an unbounded ring, and the page's terminal.
#[derive(Default)]
struct World {
    printed: Vec<u8>,
    shown: Vec<u8>,
    busy: bool,
    acked: u64,
}

impl World {
    fn act(&mut self, session: &mut Session, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Feed(Stream::Shell, Feed::Reset) => {
                    assert!(!self.busy, "a reset in the middle of a write");
                    self.shown.clear();
                }
                Effect::Feed(Stream::Shell, Feed::Write { bytes, .. }) => {
                    assert!(!self.busy, "two writes at a time");
                    self.shown.extend(bytes);
                    self.busy = true;
                }
                Effect::Send(ConsoleRequest::Ack { stream: Stream::Shell, offset, .. }) => self.acked = offset,
                Effect::Send(ConsoleRequest::Attach { .. }) => {
                    self.acked = 0;
                    let mut answer = session.hear(welcome(1), 0);
                    for (i, bytes) in self.printed.chunks(1000).enumerate() {
                        let (offset, bytes) = (i as u64 * 1000, bytes.to_vec());
                        let replay = ConsoleEvent::Replay { viewer: ME, stream: Stream::Shell, offset, bytes };
                        answer.extend(session.hear(replay, 0));
                    }
                    self.act(session, answer);
                }
                _ => {}
            }
        }
    }

    fn parse(&mut self, session: &mut Session) {
        if std::mem::take(&mut self.busy) {
            let effects = session.parsed(Stream::Shell);
            self.act(session, effects);
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_terminal_ends_with_every_byte_once_and_in_order(steps in prop::collection::vec(step(), 1..80)) {
        let mut session = Session::new(ME);
        let mut world = World::default();
        let effects = session.set_run(Some(1), 0);
        world.act(&mut session, effects);
        for step in steps {
            match step {
                Step::Print(count) => {
                    let offset = world.printed.len() as u64;
                    let bytes: Vec<u8> = (0..count).map(|i| (offset as u16 ^ i) as u8).collect();
                    world.printed.extend(&bytes);
                    let effects = session.hear(ConsoleEvent::Output { stream: Stream::Shell, offset, bytes }, 0);
                    world.act(&mut session, effects);
                }
                Step::Parse => world.parse(&mut session),
                Step::Hide(hidden) => {
                    let effects = session.set_hidden(hidden);
                    world.act(&mut session, effects);
                }
                Step::Attach => {
                    let effects = session.hear(ConsoleEvent::Ready { boot: 1 }, 0);
                    world.act(&mut session, effects);
                }
            }
        }
        let effects = session.set_hidden(false);
        world.act(&mut session, effects);
        while world.busy {
            world.parse(&mut session);
        }
        prop_assert_eq!(&world.shown, &world.printed);
        prop_assert_eq!(world.acked, world.printed.len() as u64);
    }
}
