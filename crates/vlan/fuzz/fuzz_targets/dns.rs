#![no_main]
//! Questions of any bytes: an answer repeats the question, and is one that clients can read.

use vlan::gateway::dns::message::{self, Code, Record};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = message::code(data);
    let Ok(query) = message::parse(data) else { return };
    assert!(query.name.len() <= 320 && !query.name.ends_with('.'));
    let records = [Record::Address([10, 1, 2, 3].into()), Record::Name(query.name.clone())];
    let answer = message::answer(&query, Code::Ok, 60, &records);
    assert_eq!(message::code(&answer), Some(0));
    assert!(answer.len() <= data.len() + 16 + 12 + 260 + 64 + 11);
    assert!(message::parse(&answer).is_err(), "an answer is no question");
});
