#![no_main]
//! Any bytes as a control message: what is taken is written again and means the same.

use peering::control::Message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::from_bytes(data) else { return };
    assert_eq!(Message::from_bytes(&message.to_bytes()), Ok(message));
});
