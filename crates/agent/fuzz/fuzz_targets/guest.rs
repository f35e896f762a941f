#![no_main]
//! A guest that sends what the fuzzer likes, on both ports, while there are requests of each kind.

use agent::{Agent, Event, GET_CHUNK, GET_CREDITS, PUT_CHUNK, Request};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut agent = Agent::new(9);
    let mut kept = 0;
    // A piece begins with a byte that says where it goes, and ends at the next 0xff.
    for (turn, piece) in data.split(|byte| *byte == 0xff).enumerate() {
        let Some((way, bytes)) = piece.split_first() else { continue };
        let request = match way >> 4 {
            0 => Some(Request::Get { directory: b"/".to_vec() }),
            1 => Some(Request::Put { directory: b"/".to_vec() }),
            2 => Some(Request::Exec { command: bytes.to_vec(), input: bytes.to_vec(), output_max: 100 }),
            3 => Some(Request::Health),
            _ => None,
        };
        if let Some(id) = request.and_then(|request| agent.request(&request, turn as u64, 100).ok()) {
            agent.put(id, bytes);
        }
        match way & 3 {
            0 => agent.bulk_input(bytes),
            // With the right length before it, which a fuzzer would seldom find.
            1 => agent.control_input(&[format!("{} ", bytes.len()).as_bytes(), bytes, b"\n"].concat()),
            2 => agent.control_input(bytes),
            _ => agent.tick(turn as u64 * 10),
        }
        while let Some(event) = agent.event() {
            if let Event::Data { id, bytes } = event {
                kept += bytes.len() as u64;
                assert!(kept <= data.len() as u64 && bytes.len() as u64 <= GET_CHUNK * GET_CREDITS);
                agent.taken(id, bytes.len() as u64);
            }
        }
        assert!(agent.bulk_output().len() <= 2 * PUT_CHUNK);
        agent.bulk_sent(way.count_ones() as usize);
    }
});
