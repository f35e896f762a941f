#![no_main]
//! Any text as a session description: what is taken of it survives being written as one.

use peering::sdp::{self, Role};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(essentials) = sdp::read(text) else { return };
    assert_eq!(sdp::read(&sdp::write(&essentials, Role::Offer)), Ok(essentials));
});
