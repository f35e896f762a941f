//! A guest may send anything, cut anyhow, at any time: the connection neither panics nor keeps more than its bounds.

use agent::{Agent, Event, GET_CHUNK, GET_CREDITS, PUT_CHUNK, REQUESTS_MAX, Request};
use proptest::prelude::*;

/// What happens to a connection.
#[derive(Debug, Clone)]
enum Step {
    Control(Vec<u8>),
    Bulk(Vec<u8>),
    Ask(u8),
    Put(u32, usize),
    End(u32),
    Taken(u32, u64),
    Cancel(u32),
    Sent(usize, usize),
    Wait(u64),
}

fn line(text: &str) -> Vec<u8> {
    format!("{} {text}\n", text.len()).into_bytes()
}

/// Lines that are nearly right go deeper than noise does.
fn control() -> impl Strategy<Value = Vec<u8>> {
    let verb = prop::sample::select(vec!["hello", "out", "err", "ready", "sent", "done", "health", "what"]);
    let word = prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        (0u32..4).prop_map(|n| n.to_string()),
        prop::sample::select(vec![
            "aGk=",
            "524288",
            "-1",
            "",
            "unknown",
            "canceled",
            "18446744073709551615",
            "1.5",
            "="
        ])
        .prop_map(str::to_owned),
    ];
    let id = (0u32..12).prop_map(|n| n.to_string());
    prop_oneof![
        4 => (verb, id, prop::collection::vec(word, 0..13))
            .prop_map(|(verb, id, words)| line(&[vec![verb.to_owned(), id], words].concat().join(" "))),
        2 => prop::sample::select(vec!["hello 1 0", "hello 1 9", "hello 2 9"]).prop_map(line),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 0u32..12;
    prop_oneof![
        6 => control().prop_map(Step::Control),
        2 => id().prop_map(|id| Step::Bulk(format!("\nbegin {id}\nx").into_bytes())),
        1 => (0usize..600_000).prop_map(|n| Step::Bulk(vec![b'x'; n])),
        3 => any::<u8>().prop_map(Step::Ask),
        2 => (id(), 0usize..300_000).prop_map(|(id, n)| Step::Put(id, n)),
        1 => id().prop_map(Step::End),
        1 => (id(), any::<u64>()).prop_map(|(id, n)| Step::Taken(id, n)),
        1 => id().prop_map(Step::Cancel),
        2 => (0usize..100_000, 0usize..600_000).prop_map(|(a, b)| Step::Sent(a, b)),
        1 => (0u64..2000).prop_map(Step::Wait),
    ]
}

fn request(kind: u8) -> Request {
    match kind % 6 {
        0 => Request::Exec { command: b"ls".to_vec(), input: vec![], output_max: 100 },
        1 => Request::Put { directory: b"/".to_vec() },
        2 | 3 => Request::Get { directory: b"/".to_vec() },
        4 => Request::Health,
        _ => Request::Sync,
    }
}

proptest! {
    #[test]
    fn every_request_is_over_once_and_nothing_grows_without_bound(steps in prop::collection::vec(step(), 0..60)) {
        let mut agent = Agent::new(9);
        let (mut now, mut ids, mut asked, mut over) = (0, vec![], 0usize, std::collections::HashSet::new());
        for step in steps {
            match step {
                Step::Control(bytes) => agent.control_input(&bytes),
                Step::Bulk(bytes) => agent.bulk_input(&bytes),
                Step::Ask(kind) => {
                    if let Ok(id) = agent.request(&request(kind), now, 1000) {
                        ids.push(id);
                        asked += 1;
                    }
                }
                Step::Put(at, count) => {
                    if let Some(id) = ids.get(at as usize) {
                        prop_assert!(agent.put(*id, &vec![1; count]) <= PUT_CHUNK);
                    }
                }
                Step::End(at) => ids.get(at as usize).into_iter().for_each(|id| agent.end(*id)),
                Step::Taken(at, count) => ids.get(at as usize).into_iter().for_each(|id| agent.taken(*id, count)),
                Step::Cancel(at) => ids.get(at as usize).into_iter().for_each(|id| agent.cancel(*id)),
                Step::Sent(control, bulk) => {
                    agent.control_sent(control);
                    agent.bulk_sent(bulk);
                }
                Step::Wait(time) => {
                    now += time;
                    agent.tick(now);
                }
            }
            let mut data = 0;
            while let Some(event) = agent.event() {
                match event {
                    Event::Data { bytes, .. } => data += bytes.len() as u64,
                    Event::Over { id, .. } => prop_assert!(over.insert(id), "{id:?} is over twice"),
                    _ => {}
                }
            }
            prop_assert!(data <= GET_CHUNK * GET_CREDITS);
            prop_assert!(agent.bulk_output().len() <= 2 * PUT_CHUNK);
            prop_assert!(asked - over.len() <= REQUESTS_MAX);
        }
        agent.tick(now + 1_000_000);
        while let Some(event) = agent.event() {
            if let Event::Over { id, .. } = event {
                prop_assert!(over.insert(id), "{id:?} is over twice");
            }
        }
        prop_assert_eq!(over.len(), asked, "none is left");
    }

    #[test]
    fn how_the_bytes_are_cut_does_not_matter(lines in prop::collection::vec(control(), 0..20), cut in 1usize..40) {
        let stream = lines.concat();
        let events = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut agent = Agent::new(9);
            for kind in 0..6 {
                agent.request(&request(kind), 0, 1000).unwrap();
            }
            pieces.for_each(|piece| agent.control_input(piece));
            (std::iter::from_fn(|| agent.event()).collect::<Vec<_>>(), agent.control_output().to_vec())
        };
        prop_assert_eq!(events(&mut std::iter::once(&stream[..])), events(&mut stream.chunks(cut)));
    }
}
