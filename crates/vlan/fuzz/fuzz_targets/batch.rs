#![no_main]
//! A batch of frames of any bytes: all of it comes out as frames, or nothing.

use vlan::batch;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(frames) = batch::frames(data, 1514) else { return };
    let mut again = Vec::new();
    for frame in frames {
        assert!(frame.len() <= 1514 && batch::push(&mut again, frame));
    }
    assert_eq!(again, data);
});
