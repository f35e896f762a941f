#![no_main]
//! A text of any kind as a pairing code: what is taken is written again as it was.

use peering::code::Code;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(code) = Code::from_text(text) else { return };
    let again = code.to_text().expect("a code that was read has room");
    assert_eq!(Code::from_text(&again), Ok(code));
});
